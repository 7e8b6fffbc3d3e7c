"""The paths of a job's files in the storage, and the sweep of those that belong to no job.

A picture is stored under its job's id rather than its content's digest, and its mask and the other sides' pictures
beside it: no two jobs share one, so the sweep cannot delete the picture of a job that is just being accepted. Several
jobs of an account may share an asset (:mod:`spherelinks.jobs.cache`); files made from it (thumbnail, other formats) are
stored beside it, under its name with another suffix, and are deleted with it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Engine, Select, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute

from spherelinks.database import Job, transaction
from spherelinks.shape import SIDES
from spherelinks.storage import Head, Storage

PICTURES = "pictures"
RESULTS = "results"

SWEEP_AGE = timedelta(hours=1)
"""A file this old whose job is unknown, or has another result, will never be needed."""

_BATCH = 1000


def picture(job_id: str) -> str:
    """The path of a job's picture, as the client sent it."""
    return f"{PICTURES}/{job_id}"


def mask(job_id: str) -> str:
    """The path of the mask of a job's picture, as the client sent it."""
    return f"{PICTURES}/{job_id}.mask"


def side(job_id: str, view: str) -> str:
    """The path of the picture of another side of a job's object, as the client sent it."""
    return f"{PICTURES}/{job_id}.{view}"


def sent(job_id: str) -> list[str]:
    """All paths where pictures of a job may be."""
    return [picture(job_id), mask(job_id), *(side(job_id, view) for view in SIDES)]


def result(job_id: str, attempt: int, sha256: str) -> str:
    """The path of the GLB with that digest (hex), made by one attempt; the job's row says whose counts.

    If a crash of the database made it forget a start, two attempts have the same number: the digest keeps each from
    overwriting the other's result.
    """
    return f"{RESULTS}/{job_id}/{attempt}-{sha256[:16]}.glb"


def beside(asset_path: str, suffix: str) -> str:
    """The path of a file made from an asset, by its suffix, such as ``png`` for the thumbnail."""
    return f"{asset_path.removesuffix('.glb')}.{suffix}"


def delete(engine: Engine, storage: Storage, job_id: str, asset_path: str | None) -> None:
    """Delete the files of a job that is marked as deleted, unless another job needs them.

    What this leaves behind, after a kill or a concurrent deletion, is swept later.
    Raises StorageUnavailable, DatabaseUnavailable.
    """
    for path in sent(job_id):
        storage.delete(path)
    if asset_path is None or not asset_path.startswith(f"{RESULTS}/"):
        return
    with transaction(engine) as session:
        if session.scalars(_wanted(Job.asset_path).where(Job.asset_path == asset_path).limit(1)).first() is not None:
            return
    for head in [*storage.list(asset_path.rpartition("/")[0])]:
        storage.delete(head.path)


def _wanted(column: InstrumentedAttribute[Any]) -> Select[Any]:
    """The ids of jobs whose files are kept."""
    return select(column).where(Job.deleted_at.is_(None), or_(Job.expires_at.is_(None), Job.expires_at > func.now()))


def sweep(engine: Engine, storage: Storage, older_than: timedelta = SWEEP_AGE) -> int:
    """Delete what no job needs: pictures and masks of jobs that were never accepted, results of superseded attempts,
    the files of deleted or expired jobs, and what was never written to its end; returns their number.

    Only files older than ``older_than`` are considered: younger ones may belong to a job that is just starting or
    ending. Raises StorageUnavailable, DatabaseUnavailable.
    """
    before = datetime.now(UTC) - older_than
    deleted = storage.sweep_unfinished(before)
    for folder, column, key in ((PICTURES, Job.id, _job_of), (RESULTS, Job.asset_path, _asset_beside)):
        for batch in _batches(head for head in storage.list(folder) if head.modified < before):
            keys = {head.path: key(head.path) for head in batch}
            with transaction(engine) as session:
                wanted = set(session.scalars(_wanted(column).where(column.in_(keys.values()))))
            for path in (path for path, key_ in keys.items() if key_ not in wanted):
                storage.delete(path)
                deleted += 1
    return deleted


def _job_of(path: str) -> str:
    """The id of the job that a picture, or what came with it, belongs to."""
    return path.rpartition("/")[2].partition(".")[0]


def _asset_beside(path: str) -> str:
    """The path of the asset that a file belongs to, or is."""
    folder, _, name = path.rpartition("/")
    return f"{folder}/{name.partition('.')[0]}.glb"


def _batches(heads: Iterable[Head]) -> Iterable[list[Head]]:
    batch: list[Head] = []
    for head in heads:
        batch.append(head)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
