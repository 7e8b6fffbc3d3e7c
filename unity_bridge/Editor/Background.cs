#nullable enable
using System;
using System.Collections.Concurrent;
using System.Threading.Tasks;

namespace SphereLinks.Editor
{
    /// <summary>Short errands on other threads, whose outcomes are handed over on the main thread.</summary>
    internal static class Background
    {
        private static readonly ConcurrentQueue<Action> Due = new ConcurrentQueue<Action>();

        /// <summary>Does the work on another thread; <see cref="Drain"/> then calls one of the others with its outcome.
        /// A domain reload forgets it.</summary>
        public static void Run<T>(Func<Task<T>> work, Action<T> then, Action<Failure> sorry) => Task.Run(async () =>
        {
            try
            {
                var result = await work().ConfigureAwait(false);
                Due.Enqueue(() => then(result));
            }
            catch (Failure failure)
            {
                Due.Enqueue(() => sorry(failure));
            }
            catch (OperationCanceledException)
            {
                // nobody waits for it
            }
            catch (Exception error) // a fault of ours must not vanish with its thread
            {
                var fault = new Failure("internal_error", $"{error.GetType().Name}: {error.Message}", "Please report this.", inner: error);
                Due.Enqueue(() => sorry(fault));
            }
        });

        /// <summary>Calls what is due; whether there was anything.</summary>
        public static bool Drain()
        {
            var any = false;
            while (Due.TryDequeue(out var call))
            {
                any = true;
                call();
            }
            return any;
        }
    }
}
