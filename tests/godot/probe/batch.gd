## Several pictures from the FileSystem dock's menu, into scenes of their own that inherit the assets.
extends RefCounted


func run(probe: EditorPlugin) -> void:
	var root: Node = await probe.open_level()
	await probe.connect_to_server()
	ProjectSettings.set_setting("spherelinks/import/wrapper_scene", true)
	var menu: RefCounted = probe.session().get_parent()._menu
	probe.told["menu"] = menu != null
	menu._chosen(Array(probe.asked.files))
	await probe.until(
		"all are placed",
		func() -> bool:
			var jobs: Array = probe.jobs()
			return jobs.size() == 3 and jobs.all(func(job: RefCounted) -> bool: return job.state == "placed")
	)
	await probe.frames(10)
	var rows := func() -> Array:
		return probe.dock().find_children("State", "Label", true, false).map(
			func(label: Label) -> String: return label.text
		)
	await probe.until("the rows say so", func() -> bool: return rows.call().count("Imported") == 3)
	probe.told["level"] = probe.facts(root)
	probe.told["batches"] = probe.jobs().map(func(job: RefCounted) -> String: return job.batch)
	probe.told["rows"] = rows.call()
	probe.told["files"] = DirAccess.get_directories_at("res://models")
	for _again in 4:
		await _remove_and_import(probe)
	EditorInterface.save_scene()


## Remove an asset, and at once bring it in again.
func _remove_and_import(probe: EditorPlugin) -> void:
	var job: RefCounted = probe.jobs()[-1]
	preload("res://addons/spherelinks/assets.gd").remove(job.resource.get_base_dir())
	EditorInterface.get_resource_filesystem().scan()
	await probe.settled()
	probe.session().place_again(job)
	probe.session().jobs.update(job.id, {"resource": ""})
	await probe.until("it is there again", func() -> bool: return probe.session().jobs.find(job.id).state == "placed")
