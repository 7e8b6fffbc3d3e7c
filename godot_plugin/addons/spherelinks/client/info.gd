## What a server tells of itself: whose key it is, what is left, which generators there are and what they take.
@tool
extends RefCounted

const Failure := preload("failure.gd")
const Http := preload("http.gd")
const Jobs := preload("jobs.gd")
const JsonText := preload("json_text.gd")
const Options := preload("options.gd")
const Server := preload("server.gd")

## The server's.
var address := ""
## Names.
var account := ""
var plan := ""
## That may be spent; -1 where there is no limit.
var credits := 0
## Descriptions of the options by the generators that are ready, the default one first.
var generators := {}
## Key, name, purpose and options of each, the first where nothing is chosen.
var presets: Array[Dictionary] = []

var _told := {}


## What the server tells now, or a Failure.
static func ask(connection: Http) -> Variant:
	var account_told: Variant = Server.account(connection)
	if account_told is Failure:
		return account_told
	var offered: Variant = Server.generators(connection)
	if offered is Failure:
		return offered
	var told := {"address": connection.address, "account": account_told, "offered": offered}
	var info: Variant = read(told)
	return info if info != null else connection.strange("no account, or no generator that is ready")


## What was told; null where it is not of the form that it must have.
static func read(told: Dictionary) -> Variant:
	var plain: Dictionary = JsonText.plain(told)
	var info := new()
	info._told = plain
	var its_account: Variant = plain.get("account")
	var offered: Variant = plain.get("offered")
	if not (its_account is Dictionary and offered is Dictionary):
		return null
	var its_plan: Variant = its_account.get("plan")
	var its_credits: Variant = its_account.get("credits")
	var listed: Variant = offered.get("generators")
	if not (its_plan is Dictionary and its_credits is Dictionary and listed is Array):
		return null
	info.address = str(plain.get("address", ""))
	info.account = str(its_account.get("name", ""))
	info.plan = str(its_plan.get("name", ""))
	var available: Variant = its_credits.get("available")
	info.credits = available if available is int and its_credits.get("unlimited") != true else -1
	var sound: bool = info._describe(listed)
	for preset: Variant in offered.get("presets", []):
		if preset is Dictionary and preset.get("options") is Dictionary:
			info.presets.append(preset)
	return info if sound else null


## What was kept, or null.
static func load_from(path: String) -> Variant:
	return read(JsonText.read_object(FileAccess.get_file_as_bytes(path)))


## Keep it for the next start; that it cannot be kept is no matter.
func save_to(path: String) -> void:
	Jobs.write(path, JsonText.write(_told).to_utf8_buffer())


## Whether two servers have the same generators and presets, or one has them still.
func offers_the_same(other: Object) -> bool:
	return _told.offered == other._told.offered


## The options of a generator; those of the default one where there is none of that name.
func of(generator: String) -> Options.Description:
	return generators.get(generator, generators.values()[0])


func _describe(listed: Array) -> bool:
	var ready: Array[Dictionary] = []
	for each: Variant in listed:
		if not (each is Dictionary and each.get("options") is Dictionary):
			return false
		if each.get("ready") == true:
			if each.get("default") == true:
				ready.push_front(each)
			else:
				ready.append(each)
	var names := PackedStringArray(ready.map(func(each: Dictionary) -> String: return str(each.name)))
	for each in ready:
		var ignored: Variant = each.get("ignores")
		var ignores: Array = ignored if ignored is Array else []
		var description := Options.describe(each.options, ignores, names)
		var views: Variant = each.get("views")  # a server of before 0.3 has none
		for side in Server.SIDES:
			if views is Array and side in views:
				description.sides.append(side)
		generators[str(each.name)] = description
	return not generators.is_empty()
