"""Jobs that have joined another: the same request of the same account, sent again while the first is at work.

Such a job has no credit held and no queue row; it shows the progress of the job that it has joined. When that one
completes, it completes with the same asset, free, in the same transaction. When that one fails or is cancelled, the
oldest of those that had joined it goes on by itself, paying then what it would have paid at first, and the others join
it in turn. Cancelling one that has joined changes nothing for the others.

Locks are taken in one order: the job that ends, its account's balance, those that have joined it by age.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from spherelinks.accounts import plans
from spherelinks.database import Job
from spherelinks.errors import InsufficientCredits, KeyCapReached
from spherelinks.jobs import price, webhooks


def settle(session: Session, ended_id: str) -> None:
    """Settle the jobs that have joined the one that has just ended, in the transaction that ends it.

    Whoever calls it advances the account's line afterwards.
    """
    followers = session.scalars(
        select(Job)
        .where(Job.joined == ended_id, Job.state == "queued")
        .order_by(Job.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()
    if not followers:
        return
    ended = session.get_one(Job, ended_id, populate_existing=True)
    if ended.state == "completed" and ended.deleted_at is None:
        for job in followers:
            copy(ended, job)
    else:
        _go_on(session, ended, followers)
    session.flush()
    for job in followers:
        if job.state != "queued":
            webhooks.announce(session, job.id)


def abandoned(session: Session) -> list[tuple[str, str]]:
    """Jobs that have ended while others still wait for them, with their accounts: a worker of an earlier version ended
    them."""
    return [(row.id, row.account_id) for row in session.execute(text(_ABANDONED))]


_ABANDONED = """
SELECT DISTINCT l.id, l.account_id
FROM jobs j JOIN jobs l ON l.id = j.joined
WHERE j.joined IS NOT NULL AND j.state = 'queued' AND l.state IN ('completed', 'failed')
LIMIT 100
"""


def copy(made: Job, job: Job) -> None:
    """Complete the job with the asset of another."""
    now = datetime.now(UTC)
    job.state, job.progress, job.credits, job.cache_hit = "completed", 100, 0, True
    job.started_at = job.finished_at = now
    job.expires_at = plans.kept_until(job.account_id)
    job.asset_path, job.asset_sha256, job.asset_size = made.asset_path, made.asset_sha256, made.asset_size
    job.thumbnail, job.beside_size, job.report = made.thumbnail, made.beside_size, made.report


def _go_on(session: Session, ended: Job, followers: Sequence[Job]) -> None:
    """Let the first of them that can be paid for go on by itself, and the others join it."""
    first = None
    for job in followers:
        job.progress = max(job.progress, ended.progress)  # what its client has seen
        if first is not None:
            job.joined = first.id
            continue
        try:
            with session.begin_nested():
                job.joined, job.credits = None, ended.credits
                session.flush()
                price.hold(session, job)
            first = job
        except (InsufficientCredits, KeyCapReached) as error:
            session.refresh(job)
            job.state, job.stage = "failed", None
            job.error_code, job.error_message, job.error_hint = error.code, error.message, error.hint
            job.finished_at, job.expires_at = func.now(), plans.kept_until(job.account_id)
