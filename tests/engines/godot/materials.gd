## Opens a GLB as a running game would and writes, as JSON, what Godot made of its first material and the bytes of each
## of its maps: godot --headless --path . --script materials.gd -- OUT.json GLB
extends SceneTree


func _initialize() -> void:
	var arguments := OS.get_cmdline_user_args()
	var document := GLTFDocument.new()
	var state := GLTFState.new()
	document.append_from_file(arguments[1], state)
	var scene := document.generate_scene(state)
	var instance: MeshInstance3D = scene.find_children("*", "MeshInstance3D", true, false)[0]
	var material: BaseMaterial3D = instance.mesh.surface_get_material(0)
	var facts := {
		"metallic": material.metallic,
		"roughness": material.roughness,
		"emission": [material.emission.r, material.emission.g, material.emission.b],
		"strength": material.emission_energy_multiplier,
		"transparency": material.transparency,
		"cutoff": material.alpha_scissor_threshold,
		"culled": material.cull_mode == BaseMaterial3D.CULL_BACK,
		"surfaces": instance.mesh.get_surface_count(),
		"maps":
		{
			"base": _bytes(material.albedo_texture),
			"metallic": _bytes(material.metallic_texture),
			"roughness": _bytes(material.roughness_texture),
			"normal": _bytes(material.normal_texture),
			"occlusion": _bytes(material.ao_texture),
			"emissive": _bytes(material.emission_texture),
		},
	}
	var file := FileAccess.open(arguments[0], FileAccess.WRITE)
	file.store_string(JSON.stringify(facts))
	file.close()
	scene.free()
	quit()


## Width, height and the bytes in base64, three for each pixel, of the finest level.
func _bytes(texture: Texture2D) -> Array:
	var picture := texture.get_image()
	if picture.is_compressed():
		picture.decompress()
	picture.clear_mipmaps()
	picture.convert(Image.FORMAT_RGB8)
	return [picture.get_width(), picture.get_height(), Marshalls.raw_to_base64(picture.get_data())]
