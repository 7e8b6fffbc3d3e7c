## Does in the editor what a test asks for by PROBE_ASKED, a JSON file, and leaves what it found as JSON in PROBE_TOLD.
@tool
extends EditorPlugin

const Jobs := preload("res://addons/spherelinks/client/jobs.gd")
const JsonText := preload("res://addons/spherelinks/client/json_text.gd")
const Keys := preload("res://addons/spherelinks/client/keys.gd")
const Objects := preload("res://addons/spherelinks/objects.gd")
const Pictures := preload("res://addons/spherelinks/pictures.gd")
const Settings := preload("res://addons/spherelinks/settings.gd")

const LEVEL := "res://level.tscn"

var asked := {}
var told := {}


func _enter_tree() -> void:
	if OS.get_environment("PROBE_ASKED"):
		_run.call_deferred()


func _run() -> void:
	asked = JsonText.read_object(FileAccess.get_file_as_bytes(OS.get_environment("PROBE_ASKED")))
	await settled()
	var script: GDScript = load("res://.probe/%s.gd" % asked.probe)
	await script.new().run(self)
	save()
	if asked.get("close", false):
		get_tree().root.find_children("*", "EditorNode", true, false)[0].notification(NOTIFICATION_WM_CLOSE_REQUEST)
	else:
		get_tree().quit()


func save() -> void:
	var file := FileAccess.open(OS.get_environment("PROBE_TOLD"), FileAccess.WRITE)
	file.store_string(JSON.stringify(told))
	file.close()


func session() -> Node:
	return get_tree().root.find_child("SphereLinksSession", true, false)


func dock() -> Control:
	return session().get_parent().dock


## Wait until it is so; a probe that waits for too long ends with what it has.
func until(what: String, condition: Callable, limit_s := 240.0) -> void:
	var deadline := Time.get_ticks_msec() + int(limit_s * 1000)
	while not condition.call():
		if Time.get_ticks_msec() > deadline:
			told["late"] = what
			save()
			push_error(
				"SCRIPT ERROR: not within %d s: %s (%s)" % [limit_s, what, session().trouble if session() else ""]
			)
			get_tree().quit(1)
			return
		await get_tree().process_frame


func settled() -> void:
	await get_tree().process_frame
	var files := EditorInterface.get_resource_filesystem()
	await until("the project is scanned", func() -> bool: return not files.is_scanning(), 300.0)
	await frames(5)


func frames(count: int) -> void:
	for _i in count:
		await get_tree().process_frame


## A level with nothing in it, open.
func open_level(path := LEVEL) -> Node:
	if not FileAccess.file_exists(path):
		var root := Node3D.new()
		root.name = "Level"
		var packed := PackedScene.new()
		packed.pack(root)
		ResourceSaver.save(packed, path)
		root.free()
	EditorInterface.open_scene_from_path(path)
	await until(
		"the level is open",
		func() -> bool:
			var root := EditorInterface.get_edited_scene_root()
			return root != null and root.scene_file_path == path
	)
	await frames(2)
	return EditorInterface.get_edited_scene_root()


## With the server of the test, and its key kept.
func connect_to_server() -> void:
	session().use_server(asked.address)
	session().use_key(asked.key)
	await until("the server is known", func() -> bool: return session().info != null and not session().checking)


func jobs() -> Array[Jobs.Job]:
	return session().jobs.all(Settings.document())


## The next job that there is beside those that are known, once it is in that state.
func next_job(known: Array, state: String) -> Jobs.Job:
	var found: Array[Jobs.Job] = []
	await until(
		"a job is " + state,
		func() -> bool:
			for job in jobs():
				if not job.id in known and job.state == state:
					found.append(job)
				elif not job.id in known and job.state == "failed":
					told["problem"] = job.problem
			return not found.is_empty() or told.has("problem")
	)
	return found[0] if found else null


func history_of(node: Node) -> UndoRedo:
	var manager := get_undo_redo()
	return manager.get_history_undo_redo(manager.get_object_history_id(node))


## What a node is and has, and those below it.
func facts(node: Node) -> Dictionary:
	var found := {
		"name": str(node.name),
		"class": node.get_class(),
		"scene": node.scene_file_path,
		"owner": str(node.owner.name) if node.owner else "",
		"children": node.get_children().map(facts),
	}
	if node is Node3D:
		var spot := (node as Node3D).position
		found["position"] = [spot.x, spot.y, spot.z]
	if node is MeshInstance3D:
		var box := (node as MeshInstance3D).mesh.get_aabb()
		found["size"] = [box.size.x, box.size.y, box.size.z]
		found["low"] = box.position.y
	if node is CollisionObject3D:
		found["layer"] = (node as CollisionObject3D).collision_layer
	if node.has_meta("spherelinks"):
		found["origin"] = node.get_meta("spherelinks")
	return found
