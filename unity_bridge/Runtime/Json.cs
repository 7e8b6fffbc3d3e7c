#nullable enable
using System.Globalization;
using System.IO;
using Newtonsoft.Json;
using Newtonsoft.Json.Linq;

namespace SphereLinks
{
    /// <summary>JSON read strictly: one value, dates left as text, no deep nesting.</summary>
    public static class Json
    {
        private const int Depth = 64;

        /// <summary>The object in a text; null where the text is anything else.</summary>
        public static JObject? Object(string text)
        {
            try
            {
                using var reader = new JsonTextReader(new StringReader(text.TrimStart('\uFEFF'))) // a byte-order mark
                {
                    Culture = CultureInfo.InvariantCulture,
                    DateParseHandling = DateParseHandling.None,
                    MaxDepth = Depth,
                };
                if (!reader.Read() || reader.TokenType != JsonToken.StartObject)
                    return null;
                var found = JObject.Load(reader);
                while (reader.Read())
                    if (reader.TokenType != JsonToken.Comment)
                        return null;
                return found;
            }
            catch (JsonException)
            {
                return null;
            }
        }

        /// <summary>On one line, as it is sent and kept.</summary>
        public static string Text(JToken value) => value.ToString(Formatting.None);

        /// <summary>A member that is text; empty where there is none.</summary>
        public static string Text(JObject? from, string name) =>
            from?[name] is JValue { Type: JTokenType.String } value ? (string)value.Value! : "";

        /// <summary>A member that is a whole number which an int holds; null where there is none.</summary>
        public static int? Integer(JObject? from, string name) =>
            from?[name] is JValue { Type: JTokenType.Integer, Value: long number }
            && number >= int.MinValue && number <= int.MaxValue
                ? (int)number
                : (int?)null;

        /// <summary>A member that is a number; null where there is none.</summary>
        public static double? Number(JObject? from, string name) =>
            from?[name] is JValue { Type: JTokenType.Integer or JTokenType.Float } value
                ? double.Parse(value.ToString(CultureInfo.InvariantCulture), CultureInfo.InvariantCulture)
                : (double?)null;

        /// <summary>A member that is true.</summary>
        public static bool True(JObject? from, string name) =>
            from?[name] is JValue { Type: JTokenType.Boolean } value && (bool)value.Value!;
    }
}
