## A server on this machine: found, started, given a key, stopped. Nothing is ever installed. Blocks: for threads.
@tool
extends RefCounted

const Address := preload("address.gd")
const Failure := preload("failure.gd")
const Http := preload("http.gd")
const JsonText := preload("json_text.gd")
const Keys := preload("keys.gd")
const Stopper := preload("stopper.gd")

## Seconds a first start may take: it makes the database and compiles kernels.
const START_S := 180.0
const LAST_WORDS := 300

## Its process from the moment that it begins; else -1.
var pid := -1


static func program_name() -> String:
	return "spherelinks.exe" if OS.get_name() == "Windows" else "spherelinks"


## The program: as given, or on the PATH, or where pip and pipx put it; or a Failure.
static func find(given: String) -> Variant:
	var home := OS.get_environment("USERPROFILE" if OS.get_name() == "Windows" else "HOME")
	if given:
		var path := given.replace("~", home) if given.begins_with("~") else given
		var program := path.path_join(program_name()) if DirAccess.dir_exists_absolute(path) else path
		if FileAccess.file_exists(program):
			return program
		return Failure.new("no_program", "There is no program %s." % program)
	var found := Keys.on_path(program_name(), [home.path_join(".local/bin")])
	if found:
		return found
	return Failure.new("no_program", "The program %s is not on this machine's PATH." % program_name())


## Run `spherelinks serve` at an address of this machine until it answers: a new key for it, or none where none is asked
## for; or a Failure with what it said.
func start(program: String, address: String, log: String, with_key: bool, stopper: Stopper) -> Variant:
	var port := str(Address.parse(address).port)
	if OS.get_name() == "Windows":
		pid = OS.create_process(program, ["serve", "--port", port])
	else:
		var line := 'exec "$0" serve --port "$1" >"$2" 2>&1 </dev/null'
		pid = OS.create_process("/bin/sh", ["-c", line, program, port, log])
	if pid < 0:
		return Failure.new("no_program", "%s cannot be run." % program)
	var until := Time.get_ticks_msec() + int(START_S * 1000)
	var connection := Http.new(address, "", stopper)
	while connection.json(HTTPClient.METHOD_GET, "/readyz") is Failure:
		if not OS.is_process_running(pid):
			pid = -1
			var form := "The server ended by itself: %s"
			return Failure.new("unreachable", form % _last_words(log), "Its log is %s." % log)
		if Time.get_ticks_msec() > until or stopper.asked:
			stop()
			var form := "The server is not up after %d s."
			return Failure.new("unreachable", form % START_S, "Its log is %s." % log)
		stopper.wait(0.3)
	var key: Variant = _new_key(program) if with_key else ""
	if key is Failure:
		stop()
	return key


## Ask it to stop, if it runs; it ends its jobs' steps by itself.
func stop() -> void:
	if pid < 0:
		return
	if OS.get_name() == "Windows":
		OS.execute("taskkill", ["/T", "/F", "/PID", str(pid)])
	else:
		OS.execute("kill", ["-TERM", str(pid)])  # OS.kill leaves it no time to close its database
	pid = -1


## A key of the local owner's account, or a Failure.
static func _new_key(program: String) -> Variant:
	var output: Array = []
	OS.execute(program, ["keys", "create", "--name", "Godot", "--json"], output)
	var key: Variant = JsonText.read_object(str(output[0]).to_utf8_buffer()).get("key")
	if not key is String:
		return Failure.new("no_key", "The server runs, but gave no key: %s" % str(output[0]).right(LAST_WORDS))
	return key


static func _last_words(log: String) -> String:
	var lines := FileAccess.get_file_as_string(log).strip_edges().split("\n")
	return lines[-1].right(LAST_WORDS) if lines[-1] else "it said nothing."
