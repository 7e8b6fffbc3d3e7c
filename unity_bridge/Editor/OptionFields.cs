#nullable enable
using System;
using System.Collections.Generic;
using System.Linq;
using Newtonsoft.Json.Linq;
using UnityEngine.UIElements;

namespace SphereLinks.Editor
{
    /// <summary>Fields for the options of a generator, made of what the server says of them.</summary>
    internal sealed class OptionFields
    {
        private const string Generator = "generator";
        private readonly VisualElement _parent;
        private readonly Dictionary<string, object> _values = new Dictionary<string, object>();
        private ServerInfo? _info;

        public OptionFields(VisualElement parent) => _parent = parent;

        /// <summary>Other options are shown, perhaps another generator's.</summary>
        public event Action? Built;

        /// <summary>Shows what a server takes; null for one that was not asked yet.</summary>
        public void Show(ServerInfo? info)
        {
            _info = info;
            Build();
        }

        /// <summary>Sets every option to what a preset has.</summary>
        public void Apply(JObject options)
        {
            _values.Clear();
            if (_info == null)
                return;
            var generator = Json.Text(options, Generator);
            foreach (var pair in _info.Form(generator).Preset(options))
                _values[pair.Key] = pair.Value;
            Build();
        }

        /// <summary>The options to send. Throws <see cref="Failure"/> for a value that the generator does not take.</summary>
        public JObject Request()
        {
            if (_info == null)
                return new JObject();
            try
            {
                return Form.Request(_values);
            }
            catch (ArgumentException error)
            {
                var message = error.Message.Split('\n')[0]; // some runtimes append the parameter's name
                throw new Failure("invalid_option", message.Replace($" (Parameter '{error.ParamName}')", ""), inner: error);
            }
        }

        /// <summary>Which sides' pictures the generator uses beside the front's.</summary>
        public IReadOnlyList<string> Sides => _info == null ? Array.Empty<string>() : Form.Sides;

        public bool HasSize => _info != null && Form.HasSize;

        private OptionForm Form => _info!.Form(_values.TryGetValue(Generator, out var name) ? (string)name : "");

        private void Build()
        {
            _parent.Clear();
            if (_info == null)
                _parent.Add(new HelpBox(Texts.Of("options_unknown"), HelpBoxMessageType.Info));
            else
                foreach (var field in Form.Fields)
                    _parent.Add(Element(field));
            Built?.Invoke();
        }

        private VisualElement Element(Field field)
        {
            var value = _values.TryGetValue(field.Name, out var kept) ? kept : field.Default;
            VisualElement element;
            switch (field.Kind)
            {
                case FieldKind.Boolean:
                    element = Bound(new Toggle(field.Label), (bool)value, field, on => on);
                    break;
                case FieldKind.Choice:
                    var choices = field.Choices.ToList();
                    var dropdown = new DropdownField(field.Label, choices, Math.Max(0, choices.IndexOf((string)value)));
                    dropdown.RegisterValueChangedCallback(change =>
                    {
                        _values[field.Name] = change.newValue;
                        if (field.Name == Generator)
                            Build(); // each has options of its own
                    });
                    element = dropdown;
                    break;
                case FieldKind.Integer:
                    element = Bound(new LongField(field.Label), (long)value, field, number => number);
                    break;
                case FieldKind.Number:
                    element = Bound(new DoubleField(field.Label), (double)value, field, number => number);
                    break;
                default:
                    element = Bound(new TextField(field.Label), (string)value, field, text => text);
                    break;
            }
            element.name = "option-" + field.Name;
            element.tooltip = field.Description;
            return element;
        }

        private VisualElement Bound<T>(BaseField<T> element, T value, Field field, Func<T, object> kept)
        {
            element.SetValueWithoutNotify(value);
            element.RegisterValueChangedCallback(change => _values[field.Name] = kept(change.newValue));
            return element;
        }
    }
}
