#nullable enable
using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Text;
using Newtonsoft.Json.Linq;

namespace SphereLinks
{
    public enum FieldKind
    {
        Integer,
        Number,
        Boolean,
        Choice,
        Text,

        /// <summary>Entered as text such as 0.5, 0.25.</summary>
        Numbers,
    }

    /// <summary>One option of a generation, as the server describes it.</summary>
    public sealed record Field(string Name, string Label, string Description, FieldKind Kind, object Default)
    {
        /// <summary>The range of integers and numbers.</summary>
        public double Low { get; init; }

        public double High { get; init; }
        public IReadOnlyList<string> Choices { get; init; } = Array.Empty<string>();

        /// <summary>Throws ArgumentException, whose ParamName is the option's, for a value that this generator does not
        /// take: long, double, bool or string, as the kind has it.</summary>
        internal void Check(object value)
        {
            if (Kind is FieldKind.Integer or FieldKind.Number)
            {
                var number = Convert.ToDouble(value, CultureInfo.InvariantCulture);
                if (!(number >= Low && number <= High))
                    throw new ArgumentException($"{Label} is {Shown(value)}: this generator takes {Shown(Low)} to {Shown(High)}.", Name);
            }
            if (Kind == FieldKind.Choice && !Choices.Contains((string)value))
                throw new ArgumentException($"{Label} is '{value}': this generator takes {string.Join(", ", Choices)}.", Name);
        }

        internal JToken Sent(object value)
        {
            if (Kind != FieldKind.Numbers)
                return new JValue(value);
            var numbers = new JArray();
            foreach (var part in ((string)value).Split(new[] { ',', ' ' }, StringSplitOptions.RemoveEmptyEntries))
            {
                if (!double.TryParse(part, NumberStyles.Float, CultureInfo.InvariantCulture, out var number))
                    throw new ArgumentException($"{Label} is '{value}': give numbers, separated by commas.", Name);
                numbers.Add(number);
            }
            return numbers;
        }

        /// <summary>What the field shows of a preset's value, within the server's range.</summary>
        internal object Preset(JToken value)
        {
            switch (Kind)
            {
                case FieldKind.Numbers:
                    return string.Join(", ", value.Select(each => ((double)each).ToString(CultureInfo.InvariantCulture)));
                case FieldKind.Integer:
                    return (long)Math.Min(Math.Max((double)value, Low), High);
                case FieldKind.Number:
                    return Math.Min(Math.Max((double)value, Low), High);
                case FieldKind.Boolean:
                    return (bool)value;
                case FieldKind.Choice when !Choices.Contains((string)value!):
                    return Default;
                default:
                    return (string)value!;
            }
        }

        private static string Shown(object value) => Convert.ToString(value, CultureInfo.InvariantCulture)!;
    }

    /// <summary>All options of a generator that can be shown.</summary>
    public sealed class OptionForm
    {
        /// <summary>Options without use in Unity: how small a file is that is imported once, in forms that need further
        /// packages; and a size, which the form asks for by itself.</summary>
        private static readonly HashSet<string> Unused = new HashSet<string> { "compression", "dimensions" };

        /// <summary>The largest integer that a field takes.</summary>
        public const long MaxInteger = uint.MaxValue;

        public IReadOnlyList<Field> Fields { get; }

        /// <summary>Which sides' pictures the generator uses beside the front's.</summary>
        public IReadOnlyList<string> Sides { get; }

        /// <summary>Whether a real height can be asked for.</summary>
        public bool HasSize { get; }

        /// <summary>A file's name, or another's, as the option <c>name</c> takes it; empty if nothing is left.</summary>
        public static string AsName(string text)
        {
            var name = new string(text.Where(letter => !char.IsControl(letter) && !char.IsSurrogate(letter)).ToArray());
            return (name.Length > 64 ? name.Substring(0, 64) : name).Trim();
        }

        /// <summary>Whether an option can be given; older servers refuse what they do not know.</summary>
        public bool Takes(string name) => Fields.Any(field => field.Name == name);

        /// <summary>Of two options that exclude each other: the one that has no say once the other is given.</summary>
        private readonly IReadOnlyList<string> _both;

