using System;
using System.Linq;
using System.Runtime.CompilerServices;
using Newtonsoft.Json;
using Newtonsoft.Json.Linq;

namespace SphereLinks.Editor.Tests
{
    /// <summary>What the loop does in a domain.</summary>
    public static class Steps
    {
        /// <summary>What Unity does with InitializeOnLoad.</summary>
        public static void Load()
        {
            RuntimeHelpers.RunClassConstructor(typeof(Session).TypeHandle);
            RuntimeHelpers.RunClassConstructor(typeof(LocalServers).TypeHandle);
            Session.Runner.Pause = TimeSpan.FromMilliseconds(20);
        }

        public static void Submit(string name) =>
            Submission.Send(new Picture(name, "", new byte[] { 1, 2, 3 }), new JObject(), Placement.Standard("").InScene());

        public static bool AllEnded() => Session.Jobs.All().All(job => job.Ended);

        public static string Told() => new JArray(Session.Jobs.All().Select(job => job.ToJson())).ToString(Formatting.None);
    }
}
