## Plays scenarios as the user of an editor does: a command is a line of JSON on standard input, its answer one on
## standard output that begins with ">".
extends SceneTree

const Http := preload("addons/spherelinks/client/http.gd")
const Jobs := preload("addons/spherelinks/client/jobs.gd")
const JsonText := preload("addons/spherelinks/client/json_text.gd")
const Runner := preload("addons/spherelinks/client/runner.gd")

const LINE := 65536

var _jobs: Recorded
var _runner: Runner
var _address := ""
var _key := ""
var _picture := PackedByteArray()


## Jobs, and what their user has seen of them.
class Recorded:
	extends Jobs
	var states: Array = []
	var shown: Array = []

	func _put(job: Job) -> Variant:
		var failure: Variant = super(job)
		if states.is_empty() or states[-1] != job.state:
			states.append(job.state)
		if shown.is_empty() or shown[-1] != job.progress:
			shown.append(job.progress)
		return failure


func _process(_delta: float) -> bool:
	var line := OS.read_string_from_stdin(LINE).strip_edges()
	var asked := JsonText.read_object(line.to_utf8_buffer())
	if asked.is_empty():
		return true
	print(">", JSON.stringify(call("do_" + str(asked.do), asked)))
	return false


## An editor that goes on with what an earlier one has left.
func do_start(asked: Dictionary) -> Variant:
	_address = asked.address
	_key = asked.key
	_picture = str(asked.picture).to_ascii_buffer()
	_jobs = Recorded.new(asked.folder)
	_runner = Runner.new(_jobs)
	_runner.haste = 0.0
	_runner.pause_s = 0.05
	for job in _jobs.adopt(""):
		if job.at_work():
			_runner.start(job.id, _connection())
	return null


func do_submit(_asked: Dictionary) -> String:
	var sides := {"back": "behind".to_ascii_buffer(), "left": "beside".to_ascii_buffer()}
	var job: Jobs.Job = _jobs.create(_address, "mug", _picture, {}, sides)
	_runner.start(job.id, _connection())
	return job.id


func do_cancel(asked: Dictionary) -> bool:
	var theirs := _jobs.find(asked.job).job_id
	var does := _jobs.advance(asked.job, {"state": "cancelled", "eta": -1})
	if theirs:
		Runner.cancel(_connection(), theirs)
	return does


func do_again(asked: Dictionary) -> String:
	var job: Jobs.Job = _jobs.again(_jobs.find(asked.job))
	_runner.start(job.id, _connection())
	return job.id


func do_rest(_asked: Dictionary) -> Dictionary:
	while _runner.is_busy():
		_runner.tick()
		OS.delay_msec(5)
	return {"states": _jobs.states, "progress": _jobs.shown}


func do_close(_asked: Dictionary) -> Variant:
	_runner.stop()
	_jobs.close()
	return null


func _connection() -> Http:
	return Http.new(_address, _key, _runner.stopper)
