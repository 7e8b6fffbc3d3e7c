#nullable enable
using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text;
using System.Threading;
using System.Threading.Tasks;
using Newtonsoft.Json.Linq;

namespace SphereLinks
{
    /// <summary>A set of options that a server recommends.</summary>
    public sealed record Preset(string Key, string Name, string Purpose, JObject Options);

    /// <summary>What a server tells of itself: whose key it is, what is left, which generators there are and what they take.
    /// </summary>
    public sealed class ServerInfo
    {
        private readonly JObject _told;

        public string Address => Json.Text(_told, "address");
        public string Account { get; }
        public string Plan { get; }

        /// <summary>That may be spent; null where there is no limit.</summary>
        public int? Credits { get; }

        /// <summary>The generators that are ready, the default one first.</summary>
        public IReadOnlyList<string> Generators { get; }

        /// <summary>The first is meant where nothing is chosen.</summary>
        public IReadOnlyList<Preset> Presets { get; }

        private readonly Dictionary<string, OptionForm> _forms = new Dictionary<string, OptionForm>();

        /// <summary>Of the answers to the account and the generators. Throws <see cref="Failure"/>.</summary>
        public ServerInfo(Connection connection, JObject account, JObject generators)
            : this(new JObject { ["address"] = connection.Address, ["account"] = account, ["generators"] = generators }, connection)
        {
        }

        private ServerInfo(JObject told, Connection connection)
        {
            _told = told;
            try
            {
                Account = (string)told["account"]!["name"]!;
                Plan = (string)told["account"]!["plan"]!["name"]!;
                var credits = told["account"]!["credits"]!;
                Credits = (bool?)credits["unlimited"] == true ? null : (int?)(int)credits["available"]!;
                var ready = ((JArray)told["generators"]!["generators"]!)
                    .Where(each => (bool)each["ready"]!)
                    .OrderBy(each => (bool)each["default"]! ? 0 : 1)
                    .ToList();
                Generators = ready.Select(each => (string)each["name"]!).ToList();
                Presets = ((JArray)told["generators"]!["presets"]!)
                    .Select(each => new Preset(
                        (string)each["key"]!, (string)each["name"]!, (string)each["purpose"]!, (JObject)each["options"]!))
                    .ToList();
                foreach (var each in ready)
                {
                    var schema = (JObject)each["options"]!.DeepClone();
                    if (schema.SelectToken("properties.generator") is JObject choice)
                        schema["properties"]!["generator"] = new JObject
                        {
                            ["type"] = "string",
                            ["enum"] = new JArray(Generators),
                            ["default"] = Generators[0],
                            ["description"] = Json.Text(choice, "description"),
                        };
                    var ignored = (each["ignores"] as JArray ?? new JArray()).Select(name => (string)name!);
                    // a server of before 0.3 has no views
                    var views = (each["views"] as JArray ?? new JArray()).Select(view => (string)view!);
                    _forms[(string)each["name"]!] = new OptionForm(schema, ignored, views);
                }
            }
            catch (Exception error) when (
                error is ArgumentException or InvalidCastException or NullReferenceException or FormatException
                or OverflowException or InvalidOperationException)
            {
                throw connection.Strange("its description of itself cannot be read");
            }
        }

        /// <summary>The options of a generator; those of the default one where there is none of that name.</summary>
        public OptionForm Form(string generator) =>
            _forms.TryGetValue(generator, out var form) ? form
            : Generators.Count > 0 ? _forms[Generators[0]]
            : new OptionForm(new JObject(), Array.Empty<string>());

        /// <summary>What a server tells now. Throws <see cref="Failure"/>, OperationCanceledException.</summary>
        public static async Task<ServerInfo> Ask(Connection connection, CancellationToken cancel)
        {
            var account = await Server.Account(connection, cancel).ConfigureAwait(false);
            var generators = await Server.Generators(connection, cancel).ConfigureAwait(false);
            return new ServerInfo(connection, account, generators);
        }

        /// <summary>Keeps it for the next start. Throws IOException, UnauthorizedAccessException.</summary>
        public void Save(string path) => Files.Write(path, Encoding.UTF8.GetBytes(Json.Text(_told)));

        /// <summary>What was kept of this server; null where that is nothing, or cannot be read.</summary>
        public static ServerInfo? Load(string path, Connection connection)
        {
            try
            {
                var told = Json.Object(File.ReadAllText(path, Encoding.UTF8));
                return told != null && Json.Text(told, "address") == connection.Address ? new ServerInfo(told, connection) : null;
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException or Failure)
            {
                return null;
            }
        }
    }
}
