## What the user has set, and where the plugin keeps what it keeps. Needs no editor.
##
## The editor's settings show what is here (see editor_settings.gd) but do not hold it: they are one file for all
## plugins, which a plugin that is turned off would leave its values in.
@tool
extends RefCounted

const Address := preload("client/address.gd")

const FILE := "settings.cfg"
const SECTION := "spherelinks"
const ADDRESS := "http://127.0.0.1:8000"
const MINUTES := 30
## What is set for one project, in its project.godot where it is not as it is here.
const PROJECT := {
	"spherelinks/import/folder": "res://models",
	"spherelinks/import/textures": -1,
	"spherelinks/import/wrapper_scene": false,
}
## For `textures`: what Godot calls gltf/embedded_image_handling; -1 leaves it to the project's import defaults.
const TEXTURES := "Project's Import Defaults:-1,Beside the Model:1,In the Scene as Basis Universal:2,In the Scene:3"


## The plugin's folder among the user's own settings of Godot, readable by this user alone.
static func folder() -> String:
	return OS.get_config_dir().path_join(_godot()).path_join("spherelinks")


## Where the jobs are.
static func jobs_folder() -> String:
	return OS.get_data_dir().path_join(_godot()).path_join("spherelinks").path_join("jobs")


## The project's path, by which its jobs are known.
static func document() -> String:
	return ProjectSettings.globalize_path("res://").trim_suffix("/")


## The server's address as it was entered.
static func server() -> String:
	return str(_stored().get_value(SECTION, "server", ADDRESS))


## Where the program of a local server is; empty for the usual places.
static func program() -> String:
	return str(_stored().get_value(SECTION, "program", ""))


## After so many minutes a job that does not end is given up.
static func minutes() -> int:
	var stored: Variant = _stored().get_value(SECTION, "minutes", MINUTES)
	return clampi(stored, 1, 1440) if stored is int else MINUTES


## Keep one of the above.
static func keep(name: String, value: Variant) -> void:
	DirAccess.make_dir_recursive_absolute(folder())
	var owners := FileAccess.UNIX_READ_OWNER | FileAccess.UNIX_WRITE_OWNER
	FileAccess.set_unix_permissions(folder(), owners | FileAccess.UNIX_EXECUTE_OWNER)
	var stored := _stored()
	stored.set_value(SECTION, name, value)
	stored.save(folder().path_join(FILE))


## A setting of the project.
static func project(name: String) -> Variant:
	return ProjectSettings.get_setting(name, PROJECT[name])


static func _stored() -> ConfigFile:
	var stored := ConfigFile.new()
	stored.load(folder().path_join(FILE))
	return stored


static func _godot() -> String:
	return "Godot" if OS.get_name() in ["Windows", "macOS"] else "godot"
