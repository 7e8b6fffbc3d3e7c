## Assets as files of a project: each in a folder of its own, for Godot writes an asset's textures beside it and takes
## what is there already for them, without a word.
@tool
extends RefCounted

const Failure := preload("client/failure.gd")
const Http := preload("client/http.gd")
const Settings := preload("settings.gd")

const RESERVED := "^(con|prn|aux|nul|com[0-9]|lpt[0-9])$"
const LONGEST := 64
const WRAPPER := """[gd_scene load_steps=2 format=3]

[ext_resource type="PackedScene" path="%s" id="1"]

[node name="%s" instance=ExtResource("1")]
"""


## Put a GLB into the project, under a name that no other asset has: its path, or a Failure. What is there is whole.
static func put(glb: String, name: String, folder: String) -> Variant:
	var stem := file_name(name)
	var temporary := folder.path_join(".%s-%s" % [stem, Crypto.new().generate_random_bytes(4).hex_encode()])
	var error := DirAccess.make_dir_recursive_absolute(temporary)
	var target := folder.path_join(stem)
	var count := 1
	while error == OK and (DirAccess.dir_exists_absolute(target) or FileAccess.file_exists(target)):
		count += 1
		target = folder.path_join("%s_%d" % [stem, count])
	var file := target.get_file() + ".glb"
	if error == OK:
		error = DirAccess.copy_absolute(glb, temporary.path_join(file))
	if error == OK and Http.length_of(temporary.path_join(file)) != Http.length_of(glb):
		error = ERR_FILE_CANT_WRITE
	if error == OK:
		error = _write(temporary.path_join(file + ".import"), how_to_import(name))
	if error == OK:
		error = DirAccess.rename_absolute(temporary, target)
	if error == OK:
		return target.path_join(file)
	remove(temporary)
	return Failure.new("file_error", "%s cannot be written: %s." % [target.path_join(file), error_string(error)])


## A scene of its own that inherits an asset, for changes that a new GLB in its place does not undo: its path, or a
## Failure.
static func wrap(path: String, name: String) -> Variant:
	var wrapper := path.get_basename() + ".tscn"
	var error := _write(wrapper, WRAPPER % [path, node_name(name).c_escape()])
	if error != OK:
		return Failure.new("file_error", "%s cannot be written: %s." % [wrapper, error_string(error)])
	return wrapper


## The .import file that Godot completes: the root's name, which Godot would number, and what the project wants.
static func how_to_import(name: String) -> String:
	var wanted: Dictionary = ProjectSettings.get_setting("importer_defaults/scene", {}).duplicate()
	wanted["nodes/root_name"] = node_name(name)
	var textures: int = Settings.project("spherelinks/import/textures")
	if textures >= 0:
		wanted["gltf/embedded_image_handling"] = textures
	var lines: PackedStringArray = ['[remap]\n\nimporter="scene"\n\n[params]\n']
	for key: String in wanted:
		lines.append("%s=%s" % [key, var_to_str(wanted[key])])
	return "\n".join(lines) + "\n"


## A name as every system takes it for a file, and still readable.
static func file_name(name: String) -> String:
	var clean := name.validate_filename().replace("%", "_").replace("&", "_").replace("#", "_").strip_edges()
	clean = clean.left(LONGEST).lstrip(". ").rstrip(". ")
	if RegEx.create_from_string("(?i)" + RESERVED).search(clean.get_slice(".", 0)):
		clean = "_" + clean
	return clean if clean else "model"


static func node_name(name: String) -> String:
	var clean := name.validate_node_name().strip_edges()
	return clean if clean else "Model"


## Remove a folder with the files in it.
static func remove(folder: String) -> void:
	for file in DirAccess.get_files_at(folder):
		DirAccess.remove_absolute(folder.path_join(file))
	DirAccess.remove_absolute(folder)


static func _write(path: String, text: String) -> Error:
	var file := FileAccess.open(path, FileAccess.WRITE)
	if file == null:
		return FileAccess.get_open_error()
	file.store_string(text)
	file.close()
	return OK if Http.length_of(path) == text.to_utf8_buffer().size() else ERR_FILE_CANT_WRITE
