## What lives from turning the plugin on to turning it off: the jobs, the threads, what is known of the server.
@tool
extends Node

## Something that is shown is different now.
signal changed
## A job has failed: its name, and code, message and hint.
signal failed(its_name: String, problem: Dictionary)
## What the server listed of the account's jobs has come, or why it has not.
signal listed(jobs: Array, failure: Failure)

const Address := preload("client/address.gd")
const Assets := preload("assets.gd")
const Errands := preload("client/errands.gd")
const Failure := preload("client/failure.gd")
const Http := preload("client/http.gd")
const Info := preload("client/info.gd")
const Jobs := preload("client/jobs.gd")
const Keys := preload("client/keys.gd")
const Local := preload("client/local.gd")
const Objects := preload("objects.gd")
const Pictures := preload("pictures.gd")
const Runner := preload("client/runner.gd")
const Server := preload("client/server.gd")
const Settings := preload("settings.gd")
const Text := preload("text.gd")

const LOOK_S := 0.1
const IMPORT_S := 120.0
const INFO := "server.json"

var jobs: Jobs
var runner: Runner
var errands := Errands.new()
## What the server told of itself when it was last asked, perhaps by an earlier editor; null where it never was.
var info: Info
## Why it could not be asked.
var trouble: Failure
## It is being asked.
var checking := false
## A server of ours on this machine is being started.
var starting := false
var local := Local.new()
var kept_key := Keys.Kept.new()

var _undo: EditorUndoRedoManager
var _document := Settings.document()
var _waited := 0.0
var _seen := -1
var _at_work := {}
var _importing := ""
## Its path in the project, once it is there, and again once it is imported.
var _put := ""
var _imported := ""
## No scan that was asked for is under way.
var _scanned := false
var _deadline := 0


func _init(undo: EditorUndoRedoManager) -> void:
	name = "SphereLinksSession"
	_undo = undo
	jobs = Jobs.new(Settings.jobs_folder())
	jobs.prune(_document)
	runner = Runner.new(jobs)
	info = Info.load_from(Settings.folder().path_join(INFO))
	if info and info.address != address():
		info = null


func _enter_tree() -> void:
	var files := EditorInterface.get_resource_filesystem()
	files.resources_reimported.connect(_on_reimported)
	files.sources_changed.connect(_on_scanned)
	pick_up()


## End the threads and let go of the jobs; what is unfinished is picked up by the next session.
func _exit_tree() -> void:
	var files := EditorInterface.get_resource_filesystem()
	files.resources_reimported.disconnect(_on_reimported)
	files.sources_changed.disconnect(_on_scanned)
	runner.stop()
	errands.stop()
	local.stop()
	jobs.close()


func _process(delta: float) -> void:
	_waited += delta
	if _waited < LOOK_S:
		return
	_waited = 0.0
	runner.limit_s = Settings.minutes() * 60.0 if runner.is_busy() else runner.limit_s
	runner.tick()
	var due := errands.drain()
	if due or jobs.version != _seen:
		_seen = jobs.version
		_tell_of_ends()
		changed.emit()
	_bring_in()


## The server's address in its form; as it was entered where it is none.
func address() -> String:
	var normal: Variant = Address.normal(Settings.server())
	return normal if normal is String else Settings.server()


## How to reach the server, or a Failure where the address or a key is missing.
func connection() -> Variant:
	var normal: Variant = Address.normal(Settings.server())
	if normal is Failure:
		return normal
	if kept_key.key == "":
		return Failure.new("no_key", Text.words("no_key_for_server", {"address": normal}))
	var http := Http.new(normal, kept_key.key, runner.stopper)
	http.proxy = [
		str(EditorInterface.get_editor_settings().get_setting("network/http_proxy/host")),
		int(EditorInterface.get_editor_settings().get_setting("network/http_proxy/port")),
	]
	return http


## Look for the server's key, go on with the jobs that an earlier editor left behind, and ask the server about itself.
func pick_up() -> void:
	var wanted := address()
	errands.run(
		Keys.find.bind(wanted, Settings.folder()),
		func(found: Variant) -> void:
			if found is Keys.Kept and wanted == address():
				kept_key = found
				if kept_key.key:
					errands.run(jobs.adopt.bind(_document), _go_on)
					check()
	)


## Ask the server about itself.
func check() -> void:
	var http: Variant = connection()
	if checking:
		return
	if http is Failure:
		trouble = http
		changed.emit()
		return
	checking = true
	changed.emit()
	errands.run(
		Info.ask.bind(http),
		func(told: Variant) -> void:
			checking = false
			trouble = told if told is Failure else null
			if told is Info:
				info = told
				info.save_to(Settings.folder().path_join(INFO))
	)


## Another address: what is known of the old one's server is forgotten.
func use_server(entered: String) -> void:
	Settings.keep("server", entered.strip_edges())
	info = null
	trouble = null
	kept_key = Keys.Kept.new()
	pick_up()
	changed.emit()


