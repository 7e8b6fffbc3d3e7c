## Assets in the open scene: where they are to stand, how they get there, and how one takes the place of another. All of
## it can be undone.
@tool
extends RefCounted

const Document := preload("document.gd")
const Text := preload("text.gd")

## How far from the editor's camera an object stands where that does not look at the ground, m.
const AHEAD := 4.0
const FAR := 100.0
## Between the objects of a batch, m.
const SPACING := 1.5


## Whether a node came from here: the root of an asset of ours.
static func is_ours(node: Node) -> bool:
	return node != null and node.has_meta(Document.META) and node.scene_file_path != ""


## The one asset of ours that is selected, or null.
static func selected() -> Node:
	var nodes := EditorInterface.get_selection().get_selected_nodes()
	var root := EditorInterface.get_edited_scene_root()
	return nodes[0] if nodes.size() == 1 and nodes[0] != root and is_ours(nodes[0]) else null


## Where an object is to stand, fixed now: values that JSON keeps. `replaced` is the one whose place it takes.
static func placement(instance: bool, replaced: Node = null) -> Dictionary:
	var root := EditorInterface.get_edited_scene_root()
	if root == null or not instance:
		return {"instance": false}
	var how := {"instance": true, "scene": root.scene_file_path, "parent": ".", "position": []}
	if replaced:
		how["replace"] = str(root.get_path_to(replaced))
		return how
	var nodes := EditorInterface.get_selection().get_selected_nodes()
	var parent: Node = nodes[0] if nodes.size() == 1 and nodes[0] is Node3D else root
	if parent != root and parent.scene_file_path != "":
		parent = parent.get_parent()  # beside another scene's instance, not in it
	how["parent"] = str(root.get_path_to(parent))
	if parent == root:
		var spot := focus()
		how["position"] = [spot.x, spot.y, spot.z]
	return how


## Where the editor's camera looks: on the ground, or ahead of it.
static func focus() -> Vector3:
	var viewport := EditorInterface.get_editor_viewport_3d(0)
	var camera := viewport.get_camera_3d() if viewport else null
	if camera == null:
		return Vector3.ZERO
	var from := camera.global_position
	var along := -camera.global_basis.z
	if absf(along.y) > 0.01 and from.y / -along.y > 0.0 and from.y / -along.y < FAR:
		return (from + along * (from.y / -along.y)).snappedf(0.01)
	return (from + along * AHEAD).snappedf(0.01)


## Where the index-th of `count` objects stands on a grid whose middle is at `spot`, three numbers.
static func on_grid(spot: Array, index: int, count: int) -> Array:
	var columns := ceili(sqrt(count))
	var rows := ceili(count / float(columns))
	var x := index % columns - (columns - 1) / 2.0
	var z := floorf(index / float(columns)) - (rows - 1) / 2.0
	return [spot[0] + x * SPACING, spot[1], spot[2] + z * SPACING]


## Whether the scene that an object is meant for is the one that is open.
static func can_place(how: Dictionary) -> bool:
	var root := EditorInterface.get_edited_scene_root()
	return root != null and root.scene_file_path == str(how.get("scene", ""))


## Put a scene into the open one, as one step that can be undone. The new node.
static func place(scene: PackedScene, name: String, how: Dictionary, undo: EditorUndoRedoManager) -> Node:
	var root := EditorInterface.get_edited_scene_root()
	var old: Node = root.get_node_or_null(str(how["replace"])) if how.get("replace") else null
	var node := scene.instantiate(PackedScene.GEN_EDIT_STATE_INSTANCE)
	if is_ours(old):
		undo.create_action(Text.words("undo_replace", {"name": name}), UndoRedo.MERGE_DISABLE, root)
		_replace(old, node, root, undo)
	else:
		undo.create_action(Text.words("undo_place", {"name": name}), UndoRedo.MERGE_DISABLE, root)
		_add(node, how, root, undo)
	undo.commit_action()
	EditorInterface.get_selection().clear()
	EditorInterface.get_selection().add_node(node)
	return node


static func _add(node: Node, how: Dictionary, root: Node, undo: EditorUndoRedoManager) -> void:
	var parent := root.get_node_or_null(str(how.get("parent", ".")))
	if parent == null:
		parent = root
	var spot: Variant = how.get("position")
	if node is Node3D and spot is Array and spot.size() == 3:
		var point := Vector3(spot[0], spot[1], spot[2])
		if parent is Node3D:
			point = (parent as Node3D).global_transform.affine_inverse() * point
		(node as Node3D).position = point
	undo.add_do_method(parent, &"add_child", node, true)
	undo.add_do_method(node, &"set_owner", root)
	undo.add_do_reference(node)
	undo.add_undo_method(parent, &"remove_child", node)


