## Pictures of the object's other sides, as far as the generator uses them.
@tool
extends VBoxContainer

signal refused(problem: Dictionary)

const Errands := preload("../client/errands.gd")
const Section := preload("section.gd")
const Server := preload("../client/server.gd")
const SideBox := preload("side_box.gd")

var _section := Section.new("other_sides")
var _boxes := {}


func _init(errands: Errands) -> void:
	name = "SidesBox"
	add_child(_section)
	for side in Server.SIDES:
		var box := SideBox.new(side, errands)
		box.changed.connect(_count)
		box.refused.connect(refused.emit)
		_boxes[side] = box
		_section.content.add_child(box)
	offer([])


## Show places for these alone, by their names in Server.SIDES.
func offer(sides: PackedStringArray) -> void:
	for side: String in _boxes:
		_boxes[side].visible = side in sides
	visible = not sides.is_empty()
	_count()


## Show these pictures, by side, and no others.
func choose(pictures: Dictionary) -> void:
	for side: String in _boxes:
		_boxes[side].choose(pictures.get(side))


## The pictures that are sent, by side.
func chosen() -> Dictionary:
	var found := {}
	for side: String in _boxes:
		if _boxes[side].visible and _boxes[side].picture:
			found[side] = _boxes[side].picture
	return found


func _count() -> void:
	_section.count = chosen().size()
