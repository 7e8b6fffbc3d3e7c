## One job after another as a level designer would have it, and the plugin turned off and on again.
extends RefCounted

const Pictures := preload("res://addons/spherelinks/pictures.gd")
const Settings := preload("res://addons/spherelinks/settings.gd")


func run(probe: EditorPlugin) -> void:
	var told: Dictionary = probe.told
	var root: Node = await probe.open_level()
	await probe.connect_to_server()
	var session: Node = probe.session()
	var crate: Node = (load("res://crate.glb") as PackedScene).instantiate()
	told["crate"] = probe.facts(crate)
	crate.free()
	told["info"] = {"credits": session.info.credits, "plan": session.info.plan}
	var dock: Control = probe.dock()
	told["presets"] = dock.find_child("Presets", true, false).item_count
	dock.options_box.fill({"collider": "convex", "textureSize": 512})
	dock.picture_box.choose(Pictures.of_file(probe.asked.pictures[0]))
	var began := Time.get_ticks_msec()
	dock.generate()
	var job: RefCounted = await probe.next_job([], "placed")
	told["seconds"] = (Time.get_ticks_msec() - began) / 1000.0
	told["first"] = {"id": job.id, "resource": job.resource, "options": job.options}
	told["placed"] = probe.facts(root)
	told["selected"] = EditorInterface.get_selection().get_selected_nodes().map(
		func(node: Node) -> String: return str(node.name)
	)
	await _undo_and_redo(probe, root)
	await _replace(probe, root, job)
	await _use_again(probe)
	told["jobs"] = probe.jobs().map(func(each: RefCounted) -> String: return each.state)
	EditorInterface.save_scene()
	told["saved"] = FileAccess.get_file_as_string(probe.LEVEL)
	Settings.keep("program", probe.asked.nowhere)
	session.start_server()
	told["missing"] = session.trouble.problem()
	await _turn_off_and_on(probe)


func _undo_and_redo(probe: EditorPlugin, root: Node) -> void:
	probe.history_of(root).undo()
	await probe.frames(2)
	probe.told["undone"] = root.get_child_count()
	probe.history_of(root).redo()
	await probe.frames(2)
	probe.told["redone"] = probe.facts(root)


## What the level sets on an object, another object then has.
func _replace(probe: EditorPlugin, root: Node, first: RefCounted) -> void:
	var old: Node3D = root.get_child(0)
	old.position = Vector3(1, 2, 3)
	old.add_to_group("props", true)
	root.set_editable_instance(old, true)
	var body: StaticBody3D = old.find_children("*", "StaticBody3D", true, false)[0]
	body.collision_layer = 4
	var mesh: MeshInstance3D = old.find_children("*", "MeshInstance3D", true, false)[0]
	mesh.transparency = 0.25
	var lamp := OmniLight3D.new()
	lamp.name = "Lamp"
	old.add_child(lamp)
	lamp.owner = root
	root.add_child(_timer(root, old))
	EditorInterface.get_selection().clear()
	EditorInterface.get_selection().add_node(old)
	await probe.frames(2)
	var dock: Control = probe.dock()
	dock.picture_box.choose(Pictures.of_file(probe.asked.pictures[1]))
	var sides := {}
	for side: String in probe.asked.sides:
		sides[side] = Pictures.of_file(probe.asked.sides[side])
	dock.sides_box.choose(sides)
	probe.told["title"] = dock.sides_box.find_child("Title", true, false).text
	dock.options_box.fill({"generator": "inflate"})
	await probe.frames(2)
	probe.told["of_inflate"] = [dock.sides_box.visible, dock.sides_box.chosen().keys()]
	dock.options_box.fill({"collider": "convex", "textureSize": 512})
	await probe.frames(2)
	dock.replace()
	await probe.next_job([first.id], "placed")
	probe.told["replaced"] = probe.facts(root)
	var new: Node = root.get_child(0)
	probe.told["kept"] = {
		"layer": new.find_children("*", "StaticBody3D", true, false)[0].collision_layer,
		"transparency": new.find_children("*", "MeshInstance3D", true, false)[0].transparency,
		"group": new.is_in_group("props"),
		"editable": root.is_editable_instance(new),
		"connected": root.get_node("Clock").timeout.is_connected(Callable(new, "hide")),
	}
	probe.history_of(root).undo()
	await probe.frames(2)
	probe.told["returned"] = probe.facts(root)
	probe.history_of(root).redo()
	await probe.frames(2)


## The pictures of the history's newest job, once those of the dock are gone.
func _use_again(probe: EditorPlugin) -> void:
	var dock: Control = probe.dock()
	dock.sides_box.choose({})
	var history: Control = dock.find_child("HistoryBox", true, false)
	history.refresh()
	await probe.until(
		"the history is there", func() -> bool: return history.find_child("UseAgain", true, false) != null
	)
	history.find_child("UseAgain", true, false).pressed.emit()
	await probe.until("the pictures are back", func() -> bool: return not dock.sides_box.chosen().is_empty())
	probe.told["again"] = {}
	for side: String in dock.sides_box.chosen():
		probe.told["again"][side] = FileAccess.get_sha256(dock.sides_box.chosen()[side].path)


func _timer(root: Node, target: Node) -> Timer:
	var timer := Timer.new()
	timer.name = "Clock"
	timer.timeout.connect(Callable(target, "hide"), CONNECT_PERSIST)
	timer.ready.connect(func() -> void: timer.owner = root)
	return timer


func _turn_off_and_on(probe: EditorPlugin) -> void:
	probe.told["on"] = _traces(probe)
	EditorInterface.set_plugin_enabled("spherelinks", false)
	await probe.frames(10)
	probe.told["off"] = _traces(probe)
	EditorInterface.set_plugin_enabled("spherelinks", true)
	await probe.frames(10)
	probe.told["on_again"] = _traces(probe)


## What the plugin has in the editor while it is on.
func _traces(probe: EditorPlugin) -> Dictionary:
	var editor := EditorInterface.get_editor_settings()
	var settings: Array = []
	for property in editor.get_property_list() + ProjectSettings.get_property_list():
		if str(property.name).begins_with("spherelinks"):
			settings.append(property.name)
	var nodes: Array = []
	for node in probe.get_tree().root.find_children("SphereLinks*", "", true, false):
		nodes.append(str(node.name))
	return {
		"settings": settings,
		"nodes": nodes,
		"threads": DirAccess.get_directories_at("/proc/%d/task" % OS.get_process_id()).size(),
		"extensions": "KHR_mesh_quantization" in GLTFDocument.get_supported_gltf_extensions(),
	}
