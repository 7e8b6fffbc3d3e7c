"""Cancelling unfinished jobs, and deleting finished ones with their files."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import Engine, null, update

from spherelinks.accounts.worlds import World
from spherelinks.database import Job, transaction
from spherelinks.jobs import attempts, paths, status
from spherelinks.storage import Storage

FORGOTTEN: dict[str, Any] = {
    "options": {},
    "report": null(),
    "output": null(),
    "content_key": None,
    "error_message": None,
    "error_hint": None,
}
"""What a deleted job's row keeps nothing of; the ledger needs the rest."""

Outcome = Literal["cancelled", "deleted", "ended"]


def delete(engine: Engine, storage: Storage, world: World, job_id: str) -> Outcome:
    """Cancel the job if it waits or runs, returning its credit; delete it with all its files if it has ended.

    A cancelled job remains, FAILED with the code ``cancelled``; a deleted one is unknown from now on, and only the
    ledger remembers it. One that ends just before it could be cancelled is left as it is: ``ended``.

    Raises UnknownJob, StorageUnavailable (then the files are deleted later), DatabaseUnavailable.
    """
    if status.find(engine, world, job_id).status == "PROCESSING":
        return "cancelled" if attempts.cancel(engine, world.account_id, job_id) else "ended"
    with transaction(engine) as session:
        found = session.execute(
            update(Job)
            .where(Job.id == job_id, world.holds(Job), Job.deleted_at.is_(None))
            .values(deleted_at=datetime.now(UTC), **FORGOTTEN)
            .returning(Job.asset_path)
        ).one_or_none()
    if found is None:
        raise status.unknown_job(job_id)
    paths.delete(engine, storage, job_id, found.asset_path)
    return "deleted"
