## What went wrong, and what to do about it; hidden while there is nothing to say.
@tool
extends VBoxContainer

const Text := preload("../text.gd")
const Ui := preload("ui.gd")

var _message := Ui.label()
var _remedy := Ui.label()


func _init() -> void:
	name = "Tip"
	add_child(_message)
	add_child(_remedy)
	show_problem({})


## Code, message and hint, as a job keeps them; empty for nothing.
func show_problem(problem: Dictionary) -> void:
	visible = not problem.is_empty()
	_message.text = str(problem.get("message", ""))
	_remedy.text = Text.remedy(problem)
	_remedy.visible = _remedy.text != ""


func _notification(what: int) -> void:
	if what == NOTIFICATION_THEME_CHANGED and _message:
		_message.add_theme_color_override(&"font_color", Ui.color(&"error_color"))
