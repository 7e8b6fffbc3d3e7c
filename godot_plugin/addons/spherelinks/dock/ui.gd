## How the parts of the dock are made: every button with an icon of the editor's theme and a tooltip.
@tool
extends RefCounted

const Text := preload("../text.gd")

const ICON := &"spherelinks_icon"


static func button(key: String, icon: String, labelled := true) -> Button:
	var made := Button.new()
	made.name = key.to_pascal_case()
	made.text = Text.words(key) if labelled else ""
	made.tooltip_text = Text.words(key + "_tip") if Text.has(key + "_tip") else Text.words(key)
	made.set_meta(ICON, icon)
	if labelled:
		made.clip_text = true
		made.size_flags_horizontal = Control.SIZE_EXPAND_FILL
	else:
		made.flat = true
	return made


static func label(text := "") -> Label:
	var made := Label.new()
	made.text = text
	made.autowrap_mode = TextServer.AUTOWRAP_WORD_SMART
	made.size_flags_horizontal = Control.SIZE_EXPAND_FILL
	made.custom_minimum_size.x = scaled(40)
	return made


## A label of one line, which is cut where it is too long and told as a whole by its tooltip.
static func line(text := "") -> Label:
	var made := label(text)
	made.autowrap_mode = TextServer.AUTOWRAP_OFF
	made.text_overrun_behavior = TextServer.OVERRUN_TRIM_ELLIPSIS
	made.tooltip_text = text
	made.mouse_filter = Control.MOUSE_FILTER_STOP
	return made


## A row of a form: its label, with the tooltip, and what is entered.
static func row(text: String, tip: String, field: Control) -> HBoxContainer:
	var made := HBoxContainer.new()
	var title := Label.new()
	title.text = text
	title.tooltip_text = tip
	title.mouse_filter = Control.MOUSE_FILTER_STOP
	title.clip_text = true
	title.size_flags_horizontal = Control.SIZE_EXPAND_FILL
	title.size_flags_stretch_ratio = 0.8
	field.tooltip_text = tip
	field.size_flags_horizontal = Control.SIZE_EXPAND_FILL
	made.add_child(title)
	made.add_child(field)
	return made


static func number(low: float, high: float, step: float) -> SpinBox:
	var made := SpinBox.new()
	made.min_value = low
	made.max_value = high
	made.step = step
	return made


## A thumbnail of so many pixels at the scale of 100 %.
static func picture(side: int) -> TextureRect:
	var made := TextureRect.new()
	made.custom_minimum_size = Vector2(scaled(side), scaled(side))
	made.expand_mode = TextureRect.EXPAND_IGNORE_SIZE
	made.stretch_mode = TextureRect.STRETCH_KEEP_ASPECT_CENTERED
	return made


static func scaled(pixels: float) -> float:
	return roundf(pixels * EditorInterface.get_editor_scale())


## Give the buttons below a node their icons, which change with the theme.
static func dress(root: Node) -> void:
	var theme := EditorInterface.get_editor_theme()
	for node in root.find_children("*", "Button", true, false):
		var icon := str(node.get_meta(ICON, ""))
		if icon and theme.has_icon(icon, &"EditorIcons"):
			(node as Button).icon = theme.get_icon(icon, &"EditorIcons")


## A colour of the editor's theme.
static func color(name: StringName) -> Color:
	return EditorInterface.get_editor_theme().get_color(name, &"Editor")
