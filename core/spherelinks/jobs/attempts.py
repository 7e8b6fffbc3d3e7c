"""The life of a job as transactions: begin, beat, then complete, fail, cancel, crash or requeue; recovery of lost jobs.

The job's row is the truth. ``attempt`` counts starts and fences: a change for attempt 1 has no effect once attempt 2
has begun or the job has ended, so an attempt that was presumed dead and comes back can do no harm. Beginning an attempt
is the only change that a crash of the database may undo, because its commit is not waited for: the job is then queued
again, and may be started a second time with the same number, beside the first. Whichever settles first ends it, once,
and each result is stored under its own digest (:func:`spherelinks.jobs.files.result`). Every later change is durable,
and with it everything before.

An unfinished job waits in its account's line (:mod:`spherelinks.jobs.line`), or for another that makes the same
(:mod:`spherelinks.jobs.joining`), or in the queue and has a queue row that will wake it, or runs and has a heartbeat
within the last seconds. :func:`recover` repairs anything else. A trigger announces every change that a client can see
on ``CHANNEL``, with the job's id.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, LiteralString

from sqlalchemy import Engine, Row, bindparam, func, text, update
from sqlalchemy.orm import Session
from sqlalchemy.sql.dml import ReturningUpdate

from spherelinks.accounts import ledger, plans
from spherelinks.config import Settings
from spherelinks.database import Base, fetch_one, transaction
from spherelinks.errors import Cancelled, DatabaseUnavailable, GeneratorFailed
from spherelinks.jobs import joining, line, queue, webhooks

logger = logging.getLogger(__name__)

STALE_S = Settings.stale_after_s
#: Of the time after which an attempt is stale: between two heartbeats.
BEAT = 1 / 3
RECOVER_S = 2
"""How often lost jobs are looked for."""
CHANNEL = "spherelinks_jobs"
_AT_ONCE = 100  # lost jobs in one call


@dataclass(frozen=True)
class Attempt:
    """One attempt at running a job: the job, the attempt's number, the options, whether there is a mask, and the sides
    of the object that further pictures show."""

    job_id: str
    account_id: str
    number: int
    options: dict[str, Any]
    masked: bool = False
    sides: Sequence[str] = ()


@dataclass(frozen=True)
class Failure:
    """Why a job failed, as an error's stable code, message and hint."""

    code: str
    message: str
    hint: str = ""


def begin(engine: Engine, job_id: str, queue_id: int) -> Attempt | None:
    """Begin an attempt, as that queue row calls for; None if the job has ended, or waits for another call.

    Raises DatabaseUnavailable.
    """
    row = fetch_one(engine, _BEGIN, (job_id, queue_id))
    return Attempt(*row[:6]) if row else None


# One round trip, and no wait for the disk: the child idles meanwhile.
_BEGIN: LiteralString = """
UPDATE jobs
SET state = 'running', attempt = attempt + 1, beat_at = now(), started_at = coalesce(started_at, now())
WHERE id = %s AND queue_id = %s AND state = 'queued'
RETURNING id, account_id, attempt, options, mask_size > 0, sides, set_config('synchronous_commit', 'off', true)
"""


def beat(engine: Engine, attempt: Attempt, stage: str | None, share: float) -> bool:
    """Write a heartbeat and the progress (0..1 of the whole); False if the attempt was superseded.

    Clients never see progress fall, not even across a retry, nor 100 before the asset exists.
    """
    with transaction(engine) as session:
        return _change(session, attempt, _BEAT, stage=stage, percent=min(int(100 * share), 99)) is not None


