## What an imported scene is, told as JSON: godot --headless --script scene.gd -- ASKED.json TOLD.json
extends SceneTree


func _initialize() -> void:
	var files := OS.get_cmdline_user_args()
	var asked: Dictionary = JSON.parse_string(FileAccess.get_file_as_string(files[0]))
	var scene := (load(asked.path) as PackedScene).instantiate()
	var mesh: MeshInstance3D = scene.find_children("*", "MeshInstance3D", true, false)[0]
	var told := {
		"name": str(scene.name),
		"height": mesh.mesh.get_aabb().size.y,
		"bodies": scene.find_children("*", "StaticBody3D", true, false).size(),
	}
	scene.free()
	var file := FileAccess.open(files[1], FileAccess.WRITE)
	file.store_string(JSON.stringify(told))
	file.close()
	quit()
