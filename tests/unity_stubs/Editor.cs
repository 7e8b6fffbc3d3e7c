// The part of UnityEditor that the package uses, with Unity's own signatures; api.csv says where each was checked.
using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using UnityEngine;
using UnityEngine.UIElements;
using Object = UnityEngine.Object;

namespace UnityEditor
{
    [AttributeUsage(AttributeTargets.Class)]
    public class InitializeOnLoadAttribute : Attribute
    {
    }

    [AttributeUsage(AttributeTargets.Method, AllowMultiple = true)]
    public sealed class MenuItem : Attribute
    {
        public MenuItem(string itemName)
        {
        }

        public MenuItem(string itemName, bool isValidateFunction)
        {
        }

        public MenuItem(string itemName, bool isValidateFunction, int priority)
        {
        }
    }

    [AttributeUsage(AttributeTargets.Class)]
    public class FilePathAttribute : Attribute
    {
        public enum Location
        {
            PreferencesFolder,
            ProjectFolder,
        }

        public FilePathAttribute(string relativePath, Location location)
        {
        }
    }

    public class ScriptableSingleton<T> : ScriptableObject where T : ScriptableObject
    {
        private static T s_Instance;
        public static T instance => s_Instance ??= CreateInstance<T>();

        protected virtual void Save(bool saveAsText)
        {
        }
    }

    public static class EditorPrefs
    {
        public static string GetString(string key, string defaultValue) =>
            Fake.Native.Preferences.TryGetValue(key, out var value) ? value : defaultValue;

        public static void SetString(string key, string value) => Fake.Native.Preferences[key] = value;
        public static int GetInt(string key, int defaultValue) => int.Parse(GetString(key, defaultValue.ToString()));
        public static void SetInt(string key, int value) => SetString(key, value.ToString());
        public static bool HasKey(string key) => Fake.Native.Preferences.ContainsKey(key);
        public static void DeleteKey(string key) => Fake.Native.Preferences.Remove(key);
    }

    public static class SessionState
    {
        public static void SetInt(string key, int value) => Fake.Native.Session[key] = value;
        public static int GetInt(string key, int defaultValue) => Fake.Native.Session.TryGetValue(key, out var value) ? value : defaultValue;
        public static void EraseInt(string key) => Fake.Native.Session.Remove(key);
    }

    public sealed class EditorApplication
    {
        public delegate void CallbackFunction();

        public static CallbackFunction update;
        public static event Action quitting;
        public static bool isCompiling => Fake.Native.Compiling;
        public static bool isUpdating => false;
        public static bool isPlayingOrWillChangePlaymode => Fake.Native.Playing;
        public static double timeSinceStartup => Fake.Native.Time;
        public static void Exit(int returnValue) => Fake.Native.ExitCode = returnValue;
        internal static void Unhook() => (update, quitting) = (null, null);
        internal static void RaiseQuitting() => quitting?.Invoke();
    }

    public static class AssemblyReloadEvents
    {
        public delegate void AssemblyReloadCallback();

        public static event AssemblyReloadCallback beforeAssemblyReload;
        internal static void Raise() => beforeAssemblyReload?.Invoke();
        internal static void Unhook() => beforeAssemblyReload = null;
    }

    public static class Progress
    {
        public enum Status
        {
            Running,
            Succeeded,
            Failed,
            Canceled,
            Paused,
        }

        [Flags]
        public enum Options
        {
            None = 0,
        }

        public static int Start(string name, string description = null, Options options = Options.None, int parentId = -1)
        {
            Fake.Native.ProgressItems[++Fake.Native.NextProgress] = name;
            return Fake.Native.NextProgress;
        }

        public static void Finish(int id, Status status = Status.Succeeded) => Fake.Native.ProgressItems.Remove(id);

        public static int Remove(int id)
        {
            Fake.Native.ProgressItems.Remove(id);
            return id;
        }

        public static void Report(int id, float progress, string description)
        {
            if (!Fake.Native.ProgressItems.ContainsKey(id))
                throw new ArgumentException("no such item");
        }

