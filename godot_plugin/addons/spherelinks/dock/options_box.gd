## Presets and options as the server describes them: nothing of them is known here.
@tool
extends VBoxContainer

## Other options are shown, perhaps another generator's.
signal built

const Failure := preload("../client/failure.gd")
const Info := preload("../client/info.gd")
const Options := preload("../client/options.gd")
const Section := preload("section.gd")
const Text := preload("../text.gd")
const Ui := preload("ui.gd")

const FINE := 0.01

var _info: Info
var _presets := OptionButton.new()
var _preset_row: HBoxContainer
var _section := Section.new("options")
var _unknown := Ui.label(Text.words("options_unknown"))
var _rows := VBoxContainer.new()
var _generator := ""
var _values := {}
var _fields := {}


func _init() -> void:
	name = "OptionsBox"
	_presets.name = "Presets"
	_presets.fit_to_longest_item = false
	_presets.clip_text = true
	_presets.item_selected.connect(_on_preset)
	_preset_row = Ui.row(Text.words("preset"), Text.words("preset_tip"), _presets)
	add_child(_preset_row)
	_section.content.add_child(_unknown)
	_section.content.add_child(_rows)
	add_child(_section)
	show_info(null)


## Show what a server offers; what is entered stays, by name.
func show_info(info: Info) -> void:
	if info and _info and info.offers_the_same(_info):
		_info = info
		return
	var chosen := _presets.selected if _info else 0
	_info = info
	_preset_row.visible = info != null
	_unknown.visible = info == null
	_presets.clear()
	if info:
		for preset in info.presets:
			var key := "preset_" + str(preset.get("key", ""))
			_presets.add_item(Text.words(key) if Text.has(key) else str(preset.get("name", "")))
			var tip := Text.words(key + "_tip") if Text.has(key + "_tip") else str(preset.get("purpose", ""))
			_presets.set_item_tooltip(_presets.item_count - 1, tip)
		_select(mini(chosen, _presets.item_count - 1))
	_build()


## The options to send, or a Failure.
func request() -> Variant:
	return _description().request(_values) if _info else {}


## Options as they are sent for a picture of that name.
func named(sent: Dictionary, its_name: String) -> Dictionary:
	return Options.named(sent, its_name, _description()) if _info else sent


## Show options as an earlier job sent them.
func fill(sent: Dictionary) -> void:
	_generator = str(sent.get("generator", ""))
	_values = _description().values(sent)
	_select(-1)
	_build()


func has_sizes() -> bool:
	return _info != null and _description().sizes


## Which sides' pictures the generator uses beside the front's.
func sides() -> PackedStringArray:
	return _description().sides if _info else PackedStringArray()


func _description() -> Options.Description:
	return _info.of(_generator)


func _on_preset(index: int) -> void:
	var wanted := _description().values(_info.presets[index].options)
	if _values.has("generator"):
		wanted["generator"] = _values["generator"]
	_values = wanted
	_build()


## A preset, or -1 for options of the user's own.
func _select(index: int) -> void:
	_presets.select(index)
	if index < 0:
		_presets.text = Text.words("preset_custom")


func _build() -> void:
	for row in _rows.get_children():
		_rows.remove_child(row)
		row.queue_free()
	_fields.clear()
	built.emit()
	if _info == null:
		return
	for field in _description().fields:
		if not _values.has(field.name):
			_values[field.name] = field.initial
		var tip := field.description
		if field.optional:
			tip += ". " + Text.words("zero_leaves_it")
		elif field.kind == "numbers":
			tip += ". " + Text.words("numbers_tip")
		_fields[field.name] = _entry(field, _values[field.name])
		_rows.add_child(Ui.row(field.label, tip, _fields[field.name]))
	_dim()


func _entry(field: Options.Field, value: Variant) -> Control:
	var made: Control
	match field.kind:
		"integer", "number":
			var spin := Ui.number(field.low, field.high, 1.0 if field.kind == "integer" else FINE)
			spin.value = float(value)
			spin.value_changed.connect(func(entered: float) -> void: _enter(field, entered))
			made = spin
		"boolean":
			var check := CheckBox.new()
			check.button_pressed = value == true
			check.toggled.connect(func(entered: bool) -> void: _enter(field, entered))
			made = check
		"choice":
			var choice := OptionButton.new()
			choice.fit_to_longest_item = false
			choice.clip_text = true
			for each in field.choices:
				choice.add_item(each.capitalize())
			choice.select(field.choices.find(str(value)))
			choice.item_selected.connect(func(index: int) -> void: _enter(field, field.choices[index]))
			made = choice
		_:
			var line := LineEdit.new()
			line.text = str(value)
			line.text_changed.connect(func(entered: String) -> void: _enter(field, entered))
			made = line
	made.name = field.name
	return made


func _enter(field: Options.Field, value: Variant) -> void:
	_values[field.name] = value
	_select(-1)
	if field.name == "generator":
		_generator = str(value)
		_build.call_deferred()
	_dim()


## An option that has no say beside another that is given is shown so.
func _dim() -> void:
	var excluded := _description().excluded
	for other: String in excluded:
		var idle: Control = _fields.get(excluded[other])
		if idle and _fields.has(other):
			var is_given: bool = _values[other] != _description().field_of(other).initial
			idle.modulate.a = 0.5 if is_given else 1.0
