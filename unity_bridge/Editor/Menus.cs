#nullable enable
using System;
using System.Linq;
using Newtonsoft.Json.Linq;
using UnityEditor;
using UnityEngine;

namespace SphereLinks.Editor
{
    internal static class Menus
    {
        private const string AssetsItem = "Assets/SphereLinks/Generate 3D Model";
        private const string ReplaceItem = "Assets/SphereLinks/Generate Again…";

        [MenuItem("Tools/SphereLinks/Generate 3D Model…")]
        private static void Open() => GenerateWindow.Open();

        [MenuItem("GameObject/3D Object/From Picture…", false, 100)]
        private static void FromPicture() => GenerateWindow.Open();

        /// <summary>Each of the selected textures, with the server's own options.</summary>
        [MenuItem(AssetsItem, false, 30)]
        private static void Selected()
        {
            var batch = Guid.NewGuid().ToString("N");
            try
            {
                foreach (var texture in Textures)
                {
                    var picture = Pictures.FromTexture(texture);
                    Submission.Send(picture, new JObject(), Placement.Standard(picture.Source), batch);
                }
            }
            catch (Failure failure)
            {
                Messages.Show(failure);
            }
            GenerateWindow.Open();
        }

        [MenuItem(AssetsItem, true)]
        private static bool MaySelected() => Textures.Length > 0;

        /// <summary>Opens the window so that what it makes takes the selected prefab's place.</summary>
        [MenuItem(ReplaceItem, false, 31)]
        private static void Replace() => GenerateWindow.OpenFor(SelectedPrefab);

        [MenuItem(ReplaceItem, true)]
        private static bool MayReplace() => SelectedPrefab.Length > 0;

        private static Texture2D[] Textures => Selection.GetFiltered<Texture2D>(SelectionMode.Assets);

        /// <summary>The path of the selected prefab that was made here; empty where none is.</summary>
        private static string SelectedPrefab
        {
            get
            {
                var paths = Selection.GetFiltered<GameObject>(SelectionMode.Assets)
                    .Select(AssetDatabase.GetAssetPath)
                    .Where(path => path.EndsWith(".prefab", StringComparison.Ordinal) && Provenance.GlbOf(path).Length > 0)
                    .ToList();
                return paths.Count == 1 ? paths[0] : "";
            }
        }
    }
}
