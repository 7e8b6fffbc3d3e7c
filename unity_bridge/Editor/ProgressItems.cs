#nullable enable
using System;
using System.Collections.Generic;
using UnityEditor;

namespace SphereLinks.Editor
{
    /// <summary>Jobs at work, among the background tasks that Unity shows.</summary>
    internal static class ProgressItems
    {
        private static readonly Dictionary<string, int> Shown = new Dictionary<string, int>();

        public static void Show(IEnumerable<Job> jobs)
        {
            foreach (var job in jobs)
            {
                if (job.AtWork)
                    Report(job);
                else if (Shown.TryGetValue(job.Id, out var id))
                {
                    Shown.Remove(job.Id);
                    Progress.UnregisterCancelCallback(id);
                    Progress.Finish(id, job.State == JobState.Failed ? Progress.Status.Failed
                        : job.State == JobState.Cancelled ? Progress.Status.Canceled
                        : Progress.Status.Succeeded);
                }
            }
        }

        /// <summary>Removes all: what they call back is gone with the domain.</summary>
        public static void Clear()
        {
            foreach (var id in Shown.Values)
                Progress.Remove(id);
            Shown.Clear();
        }

        /// <summary>Where a job is, in words.</summary>
        public static string Told(Job job) => job.State == JobState.Working && job.Stage.Length > 0
            ? Texts.Of("stage_" + job.Stage)
            : Texts.Of("state_" + job.State.ToString().ToLowerInvariant());

        private static void Report(Job job)
        {
            if (!Shown.TryGetValue(job.Id, out var id))
            {
                id = Progress.Start("SphereLinks: " + job.Name, Told(job));
                Shown[job.Id] = id;
                Progress.RegisterCancelCallback(id, () => Cancel(job.Id));
            }
            Progress.Report(id, job.Progress / 100f, Told(job));
            if (job.Eta != null)
                Progress.SetRemainingTime(id, job.Eta.Value);
        }

        private static bool Cancel(string id)
        {
            try
            {
                if (Session.Jobs.Get(id) is { } job)
                    Session.Cancel(job);
                return true;
            }
            catch (Failure failure)
            {
                Messages.Warn(failure);
                return false;
            }
        }
    }
}
