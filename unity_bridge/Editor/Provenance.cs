#nullable enable
using System.Linq;
using Newtonsoft.Json.Linq;
using UnityEditor;
using UnityEngine;

namespace SphereLinks.Editor
{
    /// <summary>Where an asset is from: a label to search for, and the rest in the user data of its .meta file.</summary>
    internal static class Provenance
    {
        public const string Label = "SphereLinks";

        public static void Write(string path, Job job, Placement placement)
        {
            var asset = AssetDatabase.LoadMainAssetAtPath(path);
            AssetDatabase.SetLabels(asset, AssetDatabase.GetLabels(asset).Append(Label).Distinct().ToArray());
            var importer = AssetImporter.GetAtPath(path);
            importer.userData = Json.Text(new JObject
            {
                ["spherelinks"] = new JObject
                {
                    ["job"] = job.ServerId,
                    ["server"] = job.Server,
                    ["picture"] = placement.Picture,
                    ["sha256"] = job.Digest,
                    ["options"] = job.Options,
                    ["glb"] = AssetDatabase.AssetPathToGUID(placement.Glb),
                },
            });
            importer.SaveAndReimport();
        }

        /// <summary>The path of the GLB that a prefab was made of; empty where the prefab is not ours, or the GLB is gone.
        /// </summary>
        public static string GlbOf(string prefab)
        {
            var importer = AssetImporter.GetAtPath(prefab);
            var told = importer == null ? null : Json.Object(importer.userData)?["spherelinks"] as JObject;
            return AssetDatabase.GUIDToAssetPath(Json.Text(told, "glb"));
        }
    }
}
