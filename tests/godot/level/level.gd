## A level in which the robot is played with: it falls onto the ground and comes to stand there on its collider.
extends Node3D

const DROP := 0.2
const LIMIT_S := 20.0


func _ready() -> void:
	if has_node("robot"):
		_play.call_deferred()


func _play() -> void:
	var robot: Node3D = get_node("robot")
	var told := {"ray": await _from_above(robot)}
	var body := _made_to_fall(robot)
	var deadline := Time.get_ticks_msec() + int(LIMIT_S * 1000)
	while not body.sleeping and Time.get_ticks_msec() < deadline:
		await get_tree().physics_frame
	told["rests"] = body.sleeping
	told["height"] = robot.global_position.y
	told["upright"] = robot.global_basis.y.y
	await RenderingServer.frame_post_draw
	get_viewport().get_texture().get_image().save_png(OS.get_environment("PLAYED_SHOT"))
	var file := FileAccess.open(OS.get_environment("PLAYED_TOLD"), FileAccess.WRITE)
	file.store_string(JSON.stringify(told))
	file.close()
	get_tree().quit()


## What a ray from above the robot meets, and how high.
func _from_above(robot: Node3D) -> Dictionary:
	await get_tree().physics_frame
	await get_tree().physics_frame
	var spot := robot.global_position
	var ray := PhysicsRayQueryParameters3D.create(spot + Vector3.UP * 3.0, spot)
	var found := get_world_3d().direct_space_state.intersect_ray(ray)
	return {"body": str(found.collider.name), "height": found.position.y} if found else {}


## The robot on a rigid body that has the shapes of its collider, in the air.
func _made_to_fall(robot: Node3D) -> RigidBody3D:
	var falling := RigidBody3D.new()
	falling.position = robot.position + Vector3.UP * DROP
	add_child(falling)
	var collider: StaticBody3D = robot.find_children("*", "StaticBody3D", true, false)[0]
	for shape in collider.get_children():
		shape.reparent(falling, false)
	collider.free()
	robot.reparent(falling, false)
	robot.position = Vector3.ZERO
	return falling
