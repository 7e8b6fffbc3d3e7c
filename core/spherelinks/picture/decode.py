"""From the bytes of an untrusted file to sRGB pixels."""

from __future__ import annotations

import hashlib
import io
import re
import struct
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from spherelinks.errors import PictureError, PictureTooLarge, PictureUnreadable
from spherelinks.picture import color, png
from spherelinks.picture.limits import MAX_BYTES, MAX_PIXELS, MAX_SIDE

FORMATS = ("JPEG", "PNG", "WEBP")
_JPEG = b"\xff\xd8\xff"
_SEND = "Send a JPEG, PNG or WebP picture."
_ORIENTATION_TAG = 0x0112

# A progressive JPEG may contain thousands of tiny scans, each of which visits all its pixels.
_MAX_SCANNED_PIXELS = 2_000_000_000

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True)
class Picture:
    """The user's picture, decoded.

    rgb : (H, W, 3) uint8, sRGB, straight (not premultiplied); row 0 is the top; at most ``MAX_SIDE`` px a side
    alpha : (H, W) uint8, or None if every pixel is opaque
    format : "JPEG", "PNG" or "WEBP", by content
    sha256 : hex digest of the file's bytes
    notes : what the user should know, in plain words
    """

    rgb: NDArray[np.uint8]
    alpha: NDArray[np.uint8] | None
    format: str
    sha256: str
    notes: tuple[str, ...] = ()


def decode(data: bytes) -> Picture:
    """A picture from the bytes of a JPEG, PNG or WebP file, recognised by content, never by name.

    EXIF orientation is applied, an embedded colour profile (also CMYK and grey ones) is converted to sRGB, 16-bit
    samples are scaled to 8 bits, palettes are looked up. A PNG's cICP goes before its iCCP, that before sRGB, and that
    before gAMA and cHRM, as its specification has it. Sides above ``MAX_SIDE`` are averaged down, so that all
    later stages are bounded; a broken colour profile or EXIF block is ignored.

    Raises PictureTooLarge above ``MAX_BYTES`` and PictureUnreadable for any other fault: another format, an animation,
    damage, more than ``MAX_PIXELS`` by the header (checked before pixels are allocated).
    """
    if len(data) > MAX_BYTES:
        raise PictureTooLarge(
            f"The picture has {len(data)} bytes; the limit is 10 MB ({MAX_BYTES} bytes).",
            hint=f"Send a smaller picture; {MAX_SIDE} px per side is enough.",
        )
    _refuse_foreign(data)
    # Pillow's WebP decoder allocates its canvas on opening, and Pillow's own limit only warns at first.
    if (canvas := _canvas(data)) is not None:
        _refuse_many_pixels(*canvas)
    try:
        return _decode(data)
    except PictureError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise PictureUnreadable(
            f"The picture has more than {MAX_PIXELS // 10**6} million pixels.", hint="Send a smaller picture."
        ) from error
    except Exception as error:  # Pillow's parsers may raise nearly anything on damaged data
        unknown = isinstance(error, UnidentifiedImageError)  # its message only contains a memory address
        reason = "its header is invalid" if unknown else str(error) or type(error).__name__
        raise PictureUnreadable(
            f"The picture is damaged or truncated: {reason}.",
            hint="Open and save it again in a picture editor, then send that file.",
        ) from error


