#nullable enable
using System.Linq;
using Newtonsoft.Json.Linq;
using UnityEditor;
using UnityEngine;
using UnityEngine.SceneManagement;

namespace SphereLinks.Editor
{
    /// <summary>Where and how a job's model comes into the project: fixed when it is asked for, kept with the job.</summary>
    internal sealed record Placement
    {
        /// <summary>Where the GLB and the prefab go, below Assets.</summary>
        public string Folder { get; init; } = "Assets";

        public float Scale { get; init; } = 1f;
        public bool Collider { get; init; }
        public bool LodGroup { get; init; }

        /// <summary>The picture's path, for the provenance.</summary>
        public string Picture { get; init; } = "";

        /// <summary>The scene in which an instance is to stand; null for none, empty for one that was never saved.</summary>
        public string? Scene { get; init; }

        public Vector3 Position { get; init; }

        /// <summary>The prefab that is made anew; empty for a new one.</summary>
        public string Replace { get; init; } = "";

        /// <summary>The GLB and the prefab, as soon as their names are chosen: whoever goes on after a crash takes the same.
        /// </summary>
        public string Glb { get; init; } = "";

        public string Prefab { get; init; } = "";

        /// <summary>As the project's settings have it, in no scene.</summary>
        public static Placement Standard(string picture)
        {
            var settings = ProjectSettings.instance;
            return new Placement
            {
                Folder = settings.folder,
                Scale = settings.scale,
                Collider = settings.collider,
                LodGroup = settings.lodGroup,
                Picture = picture,
            };
        }

        /// <summary>At the pivot of the Scene view, in the scene that is open.</summary>
        public Placement InScene()
        {
            var view = SceneView.lastActiveSceneView;
            return this with { Scene = SceneManager.GetActiveScene().path, Position = view == null ? Vector3.zero : view.pivot };
        }

        public JObject ToJson() => new JObject
        {
            ["folder"] = Folder,
            ["scale"] = Scale,
            ["collider"] = Collider,
            ["lodGroup"] = LodGroup,
            ["picture"] = Picture,
            ["scene"] = Scene,
            ["position"] = new JArray(Position.x, Position.y, Position.z),
            ["replace"] = Replace,
            ["glb"] = Glb,
            ["prefab"] = Prefab,
        };

        public static Placement FromJson(JObject from)
        {
            var position = (from["position"] as JArray ?? new JArray()).Select(each => (float)each).ToList();
            return new Placement
            {
                Folder = Json.Text(from, "folder"),
                Scale = (float)(Json.Number(from, "scale") ?? 1),
                Collider = Json.True(from, "collider"),
                LodGroup = Json.True(from, "lodGroup"),
                Picture = Json.Text(from, "picture"),
                Scene = from["scene"] is JValue { Value: string scene } ? scene : null,
                Position = position.Count == 3 ? new Vector3(position[0], position[1], position[2]) : Vector3.zero,
                Replace = Json.Text(from, "replace"),
                Glb = Json.Text(from, "glb"),
                Prefab = Json.Text(from, "prefab"),
            };
        }
    }
}
