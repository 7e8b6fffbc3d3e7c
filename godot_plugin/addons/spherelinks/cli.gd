## Models from pictures without a window, into the project:
## godot --headless --path PROJECT --script addons/spherelinks/cli.gd -- picture.png [--option value …]
##
## Results go to stdout, as JSON with --json; errors and progress to stderr. Exit codes are those of docs/cli.md.
extends SceneTree

const Address := preload("client/address.gd")
const Assets := preload("assets.gd")
const Failure := preload("client/failure.gd")
const Http := preload("client/http.gd")
const Info := preload("client/info.gd")
const Jobs := preload("client/jobs.gd")
const Keys := preload("client/keys.gd")
const Options := preload("client/options.gd")
const Pictures := preload("pictures.gd")
const Runner := preload("client/runner.gd")
const Server := preload("client/server.gd")
const Settings := preload("settings.gd")
const Text := preload("text.gd")

const USAGE := """godot --headless --path PROJECT --script addons/spherelinks/cli.gd -- PICTURE... [--option value ...]

  --server URL       the server; else SPHERELINKS_SERVER, or the one that is set in the editor
  --preset KEY       options of one of the server's presets
  --height METRES    real height
  --back, --left, --right FILE
                     pictures of the other sides of the one object
  --folder RES       where the assets go; else what the project's settings say
  --json             results and errors as JSON
  --resume           first go on with what an earlier run has left unfinished
  --texture-size 512, --collider convex and so on: the server's own options

The key comes from SPHERELINKS_KEY, or from where the editor keeps it."""
## The first that has a failure's code; 5 for what the server failed.
const EXIT_CODES := {
	2:
	[
		"address",
		"idempotency_mismatch",
		"insufficient_credits",
		"invalid_api_key",
		"invalid_option",
		"invalid_request",
		"key_cap_reached",
		"missing_scope",
		"no_key",
		"usage",
	],
	3: ["picture_too_large", "picture_unreachable", "picture_unreadable"],
	4: ["no_object"],
	6:
	[
		"bad_answer",
		"database_unavailable",
		"rate_limited",
		"redirected",
		"service_error",
		"storage_unavailable",
		"too_large",
		"unreachable",
	],
	7: ["file_error"],
	1: ["internal_error"],
}
const FAILED := 5
const LOOK_MS := 100

var _pictures: PackedStringArray = []
var _given := {}
var _flags := {"json": false, "resume": false, "help": false}
var _jobs: Jobs
var _runner: Runner
var _code := 0


func _initialize() -> void:
	var failure := _read(OS.get_cmdline_user_args())
	if _flags.help or (failure == null and _pictures.is_empty() and not _flags.resume):
		print(USAGE)
		quit(0 if _flags.help else 2)
		return
	if failure == null:
		_jobs = Jobs.new(Settings.jobs_folder())
		_runner = Runner.new(_jobs)
		_runner.limit_s = Settings.minutes() * 60.0
		failure = _work()
		_runner.stop()
		_jobs.close()
	if failure != null:
		_report("", failure.problem())
	quit(_code)


func _work() -> Failure:
	var connection: Variant = _connection()
	if connection is Failure:
		return connection
	var wanted: Array = []
	if _flags.resume:
		for job in _jobs.adopt(Settings.document()):
			if job.server == connection.address:
				wanted.append(job)
	if _pictures.size() > 1 and _sides():
		var asked := "--%s goes with one picture; %d are given." % [_sides().keys()[0], _pictures.size()]
		return Failure.new("usage", asked, "Make one model at a time of several pictures.")
	if _pictures:
		var info: Variant = Info.ask(connection)
		if info is Failure:
			return info
		var options: Variant = _options(info)
		if options is Failure:
			return options
		for path in _pictures:
			var job: Variant = _asked_for(path, options, connection, info)
			if job is Failure:
				_report(path, job.problem())
			else:
				wanted.append(job)
	for job: Jobs.Job in wanted:
		if job.at_work():
			_runner.start(job.id, connection)
	_follow(wanted)
	return null


## Arguments become pictures, options and flags; a Failure where they cannot.
func _read(arguments: PackedStringArray) -> Failure:
	var index := 0
	while index < arguments.size():
		var argument := arguments[index]
		var name := argument.trim_prefix("--").get_slice("=", 0)
		index += 1
		if not argument.begins_with("--"):
			_pictures.append(argument)
		elif _flags.has(name):
			_flags[name] = true
		elif argument.contains("="):
			_given[name] = argument.substr(argument.find("=") + 1)
		elif index < arguments.size():
			_given[name] = arguments[index]
			index += 1
		else:
			return Failure.new("usage", "--%s needs a value." % name, "See --help.")
	return null


