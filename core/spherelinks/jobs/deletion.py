"""Ending what is no longer wanted: jobs at work are cancelled, those that have ended deleted with their files."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

import sqlalchemy as sql
from sqlalchemy import Engine, func, select, update

from spherelinks.accounts import accounts, keys
from spherelinks.database import Job, Webhook, transaction
from spherelinks.jobs import attempts, files, status
from spherelinks.storage import Storage

Outcome = Literal["cancelled", "deleted", "ended"]


def delete(engine: Engine, storage: Storage, account_id: str, job_id: str, *, sandbox: bool = False) -> Outcome:
    """Cancel the job if it waits or runs, giving its credit back; delete it with all its files if it has ended.

    A cancelled job is there as before, FAILED with the code ``cancelled``; a deleted one is unknown from now on, and
    only the ledger remembers it. One that ends just as it should be cancelled is left as it is: ``ended``.

    Raises UnknownJob, StorageUnavailable (then the files are deleted later), DatabaseUnavailable.
    """
    if status.find(engine, account_id, job_id, sandbox=sandbox).status == "PROCESSING":
        return "cancelled" if attempts.cancel(engine, account_id, job_id) else "ended"
    with transaction(engine) as session:
        found = session.execute(
            update(Job)
            .where(Job.id == job_id, Job.account_id == account_id, Job.deleted_at.is_(None))
            .values(deleted_at=datetime.now(UTC))
            .returning(Job.asset_path)
        ).one_or_none()
    if found is None:
        raise status.unknown_job(job_id)
    files.delete(engine, storage, job_id, found.asset_path)
    return "deleted"


def close_account(engine: Engine, storage: Storage, account_id: str) -> None:
    """End the account: its keys work no more, its jobs are cancelled and deleted with their files. Again is harmless.

    What remains is the ledger, which nothing changes, and the account's id. Raises InvalidRequest for an unknown
    account, StorageUnavailable (call it again then), DatabaseUnavailable.
    """
    with transaction(engine) as session:
        account = accounts.get(session, account_id)
        account.name, account.closed_at = "closed", account.closed_at or datetime.now(UTC)
        for key in keys.list_keys(session, account_id):
            keys.revoke(session, key.id)
            key.name = "closed"
        session.execute(sql.delete(Webhook).where(Webhook.account_id == account_id))
        unfinished = session.scalars(
            select(Job.id).where(Job.account_id == account_id, Job.state.in_(("queued", "running")))
        ).all()
    for job_id in unfinished:
        attempts.cancel(engine, account_id, job_id)
    with transaction(engine) as session:
        gone = session.execute(
            update(Job)
            .where(Job.account_id == account_id, Job.state.in_(("completed", "failed")))
            .values(deleted_at=func.coalesce(Job.deleted_at, func.now()))
            .returning(Job.id, Job.asset_path)
        ).all()
    for job_id, asset_path in gone:
        files.delete(engine, storage, job_id, asset_path)
