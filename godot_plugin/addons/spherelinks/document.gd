## What the plugin adds to Godot's reading of glTF: where an asset of ours comes from, as metadata of its root, and
## meshes of KHR_mesh_quantization, which Godot reads well but refuses.
@tool
extends GLTFDocumentExtension

const JsonText := preload("client/json_text.gd")

const META := &"spherelinks"


func _get_supported_extensions() -> PackedStringArray:
	return ["KHR_mesh_quantization"]


func _import_post(state: GLTFState, root: Node) -> Error:
	var asset: Variant = state.json.get("asset")
	if asset is Dictionary and str(asset.get("generator", "")).begins_with("SphereLinks"):
		var extras: Variant = asset.get("extras")
		root.set_meta(META, JsonText.plain(extras) if extras is Dictionary else {})
	return OK
