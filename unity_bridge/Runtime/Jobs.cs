#nullable enable
using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Security.Cryptography;
using System.Text;
using Newtonsoft.Json.Linq;

namespace SphereLinks
{
    /// <summary>
    /// The jobs in a folder, each in a file of its own, so that none is lost with the process. A job's file is written
    /// before the first byte goes to the server and holds the idempotency key that is sent with it: whoever picks the
    /// job up again asks for the same one. Which process a job belongs to is told by a <see cref="Life"/>.
    /// For any thread.
    /// </summary>
    public sealed class Jobs : IDisposable
    {
        /// <summary>Jobs that have ended and are still kept, for they can be placed again.</summary>
        public const int Kept = 100;

        private readonly object _lock = new object();
        private readonly Dictionary<string, Job> _jobs = new Dictionary<string, Job>();
        private readonly Life _life;
        private int _version;

        public string Folder { get; }

        /// <summary>Throws IOException, UnauthorizedAccessException.</summary>
        public Jobs(string folder)
        {
            Folder = folder;
            Directory.CreateDirectory(folder);
            _life = new Life(folder);
            foreach (var path in Directory.GetFiles(folder, "*.json"))
                if (Read(path) is { } job)
                    _jobs[job.Id] = job;
        }

        /// <summary>Grows with every change, so that a reader sees at little cost whether there was one.</summary>
        public int Version
        {
            get
            {
                lock (_lock)
                    return _version;
            }
        }

        /// <summary>A job was made or changed. Called at once, on whatever thread did it, and before others may.</summary>
        public event Action<Job>? Changed;

        /// <summary>A job of our own, with its picture and those of other sides, on disk: the id, owner, digest and sides are
        /// set here. Throws IOException, UnauthorizedAccessException where that cannot be written.</summary>
        public Job New(Job wanted, byte[] picture, IReadOnlyDictionary<string, byte[]>? sides = null)
        {
            sides ??= new Dictionary<string, byte[]>();
            var job = wanted with
            {
                Id = Guid.NewGuid().ToString("N"), Owner = _life.Token, Digest = Digest(picture), Sides = sides.Keys.ToList(),
            };
            Files.Write(Picture(job.Id), picture);
            foreach (var side in sides)
                Files.Write(Side(job.Id, side.Key), side.Value);
            lock (_lock)
                Put(job);
            return job;
        }

        /// <summary>The job with a change, on disk; null for one that is gone. Throws IOException.</summary>
        public Job? Update(string id, Func<Job, Job> change)
        {
            lock (_lock)
                return _jobs.TryGetValue(id, out var job) ? Put(change(job)) : null;
        }

        /// <summary>Changes a job that is at work, as the task that works on it does; false where it is not any more.
        /// Throws IOException.</summary>
        public bool Advance(string id, Func<Job, Job> change)
        {
            lock (_lock)
            {
                if (!_jobs.TryGetValue(id, out var job) || !job.AtWork || job.Owner != _life.Token)
                    return false;
                Put(change(job));
                return true;
            }
        }

        /// <summary>A failed job, waiting to be taken up where it broke off; in its place a new one, with an idempotency
        /// key of its own, where the server's job is over. Throws IOException.</summary>
        public Job Again(Job job)
        {
            if (!job.Over && !Failure.EndsJob.Contains(job.Problem?.Code ?? ""))
                return Update(job.Id, old => old with { State = JobState.Waiting, Problem = null, Owner = _life.Token }) ?? job;
            var anew = New(
                new Job
                {
                    Server = job.Server,
                    Name = job.Name,
                    Options = job.Options,
                    Placement = job.Placement,
                    Batch = job.Batch,
                },
                File.ReadAllBytes(Picture(job.Id)),
                Sides(job));
            Forget(job.Id);
            return anew;
        }

        /// <summary>The job as it is now, or null.</summary>
        public Job? Get(string id)
        {
            lock (_lock)
                return _jobs.TryGetValue(id, out var job) ? job : null;
        }

        /// <summary>Every job, oldest first.</summary>
        public IReadOnlyList<Job> All()
        {
            lock (_lock)
                return _jobs.Values.OrderBy(job => job.Created).ThenBy(job => job.Id, StringComparer.Ordinal).ToList();
        }

        /// <summary>Removes a job with its files; what the server has of it stays there.</summary>
        public void Forget(string id)
        {
            lock (_lock)
            {
                _jobs.Remove(id);
                _version++;
                foreach (var path in Directory.GetFiles(Folder, id + ".*"))
                    Files.Remove(path);
            }
        }

        /// <summary>Takes over the unfinished jobs of processes that have ended, as they are on disk now; those at work
        /// are returned, to be run. Throws IOException.</summary>
        public IReadOnlyList<Job> Adopt()
        {
            var taken = new List<Job>();
            lock (_lock)
            {
                _life.WithDead(isDead =>
                {
                    foreach (var path in Directory.GetFiles(Folder, "*.json"))
                        if (Read(path) is { } job && job.Owner != _life.Token)
                        {
                            if (!job.Ended && isDead(job.Owner))
                                taken.Add(job = Put(job with { Owner = _life.Token }));
                            _jobs[job.Id] = job; // another's is seen, not touched
                        }
                });
                _version++;
            }
            return taken.Where(job => job.AtWork).ToList();
        }

        /// <summary>Whether this process, and no other that runs, is to work on a job.</summary>
        public bool IsMine(Job job) => job.Owner == _life.Token;

        /// <summary>Removes the oldest of those that have ended, past <see cref="Kept"/>.</summary>
        public void Prune()
        {
            var ended = All().Where(job => job.Ended).ToList();
            foreach (var job in ended.Take(Math.Max(0, ended.Count - Kept)))
                Forget(job.Id);
        }

        /// <summary>Lets go of the jobs: another process may take them over.</summary>
        public void Dispose() => _life.Dispose();

        public string Picture(string id) => Path.Combine(Folder, id + ".picture");

        public string Side(string id, string side) => Path.Combine(Folder, $"{id}.{side}");

        /// <summary>The pictures of the object's other sides. Throws IOException for one that is gone.</summary>
        public IReadOnlyDictionary<string, byte[]> Sides(Job job) =>
            job.Sides.ToDictionary(side => side, side => File.ReadAllBytes(Side(job.Id, side)));

        public string Asset(string id) => Path.Combine(Folder, id + ".glb");

        public string Thumbnail(string id) => Path.Combine(Folder, id + ".thumbnail.png");

        public static string Digest(byte[] data)
        {
            using var sha = SHA256.Create();
            return string.Concat(sha.ComputeHash(data).Select(each => each.ToString("x2")));
        }

        private Job Put(Job job)
        {
            Files.Write(Path.Combine(Folder, job.Id + ".json"), Encoding.UTF8.GetBytes(Json.Text(job.ToJson())));
            _jobs[job.Id] = job;
            _version++;
            Changed?.Invoke(job);
            return job;
        }

        /// <summary>One that cannot be read must not hide the others.</summary>
        private static Job? Read(string path)
        {
            try
            {
                return Job.FromJson(Json.Object(File.ReadAllText(path, Encoding.UTF8)));
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                return null;
            }
        }
    }
}
