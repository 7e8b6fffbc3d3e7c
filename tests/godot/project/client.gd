## What the client does, told as JSON: godot --headless --script client.gd -- ASKED.json TOLD.json
extends SceneTree

const Address := preload("addons/spherelinks/client/address.gd")
const Failure := preload("addons/spherelinks/client/failure.gd")
const Glb := preload("addons/spherelinks/client/glb.gd")
const Http := preload("addons/spherelinks/client/http.gd")
const Info := preload("addons/spherelinks/client/info.gd")
const Jobs := preload("addons/spherelinks/client/jobs.gd")
const JsonText := preload("addons/spherelinks/client/json_text.gd")
const Keys := preload("addons/spherelinks/client/keys.gd")
const Local := preload("addons/spherelinks/client/local.gd")
const Runner := preload("addons/spherelinks/client/runner.gd")
const Server := preload("addons/spherelinks/client/server.gd")
const Stopper := preload("addons/spherelinks/client/stopper.gd")


func _initialize() -> void:
	var files := OS.get_cmdline_user_args()
	var asked := JsonText.read_object(FileAccess.get_file_as_bytes(files[0]))
	var told: Variant = call(asked.what, asked)
	var file := FileAccess.open(files[1], FileAccess.WRITE)
	file.store_string(JSON.stringify(told))
	file.close()
	quit()


## One job against each server: how it ended.
func faults(asked: Dictionary) -> Dictionary:
	var told := {}
	var certificate := X509Certificate.new()
	certificate.load(asked.certificate)
	for name: String in asked.addresses:
		var jobs := Jobs.new(OS.get_user_data_dir().path_join(name))
		var runner := Runner.new(jobs)
		runner.haste = 0.0
		var connection := Http.new(asked.addresses[name], asked.key, runner.stopper)
		if connection.address.begins_with("https"):
			connection.trusted = certificate
		connection.answer_s = asked.limits.get(name, connection.answer_s)
		connection.file_s = asked.limits.get(name, connection.file_s)
		connection.silence_s = asked.silences.get(name, connection.silence_s)
		var picture := PackedByteArray()
		picture.resize(asked.pictures.get(name, 7))
		var job: Jobs.Job = jobs.create(connection.address, "mug", picture)
		runner.work(job.id, connection)
		var ended := jobs.find(job.id)
		var asset := FileAccess.get_file_as_bytes(jobs.asset(job.id))
		var stored := JsonText.read_object(FileAccess.get_file_as_bytes(jobs.folder.path_join(job.id + ".json")))
		told[name] = {
			"id": job.id,
			"state": ended.state,
			"problem": ended.problem,
			"over": ended.over,
			"asset": Marshalls.raw_to_base64(asset),
			"stored": stored,
			"files": DirAccess.get_files_at(jobs.folder),
		}
		jobs.close()
	return told


## What the client makes of each answer.
func exchanges(asked: Dictionary) -> Dictionary:
	var told := {}
	for each: Dictionary in asked.asked:
		var target := OS.get_user_data_dir().path_join("file")
		var connection := Http.new(each.address, each.key, Stopper.new())
		var answer: Variant = _asked(connection, each, asked.picture, target)
		if answer is Failure:
			told[each.name] = answer.problem().merged({"transient": answer.transient, "wait": answer.retry_after})
		elif answer == null:
			told[each.name] = {"file": Marshalls.raw_to_base64(FileAccess.get_file_as_bytes(target))}
		else:
			told[each.name] = {"answer": JsonText.plain(answer)}
	return told


func _asked(connection: Http, each: Dictionary, picture: String, target: String) -> Variant:
	var parts: PackedStringArray = each.path.get_slice("?", 0).split("/").slice(2)
	var job := parts[1] if parts.size() > 1 else ""
	var sent: Variant = each.body
	match [each.method, parts[0]]:
		["POST", "generate"] when each.ours:
			var bytes := FileAccess.get_file_as_bytes(picture)
			var sides := {}
			for image: Dictionary in sent.get("images", []).slice(1):
				sides[image.view] = bytes
			return Server.generate(connection, bytes, sent.options, each.headers["Idempotency-Key"], sides)
		["GET", "status"]:
			return Server.status(connection, job)
		["GET", "download"]:
			return Server.download(connection, job, target)
		["GET", "jobs"] when parts.size() == 4 and parts[3] == "picture":
			return Server.picture(connection, job, target)
		["DELETE", "jobs"]:
			return Server.delete(connection, job)
	# what the client asks for nowhere, or not like that: the answer is understood all the same
	var methods := {
		"GET": HTTPClient.METHOD_GET,
		"POST": HTTPClient.METHOD_POST,
		"PUT": HTTPClient.METHOD_PUT,
		"DELETE": HTTPClient.METHOD_DELETE,
	}
	var headers: PackedStringArray = []
	for name: String in each.headers:
		if name != "Content-Type":
			headers.append("%s: %s" % [name, each.headers[name]])
	var body := (
		PackedByteArray() if sent == null else str(sent if sent is String else JsonText.write(sent)).to_utf8_buffer()
	)
	return connection.json(methods[each.method], each.path, body, headers)


