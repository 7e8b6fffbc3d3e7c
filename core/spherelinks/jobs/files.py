"""Where a job's files lie in the storage, and the sweep of those that belong to no job.

A picture is kept under its job's id rather than under its content's digest: no two jobs share a file, so the sweep
cannot take a picture from under a job that is just being accepted.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine, select

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


def result(job_id: str, attempt: int) -> str:
    """The path of the GLB that one attempt made; each attempt has its own, the job's row says which one counts."""
    return f"{RESULTS}/{job_id}/{attempt}.glb"


def sweep(engine: Engine, storage: Storage, older_than: timedelta = SWEEP_AGE) -> int:
    """Delete pictures of jobs that were never accepted and results of attempts that did not count; how many.

    Only files older than ``older_than`` are looked at: younger ones may belong to a job on its way in or out.
    Raises StorageUnavailable, DatabaseUnavailable.
    """
    before = datetime.now(UTC) - older_than
    deleted = 0
    for folder, column, key in ((PICTURES, Job.id, _last_part), (RESULTS, Job.asset_path, str)):
        for batch in _batches(head for head in storage.list(folder) if head.modified < before):
            keys = {head.path: key(head.path) for head in batch}
            with transaction(engine) as session:
                wanted = set(session.scalars(select(column).where(column.in_(keys.values()))))
            for path in (path for path, key_ in keys.items() if key_ not in wanted):
                storage.delete(path)
                deleted += 1
    return deleted


def _last_part(path: str) -> str:
    return path.rpartition("/")[2]


def _batches(heads: Iterable[Head]) -> Iterable[list[Head]]:
    batch: list[Head] = []
    for head in heads:
        batch.append(head)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
