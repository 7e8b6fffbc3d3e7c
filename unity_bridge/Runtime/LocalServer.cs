#nullable enable
using System;
using System.ComponentModel;
using System.Diagnostics;
using System.IO;
using System.Threading;
using System.Threading.Tasks;

namespace SphereLinks
{
    /// <summary>A server on this machine: found, started, given a key, stopped. Nothing is ever installed.</summary>
    public static class LocalServer
    {
        /// <summary>A first start may take so long: it makes the database.</summary>
        private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(180);

        private static readonly TimeSpan StopLimit = TimeSpan.FromSeconds(60);

        private static string Program => Programs.IsWindows ? "spherelinks.exe" : "spherelinks";

        /// <summary>The program: as given, or on the PATH, or where pip and pipx put it. Throws <see cref="Failure"/>.</summary>
        public static string Find(string given = "")
        {
            if (given.Length > 0)
            {
                var path = Directory.Exists(given) ? Path.Combine(given, Program) : given;
                return File.Exists(path) ? path : throw new Failure("no_program", $"There is no program {path}.");
            }
            var home = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
            return Programs.Find(Program, Path.Combine(home, ".local", "bin"))
                ?? throw new Failure("no_program", $"The program {Program} is not on this machine's PATH.");
        }

        /// <summary>Runs <c>spherelinks serve</c> at an address of this machine until it answers. Its process goes on when
        /// this one ends. Throws <see cref="Failure"/> with what it said, OperationCanceledException.</summary>
        public static async Task<Process> Start(string program, Connection connection, string log, CancellationToken cancel)
        {
            var port = new Uri(connection.Address).Port;
            Process process;
            try
            {
                process = Process.Start(Logged(program, $"serve --port {port}", log))!;
            }
            catch (Win32Exception error)
            {
                throw new Failure("no_program", $"{program} cannot be started: {error.Message}", inner: error);
            }
            var clock = Stopwatch.StartNew();
            var bare = connection.WithoutKey();
            while (!await IsReady(bare, cancel).ConfigureAwait(false))
            {
                if (process.HasExited)
                    throw new Failure("unreachable", $"The server ended by itself: {Last(log)}", $"Its log is {log}.");
                if (clock.Elapsed > StartLimit)
                {
                    Stop(process.Id);
                    throw new Failure("unreachable", $"The server is not up after {StartLimit.TotalSeconds:0} s.", $"Its log is {log}.");
                }
                await Task.Delay(300, cancel).ConfigureAwait(false);
            }
            return process;
        }

        /// <summary>A new key of the local owner's account. Throws <see cref="Failure"/>.</summary>
        public static string NewKey(string program)
        {
            var said = "";
            try
            {
                using var process = Programs.Start(program, "keys create --name Unity --json");
                process.StandardInput.Close();
                var output = process.StandardOutput.ReadToEndAsync();
                var blamed = process.StandardError.ReadToEndAsync();
                if (process.WaitForExit((int)StopLimit.TotalMilliseconds))
                {
                    var key = Json.Text(Json.Object(output.Result), "key");
                    if (key.Length > 0)
                        return key;
                    said = blamed.Result.Trim();
                }
                else
                {
                    process.Kill();
                }
            }
            catch (Win32Exception error)
            {
                said = error.Message;
            }
            throw new Failure("no_key", $"The server runs, but gave no key: {said}");
        }

        /// <summary>Stops the process of this id, and waits until it has ended; it ends its own.</summary>
        public static void Stop(int id)
        {
            try
            {
                using var process = Process.GetProcessById(id);
                // Process.Kill would leave the server's database without its end
                if (Programs.IsWindows)
                    Programs.Output("taskkill.exe", $"/T /F /PID {id}", "", StopLimit);
                else
                    Programs.Output("kill", $"-TERM {id}", "", StopLimit);
                process.WaitForExit((int)StopLimit.TotalMilliseconds);
            }
            catch (Exception error) when (error is ArgumentException or InvalidOperationException)
            {
                // it has ended
            }
        }

        /// <summary>A program whose output goes into a file of the system's: a pipe would end with this process, or with
        /// Unity's next domain reload, and hold the program up.</summary>
        private static ProcessStartInfo Logged(string program, string arguments, string log)
        {
            var info = Programs.IsWindows
                ? new ProcessStartInfo("cmd.exe", $"/d /s /c \"\"{program}\" {arguments} > \"{log}\" 2>&1 < nul\"")
                : new ProcessStartInfo(
                    "/bin/sh",
                    $"-c {Programs.Quoted($"exec \"$0\" {arguments} >\"$1\" 2>&1 </dev/null")} {Programs.Quoted(program)} {Programs.Quoted(log)}");
            info.UseShellExecute = false;
            info.CreateNoWindow = true;
            return info;
        }

        private static async Task<bool> IsReady(Connection connection, CancellationToken cancel)
        {
            try
            {
                await connection.Object("GET", "/readyz", cancel: cancel).ConfigureAwait(false);
                return true;
            }
            catch (Failure)
            {
                return false;
            }
        }

        private static string Last(string log)
        {
            using var reader = new StreamReader(new FileStream(log, FileMode.Open, FileAccess.Read, FileShare.ReadWrite));
            var lines = reader.ReadToEnd().Trim().Split('\n');
            var last = lines[lines.Length - 1].Trim();
            return last.Length > 0 ? last : "it said nothing.";
        }
    }
}
