#nullable enable
using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Newtonsoft.Json.Linq;
using UnityEditor;
using UnityEditor.UIElements;
using UnityEngine;
using UnityEngine.UIElements;

namespace SphereLinks.Editor
{
    /// <summary>A picture, what to make of it, and the jobs at work.</summary>
    internal sealed class GenerateWindow : EditorWindow
    {
        private const int JobsShown = 8;

        // what Unity keeps over a domain reload
        [SerializeField] private string _file = "";
        [SerializeField] private Texture2D? _texture;
        [SerializeField] private Side[] _sidePictures = Server.Sides.Select(_ => new Side()).ToArray();
        [SerializeField] private string _replace = "";
        [SerializeField] private bool _place = true;
        [SerializeField] private double _height;

        private ServerInfo? _shown;
        private OptionFields? _options;
        private SideFields? _sides;
        private HistoryList? _history;
        private Picture? _captured;

        public static void Open() => GetWindow<GenerateWindow>("SphereLinks");

        private void OnEnable() =>
            titleContent = new GUIContent("SphereLinks", AssetDatabase.LoadAssetAtPath<Texture2D>(Texts.Folder + "mark.png"));

        /// <summary>What is generated next takes this prefab's place.</summary>
        public static void OpenFor(string prefab)
        {
            var window = GetWindow<GenerateWindow>("SphereLinks");
            window._replace = prefab;
            window.Refresh();
        }

        public void CreateGUI()
        {
            var tree = AssetDatabase.LoadAssetAtPath<VisualTreeAsset>(Texts.Folder + "GenerateWindow.uxml");
            tree.CloneTree(rootVisualElement);
            Localization.Apply(rootVisualElement);
            minSize = new Vector2(320, 400);

            var texture = rootVisualElement.Q<ObjectField>("texture");
            texture.objectType = typeof(Texture2D);
            texture.SetValueWithoutNotify(_texture);
            texture.RegisterValueChangedCallback(change => Choose(change.newValue as Texture2D, "", null));
            Clicked("file", ChooseFile);
            Clicked("paste", () => Try(() => Choose(null, "", Pictures.FromClipboard())));
            Clicked("view", () => Try(() => Choose(null, "", Pictures.FromSceneView())));
            Clicked("generate", () => Try(Generate));
            Clicked("keep", () =>
            {
                _replace = "";
                Refresh();
            });
            Clicked("install", Gltfast.Install);
            Clicked("preferences", () => SettingsService.OpenUserPreferences(SettingsPages.Preferences));
            Clicked("clear", () =>
            {
                foreach (var job in Session.Jobs.All().Where(job => job.Ended && Session.Jobs.IsMine(job)))
                    Session.Jobs.Forget(job.Id);
            });

            var place = rootVisualElement.Q<Toggle>("place");
            place.SetValueWithoutNotify(_place);
            place.RegisterValueChangedCallback(change => _place = change.newValue);
            var height = rootVisualElement.Q<DoubleField>("height");
            height.SetValueWithoutNotify(_height);
            height.RegisterValueChangedCallback(change => _height = Math.Max(0, change.newValue));

            rootVisualElement.RegisterCallback<DragUpdatedEvent>(_ =>
            {
                if (Dragged() != null || DraggedTexture() != null)
                    DragAndDrop.visualMode = DragAndDropVisualMode.Copy;
            });
            rootVisualElement.RegisterCallback<DragPerformEvent>(_ =>
            {
                DragAndDrop.AcceptDrag();
                if (DraggedTexture() is { } dropped)
                    Choose(dropped, "", null);
                else if (Dragged() is { } path)
                    Choose(null, path, null);
            });

            rootVisualElement.Q<DropdownField>("preset").RegisterValueChangedCallback(change =>
            {
                var preset = Session.Info?.Presets.FirstOrDefault(each => PresetName(each) == change.newValue);
                if (preset != null)
                    _options!.Apply(preset.Options);
            });
            _options = new OptionFields(rootVisualElement.Q<VisualElement>("options"));
            _sides = new SideFields(rootVisualElement.Q<VisualElement>("sides"), _sidePictures, Refresh);
            _options.Built += () => _sides.Offer(_options.Sides);
            _history = new HistoryList(rootVisualElement.Q<VisualElement>("history"), UseAgain, Try);
            Clicked("refresh", () => Try(_history.Refresh));
            Session.Changed += Refresh;
            try
            {
                Session.Ask(null, failure => Tell(Messages.Of(failure), HelpBoxMessageType.Warning));
            }
            catch (Failure)
            {
                // no key yet: what to do is shown below
            }
            _options.Show(null);
            Refresh();
        }

        private void OnDisable() => Session.Changed -= Refresh;

        private void Clicked(string name, Action then) => rootVisualElement.Q<Button>(name).clicked += then;

        /// <summary>Says what has gone wrong, in the window.</summary>
        private void Try(Action step)
        {
            try
            {
                Tell("", HelpBoxMessageType.None);
                step();
            }
            catch (Failure failure)
            {
                Tell(Messages.Of(failure), HelpBoxMessageType.Error);
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                Tell(Messages.Of(new Failure("file_error", error.Message)), HelpBoxMessageType.Error);
            }
        }

        private void Tell(string text, HelpBoxMessageType kind)
        {
            var box = rootVisualElement.Q<HelpBox>("message");
            box.text = text;
            box.messageType = kind;
            Show("message", text.Length > 0);
        }

