#nullable enable
using System;
using System.Collections.Generic;
using System.IO;
using System.Net.Http;
using System.Globalization;
using System.Text;
using System.Threading;
using System.Threading.Tasks;
using Newtonsoft.Json.Linq;

namespace SphereLinks
{
    /// <summary>How long and how large an answer may be.</summary>
    public sealed record Limits
    {
        /// <summary>Without a byte for so long, a server counts as gone.</summary>
        public TimeSpan Silence { get; init; } = TimeSpan.FromSeconds(30);

        /// <summary>Until an answer in JSON is whole.</summary>
        public TimeSpan Answer { get; init; } = TimeSpan.FromSeconds(90);

        /// <summary>Until a file is whole, or a picture sent.</summary>
        public TimeSpan File { get; init; } = TimeSpan.FromSeconds(900);

        public long JsonBytes { get; init; } = 4L << 20;
        public long FileBytes { get; init; } = 512L << 20;
    }

    /// <summary>A server and a key; the key goes to that server and to no other. For any thread.</summary>
    public sealed class Connection
    {
        private const int MaxRedirects = 5;
        private const int Chunk = 1 << 16;
        private readonly ITransport _transport;
        private readonly Limits _limits;
        private readonly string _key;

        /// <summary>As <see cref="Addresses.Normal"/> returns it.</summary>
        public string Address { get; }

        public Connection(string address, string key, ITransport transport, Limits? limits = null)
        {
            Address = Addresses.Normal(address);
            foreach (var letter in key)
                if (letter <= ' ' || letter > '~')
                    throw new Failure("invalid_api_key", "The API key holds a character that no key has.");
            _key = key;
            _transport = transport;
            _limits = limits ?? new Limits();
        }

        /// <summary>The same server, asked without a key.</summary>
        public Connection WithoutKey() => new Connection(Address, "", _transport, _limits);

        public bool HasKey => _key.Length > 0;

        public override string ToString() => Address;

        /// <summary>The object that a request is answered with. Throws <see cref="Failure"/>, OperationCanceledException.</summary>
        public async Task<JObject> Object(
            string method,
            string path,
            byte[]? body = null,
            IReadOnlyDictionary<string, string>? headers = null,
            CancellationToken cancel = default)
        {
            using var read = new MemoryStream();
            var within = body == null ? _limits.Answer : _limits.File;
            await Answer(method, path, body, headers, read, _limits.JsonBytes, within, cancel).ConfigureAwait(false);
            if (read.Length == 0)
                return new JObject();
            return Json.Object(Encoding.UTF8.GetString(read.ToArray())) ?? throw Strange("");
        }

        /// <summary>Fetches a file; the target is whole afterwards or as it was before. Throws <see cref="Failure"/>,
        /// OperationCanceledException.</summary>
        public async Task File(string path, string target, long? limit = null, CancellationToken cancel = default)
        {
            var part = target + ".part";
            try
            {
                using (var out_ = new FileStream(part, FileMode.Create, FileAccess.Write, FileShare.None))
                    await Answer("GET", path, null, null, out_, limit ?? _limits.FileBytes, _limits.File, cancel)
                        .ConfigureAwait(false);
                Files.Swap(part, target);
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                throw new Failure("file_error", $"{Path.GetFileName(target)} cannot be written: {error.Message}", inner: error);
            }
            finally
            {
                Files.Remove(part);
            }
        }

        /// <summary>The answer is not of the form that it must have.</summary>
        public Failure Strange(string what) =>
            new Failure("bad_answer", $"{Address} answers, but not as a SphereLinks server does{(what.Length > 0 ? ": " + what : "")}.");

        private async Task Answer(
            string method,
            string path,
            byte[]? body,
            IReadOnlyDictionary<string, string>? headers,
            Stream into,
            long limit,
            TimeSpan within,
            CancellationToken cancel)
        {
            using var patience = new Patience(within, _limits.Silence, cancel);
            using var reply = await Follow(method, path, body, headers, patience).ConfigureAwait(false);
            if (reply.Status is >= 200 and < 300)
                await Read(reply, into, limit, patience).ConfigureAwait(false);
            else
                throw await Refusal(reply, patience).ConfigureAwait(false);
        }

        /// <summary>The answer's head, after the redirects of a download, without the key where that is another host.</summary>
        private async Task<IReply> Follow(
            string method, string path, byte[]? body, IReadOnlyDictionary<string, string>? headers, Patience patience)
        {
            var first = new Uri(Address + path);
            var uri = first;
            for (var redirects = 0; ; redirects++)
            {
                var all = new Dictionary<string, string> { ["Accept"] = "application/json, */*", ["User-Agent"] = "SphereLinks-Unity" };
                foreach (var header in headers ?? new Dictionary<string, string>())
                    all[header.Key] = header.Value;
                if (HasKey && Addresses.SameOrigin(first, uri))
                    all["X-API-Key"] = _key;
                // a picture may take long to go out; what follows it may not be silent for long
                var reply = await patience.For(
                    token => _transport.Send(new Request(method, uri, all, body), token), body != null, Address).ConfigureAwait(false);
                if (reply.Status is not (301 or 302 or 303 or 307 or 308))
                    return reply;
                using (reply)
                {
                    if (!Uri.TryCreate(uri, reply.Header("Location"), out var next) || next.Scheme is not ("http" or "https"))
                        throw Strange("a redirect to nowhere");
                    var place = next.GetLeftPart(UriPartial.Authority);
                    if (method != "GET" || (uri.Scheme == "https" && next.Scheme == "http"))
                        throw new Failure("redirected", $"The server sends this request on to {place}, where it does not go.");
                    if (redirects == MaxRedirects)
                        throw new Failure("redirected", $"The server sends this request on too often, last to {place}.");
                    uri = next;
                }
            }
        }

