#nullable enable
using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Newtonsoft.Json.Linq;
using UnityEditor;
using UnityEngine;
using UnityEngine.UIElements;

namespace SphereLinks.Editor
{
    /// <summary>The account's jobs on the server, with their small pictures.</summary>
    internal sealed class HistoryList
    {
        private const int Shown = 30;
        private readonly VisualElement _parent;
        private readonly Action<Picture, IReadOnlyDictionary<string, string>, JObject> _useAgain;
        private readonly Action<Action> _try;

        /// <summary>useAgain: puts a picture, the files of other sides' and options into the window; attempt: says there what goes wrong.</summary>
        public HistoryList(
            VisualElement parent, Action<Picture, IReadOnlyDictionary<string, string>, JObject> useAgain, Action<Action> attempt)
        {
            _parent = parent;
            _useAgain = useAgain;
            _try = attempt;
        }

        /// <summary>Throws <see cref="Failure"/> where no key is known.</summary>
        public void Refresh()
        {
            var connection = Session.Connect();
            Background.Run(() => Server.Jobs(connection, default), told => Show(connection, told), Sorry);
        }

        private void Show(Connection connection, JObject told)
        {
            _parent.Clear();
            foreach (var job in (told["jobs"] as JArray ?? new JArray()).OfType<JObject>().Take(Shown))
                _parent.Add(Row(connection, job));
        }

        private VisualElement Row(Connection connection, JObject told)
        {
            var id = Json.Text(told, "jobId");
            var done = Json.Text(told, "status") == "COMPLETED";
            var row = new VisualElement();
            row.AddToClassList("spherelinks-past");
            var image = new Image { scaleMode = ScaleMode.ScaleToFit };
            image.AddToClassList("spherelinks-thumbnail");
            row.Add(image);
            var moment = Json.Text(told, "createdAt");
            row.Add(new Label(moment.Length >= 16 ? moment.Substring(0, 16).Replace('T', ' ') : moment));
            if (done && told.SelectToken("files.png") != null)
                Fetch(connection, id, new[] { "png" }, Server.MaxThumbnail, paths => image.image = Loaded(paths["png"]));
            if (done)
                row.Add(Button("history_import", () => Import(connection, id, told)));
            if (told.SelectToken("files.picture") != null)
                row.Add(Button("use_again", () => UseAgain(connection, id, told)));
            row.Add(Button("open_dashboard", () => Application.OpenURL($"{connection.Address}/app/models/{Uri.EscapeDataString(id)}")));
            row.Add(Button("delete_job", () =>
            {
                if (EditorUtility.DisplayDialog("SphereLinks", Texts.Of("delete_job_tip"), Texts.Of("delete_job"), Texts.Of("cancel")))
                    Background.Run(
                        async () =>
                        {
                            await Server.Delete(connection, id, default).ConfigureAwait(false);
                            return true;
                        },
                        _ => row.RemoveFromHierarchy(),
                        Sorry);
            }));
            return row;
        }

        /// <summary>As a job of ours that the server has done already: no credit, and the same way into the project.</summary>
        private static void Import(Connection connection, string id, JObject told)
        {
            if (!Gltfast.IsInstalled)
                throw Gltfast.Missing();
            var job = Session.Jobs.New(
                new Job
                {
                    Server = connection.Address,
                    ServerId = id,
                    Name = "Model",
                    State = JobState.Working,
                    Options = told["options"] as JObject ?? new JObject(),
                    Placement = Placement.Standard("").InScene().ToJson(),
                },
                Array.Empty<byte>());
            Session.Start(job);
        }

        private void UseAgain(Connection connection, string id, JObject told)
        {
            var sides = Server.Sides.Where(side => told.SelectToken("files." + side) != null).ToList();
            Fetch(connection, id, sides.Prepend("picture"), Server.MaxPicture, paths => _useAgain(
                new Picture(id, "", File.ReadAllBytes(paths["picture"])),
                sides.ToDictionary(side => side, side => paths[side]),
                told["options"] as JObject ?? new JObject()));
        }

        /// <summary>Has some of a job's files, for `then` by their kinds.</summary>
        private void Fetch(
            Connection connection, string id, IEnumerable<string> kinds, long limit, Action<IReadOnlyDictionary<string, string>> then)
        {
            var folder = Path.GetFullPath(Path.Combine(Session.Folder, "History"));
            var paths = kinds.ToDictionary(kind => kind, kind => Path.Combine(folder, Files.SafeName(id) + "." + kind));
            Background.Run(
                async () =>
                {
                    Directory.CreateDirectory(folder);
                    foreach (var pair in paths.Where(pair => !File.Exists(pair.Value)))
                        await Server.File(connection, id, pair.Key, pair.Value, limit, default).ConfigureAwait(false);
                    return paths;
                },
                then,
                Sorry);
        }

        private static Texture2D Loaded(string path)
        {
            var texture = new Texture2D(2, 2) { hideFlags = HideFlags.HideAndDontSave };
            texture.LoadImage(File.ReadAllBytes(path));
            return texture;
        }

        private void Sorry(Failure failure) => _try(() => throw failure);

        private Button Button(string key, Action then) =>
            new Button(() => _try(then)) { text = Texts.Of(key), tooltip = Texts.Of(key + "_tip") };
    }
}
