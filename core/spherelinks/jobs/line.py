"""An account's own line: as many of its jobs as its plan allows are queued or running, the others wait here.

A job in the line has no queue row (``queue_id`` is 0). One that has joined another has none either, and is not in the
line (:mod:`spherelinks.jobs.joining`). Whatever makes room, a job that ends or a better plan, moves up
the first in line, in the same transaction. The account's balance row, locked by the preceding hold or settlement,
serialises them; a job that another transaction is cancelling is skipped.
"""

from __future__ import annotations

from sqlalchemy import func, text, update
from sqlalchemy.orm import Session

from spherelinks.database import Job
from spherelinks.jobs import queue
from spherelinks.options import DEFAULT_GENERATOR

NOT_QUEUED = 0


def advance(session: Session, account_id: str) -> None:
    """Queue the first jobs of the account's line, as many as the plan has room for."""
    for job_id, priority, generator in session.execute(text(_NEXT), {"account": account_id}).all():
        wake(session, job_id, priority, generator)


def advance_all(session: Session, stale_s: float) -> None:
    """The same for every account with a job that has waited ``stale_s``: its plan may now allow more."""
    for account_id in session.scalars(text(_WAITING), {"stale": stale_s}).all():
        advance(session, account_id)


def wake(session: Session, job_id: str, priority: int, generator: str | None) -> None:
    """Give a waiting job of that generator a new wake-up call."""
    queue_id = queue.push(session, job_id, priority, generator or DEFAULT_GENERATOR)
    session.execute(update(Job).where(Job.id == job_id).values(queue_id=queue_id, beat_at=func.now()))


# No limit if the plan has none: LIMIT NULL.
_NEXT = """
SELECT id, priority, options ->> 'generator' FROM jobs
WHERE account_id = :account AND state IN ('queued', 'running') AND state = 'queued' AND queue_id = 0
  AND joined IS NULL
ORDER BY id
LIMIT (
    SELECT CASE WHEN p.concurrent_jobs IS NOT NULL THEN greatest(0, p.concurrent_jobs - (
        SELECT count(*) FROM jobs j
        WHERE j.account_id = a.id AND j.state IN ('queued', 'running') AND (j.state = 'running' OR j.queue_id <> 0)
    )) END
    FROM accounts a JOIN plans p ON p.name = a.plan
    WHERE a.id = :account)
FOR UPDATE SKIP LOCKED
"""
_WAITING = """
SELECT b.account_id FROM credit_balances b
WHERE b.account_id IN (
    SELECT account_id FROM jobs
    WHERE state IN ('queued', 'running') AND state = 'queued' AND queue_id = 0 AND joined IS NULL
      AND beat_at < now() - make_interval(secs => :stale))
FOR UPDATE SKIP LOCKED
"""