        /// <summary>What can be shown of a JSON Schema of options, without those that the generator ignores; forms that are
        /// not known here are left out.</summary>
        public OptionForm(JObject schema, IEnumerable<string> ignored, IEnumerable<string>? views = null)
        {
            Sides = Server.Sides.Intersect(views ?? Array.Empty<string>()).ToList();
            var definitions = schema["$defs"] as JObject ?? new JObject();
            var properties = schema["properties"] as JObject ?? new JObject();
            var left = new HashSet<string>(Unused.Concat(ignored));
            Fields = properties.Properties()
                .Where(property => !left.Contains(property.Name) && property.Value is JObject)
                .Select(property => Field(property.Name, (JObject)property.Value, definitions))
                .OfType<Field>()
                .ToList();
            HasSize = properties["dimensions"] != null;
            _both = (schema.SelectToken("not.required") as JArray ?? new JArray()).Select(name => (string)name!).ToList();
        }

        /// <summary>The options to send for values by name: those that differ from the default.
        /// Throws ArgumentException, whose ParamName is the option's.</summary>
        public JObject Request(IReadOnlyDictionary<string, object> values)
        {
            var wanted = new JObject();
            foreach (var field in Fields)
            {
                var value = values.TryGetValue(field.Name, out var given) ? given : field.Default;
                if (value is double number)
                    value = Math.Round(number, 6); // a slider's numbers are of single precision
                field.Check(value);
                if (!value.Equals(field.Default))
                    wanted[field.Name] = field.Sent(value);
            }
            if (_both.Count == 2 && wanted[_both[1]] != null)
                wanted.Remove(_both[0]);
            return wanted;
        }

        /// <summary>The value that every field shows under a preset's options.</summary>
        public Dictionary<string, object> Preset(JObject wanted) =>
            Fields.ToDictionary(field => field.Name, field => wanted[field.Name] is { } value ? field.Preset(value) : field.Default);

        private static Field? Field(string name, JObject given, JObject definitions)
        {
            var part = Resolved(given, definitions, out var optional);
            var text = Json.Text(part, "description").TrimEnd('.');
            var initial = part["default"] is { Type: not JTokenType.Null } value ? value : null;
            switch (Json.Text(part, "type"))
            {
                case "string" when part["enum"] is JArray { Count: > 0 } choices:
                    var names = choices.Select(choice => (string)choice!).ToList();
                    return new Field(name, Label(name), text, FieldKind.Choice, (string?)initial ?? names[0]) { Choices = names };
                case "string":
                    return new Field(name, Label(name), text, FieldKind.Text, (string?)initial ?? "");
                case "boolean":
                    return new Field(name, Label(name), text, FieldKind.Boolean, initial != null && (bool)initial);
                case "integer":
                case "number":
                    var low = Bound(part, "minimum", "exclusiveMinimum", -MaxInteger);
                    var high = Math.Min(Bound(part, "maximum", "exclusiveMaximum", MaxInteger), MaxInteger);
                    if (optional && initial == null)
                    {
                        low = Math.Min(low, 0);
                        text += ". 0 leaves it to the server";
                    }
                    var isInteger = Json.Text(part, "type") == "integer";
                    var start = initial == null ? 0 : (double)initial;
                    return new Field(
                        name, Label(name), text, isInteger ? FieldKind.Integer : FieldKind.Number, isInteger ? (object)(long)start : start)
                    {
                        Low = low,
                        High = high,
                    };
                case "array" when Json.Text(part["items"] as JObject, "type") == "number":
                    return new Field(name, Label(name), text + ". Numbers, separated by commas", FieldKind.Numbers, "");
                default:
                    return null;
            }
        }

        /// <summary>A property with its references and its null alternative taken out.</summary>
        private static JObject Resolved(JObject part, JObject definitions, out bool optional)
        {
            var kinds = part["anyOf"] is JArray any ? any.OfType<JObject>().ToList() : new List<JObject> { part };
            optional = kinds.Count > 1;
            var inner = kinds.FirstOrDefault(kind => Json.Text(kind, "type") != "null") ?? new JObject();
            var reference = Json.Text(inner, "$ref");
            if (reference.Length > 0)
                inner = definitions[reference.Substring(reference.LastIndexOf('/') + 1)] as JObject ?? new JObject();
            var found = new JObject(inner);
            foreach (var property in part.Properties().Where(property => property.Name != "anyOf"))
                found[property.Name] = property.Value;
            return found;
        }

        private static double Bound(JObject part, string name, string exclusive, double otherwise) =>
            Json.Number(part, name) ?? Json.Number(part, exclusive) ?? otherwise;

        /// <summary>textureSize as Texture Size.</summary>
        private static string Label(string name)
        {
            var label = new StringBuilder();
            foreach (var letter in name)
            {
                if (char.IsUpper(letter))
                    label.Append(' ');
                label.Append(label.Length == 0 ? char.ToUpperInvariant(letter) : letter);
            }
            return label.ToString();
        }
    }
}