## Keep a key for the server.
func use_key(key: String) -> void:
	errands.run(
		Keys.keep.bind(address(), key.strip_edges(), Settings.folder()),
		func(failure: Variant) -> void:
			trouble = failure if failure is Failure else null
			pick_up()
	)


## A job for a picture, which is read and written to disk on a thread, and then run. `then` gets the job or a Failure.
## `sides` has pictures of the object's other sides by their names.
func generate(
	picture: Pictures.Picture,
	options: Dictionary,
	placement: Dictionary,
	batch := "",
	then := func(_job: Variant) -> void: pass,
	sides := {}
) -> void:
	var http: Variant = connection()
	if http is Failure:
		then.call(http)
		return
	var more := {"options": options, "placement": placement, "document": _document, "batch": batch}
	var work := func() -> Variant:
		var bytes: Variant = Pictures.bytes_of(sides.merged({"front": picture}))
		if bytes is Failure:
			return bytes
		bytes.erase("front")
		return jobs.create(http.address, str(options.get("name", picture.name)), picture.bytes, more, bytes)
	errands.run(
		work,
		func(job: Variant) -> void:
			if job is Jobs.Job:
				runner.start(job.id, http)
			then.call(job)
	)


## Stop a job here and on the server.
func cancel(job: Jobs.Job) -> void:
	var http: Variant = connection()
	var theirs := job.job_id
	if jobs.advance(job.id, {"state": "cancelled", "eta": -1}) and theirs and http is Http:
		errands.run(Runner.cancel.bind(http, theirs), func(_done: Variant) -> void: pass)


## Take a failed job up again where it broke off; one that the server has failed is sent anew.
func retry(job: Jobs.Job) -> void:
	var http: Variant = connection()
	var renewed: Variant = http if http is Failure else jobs.again(job)
	if renewed is Failure:
		trouble = renewed
		changed.emit()
	else:
		runner.start(renewed.id, http)


## Bring a job's object into the scene that is open now.
func place_again(job: Jobs.Job) -> void:
	var how := Objects.placement(true)
	if ResourceLoader.exists(job.resource):
		jobs.update(job.id, {"state": "ready", "placement": how})
	else:
		jobs.update(job.id, {"state": "ready", "placement": how, "resource": ""})


## Have the server list the account's jobs, with their thumbnails.
func list(work := func(_http: Http) -> Variant: return null) -> void:
	var http: Variant = connection()
	if http is Failure:
		listed.emit([], http)
		return
	errands.run(
		_listed.bind(http, work),
		func(told: Variant) -> void: listed.emit(told if told is Array else [], told if told is Failure else null)
	)


## Where the thumbnail of a job of the server's list is kept.
func thumbnail(job_id: String) -> String:
	return Settings.folder().path_join("thumbnails").path_join(job_id.validate_filename() + ".png")


## Bring in what the server has of an earlier job, for no further credit.
func fetch(job_id: String, its_name: String) -> void:
	var http: Variant = connection()
	if http is Failure:
		trouble = http
		changed.emit()
		return
	var more := {"document": _document, "placement": Objects.placement(true), "job_id": job_id, "state": "working"}
	var job: Variant = jobs.create(http.address, its_name, PackedByteArray(), more)
	if job is Jobs.Job:
		runner.start(job.id, http)


## The pictures of an earlier job by their kinds, `picture` and those of `sides`, for `then`, which may get a Failure.
func pictures_of(job_id: String, its_name: String, sides: Array, then: Callable) -> void:
	var http: Variant = connection()
	if http is Failure:
		then.call(http)
		return
	var stem := Settings.folder().path_join("thumbnails").path_join(job_id.validate_filename())
	var work := func() -> Variant:
		var found := {}
		for kind: String in ["picture"] + sides:
			var path := "%s.%s" % [stem, kind]
			var failure: Variant = Server.picture(http, job_id, path, kind)
			if failure != null:
				return failure
			found[kind] = Pictures.of_file(path)
			found[kind].name = its_name
		var bytes: Variant = Pictures.bytes_of(found)
		return bytes if bytes is Failure else found
	errands.run(work, then)


## Run a server on this machine, and make a key for it where there is none.
func start_server() -> void:
	var wanted := address()
	var program: Variant = Local.find(Settings.program())
	if not Address.is_loopback(wanted):
		var hint := Text.words("hint_local_address")
		program = Failure.new("address", Text.words("not_on_this_machine", {"address": wanted}), hint)
	if program is Failure:
		trouble = program
		changed.emit()
		return
	starting = true
	trouble = null
	changed.emit()
	DirAccess.make_dir_recursive_absolute(Settings.folder())
	var log := Settings.folder().path_join("server.log")
	errands.run(local.start.bind(program, wanted, log, kept_key.key == "", runner.stopper), _on_started)


