## The editor once more, after the walk: the level as it was left, the server started again, and the history.
extends "walk.gd"


func run(probe: EditorPlugin) -> void:
	_probe = probe
	await _probe.until(
		"the level is open again", func() -> bool: return EditorInterface.get_edited_scene_root() != null
	)
	_probe.told["level"] = _probe.facts(EditorInterface.get_edited_scene_root().get_node("robot"))
	await _show_dock()
	_probe.told["jobs"] = _probe.jobs().map(func(job: Jobs.Job) -> Array: return [job.name, job.state])
	await _click(_part("Settings").find_child("Title", true, false))
	await _click(_part("StartServer"))
	await _know_server()
	_probe.told["pid"] = _probe.session().local.pid
	await _click(_part("Settings").find_child("Title", true, false))
	await _open_history()
	var pictures: Array = _part("HistoryBox").find_children("*", "TextureRect", true, false)
	_probe.told["thumbnails"] = pictures.map(func(each: TextureRect) -> bool: return each.texture != null)
	_probe.told["past"] = _part("HistoryBox").find_children("*", "Label", true, false).map(
		func(each: Label) -> String: return each.text
	)
	await _reveal(pictures[-1])
	await _shoot("history")
