## SphereLinks in Godot's editor. What is added here when the plugin is turned on is taken away when it is turned off.
@tool
extends EditorPlugin

const Dock := preload("dock/dock.gd")
const Document := preload("document.gd")
const EditorSettingsPart := preload("editor_settings.gd")
const Session := preload("session.gd")
const Text := preload("text.gd")

const ICON := "icon.svg"
const PALETTE := "spherelinks/"
## EditorContextMenuPlugin.CONTEXT_SLOT_FILESYSTEM, a class that Godot 4.3 does not have.
const FILESYSTEM_SLOT := 1
## EditorDock.DOCK_LAYOUT_ALL: at the sides, at the bottom, and in a window of its own.
const ANY_LAYOUT := 7

var session: Session
var dock: Dock

var _settings := EditorSettingsPart.new()
var _document: Document
## An EditorDock from Godot 4.6 on, else null.
var _frame: Node
var _menu: RefCounted


func _enter_tree() -> void:
	_document = Document.new()
	GLTFDocument.register_gltf_document_extension(_document, true)
	_settings.install()
	session = Session.new(get_undo_redo())
	add_child(session)
	dock = Dock.new(session)
	_settings.on_server_changed = session.use_server
	session.changed.connect(_settings.refresh)
	_add_dock()
	_add_menu()
	var palette := EditorInterface.get_command_palette()
	palette.add_command(Text.words("palette_generate"), PALETTE + "generate", dock.generate)
	palette.add_command(Text.words("palette_settings"), PALETTE + "settings", _show_settings)
	palette.add_command(Text.words("palette_start_server"), PALETTE + "start_server", session.start_server)


## By the user, who then sees the dock at once: its tab may be one that does not fit.
func _enable_plugin() -> void:
	_show_dock()


func _exit_tree() -> void:
	for command: String in ["generate", "settings", "start_server"]:
		EditorInterface.get_command_palette().remove_command(PALETTE + command)
	if _menu:
		call("remove_context_menu_plugin", _menu)
		_menu = null
	if _frame:
		call("remove_dock", _frame)
		_frame.queue_free()
		_frame = null
	else:
		remove_control_from_docks(dock)
		dock.queue_free()
	dock = null
	remove_child(session)
	session.queue_free()
	session = null
	_settings.remove()
	GLTFDocument.unregister_gltf_document_extension(_document)
	_document = null


## Godot 4.6 has a class for docks, which earlier ones would not parse by its name.
func _add_dock() -> void:
	if not ClassDB.class_exists(&"EditorDock"):
		add_control_to_dock(DOCK_SLOT_RIGHT_UL, dock)
		return
	_frame = ClassDB.instantiate(&"EditorDock")
	_frame.name = "SphereLinksDock"
	_frame.set("title", "SphereLinks")
	_frame.set("dock_icon", _icon())
	_frame.set("default_slot", DOCK_SLOT_RIGHT_UL)
	_frame.set("available_layouts", ANY_LAYOUT)
	_frame.add_child(dock)
	call("add_dock", _frame)


func _add_menu() -> void:
	if ClassDB.class_exists(&"EditorContextMenuPlugin"):
		_menu = load((get_script() as Script).resource_path.get_base_dir().path_join("context_menu.gd")).new()
		_menu.set("on_chosen", dock.generate_files)
		call("add_context_menu_plugin", FILESYSTEM_SLOT, _menu)


## Read as it is, for a project that is opened for the first time has imported nothing yet.
func _icon() -> Texture2D:
	var path := (get_script() as Script).resource_path.get_base_dir().path_join(ICON)
	var image := Image.new()
	image.load_svg_from_string(FileAccess.get_file_as_string(path), EditorInterface.get_editor_scale())
	return ImageTexture.create_from_image(image)


func _show_dock() -> void:
	if _frame:
		_frame.call("make_visible")
	elif dock.get_parent() is TabContainer:
		(dock.get_parent() as TabContainer).current_tab = dock.get_index()


func _show_settings() -> void:
	_show_dock()
	dock.settings_box.open()
