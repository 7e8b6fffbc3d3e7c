## Runs jobs on threads: sends the picture, follows the status, fetches the asset. Only files and Jobs are touched.
@tool
extends RefCounted

const Failure := preload("failure.gd")
const Http := preload("http.gd")
const Jobs := preload("jobs.gd")
const Server := preload("server.gd")
const Stopper := preload("stopper.gd")

const AT_ONCE := 4
const TRIES := 3
## How long a server may be out of reach before a job that it has is given up, s.
const PATIENCE_S := 120.0
const LONGEST_PAUSE_S := 30.0
## What is estimated beyond that means nothing, s.
const LONGEST_ETA_S := 86400

## Seconds after which a job that does not end is given up.
var limit_s := 1800.0
var stopper := Stopper.new()
## Seconds between two questions for a job's status; the server is asked to answer at once if the job ends earlier.
var pause_s := 1.0
## Shortens the pauses between tries, for tests.
var haste := 1.0

var _jobs: Jobs
var _queue: Array[Array] = []
var _threads := {}


func _init(jobs: Jobs) -> void:
	_jobs = jobs


## Work on a job as soon as there is room for it.
func start(job_id: String, connection: Http) -> void:
	_queue.append([job_id, connection])
	tick()


## Let go of threads that have ended, and begin with those that wait. To be called now and then, on one thread.
func tick() -> void:
	for job_id: String in _threads.keys():
		if not _threads[job_id].is_alive():
			_threads[job_id].wait_to_finish()
			_threads.erase(job_id)
	while _queue and _threads.size() < AT_ONCE and not stopper.asked:
		var next: Array = _queue.pop_front()
		if not _threads.has(next[0]):
			_threads[next[0]] = Thread.new()
			_threads[next[0]].start(work.bind(next[0], next[1]))


func is_busy() -> bool:
	return not (_queue.is_empty() and _threads.is_empty())


## End all threads soon; their jobs stay as they are, for the next editor to pick up.
func stop() -> void:
	stopper.asked = true
	_queue.clear()
	for thread: Thread in _threads.values():
		thread.wait_to_finish()
	_threads.clear()


## Work on a job here and now; the job tells how it ended.
func work(job_id: String, connection: Http) -> void:
	var job := _jobs.find(job_id)
	if job == null or not job.at_work():
		return
	var failure: Failure = null
	var theirs: Variant = job.job_id if job.job_id else _send(job, connection)
	if theirs is Failure:
		failure = theirs
	elif theirs != "":
		failure = _follow(job_id, theirs, connection)
	if failure != null and failure.code != "stopped":
		var ended := {"state": "failed", "over": failure.over, "eta": -1}
		_jobs.advance(job_id, ended.merged({"problem": failure.problem()}))


## Cancel a job on the server. One that has ended stays; that the server cannot be told is no matter.
static func cancel(connection: Http, theirs: String) -> void:
	var told: Variant = Server.status(connection, theirs)
	if told is Dictionary and told.status == "PROCESSING":
		Server.delete(connection, theirs)


## The server's id for the job, empty where it was cancelled meanwhile; or a Failure.
func _send(job: Jobs.Job, connection: Http) -> Variant:
	var picture := FileAccess.get_file_as_bytes(_jobs.picture(job.id))
	var sides := _jobs.sides(job)
	if picture.is_empty() or PackedByteArray() in sides.values():
		return Failure.new("file_error", "The job's picture cannot be read.")
	if not _jobs.advance(job.id, {"state": "sending"}):
		return ""
	var theirs: Variant = _tried(Server.generate.bind(connection, picture, job.options, job.id, sides))
	if theirs is Failure:
		return theirs
	if _jobs.advance(job.id, {"state": "working", "job_id": theirs}):
		return theirs
	cancel(connection, theirs)  # cancelled while the picture was on its way
	return ""


## Keep the job's progress until it ends, and fetch its asset. Null where that is there, or nobody waits for it.
func _follow(job_id: String, theirs: String, connection: Http) -> Failure:
	var begun := Time.get_ticks_msec()
	var heard := begun
	var attempt := 0
	while not stopper.asked:
		var asked := Time.get_ticks_msec()
		if asked - begun > limit_s * 1000:
			var form := "The job has not ended within %d minutes."
			return Failure.new("time_limit", form % (limit_s / 60))
		var told: Variant = Server.status(connection, theirs, ceili(pause_s))
		if told is Failure:
			var lost := asked - heard > minf(PATIENCE_S, limit_s) * 1000
			if not told.transient or lost:
				return told
			stopper.wait(_pause(attempt, told))
			attempt += 1
			continue
		heard = Time.get_ticks_msec()
		attempt = 0
		if told.status == "FAILED":
			return _failed(told)
		var done: bool = told.status == "COMPLETED"
		var changes := _progress(told).merged({"state": "fetching" if done else "working"})
		if not _jobs.advance(job_id, changes):
			return null
		if done:
			return _fetch(job_id, theirs, connection)
		stopper.wait(pause_s - (Time.get_ticks_msec() - asked) / 1000.0)  # of a server that does not wait
	return null


func _fetch(job_id: String, theirs: String, connection: Http) -> Failure:
	var failure: Variant = _tried(Server.download.bind(connection, theirs, _jobs.asset(job_id)))
	if failure == null:
		Server.thumbnail(connection, theirs, _jobs.thumbnail(job_id))  # a nicety: it may fail
		_jobs.advance(job_id, {"state": "ready", "progress": 100, "eta": -1})
	return failure


## What a request returns, which is sent again while a moment may mend it.
func _tried(request: Callable) -> Variant:
	for attempt in TRIES:
		var answer: Variant = request.call()
		if not answer is Failure or not answer.transient or attempt == TRIES - 1:
			return answer
		if stopper.wait(_pause(attempt, answer)):
			break
	return Failure.new("stopped", "The editor is being closed.")


## Seconds to wait, ever longer and never the same for all; longer where the server asks for it.
func _pause(attempt: int, failure: Failure) -> float:
	var own := minf(pow(2.0, attempt), 15.0) * randf_range(0.5, 1.0)
	return minf(maxf(failure.retry_after, own), LONGEST_PAUSE_S) * haste


func _failed(told: Dictionary) -> Failure:
	var why: Dictionary = told.error if told.get("error") is Dictionary else {}
	var words: Array[String] = []
	for key: String in ["code", "message", "hint"]:
		words.append(why[key] if why.get(key) is String else "")
	if words[1] == "":
		words[1] = str(told.get("description", "The job failed."))
	return Failure.new(words[0] if words[0] else "generator_failed", words[1], words[2], false, 0.0, true)


## What to keep of a status; what means nothing is left out.
func _progress(told: Dictionary) -> Dictionary:
	return {
		"progress": _within(told.get("progress"), 100, 0),
		"stage": told.stage if told.get("stage") is String else "",
		"eta": _within(told.get("etaSeconds"), LONGEST_ETA_S, -1),
		"report": told.report if told.get("report") is Dictionary else {},
	}


func _within(value: Variant, high: int, otherwise: int) -> int:
	return int(value) if value is float and value >= 0 and value <= high else otherwise
