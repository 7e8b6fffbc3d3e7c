"""Where the server of this home answers: written by ``spherelinks serve``, read by commands that print links to it."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

_FILE = "address"
_PATIENCE_S = 1.0


@contextmanager
def announced(home: Path, address: str) -> Iterator[None]:
    """While it lasts, the server of this home is at this address, such as ``http://127.0.0.1:8000``.

    A home that cannot be written to is none of the server's business: links then need ``--address``.
    """
    path = home / _FILE
    with suppress(OSError):
        home.mkdir(parents=True, exist_ok=True)
        path.write_text(address)
    try:
        yield
    finally:
        with suppress(OSError):
            path.unlink()


def address(home: Path) -> str | None:
    """Where the server of this home answers; None if none does, even if one was killed and left its address."""
    try:
        found = (home / _FILE).read_text().strip()
        parts = urlsplit(found)
        with socket.create_connection((parts.hostname or "", parts.port or 80), _PATIENCE_S):
            return found
    except (OSError, ValueError):
        return None
