"""Messages between a process and its child: a JSON header and raw bytes, each with its length. No pickle."""

from __future__ import annotations

import json
import struct
import types
from collections.abc import Mapping
from typing import IO, Any

Message = tuple[dict[str, Any], bytes]
"""Header and payload."""

_NONE: Mapping[str, bytes] = types.MappingProxyType({})
_LENGTHS = struct.Struct(">IQ")


def write(stream: IO[bytes], header: dict[str, Any], payload: bytes = b"") -> None:
    """Send one message. Raises OSError if the other side is gone."""
    encoded = json.dumps(header).encode()
    stream.write(_LENGTHS.pack(len(encoded), len(payload)) + encoded)
    stream.write(payload)
    stream.flush()


def read(stream: IO[bytes]) -> Message | None:
    """The next message, header and payload; None if the other side is gone, even in the middle of a message."""
    lengths = stream.read(_LENGTHS.size)
    if len(lengths) < _LENGTHS.size:
        return None
    header_size, payload_size = _LENGTHS.unpack(lengths)
    encoded = stream.read(header_size)
    payload = stream.read(payload_size)
    if len(encoded) < header_size or len(payload) < payload_size:
        return None
    return json.loads(encoded), payload


def pictures(header: dict[str, Any], picture: bytes, mask: bytes | None, sides: Mapping[str, bytes] = _NONE) -> Message:
    """A message with a picture and, if there are any, its mask and the pictures of the object's other sides."""
    beside = ({} if mask is None else {"mask": mask}) | dict(sides)
    if not beside:
        return header, picture
    sizes = {"picture": len(picture)} | {name: len(data) for name, data in beside.items()}
    return header | {"sizes": sizes}, b"".join([picture, *beside.values()])


def pictures_of(message: Message) -> tuple[bytes, dict[str, bytes]]:
    """The picture of such a message, and by name, "mask" or a side's, what came with it."""
    header, payload = message
    parts, start = {}, 0
    for name, size in header.get("sizes", {"picture": len(payload)}).items():
        parts[name] = payload[start : start + size]
        start += size
    return parts.pop("picture"), parts
