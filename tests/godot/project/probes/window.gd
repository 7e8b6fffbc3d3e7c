## The dock as the user sees it, at every state: pictures of the editor in the folder `shots`.
extends RefCounted

const Jobs := preload("../addons/spherelinks/client/jobs.gd")
const Pictures := preload("../addons/spherelinks/pictures.gd")

var _probe: EditorPlugin


func run(probe: EditorPlugin) -> void:
	_probe = probe
	await probe.open_level()
	EditorInterface.set_main_screen_editor("3D")
	await probe.connect_to_server()
	var dock: Control = probe.dock()
	dock.get_parent().call("make_visible")
	dock.options_box.fill({"collider": "convex", "textureSize": probe.asked.textureSize})
	dock.picture_box.choose(Pictures.of_file(probe.asked.picture))
	await probe.until("the picture is read", func() -> bool: return dock.picture_box.picture.preview != null)
	await _shoot("idle")
	await _shoot_options(dock)
	dock.generate()
	await probe.until("the job works", _any_job.bind("working"))
	await probe.until("it is under way", func() -> bool: return _any_job("placed") or _progress() >= 20)
	await _shoot("working")
	var job: RefCounted = await probe.next_job([], "placed")
	var node: Node = EditorInterface.get_edited_scene_root().get_child(0)
	EditorInterface.edit_node(node)
	await probe.frames(10)
	var history: Control = dock.find_child("HistoryBox", true, false)
	history.find_child("History", true, false).open()
	await probe.until("the history is listed", func() -> bool: return history.find_child("Past", true, false) != null)
	await _shoot("done")
	probe.told["fields"].append_array(_overflowing(dock))
	probe.told["unreachable"].append_array(_without_focus(dock))
	probe.told["mute"].append_array(_without_tooltip(dock))
	probe.session().use_server("http://127.0.0.1:1")
	probe.session().use_key("sk_wrong")
	await probe.until("the server is missed", func() -> bool: return probe.session().trouble != null)
	var problem := {"code": "no_object", "message": "Nothing stands out in the picture.", "hint": ""}
	probe.session().jobs.update(job.id, {"state": "failed", "problem": problem})
	await _shoot("error")
	probe.told["generate"] = dock.find_child("Generate", true, false).text
	probe.told["tip"] = dock.find_child("Tip", true, false).visible


## With the options and the settings open; what is entered at the end is in sight.
func _shoot_options(dock: Control) -> void:
	var sections: Array = [dock.find_child("Options", true, false), dock.find_child("Settings", true, false)]
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
	for section: Control in sections:
		section.find_child("Title", true, false).button_pressed = false


func _any_job(state: String) -> bool:
	return _probe.jobs().any(func(job: Jobs.Job) -> bool: return job.state == state or job.state == "placed")


func _progress() -> int:
	return _probe.jobs()[0].progress


func _shoot(what: String) -> void:
	for theme: String in _probe.asked.themes:
		await _wear(theme)
		EditorInterface.get_base_control().queue_redraw()
		await _probe.frames(3)
		EditorInterface.get_base_control().queue_redraw()
		await RenderingServer.frame_post_draw
		var image := _probe.get_tree().root.get_texture().get_image()
		image.save_png(str(_probe.asked.shots).path_join("%s-%s.png" % [what, theme.to_lower()]))


func _wear(theme: String) -> void:
	var settings := EditorInterface.get_editor_settings()
	if settings.get_setting("interface/theme/color_preset") == theme:
		return
	var old := EditorInterface.get_editor_theme().get_color(&"base_color", &"Editor")
	settings.set_setting("interface/theme/color_preset", theme)
	await _probe.until(
		"the theme is " + theme,
		func() -> bool: return EditorInterface.get_editor_theme().get_color(&"base_color", &"Editor") != old
	)


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
