## A place for the picture of one of the object's other sides: for a file that is chosen, or dropped here.
@tool
extends PanelContainer

signal changed
signal refused(problem: Dictionary)

const Card := preload("card.gd")
const Drops := preload("drops.gd")
const Errands := preload("../client/errands.gd")
const Failure := preload("../client/failure.gd")
const Pictures := preload("../pictures.gd")
const Text := preload("../text.gd")
const Ui := preload("ui.gd")

const PREVIEW := 32
## Width of the side's name: the previews stand below each other.
const TITLE := 64

## Null for none.
var picture: Pictures.Picture

var _errands: Errands
var _preview := Ui.picture(PREVIEW)
var _says: Label
var _remove: Button
var _dialog: EditorFileDialog


func _init(side: String, errands: Errands) -> void:
	name = side.to_pascal_case()
	_errands = errands
	tooltip_text = Text.words(side + "_tip")
	add_theme_stylebox_override(&"panel", StyleBoxEmpty.new())
	set_drag_forwarding(Callable(), _can_drop, _drop)
	var row := HBoxContainer.new()
	var title := Ui.line(Text.words(side))
	title.size_flags_horizontal = Control.SIZE_FILL
	title.custom_minimum_size.x = Ui.scaled(TITLE)
	title.tooltip_text = tooltip_text
	_says = Ui.line()
	var choose_file := Ui.button("file", "Load", false)
	choose_file.tooltip_text = "%s: %s" % [Text.words(side), Text.words("picture_file_tip")]
	choose_file.pressed.connect(_ask_for_file)
	_remove = Ui.button("remove_picture", "Remove", false)
	_remove.tooltip_text = "%s: %s" % [Text.words(side), Text.words("remove_picture")]
	_remove.pressed.connect(choose.bind(null))
	for each: Control in [title, _preview, _says, choose_file, _remove]:
		if not each is Button:
			each.mouse_filter = Control.MOUSE_FILTER_PASS
		row.add_child(each)
	add_child(row)
	_show()


func _enter_tree() -> void:
	get_window().files_dropped.connect(_on_files_dropped)


func _exit_tree() -> void:
	get_window().files_dropped.disconnect(_on_files_dropped)
	if _dialog:
		_dialog.queue_free()
		_dialog = null


## Show a picture, which is read on a thread; null for none.
func choose(chosen: Pictures.Picture) -> void:
	picture = chosen
	_show()
	changed.emit()
	if chosen:
		_errands.run(Pictures.read.bind(chosen), _on_read.bind(chosen))


func _choose_files(paths: PackedStringArray) -> void:
	choose(Pictures.of_file(paths[0]))


func _on_read(outcome: Variant, chosen: Pictures.Picture) -> void:
	if chosen != picture:
		return
	if outcome is Failure:
		choose(null)
		refused.emit(outcome.problem())
	_show()


func _show() -> void:
	_preview.texture = ImageTexture.create_from_image(picture.preview) if picture and picture.preview else null
	_says.text = picture.name if picture else ""
	_says.tooltip_text = _says.text if picture else tooltip_text
	_remove.visible = picture != null


func _ask_for_file() -> void:
	if _dialog == null:
		_dialog = Drops.dialog(false, _choose_files)
	_dialog.popup_file_dialog()


func _can_drop(_at: Vector2, data: Variant) -> bool:
	return not Drops.paths(data).is_empty()


func _drop(_at: Vector2, data: Variant) -> void:
	_choose_files(Drops.paths(data))


## From the desktop, as for the picture itself.
func _on_files_dropped(paths: PackedStringArray) -> void:
	if paths and is_visible_in_tree() and get_global_rect().has_point(get_global_mouse_position()):
		_choose_files(paths)
