#nullable enable
using System;
using System.IO;
using UnityEditor;

namespace SphereLinks.Editor
{
    /// <summary>The server that this editor has started; it outlives domain reloads and ends with the editor.</summary>
    [InitializeOnLoad]
    internal static class LocalServers
    {
        private const string Process = "SphereLinks.LocalServer";

        static LocalServers() => EditorApplication.quitting += Stop;

        /// <summary>Starts one at the address of the preferences, and makes a key where there is none. Throws
        /// <see cref="Failure"/>.</summary>
        public static void Start(Action<string> tell, Action then, Action keyChanged)
        {
            var connection = Session.ConnectWithoutKey();
            if (!new Uri(connection.Address).IsLoopback)
                throw new Failure(
                    "address", Texts.Of("not_on_this_machine", ("address", connection.Address)), Texts.Of("hint_local_address"));
            var program = LocalServer.Find(ServerSettings.Program);
            var log = Path.GetFullPath(Path.Combine(Session.Folder, "server.log"));
            Directory.CreateDirectory(Path.GetDirectoryName(log)!);
            var needsKey = ServerSettings.Key.Length == 0;
            tell(Texts.Of("server_starting"));
            Background.Run(
                async () =>
                {
                    using var process = await LocalServer.Start(program, connection, log, default).ConfigureAwait(false);
                    return (process.Id, Key: needsKey ? LocalServer.NewKey(program) : "");
                },
                started =>
                {
                    SessionState.SetInt(Process, started.Id);
                    if (started.Key.Length > 0)
                        ServerSettings.Key = started.Key;
                    keyChanged();
                    then();
                },
                failure => tell(Messages.Of(failure)));
        }

        public static void Stop()
        {
            var id = SessionState.GetInt(Process, 0);
            if (id == 0)
                return;
            SessionState.EraseInt(Process);
            LocalServer.Stop(id);
        }
    }
}
