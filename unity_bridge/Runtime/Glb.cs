#nullable enable
using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text;
using Newtonsoft.Json.Linq;

namespace SphereLinks
{
    /// <summary>A level of detail, or the asset itself where there are none, as a GLB has it.</summary>
    public sealed class GlbLevel
    {
        public string Mesh { get; }
        public string Material { get; }

        /// <summary>3 numbers, metres, in the file's axes; likewise the scale.</summary>
        public float[] Translation { get; }

        public float[] Scale { get; }

        public GlbLevel(string mesh, string material, float[] translation, float[] scale)
        {
            Mesh = mesh;
            Material = material;
            Translation = translation;
            Scale = scale;
        }
    }

    /// <summary>Binary glTF, as far as it must be known here: whether a file is whole, and what is in it.</summary>
    public sealed class Glb
    {
        private const uint Magic = 0x46546C67;
        private const uint JsonChunk = 0x4E4F534A;
        private readonly JObject _document;

        private Glb(JObject document) => _document = document;

        /// <summary>Throws <see cref="Failure"/> unless the file is a binary glTF 2 of the length that its header gives.</summary>
        public static void Check(string path)
        {
            using var file = File.OpenRead(path);
            using var reader = new BinaryReader(file);
            if (file.Length < 12 || reader.ReadUInt32() != Magic || reader.ReadUInt32() != 2)
                throw new Failure("bad_answer", "What the server sent as the asset is no GLB.");
            var length = reader.ReadUInt32();
            if (length != file.Length)
                throw new Failure(
                    "bad_answer", $"The asset came only in part: {file.Length} of {length} bytes.", transient: true);
        }

        /// <summary>Throws <see cref="Failure"/> where the file is whole but cannot be read.</summary>
        public static Glb Read(string path)
        {
            Check(path);
            using var file = File.OpenRead(path);
            using var reader = new BinaryReader(file);
            file.Seek(12, SeekOrigin.Begin);
            JObject? document = null;
            if (file.Length >= 20)
            {
                var length = reader.ReadUInt32();
                if (reader.ReadUInt32() == JsonChunk && length <= file.Length - 20)
                    document = Json.Object(Encoding.UTF8.GetString(reader.ReadBytes((int)length)));
            }
            return new Glb(document ?? throw new Failure("bad_answer", "What the server sent as the asset cannot be read."));
        }

        /// <summary>asset.extras: generator, options, seed and source; empty where there are none.</summary>
        public JObject Extras => (_document["asset"] as JObject)?["extras"] as JObject ?? new JObject();

        /// <summary>Extensions without which a program cannot read the file.</summary>
        public IReadOnlyList<string> Required =>
            (_document["extensionsRequired"] as JArray ?? new JArray()).Select(each => each.ToString()).ToList();

        /// <summary>The levels of detail, the finest first; one where there are none, none where there is no mesh.</summary>
        public IReadOnlyList<GlbLevel> Levels
        {
            get
            {
                var seen = Nodes.Where((node, index) => InScene(index) && node["mesh"] != null && !IsCollider(node)).ToList();
                var finest = seen.FirstOrDefault(node => Coarser(node).Any()) ?? seen.FirstOrDefault();
                if (finest == null)
                    return Array.Empty<GlbLevel>();
                return new[] { finest }.Concat(Coarser(finest)).Select(Level).ToList();
            }
        }

        /// <summary>The names of the nodes that are bodies for collisions.</summary>
        public IReadOnlyList<string> Colliders =>
            Nodes.Where(IsCollider).Select(node => Json.Text(node, "name")).ToList();

        /// <summary>Whether a node's name marks it as a body for collisions, as our files have it.</summary>
        public static bool IsCollider(string name) => name.EndsWith("-convcolonly", StringComparison.Ordinal);

        private static bool IsCollider(JObject node) => IsCollider(Json.Text(node, "name"));

        private List<JObject> Nodes => (_document["nodes"] as JArray ?? new JArray()).OfType<JObject>().ToList();

        private bool InScene(int node)
        {
            var scenes = _document["scenes"] as JArray ?? new JArray();
            var nodes = (scenes.ElementAtOrDefault(Json.Integer(_document, "scene") ?? 0) as JObject)?["nodes"] as JArray;
            return nodes != null && nodes.Any(each => (int)each == node);
        }

        private IEnumerable<JObject> Coarser(JObject node)
        {
            var ids = node.SelectToken("extensions.MSFT_lod.ids") as JArray ?? new JArray();
            return ids.Select(each => Nodes[(int)each]);
        }

        private GlbLevel Level(JObject node)
        {
            var mesh = (JObject)((JArray)_document["meshes"]!)[(int)node["mesh"]!];
            var material = mesh.SelectToken("primitives[0].material");
            return new GlbLevel(
                Json.Text(mesh, "name"),
                material == null ? "" : Json.Text((JObject)((JArray)_document["materials"]!)[(int)material], "name"),
                Vector(node, "translation", 0),
                Vector(node, "scale", 1));
        }

        private static float[] Vector(JObject node, string name, float otherwise) =>
            node[name] is JArray { Count: 3 } values
                ? values.Select(value => (float)value).ToArray()
                : new[] { otherwise, otherwise, otherwise };
    }
}
