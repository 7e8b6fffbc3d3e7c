#nullable enable
using UnityEngine.UIElements;

namespace SphereLinks.Editor
{
    /// <summary>Puts texts in place of the keys that the UXML files have: text="#key", and key_tip as its tooltip.</summary>
    internal static class Localization
    {
        public static void Apply(VisualElement root)
        {
            root.Query<TextElement>().ForEach(element =>
            {
                if (IsKey(element.text))
                {
                    element.tooltip = Tip(element.text, element.tooltip);
                    element.text = Texts.Of(element.text.Substring(1));
                }
            });
        }

        private static bool IsKey(string text) => !string.IsNullOrEmpty(text) && text[0] == '#';

        private static string Tip(string key, string otherwise)
        {
            var text = Texts.Of(key.Substring(1) + "_tip");
            return text == key.Substring(1) + "_tip" ? otherwise : text;
        }
    }
}
