"""A job's price, held when it begins to cost: within its account's balance and its key's monthly cap."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from spherelinks.accounts import ledger, plans
from spherelinks.database import ApiKey, Job
from spherelinks.errors import KeyCapReached


def hold(session: Session, job: Job) -> None:
    """Hold the credits of the job, whose row is written.

    Raises InsufficientCredits, or KeyCapReached if this job is one too many: what was held must then be rolled back.
    """
    ledger.hold(session, job.account_id, job.id, job.credits)
    _check_cap(session, job)  # the balance's lock makes the count, this job included, a true one


def _check_cap(session: Session, job: Job) -> None:
    cap = session.scalars(select(ApiKey.monthly_cap).where(ApiKey.id == job.key_id)).one_or_none()
    if cap is None:
        return
    start = plans.period_start(plans.period(datetime.now(UTC)))
    spent = session.scalars(
        select(func.sum(Job.credits)).where(Job.key_id == job.key_id, Job.created_at >= start, Job.state != "failed")
    ).one()
    if (spent or 0) > cap:
        raise KeyCapReached(
            f"This key's jobs have cost {spent - job.credits} of the {cap} credits that are its monthly cap; this job "
            f"costs {job.credits}.",
            hint="Use another key, or wait for the next month; the owner can create a key with a higher cap.",
        )
