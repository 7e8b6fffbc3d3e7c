## JSON as a server must get and may send it.
@tool
extends RefCounted

## Whole numbers up to here are exact in a float.
const EXACT := 9007199254740992.0


## What the bytes say, or null where they are no JSON. A byte order mark is no reason to refuse them.
static func read(bytes: PackedByteArray) -> Variant:
	if bytes.slice(0, 3) == PackedByteArray([0xEF, 0xBB, 0xBF]):
		bytes = bytes.slice(3)
	var parser := JSON.new()  # unlike JSON.parse_string it writes no error into the editor's log
	if parser.parse(bytes.get_string_from_utf8()) != OK:
		return null
	return parser.data


## The object that the bytes say; empty where they say anything else.
static func read_object(bytes: PackedByteArray) -> Dictionary:
	var found: Variant = read(bytes)
	return found if found is Dictionary else {}


## Whole numbers as integers again, which Godot's parser has made floats of.
static func plain(value: Variant) -> Variant:
	if value is float and value == floorf(value) and absf(value) <= EXACT:
		return int(value)
	if value is Dictionary:
		var changed := {}
		for key: Variant in value:
			changed[key] = plain(value[key])
		return changed
	if value is Array:
		return (value as Array).map(plain)
	return value


## The same bytes for the same value, whatever was read from disk between.
static func write(value: Variant) -> String:
	return JSON.stringify(plain(value), "", true)
