"""What a PNG's chunks say of its colours, and the file without those that a decoder may stumble over."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, field

import cv2
import numpy as np
from PIL import Image

from spherelinks.errors import PictureUnreadable

SIGNATURE = b"\x89PNG\r\n\x1a\n"

#: A profile or a text that unpacks to more bytes is there to fill a memory.
MAX_UNPACKED = 8 << 20
#: What gAMA says of sRGB samples.
SRGB_GAMMA = 0.45455
#: Chunks that decide pixels, or tell an animation.
_KEPT = {b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"eXIf", b"acTL", b"fcTL", b"fdAT"}


@dataclass
class Chunks:
    """Of a PNG, by the third edition of its specification.

    pixels : the file with the chunks that decide its pixels alone
    depth, kind : bits of a sample, and the colour type of the header
    cicp : primaries, transfer, matrix, full range; icc : the unpacked profile; srgb : the chunk is there
    gamma : the exponent that light was encoded with; chromaticities : white, red, green, blue, each x and y
    transparent : the samples that are transparent, one or three, as they are in the file
    notes : what was left out, in plain words
    """

    pixels: bytes = b""
    depth: int = 8
    kind: int = 2
    cicp: tuple[int, ...] | None = None
    icc: bytes | None = None
    srgb: bool = False
    gamma: float | None = None
    chromaticities: tuple[float, ...] | None = None
    transparent: tuple[int, ...] | None = None
    notes: list[str] = field(default_factory=list)


def chunks(data: bytes) -> Chunks | None:
    """The chunks of a PNG; None if they do not follow one another, and a decoder is to say what is wrong.

    Raises PictureUnreadable for a profile or text that unpacks to more than MAX_UNPACKED.
    """
    found, kept, at = Chunks(), [SIGNATURE], len(SIGNATURE)
    while at < len(data):
        if at + 12 > len(data):
            return None
        length, name = struct.unpack_from(">I4s", data, at)
        body = data[at + 8 : at + 8 + length]
        if at + 12 + length > len(data):
            return None
        if name in _KEPT:
            kept.append(data[at : at + 12 + length])
        _note(found, name, body)
        at += 12 + length
        if name == b"IEND":
            break
    found.pixels = b"".join(kept)
    return found


def keyed(image: Image.Image, said: Chunks) -> Image.Image:
    """The loaded image of a PNG, with its transparent samples as Pillow compares them: in full, and scaled like it."""
    key = said.transparent
    if key is None or said.kind not in (0, 2):
        return image
    if said.kind == 2 and said.depth == 16:  # of which Pillow keeps the higher bytes alone
        full = cv2.imdecode(np.frombuffer(said.pixels, np.uint8), cv2.IMREAD_UNCHANGED)
        if full is None:
            raise ValueError("its samples cannot be decoded")
        image = image.convert("RGB")
        image.putalpha(Image.fromarray(np.where((full[..., 2::-1] == key).all(axis=2), 0, 255).astype(np.uint8)))
        image.info.pop("transparency", None)
    elif image.mode.startswith("I"):
        image.info["transparency"] = key[0]
    else:
        scaled = [value * 255 // ((1 << said.depth) - 1) for value in key]
        image.info["transparency"] = scaled[0] if len(scaled) == 1 else tuple(scaled)
    return image


def _note(found: Chunks, name: bytes, body: bytes) -> None:
    match name:
        case b"IHDR" if len(body) == 13:
            found.depth, found.kind = body[8], body[9]
        case b"cICP" if len(body) == 4:
            found.cicp = tuple(body)
        case b"iCCP":
            found.icc = _profile(body)
            if found.icc is None:
                found.notes.append("The picture's colour profile is damaged, and was left out.")
        case b"zTXt" | b"iTXt":
            _unpacked(body, body.find(b"\x78"), keep=False)
        case b"sRGB":
            found.srgb = True
        case b"gAMA" if len(body) == 4:
            value = struct.unpack(">I", body)[0] / 100_000
            found.gamma = value if 0.05 <= value <= 5 else None
        case b"cHRM" if len(body) == 32:
            found.chromaticities = tuple(value / 100_000 for value in struct.unpack(">8I", body))
        case b"tRNS" if len(body) in (2, 6):
            found.transparent = struct.unpack(f">{len(body) // 2}H", body)


def _profile(body: bytes) -> bytes | None:
    """The profile behind its name, unpacked, or None."""
    end = body.find(b"\0", 0, 80)
    if end < 0:
        return None
    return _unpacked(body, end + 2, keep=True) or None


def _unpacked(body: bytes, start: int, *, keep: bool) -> bytes | None:
    """What is packed from there on, or None if that is broken; nothing but its size is looked at unless `keep`."""
    unpacking, parts, size, rest = zlib.decompressobj(), [], 0, body[max(start, 0) :]
    try:
        while rest and not unpacking.eof:
            part = unpacking.decompress(rest, 1 << 16)
            rest, size = unpacking.unconsumed_tail, size + len(part)
            if keep:
                parts.append(part)
            if size > MAX_UNPACKED:
                raise PictureUnreadable(
                    f"The picture has a profile or text of more than {MAX_UNPACKED >> 20} MB: too large.",
                    hint="Open and save it again in a picture editor, then send that file.",
                )
    except zlib.error:
        return None
    return b"".join(parts) if unpacking.eof else None
