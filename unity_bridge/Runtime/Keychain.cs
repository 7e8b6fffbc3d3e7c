#nullable enable
using System;
using System.Runtime.InteropServices;
using System.Text;

namespace SphereLinks
{
    /// <summary>
    /// API keys in the system's own store, one for each server: the Windows Credential Manager, <c>security</c> on macOS,
    /// <c>secret-tool</c> (GNOME Keyring, KWallet) on Linux. The programs are given the key on standard input, never as an
    /// argument, which others could read. Where what was written cannot be read back there is no store, and the caller
    /// keeps the key in another place.
    /// </summary>
    public static class Keychain
    {
        private const string Service = "SphereLinks";
        private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60); // a locked one asks its owner for a password

        /// <summary>Keeps a server's key; false where that cannot be done.</summary>
        public static bool Store(string address, string key)
        {
            if (Programs.IsWindows)
                WindowsCredentials.Write(Target(address), address, key);
            else if (Programs.IsMac)
                // read from standard input, whose lines are commands; -U replaces the key there is
                Programs.Output(
                    "security",
                    "-i",
                    $"add-generic-password -U -s {Service} -a {Programs.Quoted(address)} -w {Programs.Quoted(key)}\n",
                    Limit);
            else
                Programs.Output(
                    "secret-tool",
                    $"store {Programs.Quoted($"--label={Service} {address}")} service {Service} server {Programs.Quoted(address)}",
                    key,
                    Limit);
            return Load(address) == key;
        }

        /// <summary>A server's key; empty where the store has none, or there is no store.</summary>
        public static string Load(string address)
        {
            var found = Programs.IsWindows ? WindowsCredentials.Read(Target(address))
                : Programs.IsMac ? Programs.Output(
                    "security", $"find-generic-password -s {Service} -a {Programs.Quoted(address)} -w", "", Limit)
                : Programs.Output("secret-tool", $"lookup service {Service} server {Programs.Quoted(address)}", "", Limit);
            return (found ?? "").Trim();
        }

        /// <summary>Removes a server's key, if it has one.</summary>
        public static void Forget(string address)
        {
            if (Programs.IsWindows)
                WindowsCredentials.Delete(Target(address));
            else if (Programs.IsMac)
                Programs.Output("security", $"delete-generic-password -s {Service} -a {Programs.Quoted(address)}", "", Limit);
            else
                Programs.Output("secret-tool", $"clear service {Service} server {Programs.Quoted(address)}", "", Limit);
        }

        private static string Target(string address) => $"{Service}:{address}";
    }

    /// <summary>Generic credentials of wincred.h.</summary>
    internal static class WindowsCredentials
    {
        private const int Generic = 1;
        private const int LocalMachine = 2;

        [StructLayout(LayoutKind.Sequential, CharSet = CharSet.Unicode)]
        private struct Credential
        {
            public int Flags;
            public int Type;
            public string TargetName;
            public string? Comment;
            public long LastWritten;
            public int BlobSize;
            public IntPtr Blob;
            public int Persist;
            public int AttributeCount;
            public IntPtr Attributes;
            public string? TargetAlias;
            public string UserName;
        }

        [DllImport("advapi32.dll", EntryPoint = "CredWriteW", CharSet = CharSet.Unicode, SetLastError = true)]
        private static extern bool CredWrite(ref Credential credential, int flags);

        [DllImport("advapi32.dll", EntryPoint = "CredReadW", CharSet = CharSet.Unicode, SetLastError = true)]
        private static extern bool CredRead(string target, int type, int flags, out IntPtr credential);

        [DllImport("advapi32.dll", EntryPoint = "CredDeleteW", CharSet = CharSet.Unicode, SetLastError = true)]
        private static extern bool CredDelete(string target, int type, int flags);

        [DllImport("advapi32.dll")]
        private static extern void CredFree(IntPtr credential);

        public static void Write(string target, string user, string secret)
        {
            var bytes = Encoding.UTF8.GetBytes(secret);
            var blob = Marshal.AllocHGlobal(bytes.Length);
            try
            {
                Marshal.Copy(bytes, 0, blob, bytes.Length);
                var credential = new Credential
                {
                    Type = Generic,
                    TargetName = target,
                    UserName = user,
                    BlobSize = bytes.Length,
                    Blob = blob,
                    Persist = LocalMachine,
                };
                CredWrite(ref credential, 0);
            }
            finally
            {
                Marshal.FreeHGlobal(blob);
            }
        }

        public static string? Read(string target)
        {
            if (!CredRead(target, Generic, 0, out var found))
                return null;
            try
            {
                var credential = Marshal.PtrToStructure<Credential>(found);
                var bytes = new byte[credential.BlobSize];
                if (bytes.Length > 0)
                    Marshal.Copy(credential.Blob, bytes, 0, bytes.Length);
                return Encoding.UTF8.GetString(bytes);
            }
            finally
            {
                CredFree(found);
            }
        }

        public static void Delete(string target) => CredDelete(target, Generic, 0);
    }
}
