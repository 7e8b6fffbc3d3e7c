## A request, or a whole job, that did not work.
@tool
extends RefCounted

## After these the server's job is over, whoever said so: its idempotency key would only bring it back.
const ENDS_JOB: PackedStringArray = [
	"asset_expired",
	"cancelled",
	"generator_failed",
	"idempotency_mismatch",
	"no_object",
	"picture_mismatch",
	"unknown_job",
]

## One of ours or of the server's (docs/errors.md); stable.
var code: String
## What happened; the server's own words where it gave any.
var message: String
## What to do about it where the server says so; else the user interface has a text for the code.
var hint: String
## The same request may work in a moment.
var transient: bool
## Seconds to wait before that, where the server says so.
var retry_after: float
## The server's job has ended.
var over: bool


func _init(
	its_code: String, its_message: String, its_hint := "", is_transient := false, wait_s := 0.0, is_over := false
) -> void:
	code = its_code
	message = its_message
	hint = its_hint
	transient = is_transient
	retry_after = wait_s
	over = is_over or its_code in ENDS_JOB


## As a job keeps it on disk.
func problem() -> Dictionary:
	return {"code": code, "message": message, "hint": hint}


func _to_string() -> String:
	return ("%s: %s %s" % [code, message, hint]).strip_edges()