## What the forms hold and what they send.
func forms(asked: Dictionary) -> Dictionary:
	var info: Info = (
		Info
		. read(
			{
				"account": {"name": "Owner", "plan": {"name": "owner"}, "credits": {"available": 1}},
				"offered": asked.offered,
			}
		)
	)
	var told := {"forms": {}, "order": info.generators.keys(), "sent": [], "presets": []}
	for name: String in info.generators:
		var fields: Array = []
		for field in info.of(name).fields:
			var shown := {"name": field.name, "label": field.label, "kind": field.kind, "default": field.initial}
			if field.kind in ["integer", "number"]:
				shown.merge({"low": field.low, "high": field.high})
			if field.choices:
				shown["choices"] = field.choices
			fields.append(shown)
		told.forms[name] = fields
	for each: Dictionary in asked.cases:
		var sent: Variant = info.of(each.generator).request(each.values)
		told.sent.append(sent.message if sent is Failure else JsonText.write(sent))
	for preset in info.presets:
		var description := info.of("")
		told.presets.append(JsonText.write(description.request(description.values(preset.options))))
	return told


func addresses(asked: Dictionary) -> Dictionary:
	var told := {}
	for text: String in asked.texts:
		var normal: Variant = Address.normal(text)
		var here := Address.is_loopback(text.strip_edges())
		told[text] = [normal if normal is String else null, here]
	return told


## What is read of JSON, and written again.
func json(asked: Dictionary) -> Array:
	return asked.texts.map(
		func(text: String) -> Variant: return JsonText.write(JsonText.read(Marshalls.base64_to_raw(text)))
	)


func keys(asked: Dictionary) -> Dictionary:
	var folder: String = asked.folder
	var told := {"before": _kept("http://one", folder)}
	Keys.keep("http://one", "secret one", folder)
	Keys.keep("http://two", "secret two", folder)
	told["one"] = _kept("http://one", folder)
	Keys.keep("http://one", "", folder)
	told["gone"] = _kept("http://one", folder)
	told["two"] = _kept("http://two", folder)
	return told


func _kept(address: String, folder: String) -> Array:
	var kept := Keys.find(address, folder)
	return [kept.key, Keys.Place.keys()[kept.place]]


func programs(asked: Dictionary) -> Dictionary:
	var told := {}
	for given: String in asked.given:
		var found: Variant = Local.find(given)
		told[given] = found if found is String else found.message
	var started: Variant = Local.new().start(asked.program, "http://127.0.0.1:1", asked.log, false, Stopper.new())
	told["started"] = started.problem()
	return told


## A job written where the disk takes no more.
func disk(_asked: Dictionary) -> Dictionary:
	var jobs := Jobs.new(OS.get_user_data_dir().path_join("jobs"))
	var picture := PackedByteArray()
	picture.resize(3 << 20)
	var job: Variant = jobs.create("http://127.0.0.1:1", "mug", picture)
	jobs.close()
	return {
		"problem": job.problem() if job is Failure else {},
		"files": DirAccess.get_files_at(jobs.folder),
	}


## A job of this process, which then waits to be killed.
func hold(asked: Dictionary) -> void:
	var jobs := Jobs.new(asked.folder)
	var job: Jobs.Job = jobs.create("http://127.0.0.1:1", "mug", "picture".to_ascii_buffer(), {"document": "here"})
	print("held ", job.id)
	OS.delay_msec(600000)


func adopt(asked: Dictionary) -> Array:
	var jobs := Jobs.new(asked.folder)
	var taken := jobs.adopt(asked.document).map(func(job: Jobs.Job) -> String: return job.id)
	jobs.close()
	return taken
