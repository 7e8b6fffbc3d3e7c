## The jobs that editors of this user have asked for, each in a file of its own, so that none is lost with the process.
##
## A job's file is written before the first byte goes to the server and holds the idempotency key that is sent with it:
## whoever picks the job up again asks for the same one.
@tool
extends RefCounted

const Failure := preload("failure.gd")
const Http := preload("http.gd")
const JsonText := preload("json_text.gd")
const Life := preload("life.gd")
const Server := preload("server.gd")

const AT_WORK: PackedStringArray = ["waiting", "sending", "working", "fetching"]
const ENDED: PackedStringArray = ["placed", "failed", "cancelled"]
## Jobs that have ended and are still kept, for they can be placed again.
const KEPT := 100

var folder: String
## Grows with every change, so that a reader sees at little cost whether there was one.
var version := 0

var _life := Life.new()
var _jobs := {}
var _mutex := Mutex.new()


## One picture on its way to a scene. Not to be changed: a change makes another.
class Job:
	extends RefCounted
	## Ours, and the idempotency key.
	var id := ""
	## The server's address.
	var server := ""
	## Of the picture and the asset to be.
	var name := ""
	## Which of the object's other sides it has pictures of, by their names in Server.SIDES.
	var sides := []
	## As sent to the server.
	var options := {}
	## Where and how the scene is to stand, as `objects` reads it.
	var placement := {}
	## Path of the project that it belongs to.
	var document := ""
	## Shared by jobs that were asked for at once.
	var batch := ""
	var created := 0.0
	## The editor at work on it.
	var owner := ""
	var state := "waiting"
	## The server's id; empty until it has answered.
	var job_id := ""
	var progress := 0
	var stage := ""
	## Seconds that are left; -1 where nothing is known.
	var eta := -1
	## Code, message and hint of what went wrong.
	var problem := {}
	## The server's job has ended with that.
	var over := false
	var report := {}
	## Path of the asset in the project once it is there.
	var resource := ""

	func at_work() -> bool:
		return state in AT_WORK

	func with(changes: Dictionary) -> Job:
		var changed := Job.new()
		changed.fill(stored())
		changed.fill(changes)
		return changed

	func stored() -> Dictionary:
		var all := {}
		for each in get_script().get_script_property_list():
			if each.usage & PROPERTY_USAGE_SCRIPT_VARIABLE:
				all[each.name] = get(each.name)
		return all

	## Take over the values that are of the right kind; others are left out.
	func fill(values: Dictionary) -> void:
		for key: String in values:
			var value: Variant = values[key]
			var kind := typeof(get(key))
			if kind == TYPE_INT and value is float:
				value = int(value)
			if kind != TYPE_NIL and kind == typeof(value):
				set(key, value)


func _init(its_folder: String) -> void:
	folder = its_folder
	DirAccess.make_dir_recursive_absolute(folder)
	for file in DirAccess.get_files_at(folder):
		if file.get_extension() == "json":
			var stored := JsonText.read_object(FileAccess.get_file_as_bytes(folder.path_join(file)))
			var job := Job.new()
			job.fill(JsonText.plain(stored))
			if job.id == file.get_basename():  # one that cannot be read must not hide the others
				_jobs[job.id] = job


## A job of our own, with its picture and the bytes of other sides' by their names, on disk; or a Failure.
func create(server: String, name: String, picture_bytes: PackedByteArray, more := {}, its_sides := {}) -> Variant:
	var job := Job.new()
	job.fill(more)
	job.id = Crypto.new().generate_random_bytes(16).hex_encode()
	job.server = server
	job.name = name
	job.created = Time.get_unix_time_from_system()
	job.owner = _life.token
	job.sides = its_sides.keys()
	var failure: Variant = write(picture(job.id), picture_bytes)
	for each: String in its_sides:
		failure = failure if failure != null else write(side(job.id, each), its_sides[each])
	if failure == null:
		_mutex.lock()
		failure = _put(job)
		_mutex.unlock()
	if failure != null:
		forget(job.id)
		return failure
	return job


## The job with these changes, on disk; a Failure where it is gone or cannot be written.
func update(job_id: String, changes: Dictionary) -> Variant:
	_mutex.lock()
	var job: Job = _jobs.get(job_id)
	var failure: Variant = Failure.new("file_error", "The job is gone.")
	if job != null:
		job = job.with(changes)
		failure = _put(job)
	_mutex.unlock()
	return job if failure == null else failure


