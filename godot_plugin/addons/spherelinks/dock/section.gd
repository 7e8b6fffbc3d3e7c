## A part of the dock that opens and closes.
@tool
extends VBoxContainer

signal opened

const Text := preload("../text.gd")
const Ui := preload("ui.gd")

var content := VBoxContainer.new()
## How many there are of what it holds; told by its title, and 0 is not.
var count := 0:
	set = _set_count

var _key: String
var _title := Button.new()


func _init(key: String, is_open := false) -> void:
	_key = key
	name = key.to_pascal_case()
	_title.name = "Title"
	_title.text = Text.words(key)
	_title.tooltip_text = Text.words(key + "_section_tip") if Text.has(key + "_section_tip") else _title.text
	_title.toggle_mode = true
	_title.flat = true
	_title.alignment = HORIZONTAL_ALIGNMENT_LEFT
	_title.toggled.connect(_on_toggled)
	add_child(_title)
	add_child(content)
	_title.button_pressed = is_open
	_on_toggled(is_open)


func is_open() -> bool:
	return content.visible


func open() -> void:
	_title.button_pressed = true


func _set_count(number: int) -> void:
	count = number
	_title.text = Text.words(_key) + (" (%d)" % count if count else "")


func _on_toggled(is_pressed: bool) -> void:
	content.visible = is_pressed
	_title.set_meta(Ui.ICON, "GuiTreeArrowDown" if is_pressed else "GuiTreeArrowRight")
	if is_inside_tree():
		Ui.dress(self)
	if is_pressed:
		opened.emit()
