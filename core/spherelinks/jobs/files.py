"""A job's files by kind: its pictures and mask, its asset, and what is made from the asset on first request."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from sqlalchemy import Engine

from spherelinks.errors import AssetExpired, JobFailed, JobNotFinished, RateLimited, StorageUnavailable, UnknownFile
from spherelinks.formats import writing
from spherelinks.jobs import paths, usage
from spherelinks.jobs.status import JobStatus
from spherelinks.shape import SIDES
from spherelinks.storage import Head, Storage

KINDS = ("glb", "picture", "mask", *SIDES, *writing.KINDS)

_SENT: dict[str, Callable[[str], str]] = {view: partial(paths.side, view=view) for view in SIDES}
_SENT |= {"picture": paths.picture, "mask": paths.mask}
_PICTURES = {
    b"\xff\xd8\xff": ("image/jpeg", ".jpg"),
    b"\x89PNG": ("image/png", ".png"),
    b"RIFF": ("image/webp", ".webp"),
}
CONVERSIONS = 2
"""Files made at a time, of one account one: each may take a whole core and a few hundred MiB for seconds."""
_PATIENCE_S = 10
_converting: set[str] = set()
_changed = threading.Condition()


@dataclass(frozen=True)
class File:
    """A file in the storage, of ``size`` bytes, to be saved as ``name``. ``etag`` changes when the bytes do.

    notes : sentences for what the asset shows and this kind of file has no place for
    """

    path: str
    size: int
    etag: str
    media_type: str
    name: str
    notes: tuple[str, ...] = ()


def available(job: JobStatus) -> tuple[str, ...]:
    """The kinds that :func:`find` can return for the job now."""
    if is_expired(job):
        return ()
    sent = () if job.sandbox else ("picture", *(("mask",) if job.masked else ()), *job.sides)
    return sent if job.status != "COMPLETED" else ("glb", *sent, *writing.KINDS)


def is_expired(job: JobStatus) -> bool:
    """Whether the retention period of the job's files is over."""
    return job.expires_at is not None and job.expires_at <= datetime.now(UTC)


def find(engine: Engine, storage: Storage, job: JobStatus, kind: str) -> File:
    """The job's file of that kind, made of its asset and kept beside it if need be.

    Raises UnknownFile for a kind that there is not, AssetExpired, JobNotFinished, JobFailed (for any but what was
    sent), RateLimited where too many others are just being made, StorageUnavailable, StorageFull.
    """
    beside = {"mask": job.masked} | {view: view in job.sides for view in SIDES}
    missing = not beside.get(kind, True) or (kind in _SENT and job.sandbox)
    if kind not in KINDS or missing:
        raise UnknownFile(f"There is no file of kind '{kind[:32]}'.", hint=f"Kinds: {', '.join(available(job))}.")
    if is_expired(job):
        raise AssetExpired(
            f"The files of job '{job.job_id}' expired on {job.expires_at:%Y-%m-%d} and were deleted.",
            hint="Submit it again.",
        )
    if kind in _SENT:
        return _sent(storage, job, kind)
    path, size, sha256 = _asset(job)
    if kind == "glb":
        return File(path, size, sha256, "model/gltf-binary", job.asset_name)
    described = writing.KINDS[kind]
    made = paths.beside(path, described.suffix[1:])
    head, notes = _head(storage, made), _notes(storage, kind, made)
    if head is None or notes is None:
        with _place(job.account_id):
            size, notes = _convert(storage, path, kind, made)
        usage.made_beside(engine, path, size - (head.size if head else 0))
        head = storage.head(made)
    return File(
        made, head.size, f"{sha256}-{_plain(head.etag)}", described.media_type, job.file_name + described.suffix, notes
    )


def _asset(job: JobStatus) -> tuple[str, int, str]:
    if job.error is not None:
        raise JobFailed(job.error.message, reason=job.error.code, hint=job.error.hint)
    if job.asset_path is None or job.asset_size is None or job.asset_sha256 is None:
        raise JobNotFinished(
            f"Job '{job.job_id}' is at {job.progress} %: {job.description}",
            hint=f"Poll /v1/status/{job.job_id} until it is COMPLETED.",
        )
    return job.asset_path, job.asset_size, job.asset_sha256


def _sent(storage: Storage, job: JobStatus, kind: str) -> File:
    path = _SENT[kind](job.job_id)
    head = storage.head(path)
    start = storage.read_range(path, 0, min(4, head.size))
    found = (kind for mark, kind in _PICTURES.items() if start.startswith(mark))
    media_type, suffix = next(found, ("application/octet-stream", ""))
    return File(path, head.size, _plain(head.etag), media_type, f"{job.file_name}-{kind}{suffix}")


def _head(storage: Storage, path: str) -> Head | None:
    try:
        return storage.head(path)
    except StorageUnavailable:
        return None


@contextmanager
def _place(account_id: str) -> Iterator[None]:
    with _changed:
        if not _changed.wait_for(lambda: len(_converting) < CONVERSIONS and account_id not in _converting, _PATIENCE_S):
            raise RateLimited(
                "Too many files are being converted at the moment.", retry_after=_PATIENCE_S, hint="Try again shortly."
            )
        _converting.add(account_id)
    try:
        yield
    finally:
        with _changed:
            _converting.remove(account_id)
            _changed.notify_all()


def _notes(storage: Storage, kind: str, path: str) -> tuple[str, ...] | None:
    """What was noted when the file was made; None if it was not made, or by a version that kept no notes."""
    if _is_picture(kind):
        return ()
    try:
        return tuple(json.loads(storage.get(_noted(path))))
    except StorageUnavailable:
        return None


def _noted(path: str) -> str:
    return f"{path}.json"


def _is_picture(kind: str) -> bool:
    """Of the asset, from which nobody expects more than what it shows."""
    return writing.KINDS[kind].media_type.startswith("image/")


def _convert(storage: Storage, asset: str, kind: str, path: str) -> tuple[int, tuple[str, ...]]:
    """Make the file; how many bytes it has, and its notes, which are stored beside it and before it."""
    notes: list[str] = []
    data = writing.convert(storage.get(asset), kind, notes.append)
    storage.check_space(len(data))
    if _is_picture(kind):
        storage.put(path, data)
        return len(data), ()
    storage.put_all({_noted(path): json.dumps(notes).encode(), path: data})
    return len(data), tuple(notes)


def _plain(etag: str) -> str:
    return etag.removeprefix("W/").strip('"')
