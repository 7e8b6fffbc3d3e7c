## "Generate 3D Model" for pictures in the FileSystem dock. Loaded where Godot has this class: 4.4 and later.
@tool
extends EditorContextMenuPlugin

const Pictures := preload("pictures.gd")
const Text := preload("text.gd")

## Called with the paths.
var on_chosen: Callable


func _popup_menu(paths: PackedStringArray) -> void:
	if Array(paths).any(_is_picture):
		var icon := EditorInterface.get_editor_theme().get_icon(&"MeshInstance3D", &"EditorIcons")
		add_context_menu_item(Text.words("generate_from_files"), _chosen, icon)


func _chosen(paths: Array) -> void:
	on_chosen.call(PackedStringArray(paths.filter(_is_picture)))


func _is_picture(path: String) -> bool:
	return path.get_extension().to_lower() in Pictures.FORMATS
