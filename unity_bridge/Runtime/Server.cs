#nullable enable
using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Text;
using System.Threading;
using System.Threading.Tasks;
using Newtonsoft.Json.Linq;

namespace SphereLinks
{
    /// <summary>What a server can be asked for, one method each. All throw <see cref="Failure"/> and
    /// OperationCanceledException.</summary>
    public static class Server
    {
        /// <summary>What further pictures of an object show; its front is the picture itself.</summary>
        public static readonly IReadOnlyList<string> Sides = new[] { "back", "left", "right" };

        public const int MaxPicture = 10 << 20;
        public const int MaxThumbnail = 8 << 20;

        /// <summary>The id of a new job; of the one there is already, where the key was sent before. The pictures of the
        /// object's other sides go by their names in <see cref="Sides"/>.</summary>
        public static async Task<string> Generate(
            Connection connection,
            byte[] picture,
            JObject options,
            string idempotencyKey,
            CancellationToken cancel,
            IReadOnlyDictionary<string, byte[]>? sides = null)
        {
            sides ??= new Dictionary<string, byte[]>();
            foreach (var each in sides.Values.Prepend(picture))
                if (each.Length > MaxPicture)
                {
                    var size = (each.Length / (double)(1 << 20)).ToString("0.0", CultureInfo.InvariantCulture);
                    throw new Failure("picture_too_large", $"The picture has {size} MB, more than 10.");
                }
            // by hand: a JSON writer would hold each picture once more
            var text = new StringBuilder("{");
            if (sides.Count == 0) // as servers of before 0.3 take it, too
                Append(text, picture);
            else
            {
                Append(text.Append("\"images\":[{\"view\":\"front\","), picture);
                // in one order: another would be another request
                foreach (var side in Sides.Where(sides.ContainsKey))
                    Append(text.Append("},{\"view\":\"").Append(side).Append("\","), sides[side]);
                text.Append("}]");
            }
            var body = Encoding.ASCII.GetBytes(text.Append(",\"options\":").Append(Ascii(Json.Text(options))).Append('}').ToString());
            var headers = new Dictionary<string, string> { ["Idempotency-Key"] = idempotencyKey };
            var answer = await connection.Object("POST", "/v1/generate", body, headers, cancel).ConfigureAwait(false);
            return Needed(connection, answer, "jobId");
        }

        /// <summary>Where a job stands, told when it has ended or after some seconds.</summary>
        public static async Task<JObject> Status(Connection connection, string job, int waitS, CancellationToken cancel)
        {
            var path = $"/v1/status/{Uri.EscapeDataString(job)}?wait={waitS}";
            var answer = await connection.Object("GET", path, cancel: cancel).ConfigureAwait(false);
            Needed(connection, answer, "status");
            return answer;
        }

        /// <summary>The job's asset as a whole, sound GLB.</summary>
        public static async Task Download(Connection connection, string job, string target, CancellationToken cancel)
        {
            var unchecked_ = target + ".unchecked";
            try
            {
                var path = $"/v1/download/{Uri.EscapeDataString(job)}";
                await connection.File(path, unchecked_, cancel: cancel).ConfigureAwait(false);
                Glb.Check(unchecked_);
                Files.Swap(unchecked_, target);
            }
            finally
            {
                Files.Remove(unchecked_);
            }
        }

        /// <summary>One of a job's files: png is the small picture, picture what it was made from.</summary>
        public static Task File(
            Connection connection, string job, string kind, string target, long limit, CancellationToken cancel) =>
            connection.File($"/v1/jobs/{Uri.EscapeDataString(job)}/files/{kind}", target, limit, cancel);

        /// <summary>Cancels a job that is at work, or deletes one that has ended.</summary>
        public static Task Delete(Connection connection, string job, CancellationToken cancel) =>
            connection.Object("DELETE", $"/v1/jobs/{Uri.EscapeDataString(job)}", cancel: cancel);

        /// <summary>The account's jobs, newest first.</summary>
        public static Task<JObject> Jobs(Connection connection, CancellationToken cancel) =>
            connection.Object("GET", "/v1/jobs", cancel: cancel);

        /// <summary>Whose key it is, on what plan, with how many credits.</summary>
        public static Task<JObject> Account(Connection connection, CancellationToken cancel) =>
            connection.Object("GET", "/v1/account", cancel: cancel);

        /// <summary>The generators of this server, with the JSON Schema of their options, and the presets.</summary>
        public static Task<JObject> Generators(Connection connection, CancellationToken cancel) =>
            connection.Object("GET", "/v1/generators", cancel: cancel);

        private static string Needed(Connection connection, JObject answer, string name)
        {
            var value = Json.Text(answer, name);
            return value.Length > 0 ? value : throw connection.Strange("no " + name);
        }

        private static void Append(StringBuilder text, byte[] picture) =>
            text.Append("\"imageBase64\":\"").Append(Convert.ToBase64String(picture)).Append('"');

        private static string Ascii(string json)
        {
            var text = new StringBuilder(json.Length);
            foreach (var letter in json)
                if (letter < 128)
                    text.Append(letter);
                else
                    text.Append("\\u").Append(((int)letter).ToString("x4", CultureInfo.InvariantCulture));
            return text.ToString();
        }
    }
}
