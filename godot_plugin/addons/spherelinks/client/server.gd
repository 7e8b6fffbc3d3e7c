## What a SphereLinks server can be asked for, one function each. Each returns what it is asked for, or a Failure.
@tool
extends RefCounted

const Failure := preload("failure.gd")
const Glb := preload("glb.gd")
const Http := preload("http.gd")
const JsonText := preload("json_text.gd")

const MAX_PICTURE := 10 << 20
## What further pictures of an object show; its front is the picture itself.
const SIDES: PackedStringArray = ["back", "left", "right"]
const MAX_THUMBNAIL := 8 << 20


## The id of a new job; of the one there is already, where the key was sent before. `sides` has the bytes of the other
## sides' pictures by their names in SIDES.
static func generate(
	connection: Http, picture: PackedByteArray, options: Dictionary, idempotency_key: String, sides := {}
) -> Variant:
	for each: PackedByteArray in [picture] + sides.values():
		if each.size() > MAX_PICTURE:
			var size := each.size() / float(1 << 20)
			return Failure.new("picture_too_large", "The picture has %.1f MB, more than 10." % size)
	# put together as bytes: JSON.stringify takes a second for a large picture
	var body := PackedByteArray()
	if sides.is_empty():  # as servers of before 0.3 take it, too
		_append_picture(body, "{", picture)
	else:
		_append_picture(body, '{"images": [{"view": "front", ', picture)
		for side: String in sides:
			_append_picture(body, '}, {"view": "%s", ' % side, sides[side])
		body.append_array("}]".to_ascii_buffer())
	body.append_array((', "options": %s}' % JsonText.write(options)).to_utf8_buffer())
	var headers: PackedStringArray = ["Idempotency-Key: " + idempotency_key]
	var answer: Variant = connection.json(HTTPClient.METHOD_POST, "/v1/generate", body, headers)
	return _text(connection, answer, "jobId")


## Where a job stands, told when it has ended or after `wait_s` seconds.
static func status(connection: Http, job_id: String, wait_s := 0) -> Variant:
	var path := "/v1/status/%s?wait=%d" % [job_id.uri_encode(), wait_s]
	var answer: Variant = connection.json(HTTPClient.METHOD_GET, path)
	var told: Variant = _text(connection, answer, "status")
	return told if told is Failure else answer


## The job's asset as a whole, sound GLB; null where it is there.
static func download(connection: Http, job_id: String, target: String) -> Variant:
	var part := target + ".unchecked"
	var failure: Variant = connection.file("/v1/download/" + job_id.uri_encode(), part)
	if failure == null:
		failure = Glb.check(part)
	if failure == null:
		var error := DirAccess.rename_absolute(part, target)
		if error != OK:
			var form := "%s cannot be written: %s."
			failure = Failure.new("file_error", form % [target.get_file(), error_string(error)])
	if FileAccess.file_exists(part):
		DirAccess.remove_absolute(part)
	return failure


## The job's small picture; null where it is there.
static func thumbnail(connection: Http, job_id: String, target: String) -> Variant:
	return connection.file("/v1/jobs/%s/files/png" % job_id.uri_encode(), target, MAX_THUMBNAIL)


## The picture that a job was made from, or that of another side by its name in SIDES; null where it is there.
static func picture(connection: Http, job_id: String, target: String, kind := "picture") -> Variant:
	return connection.file("/v1/jobs/%s/files/%s" % [job_id.uri_encode(), kind], target, MAX_PICTURE)


## Cancel a job that is at work, or delete one that has ended.
static func delete(connection: Http, job_id: String) -> Variant:
	return connection.json(HTTPClient.METHOD_DELETE, "/v1/jobs/" + job_id.uri_encode())


## The account's jobs, newest first.
static func jobs(connection: Http) -> Variant:
	return connection.json(HTTPClient.METHOD_GET, "/v1/jobs")


## Whose key it is, on what plan, with how many credits.
static func account(connection: Http) -> Variant:
	return connection.json(HTTPClient.METHOD_GET, "/v1/account")


## The generators of this server, with the JSON Schema of their options.
static func generators(connection: Http) -> Variant:
	return connection.json(HTTPClient.METHOD_GET, "/v1/generators")


static func _append_picture(body: PackedByteArray, before: String, picture: PackedByteArray) -> void:
	body.append_array((before + '"imageBase64": "').to_ascii_buffer())
	body.append_array(Marshalls.raw_to_base64(picture).to_ascii_buffer())
	body.append_array('"'.to_ascii_buffer())


static func _text(connection: Http, answer: Variant, name: String) -> Variant:
	if answer is Failure:
		return answer
	var value: Variant = answer.get(name)
	if not value is String or value == "":
		return connection.strange("no %s" % name)
	return value
