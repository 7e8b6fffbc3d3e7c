#nullable enable
using UnityEditor;
using UnityEditor.PackageManager;
using UnityEditor.PackageManager.Requests;

namespace SphereLinks.Editor
{
    /// <summary>The package that imports GLB files, and makes materials for each render pipeline.</summary>
    internal static class Gltfast
    {
        public const string Package = "com.unity.cloud.gltfast";

        private static AddRequest? s_Request;

        /// <summary>Set by the assembly definition where the package is there.</summary>
        public static bool IsInstalled
        {
            get
            {
#if SPHERELINKS_GLTFAST
                return true;
#else
                return false;
#endif
            }
        }

        /// <summary>Adds the package to the project; Unity reloads when it is there.</summary>
        public static void Install()
        {
            if (s_Request != null && !s_Request.IsCompleted)
                return;
            s_Request = Client.Add(Package);
            EditorApplication.update += Watch;
        }

        public static Failure Missing() => new Failure("no_importer", Texts.Of("no_importer", ("package", Package)));

        private static void Watch()
        {
            if (s_Request is not { IsCompleted: true })
                return;
            EditorApplication.update -= Watch;
            if (s_Request.Status == StatusCode.Failure)
                Messages.Show(new Failure("no_importer", s_Request.Error.message));
        }
    }
}
