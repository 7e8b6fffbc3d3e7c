## Starts a server on this machine, gets a key for it, and leaves it to the end of the editor to stop it.
extends RefCounted

const Keys := preload("../addons/spherelinks/client/keys.gd")
const Settings := preload("../addons/spherelinks/settings.gd")


func run(probe: EditorPlugin) -> void:
	var session: Node = probe.session()
	session.use_server(probe.asked.address)
	Settings.keep("program", probe.asked.nowhere)
	session.start_server()
	probe.told["missing"] = session.trouble.problem()
	Settings.keep("program", probe.asked.program)
	session.start_server()
	probe.told["starting"] = session.starting
	await probe.until("the server is known", func() -> bool: return session.info != null and not session.checking)
	probe.told["account"] = session.info.account
	probe.told["pid"] = session.server_pid
	probe.told["place"] = Keys.Place.keys()[session.kept_key.place]
