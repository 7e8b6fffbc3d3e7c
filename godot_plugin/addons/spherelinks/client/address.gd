## The address of a server, taken apart.
@tool
extends RefCounted

const Failure := preload("failure.gd")

const FORM := "^(https?)://(\\[[0-9A-Fa-f:.]+\\]|[^\\s/?#@:\\[\\]]+)(?::([0-9]{1,5}))?(/[^\\s?#]*)?$"

var scheme: String
## Without the brackets of an IPv6 address.
var host: String
var port: int
var path: String


## The address as it is kept: scheme, host and path, no slash at the end; or a Failure.
static func normal(text: String) -> Variant:
	var trimmed := text.strip_edges().rstrip("/")
	if parse(trimmed) == null:
		return Failure.new("address", "'%s' is not the address of a server." % trimmed)
	return trimmed


## What an address or a URL without query says; null where it is none.
static func parse(text: String) -> Variant:
	var found := RegEx.create_from_string(FORM).search(text)
	if found == null:
		return null
	var parts := new()
	parts.scheme = found.get_string(1)
	parts.host = found.get_string(2).trim_prefix("[").trim_suffix("]")
	var its_own := 443 if parts.scheme == "https" else 80
	parts.port = found.get_string(3).to_int() if found.get_string(3) else its_own
	parts.path = found.get_string(4)
	return parts if parts.port > 0 and parts.port < 65536 else null


## Whether it is this machine itself.
static func is_loopback(text: String) -> bool:
	var parts: Variant = parse(text)
	if parts == null:
		return false
	var is_ipv4: bool = parts.host.is_valid_ip_address() and parts.host.begins_with("127.")
	return parts.host in ["localhost", "::1"] or is_ipv4


## Scheme, host and port, for people and for comparing.
func origin() -> String:
	var shown := "[%s]" % host if ":" in host else host
	return "%s://%s:%d" % [scheme, shown, port]
