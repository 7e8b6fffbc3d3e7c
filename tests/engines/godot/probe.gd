## Opens GLBs as a running game would and writes, as JSON, what Godot made of each:
## godot --headless --path . --script probe.gd -- OUT.json GLB...
extends SceneTree


func _initialize() -> void:
	var arguments := OS.get_cmdline_user_args()
	var facts := {}
	for path in arguments.slice(1):
		facts[path.get_file().get_basename()] = _facts(path)
	var file := FileAccess.open(arguments[0], FileAccess.WRITE)
	file.store_string(JSON.stringify(facts))
	file.close()
	quit()


func _facts(path: String) -> Dictionary:
	var document := GLTFDocument.new()
	var state := GLTFState.new()
	var error := document.append_from_file(path, state)
	if error != OK:
		return {"error": error_string(error)}
	var scene := document.generate_scene(state)
	var meshes := scene.find_children("*", "MeshInstance3D", true, false)
	var facts := {"meshes": meshes.size(), "root": str(scene.name)}
	if meshes.size() == 1:
		var instance: MeshInstance3D = meshes[0]
		var place := instance.transform
		var node := instance.get_parent()
		while node is Node3D and node != scene:
			place = (node as Node3D).transform * place
			node = node.get_parent()
		var box := place * instance.mesh.get_aabb()
		facts["name"] = str(instance.name)
		facts["low"] = _numbers(box.position)
		facts["high"] = _numbers(box.end)
		facts["surfaces"] = instance.mesh.get_surface_count()
		facts["surface"] = _surface(instance.mesh)
		facts["material"] = _material(instance.mesh.surface_get_material(0))
	scene.free()
	return facts


func _surface(mesh: Mesh) -> Dictionary:
	var arrays := mesh.surface_get_arrays(0)
	var points: PackedVector3Array = arrays[Mesh.ARRAY_VERTEX]
	var normals: PackedVector3Array = arrays[Mesh.ARRAY_NORMAL]
	var indices: PackedInt32Array = arrays[Mesh.ARRAY_INDEX]
	var outward := 0
	for i in range(0, indices.size(), 3):
		var a := points[indices[i]]
		# Godot winds its triangles clockwise
		var face := (points[indices[i + 2]] - a).cross(points[indices[i + 1]] - a)
		var normal := normals[indices[i]] + normals[indices[i + 1]] + normals[indices[i + 2]]
		outward += int(face.dot(normal) > 0.0)
	return {
		"vertices": points.size(),
		"uvs": (arrays[Mesh.ARRAY_TEX_UV] as PackedVector2Array).size(),
		"triangles": indices.size() / 3,
		"facing_along_normals": 3.0 * outward / indices.size(),
	}


func _material(material: BaseMaterial3D) -> Dictionary:
	var facts := {"metallic": material.metallic, "roughness": material.roughness, "texture": null}
	if material.albedo_texture:
		var picture := material.albedo_texture.get_image()
		if picture.is_compressed():
			picture.decompress()
		picture.resize(64, 64, Image.INTERPOLATE_TRILINEAR)
		var colors := {}
		for y in 64:
			for x in 64:
				colors[picture.get_pixel(x, y).to_html(false)] = true
		facts["texture"] = {
			"size": [material.albedo_texture.get_width(), material.albedo_texture.get_height()],
			"colors": colors.size(),
		}
	return facts


func _numbers(v: Vector3) -> Array:
	return [v.x, v.y, v.z]
