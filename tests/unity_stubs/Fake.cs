// What outlives a domain reload in Unity: the native side. The tests look into it.
using System;
using System.Collections.Generic;
using UnityEngine;
using Object = UnityEngine.Object;

namespace Fake
{
    public static class Native
    {
        public static bool BatchMode;
        public static bool Compiling;
        public static bool Playing;
        public static double Time;
        public static int? ExitCode;
        public static readonly List<string> Log = new List<string>();
        public static readonly Dictionary<string, string> Preferences = new Dictionary<string, string>();
        public static readonly Dictionary<string, int> Session = new Dictionary<string, int>();
        public static readonly Dictionary<string, string> UserData = new Dictionary<string, string>();
        public static readonly Dictionary<string, string[]> Labels = new Dictionary<string, string[]>();
        public static readonly Dictionary<string, Object[]> Assets = new Dictionary<string, Object[]>();
        public static readonly Dictionary<int, string> ProgressItems = new Dictionary<int, string>();
        public static readonly List<GameObject> Scene = new List<GameObject>();
        public static readonly Dictionary<string, GameObject> Prefabs = new Dictionary<string, GameObject>();
        public static int NextProgress;

        /// <summary>What an importer makes of a file: the main asset first; null where there is no importer.</summary>
        public static Func<string, Object[]> Importer = path => null;

        /// <summary>What a domain reload takes away: everything that managed code has hooked.</summary>
        public static void Unhook()
        {
            UnityEditor.EditorApplication.Unhook();
            UnityEditor.AssemblyReloadEvents.Unhook();
        }

        public static void Frame(double seconds)
        {
            Time += seconds;
            UnityEditor.EditorApplication.update?.Invoke();
        }

        public static void BeforeReload() => UnityEditor.AssemblyReloadEvents.Raise();

        public static void Quit() => UnityEditor.EditorApplication.RaiseQuitting();
    }
}
