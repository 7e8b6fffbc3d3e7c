## The dock as the user sees it, at every state: pictures of the editor in the folder `shots`. It is used by clicks and
## keys that go through the window.
extends RefCounted

const Jobs := preload("res://addons/spherelinks/client/jobs.gd")
const Pictures := preload("res://addons/spherelinks/pictures.gd")

var _probe: EditorPlugin


func run(probe: EditorPlugin) -> void:
	_probe = probe
	EditorInterface.set_main_screen_editor("3D")
	await _arrive()
	await _generate()
	await _go_on()
	await _fail()


## Until the dock is there and knows a server.
func _arrive() -> void:
	await _probe.open_level()
	await _probe.connect_to_server()
	await _show_dock()


## A picture, and what is wanted of it.
func _choose() -> void:
	_probe.dock().picture_box.choose(Pictures.of_file(_probe.asked.picture))
	_probe.dock().options_box.fill({"collider": "convex", "textureSize": _probe.asked.textureSize})


func _generate() -> void:
	var dock: Control = _probe.dock()
	await _choose()
	await _probe.until(
		"the picture is read",
		func() -> bool: return dock.picture_box.picture != null and dock.picture_box.picture.preview != null
	)
	await _shoot("idle")
	await _shoot_options(dock)
	await _click(_part("Generate"))
	await _probe.until("the job works", _any_job.bind("working"))
	await _probe.until("it is under way", func() -> bool: return _any_job("placed") or _progress() >= 20)
	await _shoot("working")
	await _probe.next_job([], "placed")
	EditorInterface.edit_node(EditorInterface.get_edited_scene_root().get_node("robot"))
	await _probe.frames(10)
	await _open_history()
	await _shoot("done")
	_probe.told["fields"].append_array(_overflowing(dock))
	_probe.told["unreachable"].append_array(_without_focus(dock))
	_probe.told["mute"].append_array(_without_tooltip(dock))


## What comes after it is done.
func _go_on() -> void:
	pass


## A picture with nothing in it, and a server that does not answer.
func _fail() -> void:
	var dock: Control = _probe.dock()
	var known: Array = _probe.jobs().map(func(job: Jobs.Job) -> String: return job.id)
	var wall := Image.create(96, 96, false, Image.FORMAT_RGB8)
	wall.fill(Color.GRAY)
	dock.picture_box.choose(Pictures.of_image(wall, "wall"))
	await _probe.frames(10)
	await _click(_part("Generate"))
	var job: Jobs.Job = await _probe.next_job(known, "failed")
	_probe.told["failed"] = job.problem.code
	await _probe.until("the account is asked", func() -> bool: return not _probe.session().checking)
	_probe.session().use_server("http://127.0.0.1:1")
	_probe.session().use_key("sk_wrong")
	await _probe.until("the server is missed", func() -> bool: return _probe.session().trouble != null)
	await _shoot("error")
	_probe.told["generate"] = _part("Generate").text
	_probe.told["tip"] = _part("Tip").visible


## The dock's tab in front.
func _show_dock() -> void:
	await _show_tab(_probe.dock().get_parent())
	await _probe.until("the dock is seen", func() -> bool: return _probe.dock().is_visible_in_tree())


## A click on the tab of a control.
func _show_tab(control: Control) -> void:
	var tabs: TabContainer = control.get_parent()
	var index := tabs.get_tab_idx_from_control(control)
	tabs.get_tab_bar().ensure_tab_visible(index)
	await _probe.frames(2)
	await _click_at(tabs.get_tab_bar(), tabs.get_tab_bar().get_tab_rect(index))


func _open_history() -> void:
	await _click(_part("History").find_child("Title", true, false))
	await _probe.until("the history is listed", func() -> bool: return _part("Past") != null)


