#nullable enable
using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using Newtonsoft.Json.Linq;

namespace SphereLinks
{
    public enum JobState
    {
        Waiting,
        Sending,
        Working,
        Fetching,

        /// <summary>The asset is on this disk, and not yet where it belongs.</summary>
        Ready,
        Placed,
        Failed,
        Cancelled,
    }

    /// <summary>What went wrong with a job.</summary>
    public sealed record Problem(string Code, string Message, string Hint);

    /// <summary>A picture, or several of one thing, on the way to an asset. A change makes another; no secret is in it.</summary>
    public sealed record Job
    {
        /// <summary>Ours, and the idempotency key.</summary>
        public string Id { get; init; } = "";

        /// <summary>The server's, empty until it has answered.</summary>
        public string ServerId { get; init; } = "";

        /// <summary>The server's address.</summary>
        public string Server { get; init; } = "";

        /// <summary>Of the picture, and of the asset to be.</summary>
        public string Name { get; init; } = "";

        /// <summary>Which of the object's other sides it has pictures of, by their names in <see cref="SphereLinks.Server.Sides"/>.
        /// </summary>
        public IReadOnlyList<string> Sides { get; init; } = Array.Empty<string>();

        /// <summary>As sent to the server.</summary>
        public JObject Options { get; init; } = new JObject();

        /// <summary>Where and how the asset is to be used, as whoever made the job reads it.</summary>
        public JObject Placement { get; init; } = new JObject();

        /// <summary>SHA-256 of the picture, in hexadecimal digits.</summary>
        public string Digest { get; init; } = "";

        /// <summary>Shared by jobs that were made at once.</summary>
        public string Batch { get; init; } = "";

        public DateTime Created { get; init; } = DateTime.UtcNow;

        /// <summary>The process at work on it.</summary>
        public string Owner { get; init; } = "";

        public JobState State { get; init; }

        /// <summary>Percent.</summary>
        public int Progress { get; init; }

        public string Stage { get; init; } = "";

        /// <summary>Seconds that are left, where known.</summary>
        public int? Eta { get; init; }

        public Problem? Problem { get; init; }

        /// <summary>The server's job has ended with the problem.</summary>
        public bool Over { get; init; }

        public JObject? Report { get; init; }

        public bool AtWork => State <= JobState.Fetching;

        public bool Ended => State >= JobState.Placed;

        public JObject ToJson() => new JObject
        {
            ["id"] = Id,
            ["job_id"] = ServerId,
            ["server"] = Server,
            ["name"] = Name,
            ["sides"] = new JArray(Sides),
            ["options"] = Options,
            ["placement"] = Placement,
            ["digest"] = Digest,
            ["batch"] = Batch,
            ["created"] = Created.ToString("o", CultureInfo.InvariantCulture),
            ["owner"] = Owner,
            ["state"] = State.ToString().ToLowerInvariant(),
            ["progress"] = Progress,
            ["stage"] = Stage,
            ["eta"] = Eta,
            ["problem"] = Problem == null
                ? null
                : new JObject { ["code"] = Problem.Code, ["message"] = Problem.Message, ["hint"] = Problem.Hint },
            ["over"] = Over,
            ["report"] = Report,
        };

        /// <summary>Null where it is no job's.</summary>
        public static Job? FromJson(JObject? from)
        {
            if (from == null || Json.Text(from, "id").Length == 0 || !Enum.TryParse<JobState>(Json.Text(from, "state"), true, out var state))
                return null;
            var problem = from["problem"] as JObject;
            var created = DateTime.TryParse(
                Json.Text(from, "created"), CultureInfo.InvariantCulture, DateTimeStyles.RoundtripKind, out var moment);
            return new Job
            {
                Id = Json.Text(from, "id"),
                ServerId = Json.Text(from, "job_id"),
                Server = Json.Text(from, "server"),
                Name = Json.Text(from, "name"),
                Sides = (from["sides"] as JArray ?? new JArray()).Select(side => (string)side!).ToList(),
                Options = from["options"] as JObject ?? new JObject(),
                Placement = from["placement"] as JObject ?? new JObject(),
                Digest = Json.Text(from, "digest"),
                Batch = Json.Text(from, "batch"),
                Created = created ? moment : DateTime.UtcNow,
                Owner = Json.Text(from, "owner"),
                State = state,
                Progress = Json.Integer(from, "progress") ?? 0,
                Stage = Json.Text(from, "stage"),
                Eta = Json.Integer(from, "eta"),
                Problem = problem == null
                    ? null
                    : new Problem(Json.Text(problem, "code"), Json.Text(problem, "message"), Json.Text(problem, "hint")),
                Over = Json.True(from, "over"),
                Report = from["report"] as JObject,
            };
        }
    }
}
