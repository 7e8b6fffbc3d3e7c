"""The parts of binary glTF needed here: whether a file is complete, and its extras."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

from .errors import Failure


def check(path: Path) -> None:
    """Raises Failure unless the file is a binary glTF 2 of the length its header gives."""
    size = path.stat().st_size
    with path.open("rb") as file:
        header = file.read(12)
    magic, version, length = struct.unpack("<4sII", header) if len(header) == 12 else (b"", 0, 0)
    if magic != b"glTF" or version != 2:
        raise Failure("bad_answer", "What the server sent as the asset is no GLB.")
    if length != size:
        raise Failure("bad_answer", f"The asset came only in part: {size} of {length} bytes.", transient=True)


def extras(path: Path) -> dict[str, Any]:
    """asset.extras: generator, options, seed and source of an asset; empty if there are none. Raises Failure."""
    with path.open("rb") as file:
        file.seek(12)
        head = file.read(8)
        length, kind = struct.unpack("<I4s", head) if len(head) == 8 else (0, b"")
        chunk = file.read(length) if kind == b"JSON" else b""
    try:
        found = json.loads(chunk)["asset"].get("extras", {})
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError) as error:
        raise Failure("bad_answer", "What the server sent as the asset cannot be read.") from error
    return found if isinstance(found, dict) else {}
