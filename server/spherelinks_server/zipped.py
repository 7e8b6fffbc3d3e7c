"""Several stored files as one ZIP, sent while it is written: it is never whole in memory."""

from __future__ import annotations

import io
import threading
import time
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from spherelinks.errors import InvalidRequest, RateLimited
from spherelinks.jobs.files import File
from spherelinks.storage import Storage

LARGEST = 2_000_000_000
"""Bytes of all files of one ZIP."""
AT_A_TIME, OF_ACCOUNT = 16, 2
"""ZIPs that are sent at a time, and of one account."""
LONGEST_S = 900
"""Seconds after which a client that still reads is left."""
_PIECE = 1 << 20


class Zips:
    """Sends ZIPs, a few at a time: each holds a thread for as long as its client takes to read it."""

    def __init__(self) -> None:
        self._sending: Counter[str] = Counter()
        self._lock = threading.Lock()

    def stream(self, account_id: str, storage: Storage, entries: Sequence[File]) -> Iterator[bytes]:
        """The ZIP's bytes, piece by piece. Files of the same name are numbered.

        Raises InvalidRequest if the files are too large together, RateLimited if too many ZIPs are being sent.
        """
        total = sum(entry.size for entry in entries)
        if total > LARGEST:
            raise InvalidRequest(
                f"The files have {total / 1e9:.1f} GB together; a ZIP may have {LARGEST / 1e9:.0f}.",
                hint="Select fewer models.",
                field="job",
            )
        with self._lock:
            if self._sending.total() >= AT_A_TIME or self._sending[account_id] >= OF_ACCOUNT:
                raise RateLimited(
                    "Too many ZIPs are being downloaded at the moment.", retry_after=10, hint="Try again shortly."
                )
            self._sending[account_id] += 1
        pieces = self._pieces(account_id, storage, entries)
        next(pieces)  # once begun, it always gives its place back
        return pieces

    def _pieces(self, account_id: str, storage: Storage, entries: Sequence[File]) -> Iterator[bytes]:
        try:
            yield b""
            yield from _written(storage, entries, time.monotonic() + LONGEST_S)
        finally:
            with self._lock:
                self._sending[account_id] -= 1
                self._sending += Counter()  # forgets those that have none


def _written(storage: Storage, entries: Sequence[File], deadline: float) -> Iterator[bytes]:
    out = _Pipe()
    moment = datetime.now(UTC).timetuple()[:6]
    with zipfile.ZipFile(out, "w") as archive:  # stored: textures are compressed already
        for entry, name in zip(entries, _distinct([entry.name for entry in entries]), strict=True):
            described = zipfile.ZipInfo(name, moment)
            described.external_attr = 0o644 << 16
            with archive.open(described, "w", force_zip64=False) as file:
                for start in range(0, entry.size, _PIECE):
                    if time.monotonic() > deadline:
                        raise TimeoutError(f"a ZIP was not read within {LONGEST_S} s")
                    file.write(storage.read_range(entry.path, start, min(start + _PIECE, entry.size)))
                    yield out.taken()
    yield out.taken()


def _distinct(names: Sequence[str]) -> list[str]:
    """The names, those that come again with a number before their ending, as file managers do."""
    taken: set[str] = set()
    found = []
    for name in names:
        stem, dot, ending = name.rpartition(".")
        number, free = 1, name
        while free.casefold() in taken:  # some file systems know no capitals
            number += 1
            free = f"{stem} ({number}){dot}{ending}"
        taken.add(free.casefold())
        found.append(free)
    return found


class _Pipe(io.RawIOBase):
    """Keeps what is written until it is taken."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        part = bytes(data)  # type: ignore[call-overload]
        self._parts.append(part)
        return len(part)

    def taken(self) -> bytes:
        part, self._parts = b"".join(self._parts), []
        return part
