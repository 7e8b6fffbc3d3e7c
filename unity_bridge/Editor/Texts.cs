#nullable enable
using System.Collections.Generic;
using System.IO;
using System.Text;
using UnityEngine;

namespace SphereLinks.Editor
{
    /// <summary>What the package says, in the user's language: the rows of strings.csv.</summary>
    internal static class Texts
    {
        /// <summary>Of the package, wherever it is installed from.</summary>
        public const string Folder = "Packages/com.spherelinks.bridge/Editor/UI/";

        private static readonly Dictionary<string, string> Rows = Load();

        /// <summary>A text by its key; the names in braces are replaced by the values that follow them.</summary>
        public static string Of(string key, params (string Name, object Value)[] values)
        {
            if (!Rows.TryGetValue(key + "_unity", out var text) && !Rows.TryGetValue(key, out text))
                return key;
            foreach (var (name, value) in values)
                text = text.Replace("{" + name + "}", System.Convert.ToString(value, System.Globalization.CultureInfo.CurrentCulture));
            return text;
        }

        /// <summary>What to do about a failure: the server's own words, or ours in the user's language.</summary>
        public static string Hint(string code, string hint)
        {
            var ours = Of("hint_" + code);
            return hint == Remedies.Of(code) && ours != "hint_" + code ? ours : hint;
        }

        public static string Hint(Failure failure) => Hint(failure.Code, failure.Hint);

        /// <summary>The column of a language of Unity's.</summary>
        public static string Column(SystemLanguage language)
        {
            switch (language)
            {
                case SystemLanguage.German:
                    return "de";
                case SystemLanguage.French:
                    return "fr";
                case SystemLanguage.Spanish:
                    return "es";
                case SystemLanguage.Japanese:
                    return "ja";
                case SystemLanguage.Chinese:
                case SystemLanguage.ChineseSimplified:
                    return "zh_CN";
                default:
                    return "en";
            }
        }

        /// <summary>The fields of comma-separated text (RFC 4180), by row.</summary>
        public static List<List<string>> Parse(string text)
        {
            var rows = new List<List<string>> { new List<string>() };
            var field = new StringBuilder();
            var quoted = false;
            for (var i = 0; i < text.Length; i++)
            {
                var letter = text[i];
                if (quoted && letter == '"' && i + 1 < text.Length && text[i + 1] == '"')
                    field.Append(text[++i]);
                else if (letter == '"')
                    quoted = !quoted;
                else if (!quoted && (letter == ',' || letter == '\n'))
                {
                    rows[rows.Count - 1].Add(field.ToString());
                    field.Clear();
                    if (letter == '\n')
                        rows.Add(new List<string>());
                }
                else if (quoted || letter != '\r')
                    field.Append(letter);
            }
            rows[rows.Count - 1].Add(field.ToString());
            rows.RemoveAll(row => row.Count < 2);
            return rows;
        }

        private static Dictionary<string, string> Load()
        {
            var rows = Parse(File.ReadAllText(Path.GetFullPath(Folder + "strings.csv"), Encoding.UTF8));
            var column = rows[0].IndexOf(Column(Application.systemLanguage));
            var texts = new Dictionary<string, string>();
            foreach (var row in rows)
                texts[row[0]] = row[column];
            return texts;
        }
    }
}
