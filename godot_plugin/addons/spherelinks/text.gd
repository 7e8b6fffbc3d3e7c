## Words for people, in the editor's language: strings.json has those of contract/strings.csv that concern Godot.
@tool
extends RefCounted

const Failure := preload("client/failure.gd")
const JsonText := preload("client/json_text.gd")

const FILE := "strings.json"
const PLUGIN_OWN := "%s_godot"

static var _texts := {}


## The text of a key, with `values` in the places that it names.
static func words(key: String, values := {}) -> String:
	if _texts.is_empty():
		var path: String = (preload("text.gd") as Script).resource_path.get_base_dir().path_join(FILE)
		_texts = JsonText.read_object(FileAccess.get_file_as_bytes(path))
	var row: Dictionary = _texts.get(PLUGIN_OWN % key, _texts.get(key, {}))
	var text: String = row.get(language(), row.get("en", key))
	return text.format(values)


## Whether there is a text of that key.
static func has(key: String) -> bool:
	return words(key) != key


## The column of the texts for the editor's language.
static func language() -> String:
	var locale := TranslationServer.get_tool_locale()
	var code := locale.get_slice("_", 0)
	if code == "zh":
		return "en" if locale.contains("TW") or locale.contains("Hant") or locale.contains("HK") else "zh_CN"
	return code


## What to do about a problem as a job keeps it: the server's own words, or ours.
static func remedy(problem: Dictionary) -> String:
	if problem.get("hint"):
		return problem.hint
	var key := "hint_" + str(problem.get("code", ""))
	return words(key) if has(key) else ""
