// The part of UnityEngine.UIElements that the package uses, with Unity's own signatures.
using System;
using System.Collections.Generic;

namespace UnityEngine.UIElements
{
    public abstract class EventBase
    {
    }

    public abstract class EventBase<T> : EventBase where T : EventBase<T>, new()
    {
    }

    public class ChangeEvent<T> : EventBase<ChangeEvent<T>>
    {
        public T newValue { get; protected set; }
    }

    public class DragUpdatedEvent : EventBase<DragUpdatedEvent>
    {
    }

    public class DragPerformEvent : EventBase<DragPerformEvent>
    {
    }

    public delegate void EventCallback<in TEventType>(TEventType evt);

    public enum TrickleDown
    {
        NoTrickleDown = 0,
    }

    public abstract class CallbackEventHandler
    {
        public void RegisterCallback<TEventType>(EventCallback<TEventType> callback, TrickleDown useTrickleDown = TrickleDown.NoTrickleDown)
            where TEventType : EventBase<TEventType>, new()
        {
        }
    }

    public class Focusable : CallbackEventHandler
    {
    }

    public enum DisplayStyle
    {
        Flex = 0,
        None = 1,
    }

    public struct StyleEnum<T> where T : struct, IConvertible
    {
        public static implicit operator StyleEnum<T>(T v) => new StyleEnum<T>();
    }

    public interface IStyle
    {
        StyleEnum<DisplayStyle> display { get; set; }
    }

    public class VisualElement : Focusable
    {
        public string name { get; set; }
        public string tooltip { get; set; }
        public int childCount => 0;
        public IStyle style => null;

        public void Add(VisualElement child)
        {
        }

        public void Clear()
        {
        }

        public void AddToClassList(string className)
        {
        }

        public void RemoveFromHierarchy()
        {
        }

        public void SetEnabled(bool value)
        {
        }
    }

    public struct UQueryBuilder<T> where T : VisualElement
    {
        public void ForEach(Action<T> funcCall)
        {
        }
    }

    public static class UQueryExtensions
    {
        public static T Q<T>(this VisualElement e, string name = null, string className = null) where T : VisualElement => null;

        public static UQueryBuilder<T> Query<T>(this VisualElement e, string name = null, string className = null) where T : VisualElement =>
            default;
    }

    public interface INotifyValueChanged<T>
    {
        T value { get; set; }
        void SetValueWithoutNotify(T newValue);
    }

    public static class INotifyValueChangedExtensions
    {
        public static bool RegisterValueChangedCallback<T>(this INotifyValueChanged<T> control, EventCallback<ChangeEvent<T>> callback) => true;
    }

    public class BindableElement : VisualElement
    {
    }

    public abstract class BaseField<TValueType> : BindableElement, INotifyValueChanged<TValueType>
    {
        public string label { get; set; }
        public virtual TValueType value { get; set; }

        public virtual void SetValueWithoutNotify(TValueType newValue)
        {
        }
    }

    public class TextElement : BindableElement
    {
        public virtual string text { get; set; }
    }

    public class Label : TextElement
    {
        public Label(string text)
        {
        }
    }

    public class Button : TextElement
    {
        public Button(Action clickEvent)
        {
        }

        public event Action clicked
        {
            add
            {
            }
            remove
            {
            }
        }
    }

    public abstract class BaseBoolField : BaseField<bool>
    {
    }

    public class Toggle : BaseBoolField
    {
        public Toggle(string label)
        {
        }
    }

    public abstract class TextInputBaseField<TValueType> : BaseField<TValueType>
    {
        public bool isDelayed { get; set; }
        public bool isPasswordField { get; set; }
    }

    public class TextField : TextInputBaseField<string>
    {
        public TextField(string label)
        {
        }
    }

    public abstract class TextValueField<TValueType> : TextInputBaseField<TValueType>
    {
    }

    public class IntegerField : TextValueField<int>
    {
    }

    public class FloatField : TextValueField<float>
    {
    }

    public class LongField : TextValueField<long>
    {
        public LongField(string label, int maxLength = -1)
        {
        }
    }

    public class DoubleField : TextValueField<double>
    {
        public DoubleField(string label, int maxLength = -1)
        {
        }
    }

    public abstract class BasePopupField<TValueType, TValueChoice> : BaseField<TValueType>
    {
        public virtual List<TValueChoice> choices { get; set; }
    }

    public class PopupField<T> : BasePopupField<T, T>
    {
    }

    public class DropdownField : PopupField<string>
    {
        public DropdownField(
            string label,
            List<string> choices,
            int defaultIndex,
            Func<string, string> formatSelectedValueCallback = null,
            Func<string, string> formatListItemCallback = null)
        {
        }
    }

    public class Foldout : BindableElement
    {
        public string text { get; set; }
    }

    public enum HelpBoxMessageType
    {
        None = 0,
        Info = 1,
        Warning = 2,
        Error = 3,
    }

    public class HelpBox : VisualElement
    {
        public HelpBox(string text, HelpBoxMessageType messageType)
        {
        }

        public string text { get; set; }
        public HelpBoxMessageType messageType { get; set; }
    }

    public abstract class AbstractProgressBar : BindableElement
    {
        public string title { get; set; }
        public virtual float value { get; set; }
    }

    public class ProgressBar : AbstractProgressBar
    {
    }

    public class Image : VisualElement
    {
        public Texture image { get; set; }
        public ScaleMode scaleMode { get; set; }
    }

    public class VisualTreeAsset : ScriptableObject
    {
        public void CloneTree(VisualElement target)
        {
        }
    }
}
