## The plugin's settings among the editor's and the project's, for as long as it is on.
@tool
extends RefCounted

const Settings := preload("settings.gd")

const SERVER := "spherelinks/server/address"
const PROGRAM := "spherelinks/server/program"
const MINUTES := "spherelinks/server/give_up_after_minutes"

## Called where the address was changed.
var on_server_changed: Callable


func install() -> void:
	var settings := EditorInterface.get_editor_settings()
	_offer(settings, SERVER, Settings.server(), Settings.ADDRESS, {})
	_offer(settings, PROGRAM, Settings.program(), "", {"hint": PROPERTY_HINT_GLOBAL_FILE})
	var range_hint := {"hint": PROPERTY_HINT_RANGE, "hint_string": "1,1440,1"}
	_offer(settings, MINUTES, Settings.minutes(), Settings.MINUTES, range_hint)
	settings.settings_changed.connect(_on_changed)
	var hints := {
		"spherelinks/import/folder": {"type": TYPE_STRING, "hint": PROPERTY_HINT_DIR},
		"spherelinks/import/textures": {"type": TYPE_INT, "hint": PROPERTY_HINT_ENUM, "hint_string": Settings.TEXTURES},
		"spherelinks/import/wrapper_scene": {"type": TYPE_BOOL},
	}
	for name: String in Settings.PROJECT:
		if not ProjectSettings.has_setting(name):
			ProjectSettings.set_setting(name, Settings.PROJECT[name])
		ProjectSettings.set_initial_value(name, Settings.PROJECT[name])
		ProjectSettings.set_as_basic(name, true)
		ProjectSettings.add_property_info(hints[name].merged({"name": name}))


## What the user has chosen stays: the editor's in a file of the plugin's own, the project's in its project.godot.
func remove() -> void:
	var settings := EditorInterface.get_editor_settings()
	settings.settings_changed.disconnect(_on_changed)
	for name: String in [SERVER, PROGRAM, MINUTES]:
		settings.erase(name)
	for name: String in Settings.PROJECT:
		if ProjectSettings.get_setting(name) == Settings.PROJECT[name]:
			ProjectSettings.clear(name)


## Show what was entered elsewhere.
func refresh() -> void:
	EditorInterface.get_editor_settings().set_setting(SERVER, Settings.server())


func _offer(settings: EditorSettings, name: String, value: Variant, initial: Variant, hints: Dictionary) -> void:
	settings.set_setting(name, value)
	settings.set_initial_value(name, initial, false)
	settings.add_property_info(hints.merged({"name": name, "type": typeof(initial)}))


func _on_changed() -> void:
	var settings := EditorInterface.get_editor_settings()
	if str(settings.get_setting(PROGRAM)) != Settings.program():
		Settings.keep("program", str(settings.get_setting(PROGRAM)))
	if int(settings.get_setting(MINUTES)) != Settings.minutes():
		Settings.keep("minutes", int(settings.get_setting(MINUTES)))
	if str(settings.get_setting(SERVER)) != Settings.server():
		on_server_changed.call(str(settings.get_setting(SERVER)))
