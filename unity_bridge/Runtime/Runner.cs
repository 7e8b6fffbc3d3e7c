#nullable enable
using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using Newtonsoft.Json.Linq;

namespace SphereLinks
{
    /// <summary>Runs jobs: sends the picture, follows the status, fetches the asset. Only files and <see cref="Jobs"/> are
    /// touched. For any thread.</summary>
    public sealed class Runner
    {
        public const int AtOnce = 4;
        private const int WaitS = 1; // the server answers at once if the job ends earlier
        private const int SendTries = 3;
        private readonly Jobs _jobs;
        private readonly object _lock = new object();
        private readonly List<(string Id, Connection Connection)> _queue = new List<(string, Connection)>();
        private readonly Dictionary<string, Task> _tasks = new Dictionary<string, Task>();
        private readonly CancellationTokenSource _stop = new CancellationTokenSource();
        private readonly Random _random = new Random();

        /// <summary>After so long a job that does not end is given up.</summary>
        public TimeSpan Limit { get; set; } = TimeSpan.FromMinutes(30);

        /// <summary>How long a server may be out of reach before a job that it has is given up.</summary>
        public TimeSpan Patience { get; set; } = TimeSpan.FromSeconds(120);

        /// <summary>The longest pause before something is tried again, whatever the server asks for.</summary>
        public TimeSpan LongestPause { get; set; } = TimeSpan.FromSeconds(30);

        /// <summary>Between two questions for a job's progress.</summary>
        public TimeSpan Pause { get; set; } = TimeSpan.FromSeconds(1);

        public Runner(Jobs jobs) => _jobs = jobs;

        /// <summary>Works on a job as soon as there is room for it.</summary>
        public void Start(string id, Connection connection)
        {
            lock (_lock)
            {
                _queue.Add((id, connection));
                Launch();
            }
        }

        /// <summary>Works on a job and returns it as it ended. Throws <see cref="Failure"/> where it failed.</summary>
        public async Task<Job> Run(string id, Connection connection)
        {
            await Work(id, connection).ConfigureAwait(false);
            var ended = _jobs.Get(id) ?? throw new Failure("cancelled", "The job is gone.");
            if (ended.State == JobState.Cancelled)
                throw new Failure("cancelled", "The job was cancelled.");
            if (ended.Problem is { } problem)
                throw new Failure(problem.Code, problem.Message, problem.Hint);
            return ended;
        }

        public bool Busy
        {
            get
            {
                lock (_lock)
                    return _queue.Count > 0 || _tasks.Count > 0;
            }
        }

        /// <summary>Cancels a job, here at once and on the server as soon as it can be told. Throws IOException.</summary>
        public Task Cancel(string id, Connection connection)
        {
            var before = _jobs.Get(id);
            if (!_jobs.Advance(id, job => job with { State = JobState.Cancelled, Eta = null }) || before!.ServerId.Length == 0)
                return Task.CompletedTask; // one whose picture is on its way is cancelled when the server has answered
            return Task.Run(() => Tell(before.ServerId, connection));
        }

        /// <summary>Ends all work soon; its jobs stay as they are, for the next to pick up.</summary>
        public void Stop(TimeSpan wait)
        {
            Task[] tasks;
            lock (_lock)
            {
                _stop.Cancel();
                _queue.Clear();
                tasks = _tasks.Values.ToArray();
            }
            Task.WaitAll(tasks, wait);
        }

        private void Launch()
        {
            while (_tasks.Count < AtOnce && !_stop.IsCancellationRequested)
            {
                // one that is tried again may still be about to end
                var next = _queue.FindIndex(each => !_tasks.ContainsKey(each.Id));
                if (next < 0)
                    return;
                var (id, connection) = _queue[next];
                _queue.RemoveAt(next);
                _tasks[id] = Task.Run(() => Finish(id, connection));
            }
        }

        private async Task Finish(string id, Connection connection)
        {
            try
            {
                await Work(id, connection).ConfigureAwait(false);
            }
            finally
            {
                lock (_lock)
                {
                    _tasks.Remove(id);
                    Launch();
                }
            }
        }

        private async Task Work(string id, Connection connection)
        {
            try
            {
                var job = _jobs.Get(id);
                if (job is not { AtWork: true })
                    return;
                var theirs = job.ServerId.Length > 0 ? job.ServerId : await Send(job, connection).ConfigureAwait(false);
                if (theirs.Length > 0 && await Follow(id, theirs, connection).ConfigureAwait(false))
                    await Fetch(id, theirs, connection).ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                // stopped: the job stays as it is
            }
            catch (Failure failure)
            {
                Fail(id, failure);
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                Fail(id, new Failure("file_error", $"The job's files cannot be used: {error.Message}", inner: error));
            }
            catch (Exception error) // a fault of ours must not vanish with its task
            {
                Fail(id, new Failure("internal_error", $"{error.GetType().Name}: {error.Message}", "Please report this.", inner: error));
            }
        }

        private void Fail(string id, Failure failure)
        {
            var problem = new Problem(failure.Code, failure.Message, failure.Hint);
            try
            {
                _jobs.Advance(id, job => job with { State = JobState.Failed, Problem = problem, Over = failure.Over, Eta = null });
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                // the disk is full or gone: the job stays as it is and is picked up when there is room
            }
        }

