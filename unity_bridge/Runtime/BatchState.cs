#nullable enable
using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text;
using Newtonsoft.Json.Linq;

namespace SphereLinks
{
    /// <summary>One picture of a batch and what has become of it.</summary>
    public sealed record BatchRow(string Picture)
    {
        /// <summary>SHA-256 of the pictures and the options: another picture under the same name is another row's.</summary>
        public string Digest { get; init; } = "";

        /// <summary>Our job's id; empty where there is none yet.</summary>
        public string Job { get; init; } = "";

        /// <summary>What was made; empty until it was.</summary>
        public string Result { get; init; } = "";

        public Problem? Problem { get; init; }
    }

    /// <summary>A batch's rows in a file, so that the same command goes on where an earlier one was ended.</summary>
    public sealed class BatchState
    {
        private readonly string _path;
        private readonly List<BatchRow> _rows = new List<BatchRow>();

        /// <summary>Throws IOException, UnauthorizedAccessException. A file that is no batch's is started anew.</summary>
        public BatchState(string path)
        {
            _path = path;
            if (!File.Exists(path))
                return;
            var rows = Json.Object(File.ReadAllText(path, Encoding.UTF8))?["rows"] as JArray ?? new JArray();
            foreach (var row in rows.OfType<JObject>())
                _rows.Add(new BatchRow(Json.Text(row, "picture"))
                {
                    Digest = Json.Text(row, "digest"),
                    Job = Json.Text(row, "job"),
                    Result = Json.Text(row, "result"),
                    Problem = row["problem"] is JObject problem
                        ? new Problem(Json.Text(problem, "code"), Json.Text(problem, "message"), Json.Text(problem, "hint"))
                        : null,
                });
        }

        public IReadOnlyList<BatchRow> Rows => _rows;

        /// <summary>The row of a picture as it is now; a new one where the picture or the options have changed.</summary>
        public BatchRow Row(string picture, byte[] data, JObject options, IReadOnlyDictionary<string, byte[]>? sides = null)
        {
            var others = sides == null ? "" : string.Concat(sides.Select(side => side.Key + Jobs.Digest(side.Value)));
            var digest = Jobs.Digest(Encoding.UTF8.GetBytes(Jobs.Digest(data) + Json.Text(options) + others));
            return _rows.FirstOrDefault(row => row.Picture == picture && row.Digest == digest)
                ?? new BatchRow(picture) { Digest = digest };
        }

        /// <summary>Keeps a row, on disk. Throws IOException, UnauthorizedAccessException.</summary>
        public void Put(BatchRow row)
        {
            _rows.RemoveAll(other => other.Picture == row.Picture);
            _rows.Add(row);
            var rows = new JArray(_rows.Select(each => new JObject
            {
                ["picture"] = each.Picture,
                ["digest"] = each.Digest,
                ["job"] = each.Job,
                ["result"] = each.Result,
                ["problem"] = each.Problem == null ? null : new JObject
                {
                    ["code"] = each.Problem.Code, ["message"] = each.Problem.Message, ["hint"] = each.Problem.Hint,
                },
            }));
            Files.Write(_path, Encoding.UTF8.GetBytes(new JObject { ["rows"] = rows }.ToString()));
        }
    }
}
