#nullable enable
using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text;

namespace SphereLinks
{
    /// <summary>Files that are whole or not there, under names that every system takes.</summary>
    public static class Files
    {
        private const string Forbidden = "\"<>|:*?\\/";
        private const int MaxName = 80;

        private static readonly HashSet<string> Reserved = new HashSet<string>(
            new[] { "CON", "PRN", "AUX", "NUL", "CVS" }
                .Concat(Enumerable.Range(0, 10).SelectMany(n => new[] { "COM" + n, "LPT" + n })),
            StringComparer.OrdinalIgnoreCase);

        /// <summary>A file's name, without its ending, that Windows takes and Unity does not hide; on every system the
        /// same, for projects move.</summary>
        public static string SafeName(string name, string otherwise = "Model")
        {
            var safe = new StringBuilder();
            foreach (var letter in name.Normalize())
                safe.Append(letter < ' ' || letter == 127 || Forbidden.IndexOf(letter) >= 0 ? '_' : letter);
            var text = safe.ToString();
            if (text.Length > MaxName)
                text = text.Substring(0, char.IsHighSurrogate(text[MaxName - 1]) ? MaxName - 1 : MaxName);
            text = text.Trim().TrimStart('.').TrimEnd('.', ' ', '~'); // Unity hides .name and name~
            if (text.EndsWith(".tmp", StringComparison.OrdinalIgnoreCase))
                text = text.Substring(0, text.Length - 4) + "_tmp";
            if (text.Length == 0)
                return otherwise;
            return Reserved.Contains(text.Split('.')[0].TrimEnd()) ? "_" + text : text;
        }

        /// <summary>Puts a finished file in the target's place. Throws IOException, UnauthorizedAccessException.</summary>
        public static void Swap(string finished, string target)
        {
            // Move refuses a target that is there, Replace one that is not
            if (!File.Exists(target))
            {
                try
                {
                    File.Move(finished, target);
                    return;
                }
                catch (IOException) when (File.Exists(target) && File.Exists(finished))
                {
                }
            }
            File.Replace(finished, target, null);
        }

        /// <summary>Writes a file whole or not at all. Throws IOException, UnauthorizedAccessException.</summary>
        public static void Write(string target, byte[] data)
        {
            var part = target + ".part";
            try
            {
                using (var file = new FileStream(part, FileMode.Create, FileAccess.Write, FileShare.None))
                {
                    file.Write(data, 0, data.Length);
                    file.Flush(true);
                }
                Swap(part, target);
            }
            finally
            {
                Remove(part);
            }
        }

        /// <summary>Copies a file, whole or not at all; over one that is there only where that is said. Throws IOException,
        /// UnauthorizedAccessException.</summary>
        public static void Copy(string source, string target, bool over)
        {
            var part = target + ".tmp"; // which Unity does not import
            try
            {
                File.Copy(source, part, true);
                if (over)
                    Swap(part, target);
                else
                    File.Move(part, target);
            }
            finally
            {
                Remove(part);
            }
        }

        /// <summary>Removes a file; one that is gone, or held by another program, is no matter.</summary>
        public static void Remove(string path)
        {
            try
            {
                File.Delete(path);
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
            }
        }
    }
}
