## The account's jobs as the server lists them.
@tool
extends VBoxContainer

## To be generated from again: the pictures of an earlier job, `picture` and those of its sides, and its options.
signal use_again(pictures: Dictionary, options: Dictionary)

const Failure := preload("../client/failure.gd")
const Http := preload("../client/http.gd")
const JsonText := preload("../client/json_text.gd")
const Pictures := preload("../pictures.gd")
const Section := preload("section.gd")
const Server := preload("../client/server.gd")
const Session := preload("../session.gd")
const Settings := preload("../settings.gd")
const Text := preload("../text.gd")
const Tip := preload("tip.gd")
const Ui := preload("ui.gd")

const SHOWN := 20
const THUMBNAIL := 56
const MENU := {
	"history_import": "InstanceOptions", "use_again": "Reload", "open_dashboard": "ExternalLink", "delete_job": "Remove"
}

var _session: Session
var _section := Section.new("history")
var _refresh := Ui.button("refresh", "Reload")
var _tip := Tip.new()
var _list := VBoxContainer.new()


func _init(session: Session) -> void:
	name = "HistoryBox"
	_session = session
	for each: Control in [_refresh, _tip, _list]:
		_section.content.add_child(each)
	add_child(_section)
	_section.opened.connect(refresh)
	_refresh.pressed.connect(refresh)
	session.listed.connect(_on_listed)


func refresh() -> void:
	_refresh.disabled = true
	_refresh.text = Text.words("asking_server")
	_session.list()


func _on_listed(jobs: Array, failure: Failure) -> void:
	_refresh.disabled = false
	_refresh.text = Text.words("refresh")
	_tip.show_problem(failure.problem() if failure else {})
	for row in _list.get_children():
		_list.remove_child(row)
		row.queue_free()
	for job: Dictionary in jobs.slice(0, SHOWN):
		_list.add_child(_row(job))
	Ui.dress(_list)


func _row(job: Dictionary) -> Control:
	var row := HBoxContainer.new()
	row.name = "Past"
	var thumbnail := Ui.picture(THUMBNAIL)
	var path := _session.thumbnail(job.jobId)
	if FileAccess.file_exists(path):
		var image := Pictures.small(Pictures.decoded(FileAccess.get_file_as_bytes(path)))
		if image:
			thumbnail.texture = ImageTexture.create_from_image(image)
	row.add_child(thumbnail)
	var is_done: bool = job.get("status") == "COMPLETED"
	var state := "" if is_done else "state_working" if job.get("status") == "PROCESSING" else "state_failed"
	var words := Ui.line(_name(job) + (", " + Text.words(state) if state else ""))
	var buttons := HBoxContainer.new()
	for key: String in MENU:
		var button := Ui.button(key, MENU[key], false)
		button.visible = is_done or key != "history_import"
		button.pressed.connect(_on_pressed.bind(key, job))
		buttons.add_child(button)
	var column := VBoxContainer.new()
	column.size_flags_horizontal = Control.SIZE_EXPAND_FILL
	column.add_child(words)
	column.add_child(buttons)
	row.add_child(column)
	return row


## The name that it was given, or that it has here, or when it was asked for.
func _name(job: Dictionary) -> String:
	var options: Variant = job.get("options")
	if options is Dictionary and options.get("name") is String:
		return options.name
	for here in _session.jobs.all(Settings.document()):
		if here.job_id == job.jobId:
			return here.name
	return str(job.get("createdAt", "")).left(16).replace("T", " ")


func _on_pressed(key: String, job: Dictionary) -> void:
	match key:
		"history_import":
			_session.fetch(job.jobId, _name(job))
		"use_again":
			var options: Variant = job.get("options")
			var sent: Dictionary = JsonText.plain(options) if options is Dictionary else {}
			var files: Variant = job.get("files")
			var sides := Array(Server.SIDES).filter(
				func(side: String) -> bool: return files is Dictionary and files.has(side)
			)
			_session.pictures_of(job.jobId, _name(job), sides, _on_pictures.bind(sent))
		"open_dashboard":
			OS.shell_open("%s/app/models/%s" % [_session.address(), job.jobId])
		"delete_job":
			_session.list(func(http: Http) -> Variant: return Server.delete(http, job.jobId))


func _on_pictures(found: Variant, options: Dictionary) -> void:
	if found is Failure:
		_tip.show_problem(found.problem())
	else:
		use_again.emit(found, options)
