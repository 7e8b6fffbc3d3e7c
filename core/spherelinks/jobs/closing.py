"""Closing an account: its users, keys, pictures and models are deleted; the ledger's amounts stay, without a name."""

from __future__ import annotations

from sqlalchemy import Engine, delete, func, select, update

from spherelinks.accounts import sessions
from spherelinks.accounts.worlds import World
from spherelinks.database import Account, ApiKey, HostPause, IdempotencyKey, Job, User, Webhook, transaction
from spherelinks.errors import UnknownJob
from spherelinks.jobs import deletion
from spherelinks.storage import Storage


def close(engine: Engine, storage: Storage, account_id: str, kept: bytes | None = None) -> None:
    """Delete the account with its data. After an interruption, a second call finishes the work.

    First all access ends, except for the session with the digest ``kept``, which may have to call again; then jobs are
    cancelled, their credits returned, and deleted with their files; then the rest is deleted at once.

    Raises StorageUnavailable, DatabaseUnavailable.
    """
    with transaction(engine) as session:
        # waits for submissions in progress; any later one sees the change (`submission.submit`)
        session.execute(
            update(Account)
            .where(Account.id == account_id)
            .values(closed_at=func.coalesce(Account.closed_at, func.now()))
        )
        session.execute(
            update(ApiKey)
            .where(ApiKey.account_id == account_id)
            .values(name="deleted", revoked_at=func.coalesce(ApiKey.revoked_at, func.now()))
        )
        for user_id in session.scalars(select(User.id).where(User.account_id == account_id)):
            sessions.end_others(session, user_id, kept)
    for job_id, sandbox in _jobs(engine, account_id):
        _delete(engine, storage, World(account_id, sandbox), job_id)
    with transaction(engine) as session:
        session.execute(delete(User).where(User.account_id == account_id))
        session.execute(delete(Webhook).where(Webhook.account_id == account_id))
        session.execute(delete(HostPause).where(HostPause.account_id == account_id))
        session.execute(delete(IdempotencyKey).where(IdempotencyKey.account_id == account_id))
        session.execute(update(Job).where(Job.account_id == account_id).values(deletion.FORGOTTEN))
        session.execute(update(Account).where(Account.id == account_id).values(name="Deleted account"))


def _jobs(engine: Engine, account_id: str) -> list[tuple[str, bool]]:
    with transaction(engine) as session:
        rows = session.execute(
            select(Job.id, Job.sandbox).where(Job.account_id == account_id, Job.deleted_at.is_(None))
        ).all()
    return [(row.id, row.sandbox) for row in rows]


def _delete(engine: Engine, storage: Storage, world: World, job_id: str) -> None:
    """Delete a job; a running one is first cancelled."""
    while True:
        try:
            if deletion.delete(engine, storage, world, job_id) == "deleted":
                return
        except UnknownJob:  # another transaction was faster
            return