        private void Show(string name, bool shown) =>
            rootVisualElement.Q<VisualElement>(name).style.display = shown ? DisplayStyle.Flex : DisplayStyle.None;

        private void ChooseFile()
        {
            var path = EditorUtility.OpenFilePanelWithFilters(
                Texts.Of("picture"), "", new[] { Texts.Of("file_tip"), "png,jpg,jpeg,webp" });
            if (path.Length > 0)
                Choose(null, path, null);
        }

        private void Choose(Texture2D? texture, string file, Picture? captured)
        {
            _texture = texture;
            _file = file;
            _captured = captured;
            rootVisualElement.Q<ObjectField>("texture").SetValueWithoutNotify(texture);
            Refresh();
        }

        private static string? Dragged() => DragAndDrop.paths.FirstOrDefault(Pictures.IsFile);

        private static Texture2D? DraggedTexture() => DragAndDrop.objectReferences.OfType<Texture2D>().FirstOrDefault();

        private void Generate()
        {
            var picture = _captured
                ?? (_texture != null ? Pictures.FromTexture(_texture)
                    : _file.Length > 0 ? Pictures.FromFile(_file)
                    : throw new Failure("no_picture", Texts.Of("no_picture_chosen"), Texts.Of("hint_choose_or_paste_file")));
            var options = _options!.Request();
            if (_height > 0 && _options.HasSize)
                options["dimensions"] = new JObject { ["height"] = _height, ["unit"] = "m" };
            var placement = Placement.Standard(picture.Source);
            if (_replace.Length > 0)
                placement = placement with { Replace = _replace };
            else if (_place)
                placement = placement.InScene();
            Submission.Send(picture, options, placement, sides: _sides!.Read());
            _replace = "";
            Refresh();
        }

        private void UseAgain(Picture picture, IReadOnlyDictionary<string, string> sides, JObject options)
        {
            Choose(null, "", picture);
            _sides!.Choose(sides);
            _options!.Apply(options);
        }

        private void Refresh()
        {
            if (rootVisualElement.childCount == 0)
                return; // not made yet
            var info = Session.Info;
            var front = _captured?.Name ?? (_texture != null ? "" : Path.GetFileName(_file));
            rootVisualElement.Q<Label>("chosen").text = string.Join(" + ", _sides!.Chosen.Select(name => Texts.Of(name)).Prepend(front));
            rootVisualElement.Q<Label>("replacing").text = Texts.Of("replacing", ("path", _replace));
            rootVisualElement.Q<Label>("cost").text = info == null ? ""
                : info.Credits is { } credits ? Texts.Of("cost", ("credits", credits))
                : Texts.Of("cost_without_limit");
            Show("replace-row", _replace.Length > 0);
            Show("place", _replace.Length == 0);
            Show("importer-row", !Gltfast.IsInstalled);
            Show("connect-row", ServerSettings.Key.Length == 0);
            ShowPresets(info);
            ShowJobs();
        }

        private void ShowPresets(ServerInfo? info)
        {
            if (ReferenceEquals(info, _shown))
                return; // what was entered stays
            _shown = info;
            _options!.Show(info);
            var presets = rootVisualElement.Q<DropdownField>("preset");
            presets.choices = (info?.Presets ?? Array.Empty<Preset>()).Select(PresetName).ToList();
            if (presets.choices.Count > 0 && !presets.choices.Contains(presets.value))
                presets.value = presets.choices[0];
        }

        /// <summary>In the user's language where we know the preset; a server may have others.</summary>
        private static string PresetName(Preset preset)
        {
            var text = Texts.Of("preset_" + preset.Key);
            return text == "preset_" + preset.Key ? preset.Name : text;
        }

        private void ShowJobs()
        {
            var list = rootVisualElement.Q<VisualElement>("jobs");
            list.Clear();
            var mine = Session.Jobs.All().Where(Session.Jobs.IsMine).Reverse().ToList();
            foreach (var job in mine.Take(JobsShown))
                list.Add(Row(job));
            if (mine.Count > JobsShown)
                list.Add(new Label(Texts.Of("more_jobs", ("count", mine.Count - JobsShown))));
        }

        private VisualElement Row(Job job)
        {
            var row = new VisualElement();
            row.AddToClassList("spherelinks-job");
            var bar = new ProgressBar { title = $"{job.Name}: {ProgressItems.Told(job)}", value = job.Ended ? 100 : job.Progress };
            row.Add(bar);
            if (job.AtWork)
                row.Add(Button("cancel_job", () => Session.Cancel(job)));
            else if (job.State == JobState.Failed)
                row.Add(Button("try_again", () => TryAgain(job)));
            if (job.Ended)
                row.Add(Button("remove_job", () => Session.Jobs.Forget(job.Id)));
            if (job.Problem is { } problem)
                row.Add(new HelpBox(Messages.Of(problem), HelpBoxMessageType.Error));
            return row;
        }

        /// <summary>One that failed at the import has its asset already.</summary>
        private static void TryAgain(Job job)
        {
            if (File.Exists(Session.Jobs.Asset(job.Id)) && !job.Over)
                Session.Jobs.Update(job.Id, old => old with { State = JobState.Ready, Problem = null });
            else
                Session.TryAgain(job);
        }

        private Button Button(string key, Action then) => new Button(() => Try(then)) { text = Texts.Of(key), tooltip = Texts.Of(key + "_tip") };
    }
}
