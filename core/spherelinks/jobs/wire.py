"""Messages between the worker and its child: a JSON header and raw bytes, each with its length. No pickle."""

from __future__ import annotations

import json
import struct
from typing import IO, Any

_LENGTHS = struct.Struct(">IQ")


def write(stream: IO[bytes], header: dict[str, Any], payload: bytes = b"") -> None:
    """Send one message. Raises OSError if the other side is gone."""
    encoded = json.dumps(header).encode()
    stream.write(_LENGTHS.pack(len(encoded), len(payload)) + encoded)
    stream.write(payload)
    stream.flush()


def read(stream: IO[bytes]) -> tuple[dict[str, Any], bytes] | None:
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
