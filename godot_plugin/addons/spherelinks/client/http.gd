## How to reach a server: one request at a time, bounded in time and size, on any thread but the editor's own.
##
## Godot's HTTPRequest sends every header, the key among them, on to where a server redirects; this goes by HTTPClient,
## which follows nothing.
@tool
extends RefCounted

const Address := preload("address.gd")
const Failure := preload("failure.gd")
const JsonText := preload("json_text.gd")
const Stopper := preload("stopper.gd")

const MAX_JSON := 4 << 20
const MAX_FILE := 512 << 20
const MAX_REDIRECTS := 5
const CHUNK := 1 << 16
const REDIRECTS: PackedInt32Array = [301, 302, 303, 307, 308]
const UNREACHED := {
	HTTPClient.STATUS_CANT_RESOLVE: "there is no host of that name",
	HTTPClient.STATUS_CANT_CONNECT: "nothing answers there",
	HTTPClient.STATUS_TLS_HANDSHAKE_ERROR: "its certificate is not valid, or it does not speak TLS",
}

var address: String
var stopper: Stopper
## Host and port of the proxy for all but this machine; empty for none.
var proxy := ["", 0]
## Trusted in place of the certificates that Godot and the system know; null for those.
var trusted: X509Certificate
## Seconds without a byte after which a server counts as gone.
var silence_s := 30.0
## Seconds that an answer, and that a file may take as a whole.
var answer_s := 90.0
var file_s := 900.0

var _key: String


func _init(its_address: String, key: String, its_stopper: Stopper) -> void:
	address = its_address
	stopper = its_stopper
	_key = key


## The JSON object that a request is answered with, or a Failure.
func json(
	method: HTTPClient.Method, path: String, body := PackedByteArray(), headers := PackedStringArray()
) -> Variant:
	if method == HTTPClient.METHOD_POST:
		headers = headers + PackedStringArray(["Content-Type: application/json"])
	var answer: Variant = _ask(method, address + path, headers, body, MAX_JSON, answer_s, null)
	if answer is Failure:
		return answer
	if answer.status >= 300:
		return _refusal(answer)
	if answer.body.is_empty():
		return {}
	var told: Variant = JsonText.read(answer.body)
	if not told is Dictionary:
		return strange("")
	return told


## Fetch a file; `target` is whole afterwards or as it was before. Null, or a Failure.
func file(path: String, target: String, limit := MAX_FILE) -> Variant:
	var part := target + ".part"
	var out := FileAccess.open(part, FileAccess.WRITE)
	if out == null:
		return _unwritten(target, FileAccess.get_open_error())
	var answer: Variant = _ask(HTTPClient.METHOD_GET, address + path, [], PackedByteArray(), limit, file_s, out)
	out.close()
	var failure: Failure = answer if answer is Failure else null
	if failure == null and answer.status >= 300:
		failure = _refusal(answer)
	# what the disk refused is told by the length alone
	if failure == null and length_of(part) != answer.received:
		failure = _unwritten(target, ERR_FILE_CANT_WRITE)
	if failure == null:
		var error := DirAccess.rename_absolute(part, target)
		failure = null if error == OK else _unwritten(target, error)
	if failure != null:
		DirAccess.remove_absolute(part)
	return failure


## The answer is not of the form that it must have.
func strange(what: String) -> Failure:
	var more := ": %s" % what if what else ""
	return Failure.new("bad_answer", "%s answers, but not as a SphereLinks server does%s." % [address, more])


## A file's length; -1 where there is none.
static func length_of(path: String) -> int:
	var file := FileAccess.open(path, FileAccess.READ)
	return file.get_length() if file else -1


func _unwritten(target: String, error: Error) -> Failure:
	return Failure.new("file_error", "%s cannot be written: %s." % [target.get_file(), error_string(error)])