func _connection() -> Variant:
	var set_by := OS.get_environment("SPHERELINKS_SERVER")
	var entered: String = _given.get("server", set_by if set_by else Settings.server())
	_given.erase("server")
	var address: Variant = Address.normal(entered)
	if address is Failure:
		return address
	var kept := Keys.find(address, Settings.folder())
	if kept.key == "":
		return Failure.new("no_key", "There is no API key for %s." % address, "Set SPHERELINKS_KEY.")
	return Http.new(address, kept.key, _runner.stopper)


## The options to send, by the names that they have on a command line: textureSize is --texture-size.
func _options(info: Info) -> Variant:
	var values := {}
	var key: String = _given.get("preset", "")
	for preset in info.presets:
		if preset.get("key") == key:
			values.merge(info.of("").values(preset.options))
			key = ""
	if key:
		var keys := info.presets.map(func(preset: Dictionary) -> String: return preset.get("key", ""))
		return Failure.new("usage", "There is no preset %s: there is %s." % [key, ", ".join(keys)])
	var description := info.of(_given.get("generator", ""))
	for name: String in _given:
		if name in ["preset", "folder", "height"] or name in Server.SIDES:
			continue
		var field := description.field_of(name.replace("-", "_").to_camel_case())
		if field == null:
			return Failure.new("invalid_option", "There is no option --%s." % name, _known(description))
		values[field.name] = _given[name]
		if field.kind == "boolean":
			values[field.name] = _given[name] in ["true", "1", "yes", "on"]
	var options: Variant = description.request(values)
	if options is Dictionary and _given.has("height"):
		if not str(_given.height).is_valid_float():
			return Failure.new("invalid_option", "--height is '%s': give metres." % _given.height)
		options["dimensions"] = {"height": str(_given.height).to_float(), "unit": "m"}
	return options


func _known(description: Options.Description) -> String:
	var names := description.fields.map(
		func(field: Options.Field) -> String: return "--" + field.name.to_snake_case().replace("_", "-")
	)
	return "There is %s." % ", ".join(names)


func _asked_for(path: String, options: Dictionary, connection: Http, info: Info) -> Variant:
	var picture: Variant = Pictures.read(Pictures.of_file(path))
	if picture is Failure:
		return picture
	var bytes: Variant = Pictures.bytes_of(_sides())
	if bytes is Failure:
		return bytes
	var named := Options.named(options, picture.name, info.of(_given.get("generator", "")))
	var more := {"options": named, "document": Settings.document(), "placement": {"instance": false}}
	return _jobs.create(connection.address, str(named.get("name", picture.name)), picture.bytes, more, bytes)


## The pictures of the other sides that are given.
func _sides() -> Dictionary:
	var found := {}
	for side in Server.SIDES:
		if _given.has(side):
			found[side] = Pictures.of_file(_given[side])
	return found


## Wait until every job has ended, and bring in what is ready.
func _follow(wanted: Array) -> void:
	var shown := {}
	while wanted:
		_runner.tick()
		for job: Jobs.Job in wanted.duplicate():
			var now := _jobs.find(job.id)
			var state := "%s: %s %d %%" % [now.name, now.stage if now.stage else now.state, now.progress]
			if shown.get(job.id) != state and not _flags.json:
				printerr(state)
			shown[job.id] = state
			if not now.at_work():
				wanted.erase(job)
				_end(now)
		OS.delay_msec(LOOK_MS)


func _end(job: Jobs.Job) -> void:
	if job.state == "failed":
		_report(job.name, job.problem)
		return
	var folder: String = _given.get("folder", Settings.project("spherelinks/import/folder"))
	var path: Variant = Assets.put(_jobs.asset(job.id), job.name, folder)
	if path is Failure:
		_report(job.name, path.problem())
		return
	_jobs.update(job.id, {"state": "placed", "resource": path})
	print(JSON.stringify({"name": job.name, "path": path, "jobId": job.job_id}) if _flags.json else path)


func _report(name: String, problem: Dictionary) -> void:
	var hint := Text.remedy(problem)
	var code := exit_code(problem.code)
	_code = code if _code == 0 else _code
	if _flags.json:
		var told := {"code": problem.code, "message": problem.message, "hint": hint}
		print(JSON.stringify({"error": told} if name == "" else {"name": name, "error": told}))
	else:
		printerr(("%s%s %s" % [name + ": " if name else "", problem.message, hint]).strip_edges())


static func exit_code(code: String) -> int:
	for exit: int in EXIT_CODES:
		if code in EXIT_CODES[exit]:
			return exit
	return FAILED
