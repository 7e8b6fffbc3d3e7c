#nullable enable
using System;
using UnityEditor;

namespace SphereLinks.Editor
{
    /// <summary>How models come into this project; shared by all who work on it.</summary>
    [FilePath("ProjectSettings/SphereLinks.asset", FilePathAttribute.Location.ProjectFolder)]
    internal sealed class ProjectSettings : ScriptableSingleton<ProjectSettings>
    {
        /// <summary>Where models go, below Assets.</summary>
        public string folder = "Assets/SphereLinks";

        /// <summary>Of the prefab's root: 1 leaves metres as they are.</summary>
        public float scale = 1f;

        /// <summary>Bodies for collisions get a MeshCollider.</summary>
        public bool collider = true;

        /// <summary>Levels of detail get a LODGroup.</summary>
        public bool lodGroup = true;

        /// <summary>Throws ArgumentException for a folder outside Assets, or a scale that is none.</summary>
        public void Change(string newFolder, float newScale, bool newCollider, bool newLodGroup)
        {
            newFolder = newFolder.Trim().Replace('\\', '/').TrimEnd('/');
            if (newFolder != "Assets" && !newFolder.StartsWith("Assets/", StringComparison.Ordinal) || newFolder.Contains("/.."))
                throw new ArgumentException(Texts.Of("folder_outside", ("folder", newFolder)));
            if (!(newScale > 0) || float.IsInfinity(newScale))
                throw new ArgumentException(Texts.Of("scale_invalid", ("scale", newScale)));
            folder = newFolder;
            scale = newScale;
            collider = newCollider;
            lodGroup = newLodGroup;
            Save(true);
        }
    }
}