## The answer to a request; a download is followed to where it lies, without the key where that is another host.
func _ask(
	method: HTTPClient.Method,
	url: String,
	headers: PackedStringArray,
	body: PackedByteArray,
	limit: int,
	within_s: float,
	out: FileAccess
) -> Variant:
	var home: Variant = Address.parse(address)
	if home == null:
		return Failure.new("address", "'%s' is not the address of a server." % address)
	for character in _key:
		if character < " " or character > "~":
			return Failure.new("invalid_api_key", "The API key has a character that no key has.")
	for _followed in MAX_REDIRECTS + 1:
		var place := url.get_slice("?", 0)
		var there: Variant = Address.parse(place)
		if there == null:
			return Failure.new("redirected", "The server sends this request on to an unknown place.")
		var sent := (
			headers
			+ PackedStringArray(["Accept: application/json, */*", "User-Agent: SphereLinks-Godot", "Connection: close"])
		)
		if there.origin() == home.origin() and _key:
			sent.append("X-API-Key: " + _key)
		var exchange := Exchange.new(self, there, within_s)
		var target: String = there.path if there.path else "/"
		var query := url.substr(place.length())
		var answer: Variant = exchange.run(method, target + query, sent, body, limit, out)
		if answer is Failure or not answer.status in REDIRECTS:
			return answer
		var next := _joined(url, answer.headers.get("location", ""))
		var onward: Variant = Address.parse(next.get_slice("?", 0))
		var downgraded: bool = onward != null and there.scheme == "https" and onward.scheme == "http"
		if method != HTTPClient.METHOD_GET or onward == null or downgraded:
			var named: String = onward.origin() if onward else next
			return Failure.new("redirected", "The server sends this request on to %s, where it does not go." % named)
		url = next
	return Failure.new("redirected", "The server sends this request on and on.")


func _joined(url: String, location: String) -> String:
	if location.begins_with("/"):
		return Address.parse(url.get_slice("?", 0)).origin() + location
	return location


## The server's own words for what it refuses, or that it is no server of ours.
func _refusal(answer: Answer) -> Failure:
	var status := answer.status
	var transient := status in [409, 425, 429] or status >= 500
	var told: Variant = JsonText.read_object(answer.body).get("error")
	if not (told is Dictionary and told.get("code") is String and told.get("message") is String):
		var kind := str(answer.headers.get("content-type", "nothing")).get_slice(";", 0)
		var form := "%s answers %d with %s, not as a SphereLinks server does."
		return Failure.new("bad_answer", form % [address, status, kind], "", transient)
	var wait := str(answer.headers.get("retry-after", ""))
	var hint: Variant = told.get("hint")
	return Failure.new(
		told.code,
		told.message,
		hint if hint is String else "",
		transient,
		wait.to_float() if wait.is_valid_int() else 0.0
	)


## What a server answered; `body` is empty where it went into a file, `received` is its length in any case.
class Answer:
	extends RefCounted
	var status := 0
	var headers := {}
	var body := PackedByteArray()
	var received := 0
	## By the server, where that ends it.
	var closed := false


