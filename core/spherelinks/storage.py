"""Files by path, on a disk or in a bucket: pictures, results.

obstore accesses both. On a disk it writes a temporary file and renames it, so a file is whole or absent, but it does
not flush: :meth:`Storage.put` flushes file and folders before it returns, so that what the database then promises
survives a power cut. What a kill in the middle of a write leaves behind is that temporary file, which no listing shows:
:meth:`Storage.sweep_unfinished`. In a bucket a file is written by one request, which leaves nothing; an upload in parts
would leave parts that are paid for.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from obstore.exceptions import BaseError
from obstore.store import LocalStore, S3Store

from spherelinks.config import Settings
from spherelinks.errors import ConfigurationError, StorageFull, StorageUnavailable

_PROBES = "probe"
_UNFINISHED = re.compile(r"#\d+$")
"""What obstore appends to the name of a file until it is whole."""


@dataclass(frozen=True)
class Head:
    """What is known about a file without reading it. ``etag`` is the storage's own, empty if it has none."""

    path: str
    size: int
    etag: str
    modified: datetime


class Storage:
    """Files in a local folder (``root``) or a bucket. Paths are relative, with forward slashes.

    disks, floor : see :meth:`check_space`; a folder that there is not counts for nothing

    Every method raises StorageUnavailable if the storage fails or the file is missing.
    """

    def __init__(
        self, store: LocalStore | S3Store, root: Path | None = None, *, disks: Sequence[Path] = (), floor: int = 0
    ) -> None:
        self._store = store
        self._root = root
        self._disks = disks
        self._floor = floor

    def check_space(self, size: int) -> None:
        """Raises StorageFull where, with ``size`` bytes more, less than ``floor`` would be free on one of ``disks``.

        For what is taken in: what is under way must come to its end, and may use the rest.
        """
        for disk in self._disks:
            with suppress(OSError):
                free = shutil.disk_usage(disk).free
                if free - size < self._floor:
                    raise StorageFull(
                        f"The server has {free >> 20} MiB of free space left, and accepts nothing below "
                        f"{self._floor >> 20}.",
                        hint="Try again later. The operator can make room, or set SPHERELINKS_MIN_FREE_MB.",
                    )

    def put(self, path: str, data: bytes) -> None:
        """Write the file, whole or not at all, replacing an older one; durable when this returns."""
        self.put_all({path: data})

    def put_all(self, files: Mapping[str, bytes]) -> None:
        """The same for several files, each by itself, flushing their folders only once."""
        for path, data in files.items():
            with _failing("written", path):
                self.local_path(path)
                self._store.put(path, data, use_multipart=False)
        if self._root is not None:
            with _failing("written", ", ".join(files)):
                _flush(files, self._root)

    def get(self, path: str) -> bytes:
        with _failing("read", path):
            return self._store.get(path).bytes().to_bytes()

    def head(self, path: str) -> Head:
        with _failing("read", path):
            meta = self._store.head(path)
        return Head(path, meta["size"], meta["e_tag"] or "", meta["last_modified"])

    def read_range(self, path: str, start: int, end: int) -> bytes:
        """Bytes ``start`` up to, not including, ``end``."""
        with _failing("read", path):
            return self._store.get_range(path, start=start, end=end).to_bytes()

    def local_path(self, path: str) -> Path | None:
        """The file's path on the local disk; None in a bucket. Raises ValueError for a path outside the storage."""
        if any(part in ("", ".", "..") for part in path.split("/")):
            raise ValueError(f"'{path}' is no path inside a storage")
        return None if self._root is None else self._root / path

    def list(self, prefix: str) -> Iterator[Head]:
        """The files under the folder ``prefix``, in no order."""
        with _failing("listed", prefix):
            for chunk in self._store.list(prefix):
                for meta in chunk:
                    yield Head(meta["path"], meta["size"], meta["e_tag"] or "", meta["last_modified"])

    def delete(self, path: str) -> None:
        """Delete the file; harmless where there is none."""
        with _failing("deleted", path), suppress(FileNotFoundError):
            self._store.delete(path)

    def sweep_unfinished(self, before: datetime) -> int:
        """Delete what writes and probes from before then have left that were cut off by a kill; returns their number.

        before : aware
        """
        deleted = 0
        for head in self.list(_PROBES):
            if head.modified < before:
                self.delete(head.path)
                deleted += 1
        if self._root is not None:
            with _failing("swept", str(self._root)):
                for path in self._root.rglob("*#*"):
                    if _UNFINISHED.search(path.name) and path.stat().st_mtime < before.timestamp():
                        path.unlink(missing_ok=True)
                        deleted += 1
        return deleted

    def probe(self) -> None:
        """Write, read and delete a small file. Raises StorageUnavailable if any of that fails."""
        path, data = f"{_PROBES}/{secrets.token_hex(8)}", secrets.token_bytes(16)
        self.put(path, data)
        try:
            if self.get(path) != data:
                raise StorageUnavailable("The storage returned different bytes from those written.")
        finally:
            self.delete(path)


def open_storage(settings: Settings) -> Storage:
    """The storage of these settings: ``storage_url``, else the folder ``home/storage``, created if missing.

    Credentials, region and endpoint of a bucket come from the AWS_* variables (AWS_ACCESS_KEY_ID,
    AWS_SECRET_ACCESS_KEY, AWS_REGION, AWS_ENDPOINT_URL; AWS_ALLOW_HTTP=true for an endpoint without TLS).
    It accepts nothing while its own disk, or the embedded database's, has less than ``min_free_mb`` left.

    Raises ConfigurationError.
    """
    database, floor = settings.home / "postgres", settings.min_free_mb << 20
    if settings.storage_url is None:
        root = settings.home / "storage"
        try:
            root.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigurationError(
                f"SPHERELINKS_HOME is '{settings.home}', which cannot be written: {error.strerror}.",
                hint="Choose a writable folder, or set STORAGE_URL.",
            ) from error
        return Storage(LocalStore(root), root, disks=(root, database), floor=floor)
    try:
        return Storage(S3Store.from_url(settings.storage_url), disks=(database,), floor=floor)
    except (BaseError, ValueError) as error:
        raise ConfigurationError(
            f"STORAGE_URL is '{settings.storage_url}', which cannot be opened: {error}.",
            hint="Give s3://bucket/prefix, and the AWS_* variables of its credentials.",
        ) from error


@contextmanager
def _failing(done: str, path: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise StorageUnavailable(f"'{path}' cannot be {done}: it is not in the storage.") from error
    except (BaseError, OSError, ValueError) as error:
        raise StorageUnavailable(
            f"'{path}' cannot be {done}: {error}.", hint="Check the storage's free space, permissions and address."
        ) from error


def _flush(paths: Iterable[str], root: Path) -> None:
    """Flush files, and the folders from their own up to the root, any of which may be new."""
    folders = set()
    for path in paths:
        _flush_one(root / path)
        while path:
            path = path.rpartition("/")[0]
            folders.add(path)
    if os.name == "posix":  # elsewhere a folder cannot be opened, nor needs it
        for folder in sorted(folders, key=len, reverse=True):
            _flush_one(root / folder)


def _flush_one(path: Path) -> None:
    # Windows flushes only what is open for writing
    descriptor = os.open(path, os.O_RDONLY if os.name == "posix" else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
