// The part of UnityEngine that the package uses, with Unity's own signatures; api.csv says where each was checked. What
// they do is just enough for the package's editor code to run without Unity.
using System;
using System.Collections.Generic;
using System.Linq;

namespace UnityEngine
{
    public class Object
    {
        public string name { get; set; } = "";
        public HideFlags hideFlags { get; set; }
        public static void DestroyImmediate(Object obj) => obj._destroyed = true;
        public static bool operator ==(Object x, Object y) => Alive(x) == Alive(y);
        public static bool operator !=(Object x, Object y) => !(x == y);
        public override bool Equals(object other) => ReferenceEquals(this, other);
        public override int GetHashCode() => System.Runtime.CompilerServices.RuntimeHelpers.GetHashCode(this);
        private bool _destroyed;
        private static object Alive(Object each) => (object)each == null || each._destroyed ? null : (object)each;
    }

    [Flags]
    public enum HideFlags
    {
        None = 0,
        HideAndDontSave = 61,
    }

    [AttributeUsage(AttributeTargets.Field)]
    public sealed class SerializeField : Attribute
    {
    }

    public class ScriptableObject : Object
    {
        public static T CreateInstance<T>() where T : ScriptableObject => Activator.CreateInstance<T>();
    }

    public class Component : Object
    {
        public GameObject gameObject { get; internal set; }
        public Transform transform => gameObject.transform;
        public T GetComponent<T>() => gameObject.Components.OfType<T>().FirstOrDefault();
    }

    public class Behaviour : Component
    {
    }

    public class MonoBehaviour : Behaviour
    {
    }

    public class Transform : Component
    {
        public Vector3 position { get; set; }
        public Vector3 localPosition { get; set; }
        public Vector3 localScale { get; set; } = Vector3.one;

        public void SetParent(Transform parent, bool worldPositionStays)
        {
            Parent?.Children.Remove(this);
            Parent = parent;
            parent?.Children.Add(this);
        }

        internal Transform Parent;
        internal readonly List<Transform> Children = new List<Transform>();
    }

    public sealed class GameObject : Object
    {
        public GameObject(string name)
        {
            this.name = name;
            transform = new Transform { gameObject = this };
            Components.Add(transform);
        }

        public Transform transform { get; }

        public T AddComponent<T>() where T : Component
        {
            var component = Activator.CreateInstance<T>();
            component.gameObject = this;
            Components.Add(component);
            return component;
        }

        public T[] GetComponentsInChildren<T>(bool includeInactive) =>
            Components.OfType<T>().Concat(transform.Children.SelectMany(child => child.gameObject.GetComponentsInChildren<T>(true))).ToArray();

        internal readonly List<Component> Components = new List<Component>();
    }

    public struct Vector2
    {
        public float x;
        public float y;

        public Vector2(float x, float y)
        {
            this.x = x;
            this.y = y;
        }
    }

    public struct Vector3
    {
        public float x;
        public float y;
        public float z;

        public Vector3(float x, float y, float z)
        {
            this.x = x;
            this.y = y;
            this.z = z;
        }

        public static Vector3 zero => new Vector3(0, 0, 0);
        public static Vector3 one => new Vector3(1, 1, 1);
        public static Vector3 operator *(Vector3 a, float d) => new Vector3(a.x * d, a.y * d, a.z * d);
    }

    public class GUIContent
    {
        public GUIContent(string text, Texture image)
        {
        }
    }

    public struct Rect
    {
        public Rect(float x, float y, float width, float height)
        {
        }
    }

    public class Mesh : Object
    {
    }

    public class Material : Object
    {
    }

    public class Renderer : Component
    {
        public bool enabled { get; set; } = true;
        public Material sharedMaterial { get; set; }
    }

    public class MeshRenderer : Renderer
    {
    }

    public class MeshFilter : Component
    {
        public Mesh sharedMesh { get; set; }
    }

    public class Collider : Component
    {
    }

    public class MeshCollider : Collider
    {
        public Mesh sharedMesh { get; set; }
        public bool convex { get; set; }
    }

    public struct LOD
    {
        public float screenRelativeTransitionHeight;
        public Renderer[] renderers;

        public LOD(float screenRelativeTransitionHeight, Renderer[] renderers)
        {
            this.screenRelativeTransitionHeight = screenRelativeTransitionHeight;
            this.renderers = renderers;
        }
    }

    public class LODGroup : Component
    {
        public void SetLODs(LOD[] lods) => Lods = lods;

        public void RecalculateBounds()
        {
        }

        internal LOD[] Lods;
    }

    public class Texture : Object
    {
        public virtual int width { get; set; } = 2;
        public virtual int height { get; set; } = 2;
    }

    public enum TextureFormat
    {
        RGBA32 = 4,
    }

    public sealed class Texture2D : Texture
    {
        public Texture2D(int width, int height)
        {
        }

        public Texture2D(int width, int height, TextureFormat textureFormat, bool mipChain)
        {
        }

        public void ReadPixels(Rect source, int destX, int destY)
        {
        }

        public void Apply()
        {
        }
    }

    public static class ImageConversion
    {
        public static byte[] EncodeToPNG(this Texture2D tex) => new byte[] { 137, 80, 78, 71 };
        public static bool LoadImage(this Texture2D tex, byte[] data) => true;
    }

    public enum RenderTextureFormat
    {
        ARGB32 = 0,
    }

    public enum RenderTextureReadWrite
    {
        sRGB = 2,
    }

    public class RenderTexture : Texture
    {
        public static RenderTexture active { get; set; }
        public static RenderTexture GetTemporary(int width, int height, int depthBuffer, RenderTextureFormat format) => new RenderTexture();

        public static RenderTexture GetTemporary(
            int width, int height, int depthBuffer, RenderTextureFormat format, RenderTextureReadWrite readWrite) => new RenderTexture();

        public static void ReleaseTemporary(RenderTexture temp)
        {
        }
    }

    public class Graphics
    {
        public static void Blit(Texture source, RenderTexture dest)
        {
        }
    }

    public sealed class Camera : Behaviour
    {
        public int pixelWidth => 2;
        public int pixelHeight => 2;
        public RenderTexture targetTexture { get; set; }

        public void Render()
        {
        }
    }

    public enum ScaleMode
    {
        ScaleToFit = 2,
    }

    public enum SystemLanguage
    {
        Chinese = 6,
        English = 10,
        French = 14,
        German = 15,
        Japanese = 22,
        Spanish = 34,
        ChineseSimplified = 40,
    }

    public class Application
    {
        public static bool isBatchMode => Fake.Native.BatchMode;
        public static string persistentDataPath => "";
        public static SystemLanguage systemLanguage => SystemLanguage.English;

        public static void OpenURL(string url)
        {
        }
    }

    public class Debug
    {
        public static void Log(object message, Object context) => Fake.Native.Log.Add($"log: {message}");
        public static void Log(object message) => Fake.Native.Log.Add($"log: {message}");
        public static void LogWarning(object message) => Fake.Native.Log.Add($"warning: {message}");
        public static void LogError(object message) => Fake.Native.Log.Add($"error: {message}");
        public static void LogException(Exception exception) => Fake.Native.Log.Add($"exception: {exception}");
    }
}

namespace UnityEngine.SceneManagement
{
    public struct Scene
    {
        public string path => "Assets/Scenes/Main.unity";
    }

    public class SceneManager
    {
        public static Scene GetActiveScene() => new Scene();
    }
}
