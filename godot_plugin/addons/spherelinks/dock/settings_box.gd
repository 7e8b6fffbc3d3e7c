## Where the server is, the key to it, and what this machine can do for it.
@tool
extends VBoxContainer

const Keys := preload("../client/keys.gd")
const Section := preload("section.gd")
const Session := preload("../session.gd")
const Settings := preload("../settings.gd")
const Text := preload("../text.gd")
const Ui := preload("ui.gd")

const MASK := "****************"

var _session: Session
var _section := Section.new("settings")
var _address := LineEdit.new()
var _key := LineEdit.new()
var _place := Ui.label()
var _test := Ui.button("test_connection", "Signals")
var _start := Ui.button("start_server", "Play")
var _stop := Ui.button("stop_server", "Stop")
var _state := Ui.label()


func _init(session: Session) -> void:
	name = "SettingsBox"
	_session = session
	_address.name = "Address"
	_address.placeholder_text = Settings.ADDRESS
	_key.name = "Key"
	_key.secret = true
	_section.content.add_child(Ui.row(Text.words("server"), Text.words("server_tip"), _address))
	_section.content.add_child(Ui.row(Text.words("api_key"), Text.words("api_key_tip"), _key))
	for each: Control in [_place, _test, _start, _stop, _state]:
		_section.content.add_child(each)
	add_child(_section)
	_address.text_submitted.connect(func(_text: String) -> void: _keep_address())
	_address.focus_exited.connect(_keep_address)
	_key.text_submitted.connect(func(_text: String) -> void: _keep_key())
	_key.focus_exited.connect(_keep_key)
	_test.pressed.connect(session.check)
	_start.pressed.connect(session.start_server)
	_stop.pressed.connect(session.stop_server)
	update()


func open() -> void:
	_section.open()
	_address.grab_focus()


func update() -> void:
	if not _address.has_focus():
		_address.text = Settings.server()
	if not _key.has_focus():
		_key.text = MASK if _session.kept_key.key else ""
	match _session.kept_key.place:
		Keys.Place.VARIABLE:
			_place.text = Text.words("key_from_variable", {"variable": Keys.VARIABLE})
		Keys.Place.KEYCHAIN:
			_place.text = Text.words("key_in_keychain")
		Keys.Place.FILE:
			_place.text = Text.words("key_in_file")
		_:
			_place.text = Text.words("enter_key_or_start_server")
	_test.disabled = _session.checking
	_start.disabled = _session.starting
	_stop.visible = _session.local.pid >= 0 and not _session.starting
	_start.visible = not _stop.visible
	var info := _session.info
	_state.text = ""
	if _session.starting:
		_state.text = Text.words("server_starting")
	elif _session.checking:
		_state.text = Text.words("asking_server")
	elif info and _session.trouble == null:
		var about := {"account": info.account, "plan": info.plan, "credits": info.credits}
		var key := "connected" if info.credits >= 0 else "connected_without_limit"
		_state.text = Text.words(key, about)
	_state.visible = _state.text != ""


func _keep_address() -> void:
	if _address.text.strip_edges() != Settings.server():
		_session.use_server(_address.text if _address.text.strip_edges() else Settings.ADDRESS)


func _keep_key() -> void:
	if _key.text == (MASK if _session.kept_key.key else ""):
		return
	_session.use_key(_key.text)
	_key.text = MASK if _key.text else ""
