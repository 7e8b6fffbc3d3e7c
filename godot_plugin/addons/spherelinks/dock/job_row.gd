## One job: its picture, how far it is, and what can be done with it.
@tool
extends "card.gd"

const Jobs := preload("../client/jobs.gd")
const Objects := preload("../objects.gd")
const Pictures := preload("../pictures.gd")
const Session := preload("../session.gd")
const Text := preload("../text.gd")
const Tip := preload("tip.gd")

const THUMBNAIL := 36

var _session: Session
var _job: Jobs.Job
var _picture := Ui.picture(THUMBNAIL)
var _title := Ui.line()
var _state := Ui.label()
var _progress := ProgressBar.new()
var _tip := Tip.new()
var _cancel := Ui.button("cancel_job", "Close", false)
var _retry := Ui.button("try_again", "Reload", false)
var _place := Ui.button("place_object", "InstanceOptions", false)
var _remove := Ui.button("remove_job", "Remove", false)


func _init(session: Session, job: Jobs.Job) -> void:
	super()
	_session = session
	name = "Job"
	_state.name = "State"
	_progress.name = "Progress"
	var words := VBoxContainer.new()
	words.size_flags_horizontal = Control.SIZE_EXPAND_FILL
	for each: Control in [_title, _progress, _state]:
		words.add_child(each)
	var row := HBoxContainer.new()
	for each: Control in [_picture, words, _cancel, _retry, _place, _remove]:
		row.add_child(each)
		if each is Button:
			each.size_flags_vertical = Control.SIZE_SHRINK_BEGIN
	var all := VBoxContainer.new()
	all.add_child(row)
	all.add_child(_tip)
	add_child(all)
	_cancel.pressed.connect(func() -> void: _session.cancel(_job))
	_retry.pressed.connect(func() -> void: _session.retry(_job))
	_place.pressed.connect(func() -> void: _session.place_again(_job))
	_remove.pressed.connect(func() -> void: _session.jobs.forget(_job.id))
	show_job(job)


func show_job(job: Jobs.Job) -> void:
	if job == _job:
		return
	var is_new := _job == null or (job.state != _job.state and job.state in ["ready", "placed"])
	_job = job
	_title.text = job.name
	_title.tooltip_text = job.name
	_progress.visible = job.at_work()
	_progress.value = job.progress
	_state.text = state(job)
	_state.visible = job.problem.is_empty()
	_tip.show_problem(job.problem)
	_cancel.visible = job.at_work()
	_retry.visible = job.state == "failed"
	_place.visible = job.state in ["ready", "placed"]
	_remove.visible = not job.at_work()
	if is_new:
		_session.errands.run(_read.bind(_session.jobs, job.id), _on_read)


## How far a job is, in words.
static func state(job: Jobs.Job) -> String:
	if job.state == "ready" and job.resource and not Objects.can_place(job.placement):
		return Text.words("state_waits_for_scene", {"scene": str(job.placement.get("scene", "")).get_file()})
	if job.state != "working":
		return Text.words("state_" + job.state)
	var key := "stage_" + job.stage
	var text := Text.words(key) if job.stage and Text.has(key) else Text.words("state_working")
	return text + (", %d s" % job.eta if job.eta >= 0 else "")


static func _read(jobs: Jobs, job_id: String) -> Image:
	var bytes := FileAccess.get_file_as_bytes(jobs.thumbnail(job_id))
	if bytes.is_empty():
		bytes = FileAccess.get_file_as_bytes(jobs.picture(job_id))
	return Pictures.small(Pictures.decoded(bytes))


func _on_read(image: Variant) -> void:
	if image is Image and is_instance_valid(_picture):
		_picture.texture = ImageTexture.create_from_image(image)


func _notification(what: int) -> void:
	if what == NOTIFICATION_THEME_CHANGED:
		Ui.dress(self)
