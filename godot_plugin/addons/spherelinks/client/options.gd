## The options of a generation as the server describes them in JSON Schema, so that what is shown never drifts.
@tool
extends RefCounted

const Failure := preload("failure.gd")

const MAX_INTEGER := 2147483647
## Options that are not shown: how small a file is that is read once, in forms that Godot does not read; and the size,
## which has a place of its own.
const ELSEWHERE: PackedStringArray = ["compression", "dimensions"]
const LONGEST_NAME := 64


## One option.
class Field:
	extends RefCounted
	## As the API has it.
	var name := ""
	## For people.
	var label := ""
	## The server's own.
	var description := ""
	## integer, number, boolean, choice, text or numbers: text such as `0.5, 0.25`.
	var kind := ""
	## What the server takes where the option is left out; 0 or empty for an optional one, which is then not sent.
	var initial: Variant = null
	## The range of integers and numbers.
	var low := 0.0
	var high := 0.0
	## Of a choice.
	var choices: PackedStringArray = []
	## 0 or empty leaves it to the server.
	var optional := false

	## The value as the server takes it, or a Failure.
	func value_of(entered: Variant) -> Variant:
		match kind:
			"integer":
				return _in_range(roundi(_number(entered)))
			"number":
				# editors' fields may be of single precision
				return _in_range(("%.6f" % _number(entered)).to_float())
			"numbers":
				return _numbers(str(entered))
			"boolean":
				return bool(entered)
		if kind == "choice" and not str(entered) in choices:
			var form := "%s is '%s': this generator takes %s."
			return Failure.new("invalid_option", form % [label, entered, ", ".join(choices)])
		return str(entered)

	## What is shown for an option as it was sent.
	func shown(sent: Variant) -> Variant:
		match kind:
			"numbers":
				return ", ".join((sent as Array).map(str)) if sent is Array else ""
			"integer", "number":
				return clampf(float(sent), low, high) if sent != null else initial
			"choice":
				return sent if sent is String and sent in choices else initial
		return sent if typeof(sent) == typeof(initial) else initial

	func _number(entered: Variant) -> float:
		return entered.to_float() if entered is String else float(entered)

	func _in_range(value: Variant) -> Variant:
		if value < low or value > high:
			var form := "%s is %s: this generator takes %s to %s."
			return Failure.new("invalid_option", form % [label, value, low, high])
		return value

	func _numbers(entered: String) -> Variant:
		var found: Array = []
		for part in entered.replace(",", " ").split(" ", false):
			if not part.is_valid_float():
				var form := "%s is '%s': give numbers, separated by commas."
				return Failure.new("invalid_option", form % [label, entered])
			found.append(part.to_float())
		return found


## All options that can be shown of one generator.
class Description:
	extends RefCounted
	var fields: Array[Field] = []
	## The option that has no say once the other is given, by the other.
	var excluded := {}
	## Whether a real height can be asked for.
	var sizes := false
	## Which sides' pictures the generator uses beside the front's.
	var sides: PackedStringArray = []

	## The options to send for values by name: those that differ from the default. Or a Failure.
	func request(values: Dictionary) -> Variant:
		var wanted := {}
		for field in fields:
			var value: Variant = field.value_of(values.get(field.name, field.initial))
			if value is Failure:
				return value
			if field.kind == "numbers":
				if value:
					wanted[field.name] = value
			elif value != field.initial:
				wanted[field.name] = value
		for other: String in excluded:
			if wanted.has(other):
				wanted.erase(excluded[other])
		return wanted

	## The value that every field shows for options as they were sent, within the server's ranges.
	func values(sent: Dictionary) -> Dictionary:
		var all := {}
		for field in fields:
			all[field.name] = field.shown(sent[field.name]) if sent.has(field.name) else field.initial
		return all

	func field_of(name: String) -> Field:
		for field in fields:
			if field.name == name:
				return field
		return null


## Options with the name that they give, or else with `otherwise`, a file's for instance. Older servers refuse it.
static func named(sent: Dictionary, otherwise: String, description: Description) -> Dictionary:
	var all := sent.duplicate()
	var unprintable := RegEx.create_from_string("(?! )[\\p{C}\\p{Z}]")
	var name := unprintable.sub(str(sent.get("name", otherwise)), "", true).left(LONGEST_NAME).strip_edges()
	if name and description.field_of("name"):
		all["name"] = name
	return all


## What can be shown of a JSON Schema of options, without those that the generator ignores; forms that are not known
## here are left out. `generators` are what the option of that name chooses from.
static func describe(schema: Dictionary, ignored: Array = [], generators: PackedStringArray = []) -> Description:
	var description := Description.new()
	var properties: Dictionary = schema.get("properties", {})
	for name: String in properties:
		if name in ELSEWHERE or name in ignored:
			continue
		var part := _resolved(properties[name], schema.get("$defs", {}))
		if name == "generator" and generators:
			part["type"] = "string"
			part["enum"] = generators
			part["default"] = generators[0]
		var field := _field(name, part)
		if field:
			description.fields.append(field)
	var both: Array = schema.get("not", {}).get("required", [])
	if both.size() == 2:
		description.excluded = {both[1]: both[0]}
	description.sizes = properties.has("dimensions")
	return description


## A property with its references and its null alternative taken out; `optional` tells of the latter.
static func _resolved(part: Dictionary, definitions: Dictionary) -> Dictionary:
	var kinds: Array = part.get("anyOf", [part])
	var inner := {}
	for kind: Dictionary in kinds:
		if kind.get("type") != "null":
			inner = kind
			break
	if inner.has("$ref"):
		inner = definitions.get(str(inner["$ref"]).get_file(), {})
	var found := inner.merged(part, true)
	found.erase("anyOf")
	found["optional"] = kinds.size() > 1
	return found


static func _field(name: String, part: Dictionary) -> Field:
	var field := Field.new()
	field.name = name
	field.label = name.capitalize()
	field.description = str(part.get("description", "")).trim_suffix(".")
	field.optional = part.optional
	var given: Variant = part.get("default")
	match part.get("type"):
		"string":
			field.kind = "choice" if part.has("enum") else "text"
			field.choices = PackedStringArray(part.get("enum", []))
			var first := field.choices[0] if field.choices else ""
			field.initial = str(given) if given else first
		"boolean":
			field.kind = "boolean"
			field.initial = given == true
		"integer", "number":
			field.kind = part.type
			field.initial = given if given != null else 0
			field.low = part.get("minimum", part.get("exclusiveMinimum", -MAX_INTEGER))
			field.high = part.get("maximum", part.get("exclusiveMaximum", MAX_INTEGER))
			if part.optional and given == null:
				field.low = minf(field.low, 0.0)
		"array":
			if part.get("items", {}).get("type") == "number":
				field.kind = "numbers"
				field.initial = ""
	return field if field.kind else null
