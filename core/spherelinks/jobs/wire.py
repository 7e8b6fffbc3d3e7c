"""Messages between a process and its child: a JSON header and raw bytes, each with its length. No pickle."""

from __future__ import annotations

import json
import struct
from typing import IO, Any

Message = tuple[dict[str, Any], bytes]
"""Header and payload."""

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


def pictures(header: dict[str, Any], picture: bytes, mask: bytes | None) -> Message:
    """A message with a picture and, if there is one, its mask."""
    return (header, picture) if mask is None else (header | {"picture": len(picture)}, picture + mask)


def pictures_of(message: Message) -> tuple[bytes, bytes | None]:
    """The picture of such a message, and its mask."""
    header, payload = message
    size = header.get("picture")
    return (payload, None) if size is None else (payload[:size], payload[size:])
