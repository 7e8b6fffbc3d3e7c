#nullable enable
using System;
using System.IO;
using System.Linq;
using UnityEditor;
using UnityEngine;

namespace SphereLinks.Editor
{
    /// <summary>This editor's jobs, from one domain reload to the next. On the main thread.</summary>
    [InitializeOnLoad]
    internal static class Session
    {
        /// <summary>Beside the assets: of this project, of this machine, in no version control.</summary>
        public const string Folder = "Library/SphereLinks";

        private const double LookEveryS = 0.25;
        private static readonly HttpTransport Transport = new HttpTransport();
        private static Jobs? s_Jobs;
        private static Runner? s_Runner;
        private static double s_NextLook;
        private static int s_Version = -1;
        private static bool s_PickedUp;
        private static int s_AtWork;

        /// <summary>Jobs have changed, or what the server tells.</summary>
        public static event Action? Changed;

        /// <summary>What the server told last; null where it was not asked yet, or is another.</summary>
        public static ServerInfo? Info { get; private set; }

        static Session()
        {
            if (AssetDatabase.IsAssetImportWorkerProcess())
                return; // has no jobs of its own, and would take the editor's
            EditorApplication.update += Update;
            EditorApplication.quitting += Close;
            AssemblyReloadEvents.beforeAssemblyReload += Close;
        }

        /// <summary>Throws IOException where the project's folder cannot be written.</summary>
        public static Jobs Jobs
        {
            get
            {
                if (s_Jobs == null)
                {
                    s_Jobs = new Jobs(Path.Combine(Folder, "Jobs"));
                    s_Runner = new Runner(s_Jobs);
                }
                return s_Jobs;
            }
        }

        public static Runner Runner => Jobs == null ? throw new InvalidOperationException() : s_Runner!;

        /// <summary>Throws <see cref="Failure"/>.</summary>
        public static Connection Connect(string? address = null) => ServerSettings.Connection(Transport, address);

        /// <summary>A server, asked without a key.</summary>
        public static Connection ConnectWithoutKey() => new Connection(ServerSettings.Address, "", Transport);

        /// <summary>Asks the server what it can do. Throws <see cref="Failure"/> where no key is known.</summary>
        public static void Ask(Action? then = null, Action<Failure>? sorry = null)
        {
            var connection = Connect();
            Background.Run(
                () => ServerInfo.Ask(connection, default),
                info =>
                {
                    Info = info;
                    try
                    {
                        Directory.CreateDirectory(Folder);
                        info.Save(InfoPath);
                    }
                    catch (Exception error) when (error is IOException or UnauthorizedAccessException)
                    {
                        // the next start asks again
                    }
                    Changed?.Invoke();
                    then?.Invoke();
                },
                failure => sorry?.Invoke(failure));
        }

        /// <summary>What another server told is of no use for this one.</summary>
        public static void ServerChanged()
        {
            Info = Info != null && Info.Address == ServerSettings.Address ? Info : null;
            Changed?.Invoke();
        }

        /// <summary>Works on a job in the background. Throws <see cref="Failure"/>.</summary>
        public static void Start(Job job)
        {
            Runner.Limit = TimeSpan.FromMinutes(ServerSettings.GiveUpMinutes);
            Runner.Start(job.Id, Connect(job.Server));
        }

        /// <summary>Throws <see cref="Failure"/>.</summary>
        public static void Cancel(Job job) => Runner.Cancel(job.Id, Connect(job.Server));

        /// <summary>Takes a failed job up again. Throws <see cref="Failure"/>, IOException.</summary>
        public static void TryAgain(Job job) => Start(Jobs.Again(job));

        /// <summary>Does what is due, at most one import a time, so that the editor is never held for long.</summary>
        public static void Look()
        {
            var due = Background.Drain();
            if (!s_PickedUp)
                PickUp();
            if (due || Jobs.Version != s_Version)
            {
                s_Version = Jobs.Version;
                var mine = Jobs.All().Where(Jobs.IsMine).ToList();
                ProgressItems.Show(mine);
                var atWork = mine.Count(job => job.AtWork);
                if (atWork < s_AtWork && Info != null)
                    Ask(); // what is left of the credits
                s_AtWork = atWork;
                Changed?.Invoke();
            }
            if (!MayImport)
                return;
            var ready = Jobs.All().FirstOrDefault(job => job.State == JobState.Ready && Jobs.IsMine(job));
            if (ready != null)
                Placing.Place(ready);
        }

        /// <summary>Not while the editor is about to reload, or plays: what is placed then would be gone afterwards.</summary>
        private static bool MayImport =>
            !EditorApplication.isCompiling && !EditorApplication.isUpdating && !EditorApplication.isPlayingOrWillChangePlaymode;

        private static string InfoPath => Path.Combine(Folder, "server.json");

        private static void Update()
        {
            if (Application.isBatchMode || EditorApplication.timeSinceStartup < s_NextLook)
                return;
            s_NextLook = EditorApplication.timeSinceStartup + LookEveryS;
            try
            {
                Look();
            }
            catch (Exception error) // Unity would say it with every frame
            {
                s_NextLook = EditorApplication.timeSinceStartup + 10;
                Debug.LogException(error);
            }
        }

        /// <summary>Goes on with what an earlier editor, or the domain before this one, has left.</summary>
        private static void PickUp()
        {
            Jobs.Prune();
            foreach (var job in Jobs.Adopt())
            {
                try
                {
                    Start(job);
                }
                catch (Failure failure) // no key: the job waits, and Try Again takes it up
                {
                    Jobs.Advance(job.Id, old => old with
                    {
                        State = JobState.Failed, Problem = new Problem(failure.Code, failure.Message, failure.Hint),
                    });
                }
            }
            s_PickedUp = true;
            try
            {
                Info ??= ServerInfo.Load(InfoPath, ConnectWithoutKey());
            }
            catch (Failure)
            {
                // no address: the preferences tell
            }
        }

        private static void Close()
        {
            EditorApplication.update -= Update;
            ProgressItems.Clear();
            s_Runner?.Stop(TimeSpan.FromSeconds(2));
            s_Jobs?.Dispose(); // the next domain takes its jobs over
            Transport.Dispose();
        }
    }
}
