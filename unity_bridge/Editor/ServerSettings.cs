#nullable enable
using System;
using UnityEditor;

namespace SphereLinks.Editor
{
    /// <summary>The server that this user works with, in the preferences of the editor, never in a project.</summary>
    internal static class ServerSettings
    {
        public const string Variable = "SPHERELINKS_KEY";
        private const string Prefix = "SphereLinks.";
        private const string Standard = "http://127.0.0.1:8000";

        // a system's store may ask its owner for a password: once, and not with every look
        private static (string Address, string Key)? s_Stored;

        public static string Address
        {
            get => EditorPrefs.GetString(Prefix + "Address", Standard);
            set => EditorPrefs.SetString(Prefix + "Address", Addresses.Normal(value));
        }

        /// <summary>Path of the program spherelinks; empty to look for it in the usual places.</summary>
        public static string Program
        {
            get => EditorPrefs.GetString(Prefix + "Program", "");
            set => EditorPrefs.SetString(Prefix + "Program", value);
        }

        /// <summary>Minutes after which an unfinished job is given up.</summary>
        public static int GiveUpMinutes
        {
            get => EditorPrefs.GetInt(Prefix + "GiveUpMinutes", 30);
            set => EditorPrefs.SetInt(Prefix + "GiveUpMinutes", Math.Max(1, value));
        }

        public static bool KeyIsFromVariable => !string.IsNullOrEmpty(Environment.GetEnvironmentVariable(Variable));

        /// <summary>Whether the system has no store for the key, so that it lies in the editor's preferences.</summary>
        public static bool KeyIsInPreferences => EditorPrefs.HasKey(Prefix + "Key." + Address);

        /// <summary>The key of the server; empty where there is none.</summary>
        public static string Key
        {
            get
            {
                var variable = Environment.GetEnvironmentVariable(Variable);
                if (!string.IsNullOrEmpty(variable))
                    return variable.Trim();
                var address = Address;
                if (s_Stored == null || s_Stored.Value.Address != address)
                {
                    var kept = EditorPrefs.GetString(Prefix + "Key." + address, "");
                    s_Stored = (address, kept.Length > 0 ? kept : Keychain.Load(address));
                }
                return s_Stored.Value.Key;
            }
            set
            {
                var address = Address;
                s_Stored = (address, value);
                EditorPrefs.DeleteKey(Prefix + "Key." + address);
                if (value.Length == 0)
                    Keychain.Forget(address);
                else if (!Keychain.Store(address, value))
                    EditorPrefs.SetString(Prefix + "Key." + address, value);
            }
        }

        /// <summary>How to reach a server: the one of the preferences, unless another is named. Throws <see cref="Failure"/>.
        /// </summary>
        public static Connection Connection(ITransport transport, string? address = null)
        {
            address ??= Address;
            var key = address == Address ? Key : Keychain.Load(address);
            if (key.Length == 0)
                throw new Failure("no_key", Texts.Of("no_key_for_server", ("address", address)));
            return new Connection(address, key, transport);
        }
    }
}