        public static void RegisterCancelCallback(int id, Func<bool> callback)
        {
        }

        public static void UnregisterCancelCallback(int id)
        {
        }

        public static void SetRemainingTime(int id, long seconds)
        {
        }
    }

    [Flags]
    public enum ImportAssetOptions
    {
        Default = 0,
        ForceUpdate = 1,
        ForceSynchronousImport = 8,
    }

    public sealed class AssetDatabase
    {
        public static bool IsAssetImportWorkerProcess() => false;

        public static void ImportAsset(string path, ImportAssetOptions options)
        {
            if (!File.Exists(path))
                throw new FileNotFoundException(path);
            Fake.Native.Assets[path] = Fake.Native.Importer(path) ?? new Object[0];
            if (!File.Exists(path + ".meta"))
                File.WriteAllText(path + ".meta", "guid: " + Guid.NewGuid().ToString("N"));
        }

        public static T LoadAssetAtPath<T>(string assetPath) where T : Object => LoadAllAssetsAtPath(assetPath).OfType<T>().FirstOrDefault();
        public static Object LoadMainAssetAtPath(string assetPath) => LoadAllAssetsAtPath(assetPath).FirstOrDefault();

        public static Object[] LoadAllAssetsAtPath(string assetPath) =>
            Fake.Native.Prefabs.TryGetValue(assetPath, out var prefab) ? new Object[] { prefab }
            : Fake.Native.Assets.TryGetValue(assetPath, out var assets) ? assets : new Object[0];

        public static string GetAssetPath(Object assetObject) =>
            Fake.Native.Assets.FirstOrDefault(pair => pair.Value.Contains(assetObject)).Key ?? "";

        public static string[] GetLabels(Object obj) => Fake.Native.Labels.TryGetValue(Of(obj), out var labels) ? labels : new string[0];
        public static void SetLabels(Object obj, string[] labels) => Fake.Native.Labels[Of(obj)] = labels;

        public static string AssetPathToGUID(string path) =>
            File.Exists(path + ".meta") ? File.ReadAllText(path + ".meta").Substring(6) : "";

        public static string GUIDToAssetPath(string guid) =>
            Fake.Native.Assets.Keys.FirstOrDefault(path => guid.Length > 0 && AssetPathToGUID(path) == guid) ?? "";

        private static string Of(Object asset) => Fake.Native.Prefabs.FirstOrDefault(pair => pair.Value == asset).Key ?? GetAssetPath(asset);
    }

    public class AssetImporter : Object
    {
        private string _path;

        public string userData
        {
            get => Fake.Native.UserData.TryGetValue(_path, out var value) ? value : "";
            set => Fake.Native.UserData[_path] = value;
        }

        public static AssetImporter GetAtPath(string path) => File.Exists(path) ? new AssetImporter { _path = path } : null;

        public void SaveAndReimport()
        {
            if (!_path.EndsWith(".prefab"))
                AssetDatabase.ImportAsset(_path, ImportAssetOptions.ForceUpdate);
        }
    }

    public static class PrefabUtility
    {
        public static Object InstantiatePrefab(Object assetComponentOrGameObject, Transform parent)
        {
            var instance = (GameObject)InstantiatePrefab(assetComponentOrGameObject);
            Fake.Native.Scene.Remove(instance);
            instance.transform.SetParent(parent, false);
            return instance;
        }

        public static Object InstantiatePrefab(Object assetComponentOrGameObject)
        {
            var instance = Copy((GameObject)assetComponentOrGameObject);
            Fake.Native.Scene.Add(instance);
            return instance;
        }

        public static GameObject SaveAsPrefabAsset(GameObject instanceRoot, string assetPath, out bool success)
        {
            File.WriteAllText(assetPath, instanceRoot.name);
            if (!File.Exists(assetPath + ".meta"))
                File.WriteAllText(assetPath + ".meta", "guid: " + Guid.NewGuid().ToString("N"));
            success = true;
            return Fake.Native.Prefabs[assetPath] = Copy(instanceRoot);
        }

