"""Backup and restore of a whole installation, database and files, as one tar file.

The archive contains ``manifest.json``, ``database.dump`` (pg_dump's custom format), the files under ``storage/``, and
finally ``digests.json`` with the SHA-256 of each part: a truncated or damaged archive is detected before anything is
restored. The database is dumped first: files are never changed, only added and deleted, so every file in the dump still
exists, or was deleted on purpose a moment ago. The server may keep running. A job that was running has no heartbeat
after the restore, and runs again.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
from psycopg import conninfo, pq

from spherelinks import __version__, database, postgres
from spherelinks.errors import ConfigurationError, DatabaseUnavailable, StorageUnavailable
from spherelinks.storage import Storage

FORMAT = 2
_MANIFEST = "manifest.json"
_DUMP = "database.dump"
_FILES = "storage/"
_DIGESTS = "digests.json"
_SUFFIX = ".exe" if os.name == "nt" else ""


@dataclass(frozen=True)
class Summary:
    """A backup's content. files, bytes : of the storage; created : UTC, ISO 8601; version : of SphereLinks"""

    files: int
    bytes: int
    created: str
    version: str


def backup(url: str, storage: Storage, path: Path) -> Summary:
    """Write the whole installation to ``path``, whole or not at all.

    url : of the database; storage : the files that belong to it
    Raises DatabaseUnavailable, StorageUnavailable, ConfigurationError (no pg_dump), OSError.
    """
    created = datetime.now(UTC).isoformat(timespec="seconds")
    part = path.with_name(f".{path.name}.part")
    try:
        with (
            part.open("wb") as raw,
            tarfile.open(fileobj=raw, mode="w") as tar,
            tempfile.TemporaryDirectory() as folder,
        ):
            part.chmod(0o600)  # key digests and pictures
            manifest = json.dumps({"format": FORMAT, "version": __version__, "created": created}).encode()
            digests = {_MANIFEST: _add(tar, _MANIFEST, manifest)}
            dump = Path(folder, _DUMP)
            _run("pg_dump", url, "--format=custom", "--no-owner", "--no-privileges", f"--file={dump}")
            tar.add(dump, _DUMP)
            with dump.open("rb") as written:
                digests[_DUMP] = hashlib.file_digest(written, "sha256").hexdigest()
            files = size = 0
            for head in storage.list(""):
                with suppress(_Gone):
                    data = _get(storage, head.path)
                    digests[_FILES + head.path] = _add(tar, _FILES + head.path, data)
                    files, size = files + 1, size + len(data)
            _add(tar, _DIGESTS, json.dumps(digests).encode())
            tar.close()
            raw.flush()
            os.fsync(raw.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return Summary(files, size, created, __version__)


def verify(path: Path) -> Summary:
    """Read a whole backup and compare each part with its digest. Raises ConfigurationError on any mismatch."""
    seen: dict[str, str] = {}
    wanted: dict[str, str] | None = None
    size = 0
    with _opened(path) as tar:
        manifest = _manifest(tar, path)
        seen[_MANIFEST] = hashlib.sha256(json.dumps(manifest).encode()).hexdigest()
        for member in tar:
            data = tar.extractfile(member)
            if data is None:
                raise _no_backup(path, f"it contains '{member.name}', which is not a regular file")
            if member.name == _DIGESTS:
                wanted = _listed(data.read(), path)
                continue
            seen[member.name] = hashlib.file_digest(data, "sha256").hexdigest()  # type: ignore[arg-type]
            size += member.size if member.name.startswith(_FILES) else 0
    if wanted is None:
        raise _damaged(path, "it is truncated: its list of digests is missing")
    if seen.keys() != wanted.keys():
        raise _damaged(path, f"it lists {len(wanted)} parts but contains {len(seen)}")
    for name, digest in wanted.items():
        if seen[name] != digest:
            raise _damaged(path, f"the digest of '{name}' does not match")
    if _DUMP not in seen:
        raise _no_backup(path, "it contains no database")
    files = sum(name.startswith(_FILES) for name in seen)
    return Summary(files, size, manifest["created"], manifest["version"])


def restore(url: str, storage: Storage, path: Path) -> Summary:
    """Fill an empty database and storage from ``path``, and migrate the tables to the installed version.

    The backup is verified before anything is written. Files come first, then the database in one transaction: an
    interrupted restore leaves the database empty and can be repeated.

    Raises ConfigurationError if ``path`` is not a backup or the database is not empty; DatabaseUnavailable,
    StorageUnavailable.
    """
    _check_empty(url)
    summary = verify(path)
    with _opened(path) as tar, tempfile.TemporaryDirectory() as folder:
        dump = Path(folder, _DUMP)
        for member in tar:
            data = tar.extractfile(member)
            assert data is not None  # verified
            if member.name == _DUMP:
                dump.write_bytes(data.read())
            elif member.name.startswith(_FILES):
                try:
                    storage.put(member.name.removeprefix(_FILES), data.read())
                except StorageUnavailable as error:
                    if isinstance(error.__cause__, ValueError):  # a path that leads out of the storage
                        raise _no_backup(path, error.message) from error
                    raise
        _run("pg_restore", url, "--no-owner", "--no-privileges", "--single-transaction", "--exit-on-error", str(dump))
    database.migrate(url)
    return summary


def _listed(data: bytes, path: Path) -> dict[str, str]:
    try:
        return dict(json.loads(data))
    except (ValueError, TypeError) as error:
        raise _damaged(path, f"its {_DIGESTS} cannot be read") from error


class _Gone(Exception):
    """The file was deleted between listing and reading."""


def _get(storage: Storage, path: str) -> bytes:
    try:
        return storage.get(path)
    except StorageUnavailable as error:
        if isinstance(error.__cause__, FileNotFoundError):
            raise _Gone from error
        raise


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> str:
    """Add a file to the tar, and return its SHA-256."""
    member = tarfile.TarInfo(name)
    member.size = len(data)
    member.mode = 0o600
    tar.addfile(member, io.BytesIO(data))
    return hashlib.sha256(data).hexdigest()


@contextmanager
def _opened(path: Path) -> Iterator[tarfile.TarFile]:
    try:
        with tarfile.open(path, "r:") as tar:
            yield tar
    except tarfile.TarError as error:
        raise _no_backup(path, str(error)) from error
    except OSError as error:
        raise ConfigurationError(
            f"'{path}' cannot be read: {error.strerror}.", hint="Give the path of a backup."
        ) from error


def _manifest(tar: tarfile.TarFile, path: Path) -> dict[str, Any]:
    first = tar.next()
    data = tar.extractfile(first) if first is not None and first.name == _MANIFEST else None
    if data is None:
        raise _no_backup(path, f"its first part is not {_MANIFEST}")
    try:
        manifest: dict[str, Any] = json.loads(data.read())
        known = manifest["format"], manifest["version"]
    except (ValueError, KeyError, TypeError) as error:
        raise _damaged(path, f"its {_MANIFEST} cannot be read") from error
    if known[0] != FORMAT:
        raise ConfigurationError(
            f"'{path}' is a backup of format {manifest['format']}, made by version {manifest['version']}.",
            hint=f"This version reads format {FORMAT}: restore it with the version that made it.",
        )
    return manifest


def _no_backup(path: Path, reason: str) -> ConfigurationError:
    return ConfigurationError(
        f"'{path}' is not a SphereLinks backup: {reason}.", hint="Give a file that 'spherelinks backup' wrote."
    )


def _damaged(path: Path, reason: str) -> ConfigurationError:
    return ConfigurationError(
        f"'{path}' is damaged: {reason}.", hint="Copy the original file again, or make another backup."
    )


def _check_empty(url: str) -> None:
    with database.outage(), psycopg.connect(url, connect_timeout=5) as connection:
        found = connection.execute(
            "SELECT count(*) FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        ).fetchone()
    if found and found[0]:
        raise ConfigurationError(
            f"The database already has {found[0]} tables; restoring would mix two installations.",
            hint="Set DATABASE_URL to an empty database, or SPHERELINKS_HOME to an unused folder.",
        )


def _run(program: str, url: str, *arguments: str) -> None:
    """Run one of PostgreSQL's programs; the database's address is in the environment: others can see arguments."""
    given = conninfo.conninfo_to_dict(url)
    names = {option.keyword.decode(): option.envvar.decode() for option in pq.Conninfo.get_defaults() if option.envvar}
    environment = os.environ | {names[key]: str(value) for key, value in given.items() if key in names}
    command = [str(postgres.find_binaries() / f"{program}{_SUFFIX}"), "--no-password"]
    if program == "pg_restore":
        command.append(f"--dbname={given.get('dbname', '')}")
    done = subprocess.run([*command, *arguments], env=environment, capture_output=True, text=True)
    if done.returncode:
        raise DatabaseUnavailable(
            f"{program} failed: {done.stderr.strip() or done.returncode}.",
            hint="PostgreSQL's programs must be at least as new as its server.",
        )
