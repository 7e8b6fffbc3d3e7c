## Binary glTF, as far as it must be known here: whether a file is whole, and what it says of itself.
@tool
extends RefCounted

const Failure := preload("failure.gd")
const JsonText := preload("json_text.gd")

const MAGIC := 0x46546C67  # glTF
const JSON_CHUNK := 0x4E4F534A


## Null where the file is a binary glTF 2 of the length that its header gives, else a Failure.
static func check(path: String) -> Variant:
	var file := FileAccess.open(path, FileAccess.READ)
	if file == null:
		return Failure.new("file_error", "%s cannot be read." % path.get_file())
	if file.get_length() < 12 or file.get_32() != MAGIC or file.get_32() != 2:
		return Failure.new("bad_answer", "What the server sent as the asset is no GLB.")
	var length := file.get_32()
	if length != file.get_length():
		var form := "The asset came only in part: %d of %d bytes."
		return Failure.new("bad_answer", form % [file.get_length(), length], "", true)
	return null


## asset.extras: generator, options, seed and source of an asset; empty where there are none.
static func extras(path: String) -> Dictionary:
	var file := FileAccess.open(path, FileAccess.READ)
	if file == null or file.get_length() < 20:
		return {}
	file.seek(12)
	var length := file.get_32()
	if file.get_32() != JSON_CHUNK or length > file.get_length():
		return {}
	var asset: Variant = JsonText.read_object(file.get_buffer(length)).get("asset")
	var found: Variant = asset.get("extras") if asset is Dictionary else null
	return found if found is Dictionary else {}
