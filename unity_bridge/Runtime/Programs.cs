#nullable enable
using System;
using System.Collections.Generic;
using System.ComponentModel;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Runtime.InteropServices;
using System.Text;
using System.Threading.Tasks;

namespace SphereLinks
{
    /// <summary>Other programs of the system.</summary>
    internal static class Programs
    {
        public static bool IsWindows => RuntimeInformation.IsOSPlatform(OSPlatform.Windows);
        public static bool IsMac => RuntimeInformation.IsOSPlatform(OSPlatform.OSX);

        /// <summary>A program on the PATH, or in one of these folders; null where there is none.</summary>
        public static string? Find(string name, params string[] further) =>
            (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator).Concat(further)
                .Where(folder => folder.Length > 0)
                .Select(folder => Path.Combine(folder.Trim('"'), name))
                .FirstOrDefault(File.Exists);

        /// <summary>What a program prints; null where it is missing, fails or takes too long.</summary>
        public static string? Output(string name, string arguments, string given, TimeSpan limit)
        {
            var program = Find(name);
            if (program == null)
                return null;
            try
            {
                using var process = Start(program, arguments);
                var said = process.StandardOutput.ReadToEndAsync();
                var blamed = process.StandardError.ReadToEndAsync(); // a full pipe would hold it up
                process.StandardInput.Write(given);
                process.StandardInput.Close();
                if (!process.WaitForExit((int)limit.TotalMilliseconds))
                {
                    process.Kill();
                    return null;
                }
                Task.WaitAll(said, blamed);
                return process.ExitCode == 0 ? said.Result : null;
            }
            catch (Exception error) when (error is Win32Exception or IOException or InvalidOperationException)
            {
                return null;
            }
        }

        /// <summary>Throws Win32Exception.</summary>
        public static Process Start(string program, string arguments)
        {
            var info = new ProcessStartInfo(program, arguments)
            {
                UseShellExecute = false,
                CreateNoWindow = true,
                RedirectStandardInput = true,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
                StandardOutputEncoding = new UTF8Encoding(false),
            };
            return Process.Start(info)!;
        }

        /// <summary>An argument that the program gets as it is, whatever is in it.</summary>
        public static string Quoted(string argument)
        {
            var quoted = new StringBuilder("\"");
            var slashes = 0;
            foreach (var letter in argument)
            {
                if (letter == '"')
                    quoted.Append('\\', slashes + 1); // a backslash counts before a quotation mark alone
                slashes = letter == '\\' ? slashes + 1 : 0;
                quoted.Append(letter);
            }
            return quoted.Append('\\', slashes).Append('"').ToString();
        }
    }
}