## Change a job that is at work, as the thread that works on it does; false where it is not any more.
func advance(job_id: String, changes: Dictionary) -> bool:
	_mutex.lock()
	var job: Job = _jobs.get(job_id)
	var does := job != null and job.at_work()
	if does:
		_put(job.with(changes))
	_mutex.unlock()
	return does


## A failed job, waiting to be taken up where it broke off; in its place a new one, with an idempotency key of its own,
## where the server's job is over. Or a Failure.
func again(job: Job) -> Variant:
	if not job.over:
		return update(job.id, {"state": "waiting", "problem": {}, "owner": _life.token})
	var more := {
		"options": job.options,
		"placement": job.placement,
		"document": job.document,
		"batch": job.batch,
	}
	var bytes := FileAccess.get_file_as_bytes(picture(job.id))
	var renewed: Variant = create(job.server, job.name, bytes, more, sides(job))
	if renewed is Job:
		forget(job.id)
	return renewed


## The job as it is now, or null.
func find(job_id: String) -> Job:
	_mutex.lock()
	var job: Job = _jobs.get(job_id)
	_mutex.unlock()
	return job


## Every job of a project, oldest first.
func all(document: String) -> Array[Job]:
	var found: Array[Job] = []
	_mutex.lock()
	for job: Job in _jobs.values():
		if job.document == document:
			found.append(job)
	_mutex.unlock()
	found.sort_custom(func(a: Job, b: Job) -> bool: return a.created < b.created)
	return found


## Remove a job with its files; what the server has of it stays there.
func forget(job_id: String) -> void:
	_mutex.lock()
	_jobs.erase(job_id)
	version += 1
	_mutex.unlock()
	var paths := [_file(job_id), picture(job_id), asset(job_id), thumbnail(job_id)]
	for each in Server.SIDES:
		paths.append(side(job_id, each))
	for path: String in paths:
		if FileAccess.file_exists(path):
			DirAccess.remove_absolute(path)


## Take over a project's unfinished jobs of editors that have ended; all that were taken are returned.
func adopt(document: String) -> Array[Job]:
	var taken: Array[Job] = []
	var alive := {_life.token: true}
	for job in all(document):
		if job.state in ENDED:
			continue
		if not alive.has(job.owner):
			alive[job.owner] = Life.lives(job.owner)
		if not alive[job.owner]:
			var mine: Variant = update(job.id, {"owner": _life.token})
			if mine is Job:
				taken.append(mine)
	return taken


## Whether this editor, and no other that runs, is to work on a job.
func is_mine(job: Job) -> bool:
	return job.owner == _life.token


## Remove the oldest of those that have ended, past KEPT.
func prune(document: String) -> void:
	var ended := all(document).filter(func(job: Job) -> bool: return job.state in ENDED)
	for job: Job in ended.slice(0, maxi(0, ended.size() - KEPT)):
		forget(job.id)


## Let go of the jobs: another editor may take them over.
func close() -> void:
	_life.end()


func picture(job_id: String) -> String:
	return folder.path_join(job_id + ".picture")


func side(job_id: String, its_name: String) -> String:
	return folder.path_join("%s.%s" % [job_id, its_name])


## The bytes of the other sides' pictures by their names; empty where one cannot be read.
func sides(job: Job) -> Dictionary:
	var found := {}
	for each: String in job.sides:
		found[each] = FileAccess.get_file_as_bytes(side(job.id, each))
	return found


func asset(job_id: String) -> String:
	return folder.path_join(job_id + ".glb")


func thumbnail(job_id: String) -> String:
	return folder.path_join(job_id + ".thumbnail.png")


## Write a file whole or not at all. Null, or a Failure.
static func write(path: String, bytes: PackedByteArray) -> Variant:
	var part := path + ".part"
	var file := FileAccess.open(part, FileAccess.WRITE)
	var error := FileAccess.get_open_error()
	if file:
		file.store_buffer(bytes)
		file.close()
		# what the disk refused is told by the length alone
		error = OK if Http.length_of(part) == bytes.size() else ERR_FILE_CANT_WRITE
	if error == OK:
		error = DirAccess.rename_absolute(part, path)
	if error == OK:
		return null
	DirAccess.remove_absolute(part)
	var form := "%s cannot be written: %s."
	return Failure.new("file_error", form % [path.get_file(), error_string(error)])


func _put(job: Job) -> Variant:
	var failure: Variant = write(_file(job.id), JsonText.write(job.stored()).to_utf8_buffer())
	if failure == null:
		_jobs[job.id] = job
		version += 1
	return failure


func _file(job_id: String) -> String:
	return folder.path_join(job_id + ".json")
