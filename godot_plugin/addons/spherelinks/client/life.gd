## Which running editor a job belongs to: each listens on a port of this machine as long as its process lives, and tells
## who asks its token. Godot has no file locks; a port is let go of however the process ends.
@tool
extends RefCounted

const Stopper := preload("stopper.gd")

const PATIENCE_MS := 1000

## Port and a random part.
var token := ""

var _server := TCPServer.new()
var _stopper := Stopper.new()
var _thread := Thread.new()


func _init() -> void:
	var port := _server.get_local_port() if _server.listen(0, "127.0.0.1") == OK else 0
	token = "%d-%s" % [port, Crypto.new().generate_random_bytes(16).hex_encode()]
	_thread.start(_tell)


func end() -> void:
	_stopper.asked = true
	_thread.wait_to_finish()
	_server.stop()


## Whether the one with this token still runs.
static func lives(its_token: String) -> bool:
	var port := its_token.get_slice("-", 0).to_int()
	var peer := StreamPeerTCP.new()
	if port <= 0 or peer.connect_to_host("127.0.0.1", port) != OK:
		return false
	var told := PackedByteArray()
	var until := Time.get_ticks_msec() + PATIENCE_MS
	while told.size() < its_token.length() and Time.get_ticks_msec() < until:
		peer.poll()
		if not peer.get_status() in [StreamPeerTCP.STATUS_CONNECTING, StreamPeerTCP.STATUS_CONNECTED]:
			break
		if peer.get_status() == StreamPeerTCP.STATUS_CONNECTED:
			told.append_array(peer.get_partial_data(its_token.length() - told.size())[1])
		OS.delay_msec(2)
	peer.disconnect_from_host()
	return told.get_string_from_ascii() == its_token


func _tell() -> void:
	while not _stopper.wait(0.05):
		while _server.is_connection_available():
			_server.take_connection().put_data(token.to_ascii_buffer())
