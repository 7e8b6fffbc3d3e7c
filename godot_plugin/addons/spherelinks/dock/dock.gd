## The dock: a picture, how it is to become a model, the jobs, the past, the settings.
@tool
extends MarginContainer

const Failure := preload("../client/failure.gd")
const HistoryBox := preload("history_box.gd")
const JobList := preload("job_list.gd")
const Objects := preload("../objects.gd")
const OptionsBox := preload("options_box.gd")
const PictureBox := preload("picture_box.gd")
const Pictures := preload("../pictures.gd")
const Section := preload("section.gd")
const Session := preload("../session.gd")
const SettingsBox := preload("settings_box.gd")
const SidesBox := preload("sides_box.gd")
const Text := preload("../text.gd")
const Tip := preload("tip.gd")
const Ui := preload("ui.gd")

const WIDTH := 240
const TALLEST_M := 1000.0

var picture_box: PictureBox
var sides_box: SidesBox
var options_box := OptionsBox.new()
var settings_box: SettingsBox

var _session: Session
var _generate := Ui.button("generate", "MeshInstance3D")
var _replace := Ui.button("replace", "Reload")
var _credits := Ui.label()
var _ask := Ui.button("test_connection", "Reload", false)
var _tip := Tip.new()
var _height := Ui.number(0.0, TALLEST_M, 0.01)
var _instance := CheckBox.new()
var _jobs: JobList


func _init(session: Session) -> void:
	name = "SphereLinks"
	_session = session
	custom_minimum_size.x = Ui.scaled(WIDTH)
	picture_box = PictureBox.new(session.errands)
	sides_box = SidesBox.new(session.errands)
	settings_box = SettingsBox.new(session)
	_jobs = JobList.new(session)
	var history := HistoryBox.new(session)
	history.use_again.connect(_on_use_again)
	var all := VBoxContainer.new()
	all.size_flags_horizontal = Control.SIZE_EXPAND_FILL
	for each: Control in [
		picture_box,
		sides_box,
		options_box,
		_placement(),
		_generate,
		_replace,
		_cost(),
		_tip,
		_jobs,
		history,
		settings_box,
	]:
		all.add_child(each)
	var scroll := ScrollContainer.new()
	scroll.horizontal_scroll_mode = ScrollContainer.SCROLL_MODE_DISABLED
	scroll.follow_focus = true
	scroll.add_child(all)
	add_child(scroll)
	_generate.custom_minimum_size.y = Ui.scaled(36)
	_generate.pressed.connect(generate)
	_replace.pressed.connect(replace)
	_ask.pressed.connect(session.check)
	picture_box.several_chosen.connect(generate_all)
	picture_box.refused.connect(_tip.show_problem)
	sides_box.refused.connect(_tip.show_problem)
	options_box.built.connect(func() -> void: sides_box.offer(options_box.sides()))
	session.changed.connect(update)
	session.failed.connect(func(_name: String, _problem: Dictionary) -> void: update())
	EditorInterface.get_selection().selection_changed.connect(_on_selection)
	update()
	_on_selection()


func _exit_tree() -> void:
	var selection := EditorInterface.get_selection()
	if selection.selection_changed.is_connected(_on_selection):
		selection.selection_changed.disconnect(_on_selection)


func _notification(what: int) -> void:
	if what == NOTIFICATION_THEME_CHANGED:
		Ui.dress(self)


func update() -> void:
	options_box.show_info(_session.info)
	_jobs.update()
	settings_box.update()
	var info := _session.info
	_credits.text = Text.words("asking_server") if _session.checking else ""
	if _session.starting:
		_credits.text = Text.words("server_starting")
	elif info and _session.trouble == null and not _session.checking:
		_credits.text = Text.words("cost", {"credits": info.credits})
		if info.credits < 0:
			_credits.text = Text.words("cost_without_limit")
	elif _session.kept_key.key == "":
		_credits.text = Text.words("enter_key_or_start_server")
	_tip.show_problem(_session.trouble.problem() if _session.trouble else {})
	_height.get_parent().visible = options_box.has_sizes()


## Generate from the picture that is shown.
func generate() -> void:
	_start(null)


## Generate from it in place of the asset that is selected.
func replace() -> void:
	_start(Objects.selected())


## One job for each picture.
func generate_all(pictures: Array) -> void:
	var options: Variant = _options()
	if options is Failure:
		_refuse(options)
		return
	var batch := Crypto.new().generate_random_bytes(8).hex_encode()
	for index in pictures.size():
		var how := Objects.placement(_instance.button_pressed)
		if how.get("position"):
			how.position = Objects.on_grid(how.position, index, pictures.size())
		_session.generate(pictures[index], options_box.named(options, pictures[index].name), how, batch, _on_asked)


## Generate from files of the project or outside.
func generate_files(paths: PackedStringArray) -> void:
	var pictures: Array = []
	for path in paths:
		pictures.append(Pictures.of_file(path))
	generate_all(pictures)


func _start(replaced: Node) -> void:
	var options: Variant = _options()
	if picture_box.picture == null:
		var hint := Text.words("hint_choose_or_paste_file")
		options = Failure.new("no_picture", Text.words("no_picture_chosen"), hint)
	if options is Failure:
		_refuse(options)
		return
	var picture := picture_box.picture
	var how := Objects.placement(_instance.button_pressed or replaced != null, replaced)
	_session.generate(picture, options_box.named(options, picture.name), how, "", _on_asked, sides_box.chosen())


func _options() -> Variant:
	var options: Variant = options_box.request()
	if options is Dictionary and _height.value > 0 and options_box.has_sizes():
		options["dimensions"] = {"height": snappedf(_height.value, 0.001), "unit": "m"}
	return options


func _on_asked(outcome: Variant) -> void:
	if outcome is Failure:
		_refuse(outcome)
	else:
		_tip.show_problem({})


func _refuse(failure: Failure) -> void:
	_tip.show_problem(failure.problem())
	if failure.code in ["no_key", "address"]:
		settings_box.open()


func _on_use_again(pictures: Dictionary, options: Dictionary) -> void:
	picture_box.choose(pictures.picture)
	sides_box.choose(pictures)
	options_box.fill(options)
	var size: Variant = options.get("dimensions")
	_height.value = size.height if size is Dictionary and size.get("unit") == "m" and size.has("height") else 0.0


func _on_selection() -> void:
	_replace.visible = Objects.selected() != null


func _placement() -> Section:
	var section := Section.new("placement")
	_height.name = "Height"
	_height.suffix = "m"
	section.content.add_child(Ui.row(Text.words("height"), Text.words("height_tip"), _height))
	_instance.name = "Instance"
	_instance.button_pressed = true
	section.content.add_child(Ui.row(Text.words("place_in_scene"), Text.words("place_in_scene_tip"), _instance))
	return section


func _cost() -> HBoxContainer:
	var row := HBoxContainer.new()
	row.add_child(_credits)
	row.add_child(_ask)
	return row
