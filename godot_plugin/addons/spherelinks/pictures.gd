## Pictures from wherever the user has them, as the bytes of a file that is sent. For threads, but for `of_viewport` and
## `of_clipboard`.
@tool
extends RefCounted

const Failure := preload("client/failure.gd")
const Server := preload("client/server.gd")

const FORMATS: PackedStringArray = ["png", "jpg", "jpeg", "webp"]
const PREVIEW := 256


## A picture to be sent: where it is, or what it is.
class Picture:
	extends RefCounted
	var name := ""
	## Of a file, in the project or outside; else empty.
	var path := ""
	var image: Image
	## As they are sent.
	var bytes := PackedByteArray()
	## Small, or null where Godot cannot read it.
	var preview: Image


static func of_file(path: String) -> Picture:
	var picture := Picture.new()
	picture.path = path
	picture.name = path.get_file().get_basename()
	return picture


static func of_image(image: Image, name: String) -> Picture:
	var picture := Picture.new()
	picture.image = image
	picture.name = name
	return picture


## What is on the clipboard: a picture, or the path of one; null where there is neither.
static func of_clipboard() -> Picture:
	if DisplayServer.clipboard_has_image():
		return of_image(DisplayServer.clipboard_get_image(), "pasted")
	var path := DisplayServer.clipboard_get().strip_edges().trim_prefix("file://").uri_decode()
	return of_file(path) if FileAccess.file_exists(path) else null


## What the first 3D viewport of the editor shows.
static func of_viewport() -> Picture:
	var shown := EditorInterface.get_editor_viewport_3d(0).get_texture().get_image()
	return of_image(shown, "view") if shown and not shown.is_empty() else null


## Fill in bytes and preview. The picture, or a Failure.
static func read(picture: Picture) -> Variant:
	if picture.image:
		picture.bytes = picture.image.save_png_to_buffer()
	elif picture.bytes.is_empty():
		picture.bytes = FileAccess.get_file_as_bytes(picture.path)
		if picture.bytes.is_empty():
			var why := error_string(FileAccess.get_open_error())
			return Failure.new("file_error", "%s cannot be read: %s." % [picture.path, why])
		if kind(picture.bytes) == "" and ResourceLoader.exists(picture.path, "Texture2D"):
			picture.image = (load(picture.path) as Texture2D).get_image()
			if picture.image.is_compressed():
				picture.image.decompress()
			picture.bytes = picture.image.save_png_to_buffer()
	if picture.bytes.size() > Server.MAX_PICTURE:
		return Failure.new("picture_too_large", "%s is larger than 10 MB." % picture.name)
	picture.preview = small(picture.image if picture.image else decoded(picture.bytes))
	return picture


## The bytes of pictures, which are read, by their keys; or a Failure.
static func bytes_of(pictures: Dictionary) -> Variant:
	var found := {}
	for key: String in pictures:
		var ready: Variant = read(pictures[key])
		if ready is Failure:
			return ready
		found[key] = pictures[key].bytes
	return found


## A picture's format by its first bytes; empty where it is none that a server takes.
static func kind(bytes: PackedByteArray) -> String:
	var head := bytes.slice(0, 12)
	if head.slice(0, 4) == PackedByteArray([0x89, 0x50, 0x4E, 0x47]):
		return "png"
	if head.slice(0, 3) == PackedByteArray([0xFF, 0xD8, 0xFF]):
		return "jpg"
	var is_webp := head.slice(0, 4) == "RIFF".to_ascii_buffer() and head.slice(8) == "WEBP".to_ascii_buffer()
	return "webp" if is_webp else ""


## The picture that the bytes of a file are; null where Godot cannot read it.
static func decoded(bytes: PackedByteArray) -> Image:
	var image := Image.new()
	var error := ERR_FILE_UNRECOGNIZED
	match kind(bytes):
		"png":
			error = image.load_png_from_buffer(bytes)
		"jpg":
			error = image.load_jpg_from_buffer(bytes)
		"webp":
			error = image.load_webp_from_buffer(bytes)
	return image if error == OK and not image.is_empty() else null


static func small(image: Image) -> Image:
	if image == null or image.is_empty():
		return null
	var copy: Image = image.duplicate()
	var scale := PREVIEW / float(maxi(copy.get_width(), copy.get_height()))
	if scale < 1.0:
		var width := maxi(1, roundi(copy.get_width() * scale))
		copy.resize(width, maxi(1, roundi(copy.get_height() * scale)), Image.INTERPOLATE_BILINEAR)
	return copy
