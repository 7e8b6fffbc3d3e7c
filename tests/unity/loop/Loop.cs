using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Reflection;
using System.Runtime.Loader;
using System.Threading;
using Newtonsoft.Json.Linq;
using UnityEngine;
using Object = UnityEngine.Object;

/// <summary>
/// An editor without Unity: frames go by, pictures are submitted, and at random moments the domain is reloaded, the editor
/// compiles or plays. Loop.exe ADDRESS SCHEDULES FOLDER PACKAGE prints a line for each schedule: jobs and what became of them.
/// </summary>
public static class Loop
{
    private const int LimitFrames = 1500;

    public static int Main(string[] arguments)
    {
        var (address, schedules, root, package) = (arguments[0], int.Parse(arguments[1]), arguments[2], arguments[3]);
        Environment.SetEnvironmentVariable("SPHERELINKS_KEY", "sk_loop");
        Fake.Native.Preferences["SphereLinks.Address"] = address;
        Fake.Native.Importer = Import;
        for (var seed = 0; seed < schedules; seed++)
        {
            var project = Path.Combine(root, "project" + seed);
            Directory.CreateDirectory(Path.Combine(project, "Packages"));
            Directory.CreateSymbolicLink(Path.Combine(project, "Packages", "com.spherelinks.bridge"), package);
            Directory.SetCurrentDirectory(project);
            Console.Out.WriteLine(Run(new System.Random(seed), seed));
            Console.Out.Flush();
        }
        return 0;
    }

    private static string Run(System.Random random, int seed)
    {
        foreach (var store in new System.Collections.IDictionary[] { Fake.Native.Assets, Fake.Native.Prefabs, Fake.Native.UserData, Fake.Native.Labels })
            store.Clear();
        Fake.Native.Scene.Clear();
        Fake.Native.Log.Clear();
        var wanted = random.Next(1, 4);
        var wantedReloads = random.Next(1, 3);
        var (submitted, reloads) = (0, 0);
        var domain = new Domain();
        for (var frame = 0; frame < LimitFrames; frame++)
        {
            if (submitted < wanted && random.Next(4) == 0)
                domain.Call("Submit", "mug" + submitted++);
            if (reloads < wantedReloads && random.Next(8) == 0)
            {
                reloads++;
                Fake.Native.BeforeReload();
                Fake.Native.Unhook();
                domain = new Domain();
            }
            Fake.Native.Compiling = random.Next(10) == 0;
            Fake.Native.Playing = random.Next(10) == 0;
            Fake.Native.Frame(0.3);
            Thread.Sleep(random.Next(8));
            if (submitted == wanted && (bool)domain.Call("AllEnded"))
                break;
        }
        var told = (string)domain.Call("Told");
        Fake.Native.Compiling = Fake.Native.Playing = false;
        Fake.Native.Quit();
        Fake.Native.Unhook();
        var wrong = Fake.Native.Log.Where(line => line.StartsWith("exception")).ToList();
        return $"{{\"seed\": {seed}, \"submitted\": {submitted}, \"reloads\": {reloads}, \"prefabs\": {Fake.Native.Prefabs.Count}, "
            + $"\"inScene\": {Fake.Native.Scene.Count}, \"progress\": {Fake.Native.ProgressItems.Count}, \"wrong\": {wrong.Count}, \"jobs\": {told}}}";
    }

    /// <summary>As glTFast does: the scene's nodes below one object, and every mesh and material of the file.</summary>
    private static Object[] Import(string path)
    {
        var file = File.ReadAllBytes(path);
        var document = JObject.Parse(System.Text.Encoding.UTF8.GetString(file, 20, BitConverter.ToInt32(file, 12)));
        var meshes = document["meshes"].Select(each => new Mesh { name = (string)each["name"] }).ToList();
        var materials = document["materials"].Select(each => new Material { name = (string)each["name"] });
        var model = new GameObject("Scene");
        foreach (var node in document["scenes"][0]["nodes"].Select(each => document["nodes"][(int)each]))
        {
            var child = new GameObject((string)node["name"]);
            child.AddComponent<MeshFilter>().sharedMesh = meshes[(int)node["mesh"]];
            child.AddComponent<MeshRenderer>();
            child.transform.SetParent(model.transform, false);
        }
        return new Object[] { model }.Concat(meshes).Concat(materials).ToArray();
    }

    /// <summary>The package's assemblies, anew; the engine's stay, for they have no state of managed code here.</summary>
    private sealed class Domain : AssemblyLoadContext
    {
        private static readonly string[] Own = { "SphereLinks", "SphereLinks.Editor", "SphereLinks.Editor.Tests" };
        private readonly Type _steps;

        public Domain()
            : base(isCollectible: true)
        {
            var tests = LoadFromAssemblyName(new AssemblyName("SphereLinks.Editor.Tests"));
            _steps = tests.GetType("SphereLinks.Editor.Tests.Steps");
            Call("Load");
        }

        public object Call(string step, params object[] arguments) => _steps.GetMethod(step).Invoke(null, arguments);

        protected override Assembly Load(AssemblyName name) =>
            Own.Contains(name.Name) ? LoadFromAssemblyPath(Path.Combine(AppContext.BaseDirectory, name.Name + ".dll")) : null;
    }
}