        /// <summary>The server's id for the job; empty where it was cancelled meanwhile.</summary>
        private async Task<string> Send(Job job, Connection connection)
        {
            var picture = File.ReadAllBytes(_jobs.Picture(job.Id));
            var sides = _jobs.Sides(job);
            if (!_jobs.Advance(job.Id, old => old with { State = JobState.Sending }))
                return "";
            var theirs = await Tried(() => Server.Generate(connection, picture, job.Options, job.Id, _stop.Token, sides))
                .ConfigureAwait(false);
            if (_jobs.Advance(job.Id, old => old with { State = JobState.Working, ServerId = theirs }))
                return theirs;
            await Tell(theirs, connection).ConfigureAwait(false); // cancelled while the picture was on its way
            return "";
        }

        /// <summary>Keeps the job's progress until it ends; false where nobody waits for it any more.</summary>
        private async Task<bool> Follow(string id, string theirs, Connection connection)
        {
            var clock = Stopwatch.StartNew();
            var heard = clock.Elapsed;
            for (var attempt = 0; ;)
            {
                var asked = clock.Elapsed;
                if (asked > Limit)
                    throw new Failure("time_limit", $"The job has not ended within {Limit.TotalMinutes:0} minutes.");
                JObject told;
                try
                {
                    told = await Server.Status(connection, theirs, WaitS, _stop.Token).ConfigureAwait(false);
                    (heard, attempt) = (clock.Elapsed, 0);
                }
                catch (Failure failure) when (failure.Transient && asked - heard <= (Patience < Limit ? Patience : Limit))
                {
                    await Task.Delay(Backoff(attempt++, failure), _stop.Token).ConfigureAwait(false);
                    continue;
                }
                var status = Json.Text(told, "status");
                if (status == "FAILED")
                    throw Failed(told);
                var done = status == "COMPLETED";
                if (!_jobs.Advance(id, job => Told(job, told) with { State = done ? JobState.Fetching : JobState.Working }))
                    return false;
                if (done)
                    return true;
                var rest = Pause - (clock.Elapsed - asked); // of a server that does not wait
                if (rest > TimeSpan.Zero)
                    await Task.Delay(rest, _stop.Token).ConfigureAwait(false);
            }
        }

        private async Task Fetch(string id, string theirs, Connection connection)
        {
            await Tried(async () =>
            {
                await Server.Download(connection, theirs, _jobs.Asset(id), _stop.Token).ConfigureAwait(false);
                return true;
            }).ConfigureAwait(false);
            try
            {
                await Server.File(connection, theirs, "png", _jobs.Thumbnail(id), Server.MaxThumbnail, _stop.Token)
                    .ConfigureAwait(false);
            }
            catch (Failure)
            {
                // a nicety
            }
            _jobs.Advance(id, job => job with { State = JobState.Ready, Progress = 100, Eta = null });
        }

        private async Task<T> Tried<T>(Func<Task<T>> step)
        {
            for (var attempt = 0; ; attempt++)
            {
                try
                {
                    return await step().ConfigureAwait(false);
                }
                catch (Failure failure) when (failure.Transient && attempt < SendTries - 1)
                {
                    await Task.Delay(Backoff(attempt, failure), _stop.Token).ConfigureAwait(false);
                }
            }
        }

        /// <summary>Cancels a job on the server. One that has ended stays; that the server cannot be told is no matter.
        /// </summary>
        private async Task Tell(string theirs, Connection connection)
        {
            try
            {
                var told = await Server.Status(connection, theirs, 0, _stop.Token).ConfigureAwait(false);
                if (Json.Text(told, "status") == "PROCESSING")
                    await Server.Delete(connection, theirs, _stop.Token).ConfigureAwait(false);
            }
            catch (Exception error) when (error is Failure or OperationCanceledException)
            {
            }
        }

        private static Failure Failed(JObject told)
        {
            var why = told["error"] as JObject;
            string Or(string text, string otherwise) => text.Length > 0 ? text : otherwise;
            return new Failure(
                Or(Json.Text(why, "code"), "generator_failed"),
                Or(Json.Text(why, "message"), Or(Json.Text(told, "description"), "The job failed.")),
                Json.Text(why, "hint"),
                over: true);
        }

        private static Job Told(Job job, JObject told) => job with
        {
            Progress = Math.Min(Math.Max(Json.Integer(told, "progress") ?? 0, 0), 100),
            Stage = Json.Text(told, "stage"),
            Eta = Json.Integer(told, "etaSeconds") is { } seconds and >= 0 ? seconds : (int?)null,
            Report = told["report"] as JObject,
        };

        /// <summary>How long to wait: ever longer, never the same for all, longer where the server asks for it.</summary>
        private TimeSpan Backoff(int attempt, Failure failure)
        {
            double part;
            lock (_random)
                part = 0.5 + _random.NextDouble() / 2;
            var seconds = Math.Max(failure.RetryAfter.TotalSeconds, Math.Min(Math.Pow(2, attempt), 15) * part);
            return TimeSpan.FromSeconds(Math.Min(seconds, LongestPause.TotalSeconds));
        }
    }
}