        private static async Task Read(IReply reply, Stream into, long limit, Patience patience)
        {
            var expected = reply.Length;
            var got = 0L;
            if (expected <= limit || expected == null)
            {
                using var cut = patience.OnEnd(reply.Dispose);
                var body = await patience.For(_ => reply.Open(), false, "The server").ConfigureAwait(false);
                var buffer = new byte[Chunk];
                while (got <= limit)
                {
                    var count = await patience.For(token => body.ReadAsync(buffer, 0, Chunk, token), false, "The server")
                        .ConfigureAwait(false);
                    if (count == 0)
                    {
                        if (expected != null && got < expected)
                            throw new Failure("unreachable", $"The server's answer breaks off at {got} bytes.", transient: true);
                        return;
                    }
                    got += count;
                    if (got <= limit)
                        await into.WriteAsync(buffer, 0, count).ConfigureAwait(false);
                }
            }
            throw new Failure("too_large", $"The server's answer is larger than {limit >> 20} MB and was not read.");
        }

        /// <summary>The server's own words for what it refuses, or that it is no server of ours.</summary>
        private async Task<Failure> Refusal(IReply reply, Patience patience)
        {
            var transient = reply.Status is 409 or 425 or 429 or >= 500;
            using var read = new MemoryStream();
            try
            {
                await Read(reply, read, _limits.JsonBytes, patience).ConfigureAwait(false);
            }
            catch (Failure)
            {
                read.SetLength(0);
            }
            var told = Json.Object(Encoding.UTF8.GetString(read.ToArray()))?["error"] as JObject;
            var code = Json.Text(told, "code");
            if (code.Length == 0 || told!["message"] == null)
            {
                var kind = reply.Header("Content-Type").Split(';')[0];
                var what = kind.Length > 0 ? kind : "no content";
                var message = $"{Address} answers {reply.Status} with {what}, not as a SphereLinks server does.";
                return new Failure("bad_answer", message, transient: transient);
            }
            var wait = int.TryParse(reply.Header("Retry-After"), NumberStyles.None, CultureInfo.InvariantCulture, out var seconds);
            return new Failure(
                code,
                Json.Text(told, "message"),
                Json.Text(told, "hint"),
                transient,
                wait ? TimeSpan.FromSeconds(seconds) : TimeSpan.Zero);
        }
    }

    /// <summary>Tells apart who ended a wait: the caller, silence, or the time for the whole; the exceptions do not.</summary>
    internal sealed class Patience : IDisposable
    {
        private readonly TimeSpan _within;
        private readonly TimeSpan _silence;
        private readonly CancellationToken _cancel;
        private readonly CancellationTokenSource _whole;
        private readonly CancellationTokenSource _any;

        public Patience(TimeSpan within, TimeSpan silence, CancellationToken cancel)
        {
            _within = within;
            _silence = silence;
            _cancel = cancel;
            _whole = new CancellationTokenSource(within);
            _any = CancellationTokenSource.CreateLinkedTokenSource(cancel, _whole.Token);
        }

        /// <summary>Calls this as soon as nobody waits any more.</summary>
        public IDisposable OnEnd(Action then) => _any.Token.Register(then);

        /// <summary>What a step of the exchange brings. Throws <see cref="Failure"/>, OperationCanceledException.</summary>
        public async Task<T> For<T>(Func<CancellationToken, Task<T>> step, bool mayBeSilent, string who)
        {
            using var silence = CancellationTokenSource.CreateLinkedTokenSource(_any.Token);
            if (!mayBeSilent)
                silence.CancelAfter(_silence);
            try
            {
                var work = step(silence.Token);
                // some streams read on whatever their token says
                var first = await Task.WhenAny(work, Task.Delay(Timeout.Infinite, silence.Token)).ConfigureAwait(false);
                if (first != work)
                {
                    _ = work.ContinueWith(
                        late => (late.Status == TaskStatus.RanToCompletion ? late.Result as IDisposable : null)?.Dispose(),
                        TaskScheduler.Default);
                    _ = work.ContinueWith(late => late.Exception, TaskContinuationOptions.OnlyOnFaulted);
                    throw new OperationCanceledException(silence.Token);
                }
                return await work.ConfigureAwait(false);
            }
            catch (Failure)
            {
                throw;
            }
            catch (Exception error) when (
                error is OperationCanceledException or IOException or HttpRequestException or ObjectDisposedException)
            {
                _cancel.ThrowIfCancellationRequested();
                if (_whole.IsCancellationRequested)
                    throw new Failure(
                        "unreachable", $"The server's answer takes longer than {_within.TotalSeconds:0} s.", transient: true, inner: error);
                if (silence.IsCancellationRequested)
                    throw new Failure("unreachable", $"{who} does not answer.", transient: true, inner: error);
                throw new Failure("unreachable", "The server's answer breaks off.", transient: true, inner: error);
            }
        }

        public void Dispose()
        {
            _any.Dispose();
            _whole.Dispose();
        }
    }
}
