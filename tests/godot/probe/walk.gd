## The way of somebody who has unpacked the plugin: turned on, a server started, the robot made, the level played.
extends "window.gd"

const Keys := preload("res://addons/spherelinks/client/keys.gd")


func _arrive() -> void:
	await _probe.open_level()
	_probe.told["at_first"] = _probe.session() != null
	await _turn_on()
	_probe.told["seen_at_once"] = _probe.dock().is_visible_in_tree()
	await _start_server()


## In Project > Project Settings > Plugins.
func _turn_on() -> void:
	var root := _probe.get_tree().root
	var dialog: Window = root.find_children("*", "ProjectSettingsEditor", true, false)[0]
	_choose_in_a_menu(root, "Project Settings")
	await _probe.until("the project's settings are shown", func() -> bool: return dialog.visible)
	var list: Control = dialog.find_children("*", "EditorPluginSettings", true, false)[0]
	await _show_tab(list)
	var tree: Tree = list.find_children("*", "Tree", true, false)[0]
	var boxes := tree.get_root().get_children().map(_box_of)
	var index := boxes.find_custom(func(box: Rect2) -> bool: return box.has_area())
	await _click_at(tree, boxes[index])
	await _probe.until("the plugin is on", func() -> bool: return _probe.session() != null)
	await _shoot("plugins")
	await _click((dialog as AcceptDialog).get_ok_button())
	await _probe.until("the project's settings are closed", func() -> bool: return not dialog.visible)


## Where the plugin is turned on, if that is the row of ours.
func _box_of(row: TreeItem) -> Rect2:
	for column in row.get_tree().columns:
		if row.get_cell_mode(column) == TreeItem.CELL_MODE_CHECK:
			for other in row.get_tree().columns:
				if str(row.get_metadata(other)).contains("spherelinks"):
					return row.get_tree().get_item_area_rect(row, column)
	return Rect2()


## At an address of its own: the default one's port may be taken.
func _start_server() -> void:
	var session: Node = _probe.session()
	await _click(_part("Settings").find_child("Title", true, false))
	await _type(_part("Address"), _probe.asked.address)
	await _click(_part("StartServer"))
	_probe.told["starting"] = session.starting
	await _know_server()
	_probe.told["account"] = session.info.account
	_probe.told["place"] = Keys.Place.keys()[session.kept_key.place]
	_probe.told["pid"] = session.local.pid
	await _shoot("connected")
	await _click(_part("Settings").find_child("Title", true, false))


func _know_server() -> void:
	await _probe.until("the server is known", _knows_server, 170.0)


func _knows_server() -> bool:
	var session: Node = _probe.session()
	return session.info != null and session.trouble == null and not session.starting and not session.checking


## By the dialog for files, and the fields of the options.
func _choose() -> void:
	var path: String = _probe.asked.picture
	await _click(_part("File"))
	var dialogs := _probe.get_tree().root.find_children("*", "EditorFileDialog", true, false)
	var dialog: FileDialog = dialogs[dialogs.find_custom(func(each: Window) -> bool: return each.visible)]
	dialog.current_dir = path.get_base_dir()
	await _probe.frames(5)
	await _shoot("file")
	for list: ItemList in dialog.find_children("*", "ItemList", true, false):
		var index := range(list.item_count).map(list.get_item_text).find(path.get_file())
		if index >= 0:
			await _click_at(list, await _seen_of(list, index))
	await _click(dialog.get_ok_button())
	await _click(_part("Options").find_child("Title", true, false))
	await _type((_part("textureSize") as SpinBox).get_line_edit(), str(_probe.asked.textureSize))
	var collider: OptionButton = _part("collider")
	var choices := range(collider.item_count).map(collider.get_item_text)
	collider.get_popup().index_pressed.emit(choices.find("Convex"))
	await _click(_part("Options").find_child("Title", true, false))


## Where an entry of a list is, once it is in sight.
func _seen_of(list: ItemList, index: int) -> Rect2:
	list.select(index)
	list.ensure_current_is_visible()
	await _probe.frames(2)
	var box := list.get_item_rect(index)
	box.position -= Vector2(list.get_h_scroll_bar().value, list.get_v_scroll_bar().value)
	list.deselect_all()
	return box


## Saved and played.
func _go_on() -> void:
	_probe.told["placed"] = _probe.facts(EditorInterface.get_edited_scene_root().get_node("robot"))
	_press(KEY_S, 0, true)
	await _probe.until(
		"the level is saved", func() -> bool: return FileAccess.get_file_as_string(_probe.LEVEL).contains("robot.glb")
	)
	_press(KEY_F6)
	await _probe.until("the level is played", EditorInterface.is_playing_scene)
	await _probe.until("it has ended", func() -> bool: return not EditorInterface.is_playing_scene())
	EditorInterface.set_main_screen_editor("3D")


func _fail() -> void:
	await super()
	await _wear("Light")
	await _shoot("light")
	_probe.session().use_server(_probe.asked.address)
	await _know_server()


func _wear(theme: String) -> void:
	var old := EditorInterface.get_editor_theme().get_color(&"base_color", &"Editor")
	EditorInterface.get_editor_settings().set_setting("interface/theme/color_preset", theme)
	await _probe.until(
		"the theme is " + theme,
		func() -> bool: return EditorInterface.get_editor_theme().get_color(&"base_color", &"Editor") != old
	)


func _choose_in_a_menu(root: Window, title: String) -> void:
	for menu: PopupMenu in root.find_children("*", "PopupMenu", true, false):
		for index in menu.item_count:
			if menu.get_item_text(index).begins_with(title):
				menu.id_pressed.emit(menu.get_item_id(index))
				return