def _decode(data: bytes) -> Picture:
    sha256 = hashlib.sha256(data).hexdigest()
    said = png.chunks(data) if data.startswith(png.SIGNATURE) else None
    data = data if said is None else said.pixels
    notes = [] if said is None else said.notes
    if data.startswith(_JPEG) and not _has_end(data):
        data, ended = _ended(data)
        notes += ended
    with Image.open(io.BytesIO(data), formats=FORMATS) as image:
        _refuse_many_pixels(*image.size)
        # A phone's multi-picture JPEG (MPO) is a still: its first picture is used.
        kind = "JPEG" if image.format == "MPO" else str(image.format)
        if kind != "JPEG" and getattr(image, "is_animated", False):
            raise PictureUnreadable(
                f"The picture is an animation of {getattr(image, 'n_frames', 'several')} frames.",
                hint="Send one still picture: JPEG, PNG or WebP.",
            )
        if kind == "JPEG":
            if data.count(b"\xff\xda") * image.width * image.height > _MAX_SCANNED_PIXELS:
                raise PictureUnreadable(
                    "The picture is a progressive JPEG with far too many scans.",
                    hint="Save it again as a baseline JPEG.",
                )
            image.draft(None, (MAX_SIDE, MAX_SIDE))  # a huge JPEG is decoded at a half, a quarter, an eighth
        profile = image.info.get("icc_profile")
        image.load()
        turn = _TURNS.get(_orientation(image))
        pixels = _bounded(_plain(image if said is None else png.keyed(image, said)))
    alpha = None
    if pixels.mode in ("LA", "RGBA"):
        alpha = pixels.getchannel("A")
        pixels = pixels.convert(pixels.mode[:-1])
    if said is not None:
        pixels, more = color.by_chunks(pixels, said)
        notes += more
    else:
        pixels = (color.by_profile(pixels, profile) if profile else None) or pixels.convert("RGB")
    if turn is not None:
        pixels = pixels.transpose(turn)
        alpha = alpha.transpose(turn) if alpha else None
    opaque = alpha is None or alpha.getextrema()[0] == 255
    return Picture(
        rgb=np.array(pixels, dtype=np.uint8),
        alpha=None if opaque else np.array(alpha, dtype=np.uint8),
        format=kind,
        sha256=sha256,
        notes=tuple(notes),
    )


_END = b"\xff\xd9"
#: The next marker; what a scan holds has no other 0xFF than those before 0 and restarts.
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_BARE = (0x01, 0xD8)  # markers without a length
_MOST_MARKERS = 10_000
#: What cannot belong to a picture: bytes that decode to something wherever rows are missing, between restart markers.
_ODD = b"".join(bytes((0x5A, 0xA5, 0x3C)) * 400 + bytes((0xFF, 0xD0 + number % 8)) for number in range(64))


def _has_end(data: bytes) -> bool:
    """Whether a JPEG's first picture is there up to its end, whatever follows: phones append previews, depth, films."""
    at = 2
    for _ in range(_MOST_MARKERS):
        found = _MARKER.search(data, at)
        if found is None:
            return False
        marker, at = found[0][1], found.end()
        if marker == 0xD9:
            return True
        if marker not in _BARE:
            at += int.from_bytes(data[at : at + 2], "big")
    return False


def _ended(data: bytes) -> tuple[bytes, list[str]]:
    """A JPEG that lacks its end, with it; it is whole if whatever stands before the end changes no pixel.

    Raises PictureUnreadable, with how much is there, where rows are missing.
    """
    seen = []
    for end in (_END, _ODD + _END):
        with Image.open(io.BytesIO(data + end), formats=FORMATS) as image:
            if data.count(b"\xff\xda") * image.width * image.height > _MAX_SCANNED_PIXELS:
                return data, []  # the check that follows refuses it
            _refuse_many_pixels(*image.size)
            image.draft(None, (MAX_SIDE, MAX_SIDE))
            seen.append(np.asarray(image.convert("L")))
    same = (seen[0] == seen[1]).all(axis=1)
    if same.all():
        return data + _END, ["The file lacks its end, but the picture is whole."]
    there = int(same.argmin())
    raise PictureUnreadable(
        f"The picture is cut short: {100 * there // len(same)} % of its rows are there.",
        hint="Send the whole file; the transfer may have been interrupted.",
    )


def _plain(image: Image.Image) -> Image.Image:
    """The image in mode L, LA, RGB, RGBA or CMYK: 8 bits, no palette, transparency as a channel."""
    if image.mode.startswith("I"):
        wide = np.asarray(image)
        grey = Image.fromarray(cv2.convertScaleAbs(wide, alpha=255 / 65535))
        if (clear := image.info.get("transparency")) is not None:
            grey.putalpha(Image.fromarray(np.where(wide == clear, 0, 255).astype(np.uint8)))
        return grey
    grey_mode = image.mode in ("1", "L", "LA", "La")
    if image.has_transparency_data:
        return image.convert("LA" if grey_mode else "RGBA")
    if grey_mode:
        return image.convert("L")
    return image if image.mode in ("CMYK", "RGB") else image.convert("RGB")


