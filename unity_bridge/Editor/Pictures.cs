#nullable enable
using System;
using System.IO;
using UnityEditor;
using UnityEngine;
using Object = UnityEngine.Object;

namespace SphereLinks.Editor
{
    /// <summary>A picture to send: what it is called, where it is from, and its file's bytes.</summary>
    internal sealed class Picture
    {
        public string Name { get; }
        public string Source { get; }
        public byte[] Data { get; }

        public Picture(string name, string source, byte[] data)
        {
            Name = name;
            Source = source;
            Data = data;
        }
    }

    /// <summary>Pictures from wherever a user has one. All throw <see cref="Failure"/>.</summary>
    internal static class Pictures
    {
        /// <summary>Longest side of what is sent, px: a server uses no more.</summary>
        private const int Side = 2048;

        public static bool IsFile(string path)
        {
            var ending = Path.GetExtension(path).ToLowerInvariant();
            return ending is ".png" or ".jpg" or ".jpeg" or ".webp";
        }

        public static Picture FromFile(string path)
        {
            try
            {
                if (new FileInfo(path).Length > Server.MaxPicture)
                    throw new Failure("picture_too_large", Texts.Of("picture_over_limit", ("name", Path.GetFileName(path))));
                return new Picture(Path.GetFileNameWithoutExtension(path), path, File.ReadAllBytes(path));
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
            {
                throw new Failure("file_error", Texts.Of("file_unreadable", ("path", path), ("reason", error.Message)), inner: error);
            }
        }

        /// <summary>A texture of the project: its file where a server reads that, else its pixels.</summary>
        public static Picture FromTexture(Texture texture)
        {
            var path = AssetDatabase.GetAssetPath(texture);
            return IsFile(path) && File.Exists(path) ? FromFile(path) : new Picture(texture.name, path, Encoded(texture));
        }

        /// <summary>The path of a picture on the clipboard; its pixels are out of Unity's reach.</summary>
        public static Picture FromClipboard()
        {
            var text = EditorGUIUtility.systemCopyBuffer.Trim().Trim('"');
            if (text.StartsWith("file://", StringComparison.Ordinal) && Uri.TryCreate(text, UriKind.Absolute, out var uri))
                text = uri.LocalPath;
            if (text.IndexOfAny(Path.GetInvalidPathChars()) >= 0 || !IsFile(text) || !File.Exists(text))
                throw new Failure("no_picture", Texts.Of("clipboard_empty"), Texts.Of("hint_copy_picture"));
            return FromFile(text);
        }

        /// <summary>What the Scene view shows, without gizmos.</summary>
        public static Picture FromSceneView()
        {
            var view = SceneView.lastActiveSceneView;
            if (view == null || view.camera == null)
                throw new Failure("no_picture", Texts.Of("no_scene_view"), Texts.Of("hint_open_scene_view"));
            var camera = view.camera;
            var scale = Math.Min(1f, Side / (float)Math.Max(1, Math.Max(camera.pixelWidth, camera.pixelHeight)));
            var target = RenderTexture.GetTemporary(
                Math.Max(1, (int)(camera.pixelWidth * scale)), Math.Max(1, (int)(camera.pixelHeight * scale)), 24, RenderTextureFormat.ARGB32);
            var before = camera.targetTexture;
            try
            {
                camera.targetTexture = target;
                camera.Render();
                return new Picture("Scene", "", Encoded(target));
            }
            finally
            {
                camera.targetTexture = before;
                RenderTexture.ReleaseTemporary(target);
            }
        }

        /// <summary>A PNG of a texture that need not be readable.</summary>
        private static byte[] Encoded(Texture texture)
        {
            var scale = Math.Min(1f, Side / (float)Math.Max(texture.width, texture.height));
            var width = Math.Max(1, (int)(texture.width * scale));
            var height = Math.Max(1, (int)(texture.height * scale));
            // sRGB in and out, whatever the project's colour space
            var target = RenderTexture.GetTemporary(width, height, 0, RenderTextureFormat.ARGB32, RenderTextureReadWrite.sRGB);
            var pixels = new Texture2D(width, height, TextureFormat.RGBA32, false);
            var before = RenderTexture.active;
            try
            {
                Graphics.Blit(texture, target);
                RenderTexture.active = target;
                pixels.ReadPixels(new Rect(0, 0, width, height), 0, 0);
                pixels.Apply();
                var data = pixels.EncodeToPNG();
                if (data.Length > Server.MaxPicture)
                    throw new Failure("picture_too_large", Texts.Of("picture_over_limit", ("name", texture.name)));
                return data;
            }
            finally
            {
                RenderTexture.active = before;
                RenderTexture.ReleaseTemporary(target);
                Object.DestroyImmediate(pixels);
            }
        }
    }
}
