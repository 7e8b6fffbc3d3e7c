## A panel a little darker than the dock, in whatever theme.
@tool
extends PanelContainer

const Ui := preload("ui.gd")

const ROUND := 4
const MARGIN := 5

var _style := StyleBoxFlat.new()


func _init() -> void:
	_style.set_corner_radius_all(int(Ui.scaled(ROUND)))
	_style.set_content_margin_all(Ui.scaled(MARGIN))
	add_theme_stylebox_override(&"panel", _style)


func _notification(what: int) -> void:
	# a style that changes is a theme that changes
	if what == NOTIFICATION_THEME_CHANGED and _style.bg_color != Ui.color(&"dark_color_2"):
		_style.bg_color = Ui.color(&"dark_color_2")
