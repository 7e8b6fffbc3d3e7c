#nullable enable
using UnityEditor;
using UnityEngine;

namespace SphereLinks.Editor
{
    /// <summary>What has to be said where no window of ours need be open.</summary>
    internal static class Messages
    {
        public static string Of(Failure failure) => $"{failure.Message} {Texts.Hint(failure)}".TrimEnd();

        public static string Of(Problem problem) => $"{problem.Message} {Texts.Hint(problem.Code, problem.Hint)}".TrimEnd();

        public static void Warn(Failure failure) => Debug.LogWarning("SphereLinks: " + Of(failure));

        public static void Say(string text, Object? about = null) => Debug.Log("SphereLinks: " + text, about);

        /// <summary>In a dialog where somebody sees it; to the console besides.</summary>
        public static void Show(Failure failure)
        {
            Warn(failure);
            if (!Application.isBatchMode)
                EditorUtility.DisplayDialog("SphereLinks", Of(failure), "OK");
        }
    }
}
