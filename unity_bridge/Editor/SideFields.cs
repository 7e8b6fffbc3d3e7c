#nullable enable
using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using UnityEditor;
using UnityEditor.UIElements;
using UnityEngine;
using UnityEngine.UIElements;

namespace SphereLinks.Editor
{
    /// <summary>The picture of one of the object's other sides: a texture of the project, or a file; or none.</summary>
    [Serializable]
    internal sealed class Side
    {
        public Texture2D? Texture;
        public string File = "";

        public bool IsChosen => Texture != null || File.Length > 0;

        /// <summary>Throws <see cref="Failure"/>.</summary>
        public byte[] Read() => (Texture != null ? Pictures.FromTexture(Texture) : Pictures.FromFile(File)).Data;
    }

    /// <summary>The window's places for pictures of the object's other sides, as far as the generator uses them.</summary>
    internal sealed class SideFields
    {
        private readonly VisualElement _root;
        private readonly IReadOnlyList<Place> _places;
        private readonly Action _changed;
        private IReadOnlyList<string> _offered = Array.Empty<string>();

        /// <summary>sides: one for each of <see cref="Server.Sides"/>, changed in place; changed: called afterwards.</summary>
        public SideFields(VisualElement root, Side[] sides, Action changed)
        {
            _root = root;
            _changed = changed;
            _places = new[]
            {
                new Place("back", sides[0], root.Q<VisualElement>("row-back"), root.Q<ObjectField>("back"),
                    root.Q<Button>("file-back"), root.Q<Label>("chosen-back"), root.Q<Button>("remove-back")),
                new Place("left", sides[1], root.Q<VisualElement>("row-left"), root.Q<ObjectField>("left"),
                    root.Q<Button>("file-left"), root.Q<Label>("chosen-left"), root.Q<Button>("remove-left")),
                new Place("right", sides[2], root.Q<VisualElement>("row-right"), root.Q<ObjectField>("right"),
                    root.Q<Button>("file-right"), root.Q<Label>("chosen-right"), root.Q<Button>("remove-right")),
            };
            foreach (var place in _places)
                place.Choosing += (texture, file) => Choose(place, texture, file);
            Show();
        }

        /// <summary>Those that are chosen and offered.</summary>
        public IEnumerable<string> Chosen => Sent.Select(place => place.Name);

        private IEnumerable<Place> Sent => _places.Where(place => place.Side.IsChosen && _offered.Contains(place.Name));

        /// <summary>Shows places for these alone.</summary>
        public void Offer(IReadOnlyList<string> offered)
        {
            _offered = offered;
            Show();
            _changed();
        }

        /// <summary>Shows these files, by side, and nothing else.</summary>
        public void Choose(IReadOnlyDictionary<string, string> files)
        {
            foreach (var place in _places)
                Choose(place, null, files.TryGetValue(place.Name, out var path) ? path : "");
        }

        /// <summary>The pictures to send, by side. Throws <see cref="Failure"/>.</summary>
        public IReadOnlyDictionary<string, byte[]> Read() => Sent.ToDictionary(place => place.Name, place => place.Side.Read());

        private void Choose(Place place, Texture2D? texture, string file)
        {
            place.Side.Texture = texture;
            place.Side.File = file;
            Show();
            _changed();
        }

        private void Show()
        {
            Display(_root, _offered.Count > 0);
            foreach (var place in _places)
                place.Show(_offered.Contains(place.Name));
        }

        private static void Display(VisualElement element, bool shown) =>
            element.style.display = shown ? DisplayStyle.Flex : DisplayStyle.None;

        /// <summary>The row of one side.</summary>
        private sealed class Place
        {
            private readonly VisualElement _row;
            private readonly ObjectField _texture;
            private readonly Label _file;
            private readonly Button _remove;

            public string Name { get; }

            public Side Side { get; }

            /// <summary>Another picture, a texture or a file, or none.</summary>
            public event Action<Texture2D?, string>? Choosing;

            public Place(string name, Side side, VisualElement row, ObjectField texture, Button open, Label file, Button remove)
            {
                Name = name;
                Side = side;
                _row = row;
                _texture = texture;
                _file = file;
                _remove = remove;
                texture.objectType = typeof(Texture2D);
                texture.RegisterValueChangedCallback(change => Choosing?.Invoke(change.newValue as Texture2D, ""));
                open.clicked += Open;
                remove.clicked += () => Choosing?.Invoke(null, "");
            }

            public void Show(bool offered)
            {
                Display(_row, offered);
                _texture.SetValueWithoutNotify(Side.Texture);
                _file.text = Path.GetFileName(Side.File);
                Display(_remove, Side.IsChosen);
            }

            private void Open()
            {
                var path = EditorUtility.OpenFilePanelWithFilters(
                    Texts.Of(Name), "", new[] { Texts.Of("file_tip"), "png,jpg,jpeg,webp" });
                if (path.Length > 0)
                    Choosing?.Invoke(null, path);
            }
        }
    }
}