def complete(
    engine: Engine,
    attempt: Attempt,
    path: str,
    sha256: str,
    size: int,
    report: dict[str, Any],
    *,
    thumbnail: bool = False,
    beside: int = 0,
) -> bool:
    """End the job with a durably stored asset, and capture its credit. False if superseded.

    thumbnail : whether a thumbnail is stored beside the asset, see :func:`spherelinks.jobs.files.beside`
    beside : bytes of what lies there
    """
    with transaction(engine) as session:
        made = {
            "asset_path": path,
            "asset_sha256": sha256,
            "asset_size": size,
            "report": report,
            "thumbnail": thumbnail,
            "beside_size": beside,
        }
        if _change(session, attempt, _COMPLETE, **made) is None:
            return False
        ledger.capture(session, attempt.account_id, attempt.job_id)
        _after_the_end(session, attempt.account_id, attempt.job_id)
        return True


def fail(engine: Engine, attempt: Attempt, failure: Failure) -> bool:
    """End the job without an asset, and release its credit. False if superseded."""
    with transaction(engine) as session:
        return _fail(session, attempt, failure)


def crash(engine: Engine, attempt: Attempt, reason: str, limit: int) -> bool:
    """Count an attempt that died without an answer, and queue the job again; the ``limit``-th crash fails it.

    ``reason`` completes the sentence "Its process …". False if superseded.
    """
    with transaction(engine) as session:
        return _crash(session, attempt, reason, limit)


def cancel(engine: Engine, account_id: str, job_id: str) -> bool:
    """Cancel a waiting or running job and release its credit; False if there is no such job.

    A running attempt is told at once, or learns of it at its next beat; its result is discarded.
    """
    with transaction(engine) as session:
        job = session.execute(_CANCEL, {"job": job_id, "account": account_id}).one_or_none()
        if job is None:
            return False
        if job.joined is not None:  # nothing is held, nobody waits for it, and it takes no place in the line
            webhooks.announce(session, job_id)
            return True
        queue.withdraw(session, job.queue_id)
        ledger.release(session, account_id, job_id)
        _after_the_end(session, account_id, job_id)
        return True


def requeue(engine: Engine, attempt: Attempt) -> bool:
    """Requeue the job, which is not at fault: its worker was told to stop. False if superseded."""
    with transaction(engine) as session:
        return _requeue(session, attempt)


def recover(engine: Engine, limit: int, stale_s: float = STALE_S) -> int:
    """Recover the jobs that nobody works on and nothing will wake; returns their number.

    A running job without a beat for ``stale_s`` counts as crashed. A waiting job without a pending queue row (a worker
    took it and died at once) is queued again. When nobody has looked for a while, for the database was down or out of
    reach or no worker ran, every attempt first gets time for a beat. Call it every ``RECOVER_S`` from any number of
    processes: each job is recovered in a transaction of its own, which passes over what another is at, so one job whose
    account's balance stays locked is left for the next call and keeps no other from its recovery.
    """
    with transaction(engine) as session:
        since = session.scalar(text(_WATCH), {"gap": max(stale_s, 2 * RECOVER_S)})
    recovered, after = 0, ""
    for _ in range(_AT_ONCE):
        before = after
        try:
            with transaction(engine) as session:
                lost = session.execute(text(_LOST), {"stale": stale_s, "since": since, "after": after}).one_or_none()
                if lost is None:
                    break
                after, account_id, number, state, priority, generator = lost
                if state == "queued":
                    line.wake(session, after, priority, generator)
                else:
                    logger.warning("%s: attempt %s has no heartbeat", after, number)
                    _crash(session, Attempt(after, account_id, number, {}), "stopped responding", limit)
        except DatabaseUnavailable as error:
            if after == before:
                raise
            logger.warning("%s is recovered later: %s", after, error)
            continue
        recovered += 1
    with transaction(engine) as session:
        abandoned = joining.abandoned(session)
    for job_id, account_id in abandoned:
        with transaction(engine) as session:
            joining.settle(session, job_id)
            line.advance(session, account_id)
    with transaction(engine) as session:
        line.advance_all(session, stale_s)
    return recovered


