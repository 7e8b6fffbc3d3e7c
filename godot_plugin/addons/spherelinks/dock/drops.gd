## What is dragged from the FileSystem dock or the inspector, and the dialog that asks for a picture instead.
@tool
extends RefCounted

const Text := preload("../text.gd")


## The paths of what is dragged; empty for what is no file.
static func paths(data: Variant) -> PackedStringArray:
	if not data is Dictionary:
		return []
	if data.get("type") == "files" and data.has("files"):
		return data.files
	if data.get("type") == "resource" and data.get("resource") is Texture2D and data.resource.resource_path:
		return [data.resource.resource_path]
	return []


## A dialog for picture files, one or several, whose paths `then` gets. To be freed by whoever asks for it.
static func dialog(several: bool, then: Callable) -> EditorFileDialog:
	var made := EditorFileDialog.new()
	made.access = EditorFileDialog.ACCESS_FILESYSTEM
	made.file_mode = EditorFileDialog.FILE_MODE_OPEN_FILES if several else EditorFileDialog.FILE_MODE_OPEN_FILE
	made.add_filter("*.png, *.jpg, *.jpeg, *.webp", Text.words("picture"))
	made.files_selected.connect(then)
	made.file_selected.connect(func(path: String) -> void: then.call(PackedStringArray([path])))
	EditorInterface.get_base_control().add_child(made)
	return made
