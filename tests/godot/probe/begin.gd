## Asks for a job, and is killed while the server works on it.
extends RefCounted

const Pictures := preload("res://addons/spherelinks/pictures.gd")


func run(probe: EditorPlugin) -> void:
	await probe.open_level()
	await probe.connect_to_server()
	var dock: Control = probe.dock()
	dock.options_box.fill({"textureSize": 640})
	dock.picture_box.choose(Pictures.of_file(probe.asked.picture))
	for side: String in probe.asked.sides:
		dock.sides_box.choose({side: Pictures.of_file(probe.asked.sides[side])})
	dock.generate()
	await probe.until("the server has the job", func() -> bool: return probe.jobs().any(_is_theirs))
	OS.kill(OS.get_process_id())


func _is_theirs(job: RefCounted) -> bool:
	return job.job_id != ""
