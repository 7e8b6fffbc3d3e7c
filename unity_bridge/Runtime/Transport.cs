#nullable enable
using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Net;
using System.Net.Http;
using System.Net.Http.Headers;
using System.Security.Authentication;
using System.Threading;
using System.Threading.Tasks;

namespace SphereLinks
{
    /// <summary>One request, sent once to one place.</summary>
    public sealed class Request
    {
        public string Method { get; }
        public Uri Uri { get; }
        public IReadOnlyDictionary<string, string> Headers { get; }

        /// <summary>JSON in UTF-8, or null.</summary>
        public byte[]? Body { get; }

        public Request(string method, Uri uri, IReadOnlyDictionary<string, string> headers, byte[]? body = null)
        {
            Method = method;
            Uri = uri;
            Headers = headers;
            Body = body;
        }
    }

    /// <summary>The head of an answer, and its body still to be read.</summary>
    public interface IReply : IDisposable
    {
        int Status { get; }

        /// <summary>Bytes of the body, where the server says so.</summary>
        long? Length { get; }

        /// <summary>A header by name; empty where there is none.</summary>
        string Header(string name);

        /// <summary>The body. Disposing the reply ends a read that waits.</summary>
        Task<Stream> Open();
    }

    /// <summary>Sends a request as it is and follows no redirect; a game may bring one of its own.</summary>
    public interface ITransport
    {
        /// <summary>The answer's head. Throws <see cref="Failure"/>, and OperationCanceledException.</summary>
        Task<IReply> Send(Request request, CancellationToken cancel);
    }

    /// <summary>HttpClient, which by itself would follow redirects with the key.</summary>
    public sealed class HttpTransport : ITransport, IDisposable
    {
        private readonly HttpClient _proxied = Client(true);
        private readonly HttpClient _direct = Client(false);

        public async Task<IReply> Send(Request request, CancellationToken cancel)
        {
            using var message = new HttpRequestMessage(new HttpMethod(request.Method), request.Uri);
            if (request.Body != null)
            {
                message.Content = new ByteArrayContent(request.Body);
                message.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
            }
            foreach (var header in request.Headers)
                message.Headers.Add(header.Key, header.Value);
            var place = request.Uri.GetLeftPart(UriPartial.Authority);
            try
            {
                // the system's proxies, none on the way to this machine
                var client = Addresses.IsLoopback(request.Uri) ? _direct : _proxied;
                var response = await client.SendAsync(message, HttpCompletionOption.ResponseHeadersRead, cancel)
                    .ConfigureAwait(false);
                return new Reply(response);
            }
            catch (Exception error) when (Causes(error).OfType<AuthenticationException>().FirstOrDefault() is { } cause)
            {
                throw new Failure("unreachable", $"{place} shows a certificate that is not valid: {cause.Message}", inner: error);
            }
            catch (Exception error) when (error is HttpRequestException or IOException or WebException)
            {
                cancel.ThrowIfCancellationRequested(); // mono ends a request that was cancelled in this way, too
                var reason = Causes(error).Last().Message.TrimEnd('.');
                throw new Failure("unreachable", $"{place} cannot be reached: {reason}.", transient: true, inner: error);
            }
        }

        public void Dispose()
        {
            _proxied.Dispose();
            _direct.Dispose();
        }

        private static HttpClient Client(bool proxied)
        {
            var handler = new HttpClientHandler
            {
                AllowAutoRedirect = false,
                UseCookies = false,
                UseProxy = proxied,
                MaxConnectionsPerServer = 16, // mono: 2
            };
            var client = new HttpClient(handler) { Timeout = Timeout.InfiniteTimeSpan }; // it would not cover the body
            client.DefaultRequestHeaders.ExpectContinue = false;
            return client;
        }

        private static IEnumerable<Exception> Causes(Exception error)
        {
            for (Exception? cause = error; cause != null; cause = cause.InnerException)
                yield return cause;
        }

        private sealed class Reply : IReply
        {
            private readonly HttpResponseMessage _response;

            public Reply(HttpResponseMessage response) => _response = response;

            public int Status => (int)_response.StatusCode;

            public long? Length => _response.Content?.Headers.ContentLength;

            public string Header(string name) =>
                _response.Headers.TryGetValues(name, out var values)
                || (_response.Content != null && _response.Content.Headers.TryGetValues(name, out values))
                    ? string.Join(", ", values)
                    : "";

            public Task<Stream> Open() =>
                _response.Content == null ? Task.FromResult(Stream.Null) : _response.Content.ReadAsStreamAsync();

            public void Dispose() => _response.Dispose();
        }
    }
}