## With the other sides, the options and the settings open; what is entered at the end is in sight.
func _shoot_options(dock: Control) -> void:
	var sections: Array = [_part("OtherSides"), _part("Options"), _part("Settings")]
	dock.sides_box.choose({"back": Pictures.of_file(_probe.asked.picture)})
	await _probe.until("the back is read", func() -> bool: return dock.sides_box.chosen().back.preview != null)
	for section: Control in sections:
		section.open()
	await _probe.frames(4)
	_probe.told["fields"] = _overflowing(dock)
	_probe.told["unreachable"] = _without_focus(dock)
	_probe.told["mute"] = _without_tooltip(dock)
	var scroll: ScrollContainer = dock.find_children("*", "ScrollContainer", true, false)[0]
	scroll.scroll_vertical = 200
	await _shoot("options")
	scroll.scroll_vertical = 0
	dock.sides_box.choose({})
	for section: Control in sections:
		section.find_child("Title", true, false).button_pressed = false


## A part of the dock by its name.
func _part(name: String) -> Control:
	return _probe.dock().find_child(name, true, false)


func _any_job(state: String) -> bool:
	return _probe.jobs().any(func(job: Jobs.Job) -> bool: return job.state == state or job.state == "placed")


func _progress() -> int:
	return _probe.jobs()[0].progress


## Bring a control into sight.
func _reveal(part: Control) -> void:
	for scroll in _probe.get_tree().root.find_children("*", "ScrollContainer", true, false):
		if scroll.is_ancestor_of(part):
			(scroll as ScrollContainer).ensure_control_visible(part)
	await _probe.frames(2)


func _click(part: Control) -> void:
	await _reveal(part)
	await _click_at(part, Rect2(Vector2.ZERO, part.size))


## Click on the middle of a part of a control, in whatever window inside the editor's.
func _click_at(part: Control, area: Rect2) -> void:
	var spot := part.get_screen_transform() * area.get_center()
	for is_pressed: bool in [true, false]:
		var event := InputEventMouseButton.new()
		event.button_index = MOUSE_BUTTON_LEFT
		event.button_mask = MOUSE_BUTTON_MASK_LEFT if is_pressed else 0
		event.pressed = is_pressed
		event.position = spot
		event.global_position = spot
		_probe.get_tree().root.push_input(event, true)
	await _probe.frames(2)


## Enter a text in place of what a line has.
func _type(line: LineEdit, text: String) -> void:
	await _click(line)
	line.select_all()
	for index in text.length():
		_press(KEY_NONE, text.unicode_at(index))
	_press(KEY_ENTER)
	await _probe.frames(2)


## Press a key, or enter a character.
func _press(key: Key, character := 0, is_ctrl := false) -> void:
	for is_pressed: bool in [true, false]:
		var event := InputEventKey.new()
		event.keycode = key
		event.physical_keycode = key
		event.unicode = character
		event.ctrl_pressed = is_ctrl
		event.pressed = is_pressed
		_probe.get_tree().root.push_input(event, true)


## A picture of the editor.
func _shoot(what: String) -> void:
	EditorInterface.get_base_control().queue_redraw()
	await _probe.frames(3)
	EditorInterface.get_base_control().queue_redraw()
	await RenderingServer.frame_post_draw
	var image := _probe.get_tree().root.get_texture().get_image()
	image.save_png(str(_probe.asked.shots).path_join(what + ".png"))


## Parts of the dock that reach out of it.
func _overflowing(dock: Control) -> Array:
	var edge := dock.get_global_rect().end.x + 1
	var found: Array = []
	for part: Control in dock.find_children("*", "Control", true, false):
		if part.is_visible_in_tree() and part.get_global_rect().end.x > edge:
			found.append(str(dock.get_path_to(part)))
	return found


## Buttons that the keyboard does not reach.
func _without_focus(dock: Control) -> Array:
	var found: Array = []
	for button: BaseButton in dock.find_children("*", "BaseButton", true, false):
		if button.is_visible_in_tree() and not button.disabled and button.focus_mode != Control.FOCUS_ALL:
			found.append(str(dock.get_path_to(button)))
	return found


## What is entered or pressed, and does not say what it is.
func _without_tooltip(dock: Control) -> Array:
	var found: Array = []
	for kind: String in ["BaseButton", "LineEdit", "SpinBox"]:
		for part: Control in dock.find_children("*", kind, true, false):
			if part.is_visible_in_tree() and part.tooltip_text == "" and not part.get_parent() is SpinBox:
				found.append(str(dock.get_path_to(part)))
	return found
