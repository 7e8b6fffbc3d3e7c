## API keys, one for each server: in the system's keychain where a program to reach it is at hand, else in a file that
## this user alone can read.
##
## Linux: `secret-tool` (GNOME Keyring, KWallet); macOS: `security`. Both are given the key on standard input, never as
## an argument, which other users of the machine could read. What was written is read back. Blocks: for threads.
@tool
extends RefCounted

## Where a key was found.
enum Place { NOWHERE, VARIABLE, KEYCHAIN, FILE }

const Jobs := preload("jobs.gd")
const JsonText := preload("json_text.gd")

const SERVICE := "SphereLinks"
const VARIABLE := "SPHERELINKS_KEY"
const FILE := "keys.json"
## A locked keychain asks its owner for a password.
const LIMIT_MS := 60000


## A key and where it is kept.
class Kept:
	extends RefCounted
	var key := ""
	var place := Place.NOWHERE


## The key for a server.
static func find(address: String, folder: String) -> Kept:
	var kept := Kept.new()
	if OS.get_environment(VARIABLE):
		kept.key = OS.get_environment(VARIABLE)
		kept.place = Place.VARIABLE
		return kept
	var stored: Variant = _stored(folder).get(address)
	if stored is String and stored:
		kept.key = stored
		kept.place = Place.FILE
		return kept
	kept.key = _looked_up(address)
	kept.place = Place.KEYCHAIN if kept.key else Place.NOWHERE
	return kept


## Keep a server's key, or none where it is empty. Null, or a Failure.
static func keep(address: String, key: String, folder: String) -> Variant:
	var stored := _stored(folder)
	stored.erase(address)
	if key == "":
		_forget(address)
	elif not _store(address, key):
		stored[address] = key
	if stored.is_empty() and not FileAccess.file_exists(folder.path_join(FILE)):
		return null
	return _write(stored, folder)


static func _stored(folder: String) -> Dictionary:
	return JsonText.read_object(FileAccess.get_file_as_bytes(folder.path_join(FILE)))


## The folder is closed to others before the file is there: Godot makes files that everybody may read.
static func _write(stored: Dictionary, folder: String) -> Variant:
	DirAccess.make_dir_recursive_absolute(folder)
	var owners := FileAccess.UNIX_READ_OWNER | FileAccess.UNIX_WRITE_OWNER
	FileAccess.set_unix_permissions(folder, owners | FileAccess.UNIX_EXECUTE_OWNER)
	var path := folder.path_join(FILE)
	var failure: Variant = Jobs.write(path, JSON.stringify(stored).to_utf8_buffer())
	FileAccess.set_unix_permissions(path, owners)
	return failure


static func _store(address: String, key: String) -> bool:
	match OS.get_name():
		"macOS":
			# commands come on standard input, one per line; -U replaces an existing key
			var words := [SERVICE, _quoted(address), _quoted(key)]
			_give("security", ["-i"], "add-generic-password -U -s %s -a %s -w %s\n" % words)
		"Linux", "FreeBSD", "OpenBSD", "NetBSD", "BSD":
			var label := "--label=%s %s" % [SERVICE, address]
			_give("secret-tool", ["store", label, "service", SERVICE, "server", address], key)
	return _looked_up(address) == key


static func _looked_up(address: String) -> String:
	match OS.get_name():
		"macOS":
			return _told("security", ["find-generic-password", "-s", SERVICE, "-a", address, "-w"])
		"Linux", "FreeBSD", "OpenBSD", "NetBSD", "BSD":
			return _told("secret-tool", ["lookup", "service", SERVICE, "server", address])
	return ""


static func _forget(address: String) -> void:
	match OS.get_name():
		"macOS":
			_told("security", ["delete-generic-password", "-s", SERVICE, "-a", address])
		"Linux", "FreeBSD", "OpenBSD", "NetBSD", "BSD":
			_told("secret-tool", ["clear", "service", SERVICE, "server", address])


## What a program prints; empty where it is missing or fails.
static func _told(program: String, arguments: PackedStringArray) -> String:
	var path := on_path(program)
	var output: Array = []
	if path == "" or OS.execute(path, arguments, output) != 0:
		return ""
	return str(output[0]).strip_edges()


## Run a program that reads `given` from its standard input.
static func _give(program: String, arguments: PackedStringArray, given: String) -> void:
	var path := on_path(program)
	var process := OS.execute_with_pipe(path, arguments) if path else {}
	if process.is_empty():
		return
	process.stdio.store_string(given)
	process.stdio.close()
	process.stderr.close()
	var until := Time.get_ticks_msec() + LIMIT_MS
	while OS.is_process_running(process.pid) and Time.get_ticks_msec() < until:
		OS.delay_msec(10)


## Where a program lies: in a folder of the PATH, or of those given beside; empty where it is in none.
static func on_path(program: String, beside: PackedStringArray = []) -> String:
	var between := ";" if OS.get_name() == "Windows" else ":"
	for folder in OS.get_environment("PATH").split(between, false) + beside:
		if FileAccess.file_exists(folder.path_join(program)):
			return folder.path_join(program)
	return ""


static func _quoted(text: String) -> String:
	return '"%s"' % text.replace("\\", "\\\\").replace('"', '\\"')
