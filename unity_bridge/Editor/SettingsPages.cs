#nullable enable
using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using UnityEditor;
using UnityEngine.UIElements;

namespace SphereLinks.Editor
{
    /// <summary>Preferences → SphereLinks (this user's) and Project Settings → SphereLinks (everybody's).</summary>
    internal static class SettingsPages
    {
        public const string Preferences = "Preferences/SphereLinks";
        private const string Project = "Project/SphereLinks";

        [SettingsProvider]
        private static SettingsProvider User() => new SettingsProvider(
            Preferences, SettingsScope.User, new[] { "SphereLinks", "3D", "picture", "API key" })
        {
            label = "SphereLinks",
            activateHandler = (_, root) => new PreferencesPage(Filled(root, "Preferences.uxml")),
        };

        [SettingsProvider]
        private static SettingsProvider Shared() => new SettingsProvider(
            Project, SettingsScope.Project, new[] { "SphereLinks", "3D", "collider", "LOD" })
        {
            label = "SphereLinks",
            activateHandler = (_, root) => ProjectPage(Filled(root, "ProjectSettings.uxml")),
        };

        private static VisualElement Filled(VisualElement root, string file)
        {
            AssetDatabase.LoadAssetAtPath<VisualTreeAsset>(Texts.Folder + file).CloneTree(root);
            Localization.Apply(root);
            return root;
        }

        private static void ProjectPage(VisualElement root)
        {
            var settings = ProjectSettings.instance;
            var folder = root.Q<TextField>("folder");
            var scale = root.Q<FloatField>("scale");
            var collider = root.Q<Toggle>("collider");
            var lodGroup = root.Q<Toggle>("lod-group");
            var message = root.Q<HelpBox>("message");
            folder.label = Texts.Of("target_folder");
            scale.label = Texts.Of("scale");
            collider.label = Texts.Of("collider");
            lodGroup.label = Texts.Of("lod_group");
            folder.SetValueWithoutNotify(settings.folder);
            scale.SetValueWithoutNotify(settings.scale);
            collider.SetValueWithoutNotify(settings.collider);
            lodGroup.SetValueWithoutNotify(settings.lodGroup);
            message.style.display = DisplayStyle.None;
            void Change()
            {
                message.text = "";
                try
                {
                    settings.Change(folder.value, scale.value, collider.value, lodGroup.value);
                }
                catch (ArgumentException error)
                {
                    message.text = error.Message;
                }
                message.style.display = message.text.Length > 0 ? DisplayStyle.Flex : DisplayStyle.None;
            }
            folder.RegisterValueChangedCallback(_ => Change());
            scale.RegisterValueChangedCallback(_ => Change());
            collider.RegisterValueChangedCallback(_ => Change());
            lodGroup.RegisterValueChangedCallback(_ => Change());
        }
    }

    /// <summary>Server, key, and a server on this machine.</summary>
    internal sealed class PreferencesPage
    {
        private readonly VisualElement _root;

        public PreferencesPage(VisualElement root)
        {
            _root = root;
            var address = root.Q<TextField>("address");
            var key = root.Q<TextField>("key");
            var program = root.Q<TextField>("program");
            var minutes = root.Q<IntegerField>("minutes");
            address.label = Texts.Of("server");
            key.label = Texts.Of("api_key");
            program.label = Texts.Of("program");
            minutes.label = Texts.Of("give_up_after");
            address.tooltip = Texts.Of("server_tip");
            key.tooltip = Texts.Of("api_key_tip");
            program.tooltip = Texts.Of("program_tip");
            minutes.tooltip = Texts.Of("give_up_after_tip");
            address.isDelayed = true; // a key belongs to a whole address
            key.isDelayed = true;
            key.isPasswordField = true;
            address.SetValueWithoutNotify(ServerSettings.Address);
            program.SetValueWithoutNotify(ServerSettings.Program);
            minutes.SetValueWithoutNotify(ServerSettings.GiveUpMinutes);
            address.RegisterValueChangedCallback(change => Try(() =>
            {
                ServerSettings.Address = change.newValue;
                Session.ServerChanged();
                ShowKey();
            }));
            key.RegisterValueChangedCallback(change =>
            {
                ServerSettings.Key = change.newValue.Trim();
                ShowKey();
            });
            program.RegisterValueChangedCallback(change => ServerSettings.Program = change.newValue);
            minutes.RegisterValueChangedCallback(change => ServerSettings.GiveUpMinutes = change.newValue);
            root.Q<Button>("test").clicked += () => Try(Test);
            root.Q<Button>("start").clicked += () => Try(() => LocalServers.Start(Tell, Test, ShowKey));
            root.Q<Button>("stop").clicked += LocalServers.Stop;
            ShowKey();
            Tell("");
        }

        private void ShowKey()
        {
            var key = _root.Q<TextField>("key");
            key.SetValueWithoutNotify(ServerSettings.KeyIsFromVariable ? "" : ServerSettings.Key);
            key.SetEnabled(!ServerSettings.KeyIsFromVariable);
            _root.Q<Label>("key-place").text = ServerSettings.KeyIsFromVariable
                ? Texts.Of("key_from_variable", ("variable", ServerSettings.Variable))
                : ServerSettings.Key.Length == 0 ? Texts.Of("enter_key_or_start_server")
                : ServerSettings.KeyIsInPreferences ? Texts.Of("key_in_preferences")
                : Texts.Of("key_in_keychain");
        }

        private void Test()
        {
            Tell(Texts.Of("asking_server"));
            Session.Ask(
                () =>
                {
                    var info = Session.Info!;
                    Tell(info.Credits is { } credits
                        ? Texts.Of("connected", ("account", info.Account), ("plan", info.Plan), ("credits", credits))
                        : Texts.Of("connected_without_limit", ("account", info.Account), ("plan", info.Plan)));
                },
                failure => Tell(Messages.Of(failure), HelpBoxMessageType.Error));
        }

        private void Try(Action step)
        {
            try
            {
                step();
            }
            catch (Failure failure)
            {
                Tell(Messages.Of(failure), HelpBoxMessageType.Error);
            }
        }

        private void Tell(string text) => Tell(text, HelpBoxMessageType.Info);

        private void Tell(string text, HelpBoxMessageType kind)
        {
            var box = _root.Q<HelpBox>("message");
            box.text = text;
            box.messageType = kind;
            box.style.display = text.Length > 0 ? DisplayStyle.Flex : DisplayStyle.None;
        }
    }
}
