## Where the picture comes from, and how it looks: files, the clipboard, the viewport, and whatever is dropped here.
@tool
extends VBoxContainer

## Pictures were chosen: one to look at first, or several for a batch.
signal several_chosen(pictures: Array)
signal refused(problem: Dictionary)

const Card := preload("card.gd")
const Drops := preload("drops.gd")
const Errands := preload("../client/errands.gd")
const Failure := preload("../client/failure.gd")
const Pictures := preload("../pictures.gd")
const Text := preload("../text.gd")
const Ui := preload("ui.gd")

const PREVIEW := 140

## What Generate sends; null for none.
var picture: Pictures.Picture

var _errands: Errands
var _frame := Card.new()
var _preview := Ui.picture(PREVIEW)
var _says := Ui.label()
var _dialog: EditorFileDialog


func _init(errands: Errands) -> void:
	name = "PictureBox"
	_errands = errands
	var inside := VBoxContainer.new()
	inside.alignment = BoxContainer.ALIGNMENT_CENTER
	_frame.tooltip_text = Text.words("drop_picture")
	_frame.set_drag_forwarding(Callable(), _can_drop, _drop)
	_frame.custom_minimum_size.y = Ui.scaled(PREVIEW + 40)
	for each: Control in [inside, _preview, _says]:
		each.mouse_filter = Control.MOUSE_FILTER_IGNORE
	_says.horizontal_alignment = HORIZONTAL_ALIGNMENT_CENTER
	inside.add_child(_preview)
	inside.add_child(_says)
	_frame.add_child(inside)
	add_child(_frame)
	var buttons := HBoxContainer.new()
	var file := Ui.button("file", "Load")
	file.pressed.connect(_ask_for_files)
	var paste := Ui.button("paste_picture", "ActionPaste")
	paste.text = Text.words("paste")
	paste.pressed.connect(_paste)
	var view := Ui.button("view", "Camera3D")
	view.pressed.connect(_take_view)
	for each: Button in [file, paste, view]:
		each.clip_text = false
		buttons.add_child(each)
	add_child(buttons)
	_show()


func _enter_tree() -> void:
	get_window().files_dropped.connect(_on_files_dropped)


func _exit_tree() -> void:
	get_window().files_dropped.disconnect(_on_files_dropped)
	if _dialog:
		_dialog.queue_free()
		_dialog = null


## Show a picture, which is read on a thread.
func choose(chosen: Pictures.Picture) -> void:
	picture = chosen
	_preview.texture = null
	_says.text = chosen.name
	_errands.run(Pictures.read.bind(chosen), _on_read.bind(chosen))


## Files by their paths: one is shown, several are a batch.
func choose_files(paths: PackedStringArray) -> void:
	var found: Array = []
	for path in paths:
		if path.get_extension().to_lower() in Pictures.FORMATS or ResourceLoader.exists(path, "Texture2D"):
			found.append(Pictures.of_file(path))
	if found.is_empty():
		refused.emit(
			{
				"code": "picture_unreadable",
				"message": Text.words("no_picture_chosen"),
				"hint": Text.words("hint_picture_unreadable")
			}
		)
	elif found.size() == 1:
		choose(found[0])
	else:
		several_chosen.emit(found)


func _on_read(outcome: Variant, chosen: Pictures.Picture) -> void:
	if chosen != picture:
		return
	if outcome is Failure:
		picture = null
		refused.emit(outcome.problem())
	_show()


func _show() -> void:
	_preview.texture = null
	_says.text = Text.words("drop_picture")
	if picture:
		_says.text = picture.name
		if picture.preview:
			_preview.texture = ImageTexture.create_from_image(picture.preview)
		elif picture.bytes:
			_says.text = Text.words("no_preview", {"name": picture.name})
	_preview.visible = _preview.texture != null


func _ask_for_files() -> void:
	if _dialog == null:
		_dialog = Drops.dialog(true, choose_files)
	_dialog.popup_file_dialog()


func _paste() -> void:
	_take(Pictures.of_clipboard(), "clipboard_empty")


func _take_view() -> void:
	_take(Pictures.of_viewport(), "view_empty")


func _take(found: Pictures.Picture, otherwise: String) -> void:
	if found:
		choose(found)
	else:
		var hint := Text.words("hint_choose_file_instead")
		refused.emit({"code": "no_picture", "message": Text.words(otherwise), "hint": hint})


func _can_drop(_at: Vector2, data: Variant) -> bool:
	return not Drops.paths(data).is_empty()


func _drop(_at: Vector2, data: Variant) -> void:
	choose_files(Drops.paths(data))


## From the desktop: the editor copies them into the project, too, which a plugin cannot keep it from.
func _on_files_dropped(paths: PackedStringArray) -> void:
	if is_visible_in_tree() and _frame.get_global_rect().has_point(_frame.get_global_mouse_position()):
		choose_files(paths)
