#nullable enable
using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Threading;

namespace SphereLinks
{
    /// <summary>A token that a process holds as long as it lives, by a locked file in the folder of its jobs.</summary>
    internal sealed class Life : IDisposable
    {
        private const int TurnMs = 5000;
        private readonly string _folder;
        private readonly FileStream _held;

        public string Token { get; } = Guid.NewGuid().ToString("N");

        /// <summary>Throws IOException, UnauthorizedAccessException.</summary>
        public Life(string folder)
        {
            _folder = folder;
            using (Turn() ?? throw new IOException($"{folder} is in use by another program."))
                _held = Locked(PathOf(Token), FileMode.Create) ?? throw new IOException($"{PathOf(Token)} cannot be locked.");
        }

        /// <summary>Calls this with a test of whether an owner has ended, while nobody else does; then removes what those
        /// that ended have left. Not called where others are at it for too long.</summary>
        public void WithDead(Action<Func<string, bool>> then)
        {
            using var turn = Turn();
            if (turn == null)
                return;
            var dead = new Dictionary<string, bool>();
            bool IsDead(string owner)
            {
                if (!dead.TryGetValue(owner, out var known))
                    dead[owner] = known = owner != Token && !Lives(owner);
                return known;
            }
            then(IsDead);
            foreach (var path in Directory.GetFiles(_folder, "*.alive"))
                if (IsDead(Path.GetFileNameWithoutExtension(path)))
                    Files.Remove(path);
        }

        public void Dispose() => _held.Dispose();

        private string PathOf(string token) => Path.Combine(_folder, token + ".alive");

        private bool Lives(string token)
        {
            if (!File.Exists(PathOf(token)))
                return false;
            using var file = Locked(PathOf(token), FileMode.Open);
            return file == null;
        }

        /// <summary>Held by one at a time; null where others hold it for too long.</summary>
        private FileStream? Turn()
        {
            var path = Path.Combine(_folder, "turn.lock");
            for (var waited = 0; waited < TurnMs; waited += 20)
            {
                if (Locked(path, FileMode.OpenOrCreate) is { } file)
                    return file;
                Thread.Sleep(20);
            }
            return null;
        }

        /// <summary>The file, locked for this process until it is closed or the process ends; null where another has it.
        /// </summary>
        private static FileStream? Locked(string path, FileMode mode)
        {
            FileStream? file = null;
            try
            {
                file = new FileStream(path, mode, FileAccess.ReadWrite, FileShare.None);
                try
                {
                    file.Lock(0, 1); // on Unix mono's FileShare holds within the process alone
                }
                catch (PlatformNotSupportedException)
                {
                    // .NET on macOS, where FileShare holds for all
                }
                return file;
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                file?.Dispose();
                return null;
            }
        }
    }
}