_WATCH = """
INSERT INTO recovery AS last DEFAULT VALUES
ON CONFLICT ((true)) DO UPDATE
SET looked_at = now(),
    since = CASE WHEN last.looked_at < now() - make_interval(secs => :gap) THEN now() ELSE last.since END
RETURNING since
"""
_LOST = """
SELECT j.id, j.account_id, j.attempt, j.state, j.priority, j.options ->> 'generator'
FROM jobs j
LEFT JOIN procrastinate_jobs q ON q.id = j.queue_id
WHERE j.state IN ('queued', 'running')
  AND greatest(j.beat_at, :since) < now() - make_interval(secs => :stale)
  AND (j.state = 'running' OR (j.queue_id <> 0 AND q.status IS DISTINCT FROM 'todo'))
  AND j.id > :after
ORDER BY j.id
LIMIT 1
FOR UPDATE OF j SKIP LOCKED
"""


def _crash(session: Session, attempt: Attempt, reason: str, limit: int) -> bool:
    job = _change(session, attempt, _CRASH)
    if job is None:
        return False
    if job.crashes < limit:
        return _requeue(session, attempt)
    message = f"The generator was tried {job.crashes} times; the last time its process {reason}."
    return _fail(session, attempt, Failure(GeneratorFailed.code, message, "Try a smaller or simpler picture."))


def _fail(session: Session, attempt: Attempt, failure: Failure) -> bool:
    error = {"error_code": failure.code, "error_message": failure.message, "error_hint": failure.hint}
    if _change(session, attempt, _FAIL, **error) is None:
        return False
    ledger.release(session, attempt.account_id, attempt.job_id)
    _after_the_end(session, attempt.account_id, attempt.job_id)
    return True


def _requeue(session: Session, attempt: Attempt) -> bool:
    job = _change(session, attempt, _REQUEUE)
    if job is None:
        return False
    line.wake(session, attempt.job_id, job.priority, job.generator)
    return True


def _after_the_end(session: Session, account_id: str, job_id: str) -> None:
    """What follows every end of a job, once its credit is settled."""
    joining.settle(session, job_id)
    line.advance(session, account_id)
    webhooks.announce(session, job_id)


# --- changes of a job's row, made once: to put them together costs more than to run them ----------------------------

_jobs = Base.metadata.tables["jobs"]
_ENDED = {"stage": None, "finished_at": func.now(), "expires_at": plans.kept_until(_jobs.c.account_id)}
_CANCEL = (
    update(_jobs)
    .where(
        _jobs.c.id == bindparam("job"),
        _jobs.c.account_id == bindparam("account"),
        _jobs.c.state.in_(("queued", "running")),
    )
    .values(
        state="failed",
        error_code=Cancelled.code,
        error_message="The job was cancelled.",
        error_hint="Submit it again if you still want it.",
        **_ENDED,
    )
    .returning(_jobs.c.queue_id, _jobs.c.joined)
)


def _changed(**values: object) -> ReturningUpdate[int, int, str | None]:
    """The update of these columns, and of those passed at run time, by the attempt that runs the job."""
    return (
        update(_jobs)
        .where(_jobs.c.id == bindparam("job"), _jobs.c.attempt == bindparam("number"), _jobs.c.state == "running")
        .values(**values)
        .returning(_jobs.c.crashes, _jobs.c.priority, _jobs.c.options["generator"].astext.label("generator"))
    )


_BEAT = _changed(beat_at=func.now(), progress=func.greatest(_jobs.c.progress, bindparam("percent")))
_COMPLETE = _changed(state="completed", progress=100, **_ENDED)
_FAIL = _changed(state="failed", **_ENDED)
_CRASH = _changed(crashes=_jobs.c.crashes + 1)
_REQUEUE = _changed(state="queued", stage=None)


def _change(
    session: Session, attempt: Attempt, change: ReturningUpdate[int, int, str | None], **values: object
) -> Row[int, int, str | None] | None:
    """Make the change if this attempt still runs the job; crashes, priority and generator as they are then."""
    return session.execute(change, {"job": attempt.job_id, "number": attempt.number, **values}).one_or_none()