## Put a node in the place of another, with what the level has set on that and on the nodes in it, what it has hung
## below them, and what it has connected.
static func _replace(old: Node, node: Node, root: Node, undo: EditorUndoRedoManager) -> void:
	var parent := old.get_parent()
	var index := old.get_index()
	var fresh := (load(old.scene_file_path) as PackedScene).instantiate()
	var pairs := _pairs(old, node)
	for part: Node in pairs:
		var as_made := fresh.get_node_or_null(old.get_path_to(part))
		if as_made:
			_carry(part, pairs[part], as_made)
	fresh.free()
	if old is Node3D and node is Node3D:
		(node as Node3D).transform = (old as Node3D).transform
	undo.add_do_method(parent, &"remove_child", old)
	undo.add_do_method(parent, &"add_child", node)
	undo.add_do_method(parent, &"move_child", node, index)
	undo.add_do_method(node, &"set_name", old.name)
	undo.add_do_method(node, &"set_owner", root)
	undo.add_do_method(root, &"set_editable_instance", node, root.is_editable_instance(old))
	undo.add_do_reference(node)
	undo.add_undo_method(parent, &"remove_child", node)
	undo.add_undo_method(parent, &"add_child", old)
	undo.add_undo_method(parent, &"move_child", old, index)
	undo.add_undo_method(old, &"set_owner", root)
	undo.add_undo_reference(old)
	for part: Node in pairs:
		for child in part.get_children():
			if child.owner == root:
				_move(child, part, pairs[part], root, undo)
		_connect(part, pairs[part], pairs, undo)


## The nodes of an instance by those of another that have the same path, or are the first of their kind.
static func _pairs(old: Node, node: Node) -> Dictionary:
	var pairs := {old: node}
	var taken := {}
	for part in old.find_children("*", "", true, false):
		if part.owner != old:
			continue
		var twin := node.get_node_or_null(old.get_path_to(part))
		if twin == null or twin.get_class() != part.get_class():
			twin = null
			for other in node.find_children("*", part.get_class(), true, false):
				if not taken.has(other):
					twin = other
					break
		if twin:
			taken[twin] = true
		pairs[part] = twin if twin else node
	return pairs


## Set on a node what the level has set on another: what is not as that was made.
static func _carry(from: Node, to: Node, as_made: Node) -> void:
	for property in from.get_property_list():
		var name: StringName = property.name
		if property.usage & PROPERTY_USAGE_STORAGE and name in to and from.get(name) != as_made.get(name):
			to.set(name, from.get(name))
	for group in from.get_groups():
		if not as_made.is_in_group(group) and not str(group).begins_with("_"):
			to.add_to_group(group, true)


static func _move(child: Node, from: Node, to: Node, root: Node, undo: EditorUndoRedoManager) -> void:
	var owned: Array[Node] = [child]
	for below in child.find_children("*", "", true, false):
		if below.owner == root:
			owned.append(below)
	undo.add_do_method(from, &"remove_child", child)
	undo.add_do_method(to, &"add_child", child)
	undo.add_undo_method(to, &"remove_child", child)
	undo.add_undo_method(from, &"add_child", child)
	for each in owned:
		undo.add_do_method(each, &"set_owner", root)
		undo.add_undo_method(each, &"set_owner", root)


## What the level has connected stays connected. The old node keeps its own connections, for when it comes back; those
## to it are taken off meanwhile, for Godot cannot save a scene with them.
static func _connect(from: Node, to: Node, pairs: Dictionary, undo: EditorUndoRedoManager) -> void:
	for signal_info in from.get_signal_list():
		for link in from.get_signal_connection_list(signal_info.name):
			var receiver: Object = link.callable.get_object()
			if link.flags & CONNECT_PERSIST and to.has_signal(signal_info.name):
				var target: Object = pairs.get(receiver, receiver)
				var callable := Callable(target, link.callable.get_method())
				if not to.is_connected(signal_info.name, callable):
					undo.add_do_method(to, &"connect", signal_info.name, callable, link.flags)
	for link in from.get_incoming_connections():
		var source: Object = link.signal.get_object()
		var callable := Callable(to, link.callable.get_method())
		if link.flags & CONNECT_PERSIST and not pairs.has(source):
			undo.add_do_method(source, &"disconnect", link.signal.get_name(), link.callable)
			undo.add_do_method(source, &"connect", link.signal.get_name(), callable, link.flags)
			undo.add_undo_method(source, &"disconnect", link.signal.get_name(), callable)
			undo.add_undo_method(source, &"connect", link.signal.get_name(), link.callable, link.flags)
