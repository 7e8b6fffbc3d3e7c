"""Where a job's files lie in the storage, and the sweep of those that belong to no job.

A picture is kept under its job's id rather than under its content's digest: no two jobs share one, so the sweep cannot
take a picture from under a job that is just being accepted. An asset may be that of several jobs of one account
(:mod:`spherelinks.jobs.cache`); what was made of it (its thumbnail, other formats) lies beside it, under its name with
another suffix, and goes when it goes.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Engine, Select, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute

from spherelinks.database import Job, transaction
from spherelinks.storage import Head, Storage

PICTURES = "pictures"
RESULTS = "results"

SWEEP_AGE = timedelta(hours=1)
"""A file this old whose job is not known, or has another result, will never be wanted."""

_BATCH = 1000


def picture(job_id: str) -> str:
    """The path of a job's picture, as the client sent it."""
    return f"{PICTURES}/{job_id}"


def result(job_id: str, attempt: int, sha256: str) -> str:
    """The path of the GLB of that digest (hex) that one attempt made; the job's row says which attempt's counts.

    Where a crash of the database had it forget a start, two attempts have the same number: the digest keeps either
    from changing what the other was paid for.
    """
    return f"{RESULTS}/{job_id}/{attempt}-{sha256[:16]}.glb"


def beside(asset_path: str, suffix: str) -> str:
    """The path of what was made of an asset, by its suffix, such as ``png`` for the thumbnail."""
    return f"{asset_path.removesuffix('.glb')}.{suffix}"


def delete(engine: Engine, storage: Storage, job_id: str, asset_path: str | None) -> None:
    """Delete the files of a job that is marked as deleted, as far as no other job needs them.

    What this leaves behind, because it is killed or another job is just deleted too, is swept.
    Raises StorageUnavailable, DatabaseUnavailable.
    """
    storage.delete(picture(job_id))
    if asset_path is None or not asset_path.startswith(f"{RESULTS}/"):
        return
    with transaction(engine) as session:
        if session.scalars(_wanted(Job.asset_path).where(Job.asset_path == asset_path).limit(1)).first() is not None:
            return
    for head in [*storage.list(asset_path.rpartition("/")[0])]:
        storage.delete(head.path)


def _wanted(column: InstrumentedAttribute[Any]) -> Select[Any]:
    """Of the jobs whose files are kept."""
    return select(column).where(Job.deleted_at.is_(None), or_(Job.expires_at.is_(None), Job.expires_at > func.now()))


def sweep(engine: Engine, storage: Storage, older_than: timedelta = SWEEP_AGE) -> int:
    """Delete what no job needs: pictures of jobs that were never accepted, results of attempts that did not count,
    and the files of jobs that are deleted or have been kept as long as their plan says; how many.

    Only files older than ``older_than`` are looked at: younger ones may belong to a job on its way in or out.
    Raises StorageUnavailable, DatabaseUnavailable.
    """
    before = datetime.now(UTC) - older_than
    deleted = 0
    for folder, column, key in ((PICTURES, Job.id, _last_part), (RESULTS, Job.asset_path, _asset_beside)):
        for batch in _batches(head for head in storage.list(folder) if head.modified < before):
            keys = {head.path: key(head.path) for head in batch}
            with transaction(engine) as session:
                wanted = set(session.scalars(_wanted(column).where(column.in_(keys.values()))))
            for path in (path for path, key_ in keys.items() if key_ not in wanted):
                storage.delete(path)
                deleted += 1
    return deleted


def _last_part(path: str) -> str:
    return path.rpartition("/")[2]


def _asset_beside(path: str) -> str:
    """The path of the asset that a file lies beside, or is."""
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