## One request on one connection.
class Exchange:
	extends RefCounted
	var _connection: Variant
	var _there: Address
	var _client := HTTPClient.new()
	var _heard := Time.get_ticks_msec()
	var _begun := Time.get_ticks_msec()
	var _within_s: float

	func _init(connection: Variant, there: Address, within_s: float) -> void:
		_connection = connection
		_there = there
		_within_s = within_s
		_client.read_chunk_size = CHUNK
		if connection.proxy[0] and not Address.is_loopback(there.origin()):
			_client.set_http_proxy(connection.proxy[0], connection.proxy[1])
			_client.set_https_proxy(connection.proxy[0], connection.proxy[1])

	## An Answer, or a Failure. What is answered well goes into `out`, if there is one.
	func run(
		method: HTTPClient.Method,
		target: String,
		headers: PackedStringArray,
		body: PackedByteArray,
		limit: int,
		out: FileAccess
	) -> Variant:
		var failure := _connect()
		if failure == null:
			failure = _send(method, target, headers, body)
		if failure != null:
			_client.close()
			return failure
		var answer := Answer.new()
		answer.status = _client.get_response_code()
		var told := _client.get_response_headers_as_dictionary()
		for name: String in told:
			answer.headers[name.to_lower()] = str(told[name])
		var into := out if answer.status < 300 else null
		failure = _read(answer, limit if into else mini(limit, MAX_JSON), into)
		_client.close()
		return answer if failure == null else failure

	func _connect() -> Failure:
		var tls: TLSOptions = TLSOptions.client(_connection.trusted) if _there.scheme == "https" else null
		if _client.connect_to_host(_there.host, _there.port, tls) != OK:
			return _unreachable("nothing answers there")
		while _client.get_status() in [HTTPClient.STATUS_RESOLVING, HTTPClient.STATUS_CONNECTING]:
			_client.poll()
			var failure := _pause()
			if failure != null:
				return failure
		if _client.get_status() == HTTPClient.STATUS_CONNECTED:
			return null
		return _unreachable(UNREACHED.get(_client.get_status(), "nothing answers there"))

	## The body goes out in pieces beside Godot's own request, which would wait for a server that reads nothing.
	func _send(method: HTTPClient.Method, target: String, headers: PackedStringArray, body: PackedByteArray) -> Failure:
		if method == HTTPClient.METHOD_POST:
			headers = headers + PackedStringArray(["Content-Length: %d" % body.size()])
		if _client.request_raw(method, target, headers, PackedByteArray()) != OK:
			return _unreachable("the connection broke")
		_client.poll()  # the head goes out now, and before the body
		var peer := _client.connection
		var sent := 0
		while _client.get_status() == HTTPClient.STATUS_REQUESTING:
			var moved := 0
			if sent < body.size():
				var wrote := peer.put_partial_data(body.slice(sent, mini(sent + CHUNK, body.size())))
				# one that takes no more may have answered already
				moved = wrote[1] if wrote[0] == OK else body.size() - sent
				sent += moved
			_client.poll()
			if moved > 0:
				_heard = Time.get_ticks_msec()
			elif _client.get_status() == HTTPClient.STATUS_REQUESTING:
				var failure := _pause()
				if failure != null:
					return failure
		if _client.has_response():
			return null
		return _unreachable("the connection broke")

	func _read(answer: Answer, limit: int, out: FileAccess) -> Failure:
		var expected := _client.get_response_body_length()
		while expected <= limit and _is_open(answer):
			var chunk := _chunk(answer)
			if chunk.is_empty():
				var failure := _pause() if _is_open(answer) else null
				if failure != null:
					return failure
				continue
			_heard = Time.get_ticks_msec()
			answer.received += chunk.size()
			if answer.received > limit:
				break
			if _is_late() or _connection.stopper.asked:
				return _late_or_stopped()
			if out:
				out.store_buffer(chunk)
			else:
				answer.body.append_array(chunk)
		if maxi(expected, answer.received) > limit:
			var form := "The server's answer is larger than %d MB and was not read."
			return Failure.new("too_large", form % (limit >> 20))
		var broken := _client.get_status() == HTTPClient.STATUS_CONNECTION_ERROR
		if answer.received < expected or broken:
			return Failure.new("unreachable", "The server's answer breaks off.", "", true)
		return null

	func _is_open(answer: Answer) -> bool:
		var status := _client.get_status()
		var unending := status == HTTPClient.STATUS_CONNECTED and _lasts_until_closed(answer)
		return status == HTTPClient.STATUS_BODY or (unending and not answer.closed)

	func _chunk(answer: Answer) -> PackedByteArray:
		if _client.get_status() == HTTPClient.STATUS_BODY:
			return _client.read_response_body_chunk()
		var read := _client.connection.get_partial_data(CHUNK)
		answer.closed = read[0] != OK
		return read[1]

	## Godot takes an answer for empty that has neither a length nor chunks and does not say that it closes.
	func _lasts_until_closed(answer: Answer) -> bool:
		var told: Dictionary = answer.headers
		return not (told.has("content-length") or told.has("transfer-encoding") or answer.status in [204, 304])

	## Let a moment pass; a Failure where there is no use in waiting on.
	func _pause() -> Failure:
		if _is_late() or _connection.stopper.asked:
			return _late_or_stopped()
		if Time.get_ticks_msec() - _heard > _connection.silence_s * 1000:
			return Failure.new("unreachable", "%s does not answer." % _there.origin(), "", true)
		OS.delay_msec(2)
		return null

	func _is_late() -> bool:
		return Time.get_ticks_msec() - _begun > _within_s * 1000

	func _late_or_stopped() -> Failure:
		if _connection.stopper.asked:
			return Failure.new("stopped", "The editor is being closed.")
		var form := "The server's answer takes longer than %d s."
		return Failure.new("unreachable", form % _within_s, "", true)

	func _unreachable(why: String) -> Failure:
		var lasting := _client.get_status() == HTTPClient.STATUS_TLS_HANDSHAKE_ERROR
		var form := "%s cannot be reached: %s."
		return Failure.new("unreachable", form % [_there.origin(), why], "", not lasting)
