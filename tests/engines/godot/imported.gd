## Looks at scenes and at GLBs that Godot's editor has imported into the project and writes, as JSON, the nodes of each,
## its root first:
## godot --headless --path . --script imported.gd -- OUT.json res://A.glb...
extends SceneTree


func _initialize() -> void:
	var arguments := OS.get_cmdline_user_args()
	var facts := {}
	for path in arguments.slice(1):
		var scene := (load(path) as PackedScene).instantiate()
		var nodes := [_facts(scene)]
		for node in scene.find_children("*", "", true, false):
			nodes.append(_facts(node))
		facts[path.get_file().get_basename()] = nodes
		scene.free()
	var file := FileAccess.open(arguments[0], FileAccess.WRITE)
	file.store_string(JSON.stringify(facts))
	file.close()
	quit()


func _facts(node: Node) -> Dictionary:
	var facts := {"name": str(node.name), "class": node.get_class()}
	if node is CollisionShape3D:
		var shape: Shape3D = (node as CollisionShape3D).shape
		facts["shape"] = shape.get_class()
		if shape is ConvexPolygonShape3D:
			facts["corners"] = (shape as ConvexPolygonShape3D).points.size()
	if node is MeshInstance3D:
		var material: BaseMaterial3D = (node as MeshInstance3D).mesh.surface_get_material(0)
		facts["material"] = material.resource_name
		facts["transparency"] = material.transparency
		facts["vertex_colors"] = material.vertex_color_use_as_albedo
		facts["layers"] = (node as MeshInstance3D).layers
		facts["normal_map"] = material.normal_enabled
		facts["occlusion"] = material.ao_enabled
	if node is CollisionObject3D:
		facts["layers"] = (node as CollisionObject3D).collision_layer
	return facts