def _bounded(image: Image.Image) -> Image.Image:
    """The image averaged down to ``MAX_SIDE``; Pillow premultiplies by alpha for it."""
    scale = MAX_SIDE / max(image.size)
    if scale >= 1:
        return image
    width, height = (max(1, round(side * scale)) for side in image.size)
    return image.resize((width, height), Image.Resampling.BOX)


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(_ORIENTATION_TAG, 1))
    except Exception:  # a damaged EXIF block may raise nearly anything, and is no reason to refuse a picture
        return 1


def _refuse_many_pixels(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise PictureUnreadable(
            f"The picture has {width} × {height} pixels; the limit is {MAX_PIXELS // 10**6} million.",
            hint=f"Send a smaller picture; {MAX_SIDE} px per side is enough.",
        )


def _canvas(data: bytes) -> tuple[int, int] | None:
    """Width and height by the header of a PNG or a WebP (RFC 9649), or None if it names none."""
    head = data[:30].ljust(30, b"\0")
    if head.startswith(png.SIGNATURE):
        width, height = struct.unpack_from(">II", head, 16)
        return width, height
    if not _is_webp(head):
        return None
    if head[12:16] == b"VP8X":
        return int.from_bytes(head[24:27], "little") + 1, int.from_bytes(head[27:30], "little") + 1
    if head[12:16] == b"VP8L":
        bits = int.from_bytes(head[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    width, height = struct.unpack_from("<HH", head, 26)
    return width & 0x3FFF, height & 0x3FFF


def _is_webp(data: bytes) -> bool:
    return data[:4] == b"RIFF" and data[8:12] == b"WEBP"


_SIGNATURES = (
    (b"GIF8", "a GIF"),
    (b"BM", "a BMP"),
    (b"II*\0", "a TIFF"),
    (b"MM\0*", "a TIFF"),
    (b"II+\0", "a TIFF"),
    (b"MM\0+", "a TIFF"),
    (b"%PDF", "a PDF"),
    (b"8BPS", "a Photoshop"),
    (b"\0\0\1\0", "an ICO"),
    (b"\xff\x0a", "a JPEG XL"),
    (b"\0\0\0\x0cJXL ", "a JPEG XL"),
    (b"\0\0\0\x0cjP  ", "a JPEG 2000"),
    (b"glTF", "a GLB"),
    (b"PK\3\4", "a ZIP"),
    (b"\x1f\x8b", "a gzip"),
)
_BRANDS = {b"avif": "an AVIF", b"avis": "an AVIF", b"heic": "a HEIC", b"heix": "a HEIC", b"hevc": "a HEIC"}
_BRANDS |= {b"mif1": "a HEIC", b"msf1": "a HEIC", b"heim": "a HEIC", b"heis": "a HEIC"}


def _refuse_foreign(data: bytes) -> None:
    """Raises PictureUnreadable, naming the format if known, unless the data start like one of FORMATS."""
    if data.startswith((_JPEG, png.SIGNATURE)) or _is_webp(data):
        return
    if not data:
        raise PictureUnreadable("The picture is empty: 0 bytes.", hint=_SEND)
    name = next((name for start, name in _SIGNATURES if data.startswith(start)), None)
    if data[4:8] == b"ftyp":
        name = _BRANDS.get(data[8:12], "an MP4 or like")
    text = data[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<!doctype html", b"<html", b"<head", b"<body")):
        name = "an HTML"
    elif text.startswith(b"<") and b"<svg" in text:
        name = "an SVG"
    if name is None:
        raise PictureUnreadable("The file is not a JPEG, PNG or WebP picture.", hint=_SEND)
    raise PictureUnreadable(f"This is {name} file, not a JPEG, PNG or WebP picture.", hint=_SEND)