## Stop the server that was started here, if it runs.
func stop_server() -> void:
	local.stop()
	changed.emit()


func _on_started(outcome: Variant) -> void:
	starting = false
	if outcome is Failure:
		trouble = outcome
		return
	if outcome:
		use_key(outcome)
	else:
		pick_up()


func _go_on(taken: Variant) -> void:
	var http: Variant = connection()
	for job: Jobs.Job in taken if taken is Array else []:
		if job.at_work() and http is Http and job.server == http.address:
			runner.start(job.id, http)


func _listed(http: Http, work: Callable) -> Variant:
	var failure: Variant = work.call(http)
	if failure is Failure:
		return failure
	var told: Variant = Server.jobs(http)
	if told is Failure:
		return told
	var found: Variant = told.get("jobs")
	if not found is Array:
		return http.strange("no jobs")
	DirAccess.make_dir_recursive_absolute(thumbnail("").get_base_dir())
	var sound: Array = found.filter(func(job: Variant) -> bool: return job is Dictionary and job.get("jobId") is String)
	for job: Dictionary in sound:
		var path := thumbnail(job.jobId)
		if job.get("status") == "COMPLETED" and not FileAccess.file_exists(path):
			Server.thumbnail(http, job.jobId, path)  # its files may have expired
	return sound


## Tell of jobs that have failed since the last look, and ask what credits are left.
func _tell_of_ends() -> void:
	var at_work := {}
	for job in jobs.all(_document):
		if job.at_work():
			at_work[job.id] = true
		elif _at_work.has(job.id):
			check()
			if job.state == "failed":
				failed.emit(job.name, job.problem)
	_at_work = at_work


## Bring in what is due, at most one object a time, so that the editor is never held for long.
func _bring_in() -> void:
	if _importing:
		if _put:
			_import()
		return
	for job in jobs.all(_document):
		if job.state == "ready" and jobs.is_mine(job):
			if job.resource == "":
				_begin_import(job)
				return
			if not job.placement.get("instance", false):
				jobs.update(job.id, {"state": "placed"})
			elif Objects.can_place(job.placement):
				_place(job)
				return


func _begin_import(job: Jobs.Job) -> void:
	_importing = job.id
	_put = ""
	_imported = ""
	_scanned = true
	_deadline = Time.get_ticks_msec() + int(IMPORT_S * 1000)
	var folder: String = Settings.project("spherelinks/import/folder")
	errands.run(Assets.put.bind(jobs.asset(job.id), job.name, folder), _on_put)


func _on_put(path: Variant) -> void:
	if path is Failure:
		_fail(_importing, path)
		_importing = ""
		return
	jobs.update(_importing, {"resource": path})
	_put = path


func _on_scanned(_found: bool) -> void:
	_scanned = true


func _on_reimported(paths: PackedStringArray) -> void:
	if _put in paths:
		_imported = _put


## Have the editor find the asset and import it. A scan is not made where an earlier one is not taken in yet, so it is
## asked for until the asset is known; and it passes over a file that is as old as a removed one of the same name, so
## what is known is imported in any case.
func _import() -> void:
	var files := EditorInterface.get_resource_filesystem()
	if _imported or Time.get_ticks_msec() > _deadline:
		var job := jobs.find(_importing)
		_importing = ""
		if job:
			_end_import(job)
	elif _scanned and not files.is_scanning():
		if files.get_file_type(_put):
			files.reimport_files([_put])
		else:
			_scanned = false
			files.scan()


func _end_import(job: Jobs.Job) -> void:
	var scene: Resource = load(job.resource) if ResourceLoader.exists(job.resource) else null
	if not scene is PackedScene:
		Assets.remove(job.resource.get_base_dir())
		_fail(job.id, Failure.new("import_failed", Text.words("not_imported", {"name": job.name})))
		return
	if Settings.project("spherelinks/import/wrapper_scene"):
		var wrapper: Variant = Assets.wrap(job.resource, job.name)
		if wrapper is Failure:
			_fail(job.id, wrapper)
			return
		EditorInterface.get_resource_filesystem().update_file(wrapper)
		jobs.update(job.id, {"resource": wrapper})


func _place(job: Jobs.Job) -> void:
	var scene := load(job.resource) as PackedScene
	if scene == null:
		_fail(job.id, Failure.new("import_failed", Text.words("not_imported", {"name": job.name})))
		return
	Objects.place(scene, Assets.node_name(job.name), job.placement, _undo)
	jobs.update(job.id, {"state": "placed"})


func _fail(job_id: String, failure: Failure) -> void:
	jobs.update(job_id, {"state": "failed", "problem": failure.problem(), "over": failure.over, "resource": ""})
	var job := jobs.find(job_id)
	if job:
		failed.emit(job.name, job.problem)