        private static GameObject Copy(GameObject from)
        {
            var copy = new GameObject(from.name);
            copy.transform.localPosition = from.transform.localPosition;
            copy.transform.localScale = from.transform.localScale;
            foreach (var component in from.Components.Where(each => !(each is Transform)))
            {
                if (component is MeshFilter filter)
                    copy.AddComponent<MeshFilter>().sharedMesh = filter.sharedMesh;
                if (component is MeshRenderer renderer)
                {
                    var made = copy.AddComponent<MeshRenderer>();
                    (made.enabled, made.sharedMaterial) = (renderer.enabled, renderer.sharedMaterial);
                }
                if (component is MeshCollider collider)
                {
                    var made = copy.AddComponent<MeshCollider>();
                    (made.sharedMesh, made.convex) = (collider.sharedMesh, collider.convex);
                }
                if (component is LODGroup group)
                    copy.AddComponent<LODGroup>().SetLODs(group.Lods);
            }
            foreach (var child in from.transform.Children)
                Copy(child.gameObject).transform.SetParent(copy.transform, false);
            return copy;
        }
    }

    public class Undo
    {
        public static void RegisterCreatedObjectUndo(Object objectToUndo, string name) => Fake.Native.Log.Add("undo: " + name);
    }

    public enum SelectionMode
    {
        Assets = 16,
    }

    public sealed class Selection
    {
        public static GameObject activeGameObject { get; set; }
        public static T[] GetFiltered<T>(SelectionMode mode) => new T[0];
    }

    public class EditorUtility
    {
        public static bool DisplayDialog(string title, string message, string ok)
        {
            Fake.Native.Log.Add("dialog: " + message);
            return true;
        }

        public static bool DisplayDialog(string title, string message, string ok, string cancel) => true;
        public static string OpenFilePanelWithFilters(string title, string directory, string[] filters) => "";
    }

    public sealed class EditorGUIUtility
    {
        public static string systemCopyBuffer { get; set; } = "";
    }

    public class DragAndDrop
    {
        public static DragAndDropVisualMode visualMode { get; set; }
        public static string[] paths { get; set; } = new string[0];
        public static Object[] objectReferences { get; set; } = new Object[0];

        public static void AcceptDrag()
        {
        }
    }

    public enum DragAndDropVisualMode
    {
        Copy = 1,
    }

    public class SceneView : EditorWindow
    {
        public static SceneView lastActiveSceneView => null;
        public Camera camera => null;
        public Vector3 pivot { get; set; }
    }

    public class EditorWindow : ScriptableObject
    {
        public VisualElement rootVisualElement { get; } = new VisualElement();
        public Vector2 minSize { get; set; }
        public GUIContent titleContent { get; set; }
        public static T GetWindow<T>(string title) where T : EditorWindow => CreateInstance<T>();
    }

    public enum SettingsScope
    {
        User = 0,
        Project = 1,
    }

    [AttributeUsage(AttributeTargets.Method)]
    public class SettingsProviderAttribute : Attribute
    {
    }

    public class SettingsProvider
    {
        public SettingsProvider(string path, SettingsScope scopes, IEnumerable<string> keywords = null)
        {
        }

        public string label { get; set; }
        public Action<string, VisualElement> activateHandler { get; set; }
    }

    public sealed class SettingsService
    {
        public static EditorWindow OpenUserPreferences(string settingsPath = null) => null;
    }
}

namespace UnityEditor.UIElements
{
    public class ObjectField : BaseField<Object>
    {
        public Type objectType { get; set; }
    }
}

namespace UnityEditor.PackageManager
{
    public enum StatusCode
    {
        InProgress,
        Success,
        Failure,
    }

    public class Error
    {
        public string message => "";
    }

    public static class Client
    {
        public static Requests.AddRequest Add(string identifier) => new Requests.AddRequest();
    }
}

namespace UnityEditor.PackageManager.Requests
{
    public abstract class Request
    {
        public StatusCode Status => StatusCode.Success;
        public bool IsCompleted => true;
        public Error Error => null;
    }

    public class AddRequest : Request
    {
    }
}
