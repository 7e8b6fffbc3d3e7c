## What the plugin costs the editor: frames while a job runs, the time until an object stands, memory.
extends RefCounted

const Assets := preload("res://addons/spherelinks/assets.gd")
const Pictures := preload("res://addons/spherelinks/pictures.gd")
const Settings := preload("res://addons/spherelinks/settings.gd")

const WARM := 2

var _longest := 0
## The longest less the time that the editor was kept from its core by other processes.
var _longest_running := 0
## What the job was at then.
var _state := ""
var _probe: EditorPlugin
var _last := 0
var _last_kept := 0
var _count := 0
var _watching := false


func run(probe: EditorPlugin) -> void:
	_probe = probe
	var root: Node = await probe.open_level()
	await probe.connect_to_server()
	await probe.frames(60)
	probe.get_tree().process_frame.connect(_on_frame)
	await _watch(probe, "idle_ms", func() -> bool: return _count > 200)
	var dock: Control = probe.dock()
	dock.options_box.fill({"collider": "convex"})
	dock.picture_box.choose(Pictures.of_file(probe.asked.picture))
	dock.generate()
	await _watch(probe, "job_ms", func() -> bool: return probe.jobs().any(_is_done))
	var done := Time.get_ticks_msec()
	if probe.jobs()[0].state == "failed":
		probe.told["problem"] = probe.jobs()[0].problem
		return
	await probe.until(
		"it stands", func() -> bool: return probe.jobs().any(func(j: RefCounted) -> bool: return j.state == "placed")
	)
	probe.told["completed_to_instance_s"] = (Time.get_ticks_msec() - done) / 1000.0
	var job: RefCounted = probe.jobs()[0]
	probe.told["asset_kb"] = FileAccess.get_file_as_bytes(probe.session().jobs.asset(job.id)).size() / 1024
	var before := 0
	for index in int(probe.asked.imports) + WARM:
		if index == WARM:
			before = _memory()
		await _import_and_delete(probe, root, job)
	probe.told["grown_kb"] = (_memory() - before) / 1024


func _import_and_delete(probe: EditorPlugin, root: Node, job: RefCounted) -> void:
	probe.session().place_again(job)
	probe.session().jobs.update(job.id, {"resource": ""})
	var count := root.get_child_count()
	await probe.until("it stands again", func() -> bool: return root.get_child_count() > count)
	var path: String = probe.session().jobs.find(job.id).resource
	probe.history_of(root).undo()
	probe.history_of(root).clear_history()
	Assets.remove(path.get_base_dir())
	EditorInterface.get_resource_filesystem().scan()
	await probe.settled()


func _is_done(job: RefCounted) -> bool:
	return job.state in ["fetching", "ready", "placed", "failed"]


func _watch(probe: EditorPlugin, what: String, end: Callable) -> void:
	_longest = 0
	_longest_running = 0
	_count = 0
	_last = Time.get_ticks_usec()
	_last_kept = _kept_waiting()
	_watching = true
	await probe.until(what, end)
	_watching = false
	probe.told[what] = {
		"longest": _longest / 1000.0, "running": _longest_running / 1000.0, "state": _state, "frames": _count
	}


func _on_frame() -> void:
	var now := Time.get_ticks_usec()
	var kept := _kept_waiting()
	if _watching:
		_longest = maxi(_longest, now - _last)
		if now - _last - (kept - _last_kept) > _longest_running:
			_longest_running = now - _last - (kept - _last_kept)
			var jobs: Array = _probe.jobs()
			_state = "%s %s" % [jobs[0].state, jobs[0].stage] if jobs else ""
		_count += 1
	_last = now
	_last_kept = kept


## How long the main thread has been ready to run and was not, us.
func _kept_waiting() -> int:
	var id := OS.get_process_id()
	var stat := FileAccess.open("/proc/%d/task/%d/schedstat" % [id, id], FileAccess.READ)
	return stat.get_line().get_slice(" ", 1).to_int() / 1000


func _memory() -> int:
	return OS.get_static_memory_usage()
