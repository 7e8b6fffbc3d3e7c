## The jobs of this project: those at work first, then the latest.
@tool
extends VBoxContainer

const JobRow := preload("job_row.gd")
const Jobs := preload("../client/jobs.gd")
const Session := preload("../session.gd")
const Settings := preload("../settings.gd")
const Text := preload("../text.gd")
const Ui := preload("ui.gd")

const SHOWN := 12

var _session: Session
var _rows := {}
var _list := VBoxContainer.new()
var _more := Ui.label()
var _clear := Ui.button("clear_list", "Clear")


func _init(session: Session) -> void:
	name = "JobList"
	_session = session
	add_child(_list)
	add_child(_more)
	add_child(_clear)
	_clear.pressed.connect(_forget_ended)
	update()


func update() -> void:
	var all := _session.jobs.all(Settings.document())
	all.reverse()
	var shown := all.filter(func(job: Jobs.Job) -> bool: return job.at_work())
	shown.append_array(all.filter(func(job: Jobs.Job) -> bool: return not job.at_work()))
	shown = shown.slice(0, SHOWN)
	var wanted := {}
	for job: Jobs.Job in shown:
		wanted[job.id] = job
	for id: String in _rows.keys():
		if not wanted.has(id):
			_rows[id].queue_free()
			_rows.erase(id)
	for job: Jobs.Job in shown:
		if _rows.has(job.id):
			_rows[job.id].show_job(job)
		else:
			_rows[job.id] = JobRow.new(_session, job)
			_list.add_child(_rows[job.id])
		_list.move_child(_rows[job.id], -1)
	visible = not all.is_empty()
	_more.visible = all.size() > SHOWN
	_more.text = Text.words("more_jobs", {"count": all.size() - SHOWN})
	_clear.visible = all.any(func(job: Jobs.Job) -> bool: return job.state in Jobs.ENDED)


func _forget_ended() -> void:
	for job in _session.jobs.all(Settings.document()):
		if job.state in Jobs.ENDED:
			_session.jobs.forget(job.id)
