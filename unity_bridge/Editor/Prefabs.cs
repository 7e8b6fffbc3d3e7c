#nullable enable
using System;
using System.Collections.Generic;
using System.Linq;
using UnityEditor;
using UnityEngine;
using Object = UnityEngine.Object;

namespace SphereLinks.Editor
{
    /// <summary>Prefabs of imported GLB files: with colliders and levels of detail, which importers leave as they are.</summary>
    internal static class Prefabs
    {
        /// <summary>Part of the screen's height below which nothing is drawn.</summary>
        private const float Culled = 0.01f;

        /// <summary>Writes a prefab that holds the model; one that is there keeps its GUID. Throws <see cref="Failure"/>.</summary>
        public static GameObject Save(GameObject model, Glb glb, Placement placement)
        {
            var root = new GameObject(System.IO.Path.GetFileNameWithoutExtension(placement.Prefab));
            try
            {
                var instance = (GameObject)PrefabUtility.InstantiatePrefab(model, root.transform);
                instance.transform.SetParent(root.transform, false);
                var visible = new List<Renderer>();
                foreach (var renderer in instance.GetComponentsInChildren<MeshRenderer>(true))
                {
                    if (Glb.IsCollider(renderer.gameObject.name))
                        MakeCollider(renderer, placement.Collider);
                    else
                        visible.Add(renderer);
                }
                if (placement.LodGroup && glb.Levels.Count > 1)
                    AddLevels(root, glb.Levels, visible, placement.Glb);
                root.transform.localScale = Vector3.one * placement.Scale;
                var prefab = PrefabUtility.SaveAsPrefabAsset(root, placement.Prefab, out var saved);
                if (!saved)
                    throw new Failure("file_error", Texts.Of("prefab_not_saved", ("path", placement.Prefab)));
                return prefab;
            }
            finally
            {
                Object.DestroyImmediate(root);
            }
        }

        /// <summary>Screen heights, as parts of 1, down to which each of so many levels is shown.</summary>
        public static float[] Heights(int levels) =>
            Enumerable.Range(1, levels).Select(level => level == levels ? Culled : (float)Math.Pow(0.5, level)).ToArray();

        private static void MakeCollider(MeshRenderer renderer, bool wanted)
        {
            renderer.enabled = false;
            if (!wanted)
                return;
            var body = renderer.gameObject.AddComponent<MeshCollider>();
            body.sharedMesh = renderer.GetComponent<MeshFilter>().sharedMesh;
            body.convex = true;
        }

        private static void AddLevels(GameObject root, IReadOnlyList<GlbLevel> levels, List<Renderer> finest, string path)
        {
            // the coarser ones are in no scene of the file: the importer brings their meshes and materials alone
            var parts = AssetDatabase.LoadAllAssetsAtPath(path);
            var heights = Heights(levels.Count);
            var lods = new LOD[levels.Count];
            lods[0] = new LOD(heights[0], finest.ToArray());
            for (var i = 1; i < levels.Count; i++)
            {
                var level = levels[i];
                var mesh = parts.OfType<Mesh>().FirstOrDefault(part => part.name == level.Mesh);
                var material = parts.OfType<Material>().FirstOrDefault(part => part.name == level.Material);
                if (mesh == null || material == null)
                    throw new Failure(
                        "import_failed", Texts.Of("level_missing", ("name", level.Mesh), ("path", path)), Texts.Of("hint_import_failed"));
                var node = new GameObject(level.Mesh);
                node.transform.SetParent(root.transform, false);
                // glTF is right-handed: the importer mirrors X
                node.transform.localPosition = new Vector3(-level.Translation[0], level.Translation[1], level.Translation[2]);
                node.transform.localScale = new Vector3(level.Scale[0], level.Scale[1], level.Scale[2]);
                node.AddComponent<MeshFilter>().sharedMesh = mesh;
                var renderer = node.AddComponent<MeshRenderer>();
                renderer.sharedMaterial = material;
                lods[i] = new LOD(heights[i], new Renderer[] { renderer });
            }
            var group = root.AddComponent<LODGroup>();
            group.SetLODs(lods);
            group.RecalculateBounds();
        }
    }
}
