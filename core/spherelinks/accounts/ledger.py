"""The credit ledger: append-only entries; an account's balance is their sum.

A job's credit goes through two phases, as a card payment does: ``hold`` when the job is accepted, then either
``capture`` when it succeeded or ``release`` when it failed. Unique indexes allow one hold and one settlement a job, a
trigger refuses to change or delete an entry, and the balance row (the sums, kept beside the entries) may not go below
zero. That row's lock orders all holds of one account, so two holds cannot spend the same credit.

Every function works inside the caller's transaction and commits nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from spherelinks.accounts import accounts, plans
from spherelinks.database import CreditBalance, CreditEntry
from spherelinks.errors import InsufficientCredits, InvalidRequest


@dataclass(frozen=True)
class Balance:
    """Credits that may be spent, and credits set aside for jobs that have not ended."""

    available: int
    held: int


def hold(session: Session, account_id: str, job_id: str, credits: int = 1) -> None:
    """Set the job's credits aside; the job's row must exist. Once a job: a second hold breaks ``one_hold``.

    Raises InsufficientCredits, which says the balance and when the next credits come.
    """
    _grant_month(session, account_id)
    if not _move(session, account_id, "hold", available=-credits, held=credits, job_id=job_id):
        _refuse(session, account_id, credits)


def capture(session: Session, account_id: str, job_id: str) -> None:
    """Spend what is held for the job. Raises where nothing is held, or it was settled before."""
    _settle(session, account_id, "capture", job_id)


def release(session: Session, account_id: str, job_id: str) -> None:
    """Give back what is held for the job. Raises where nothing is held, or it was settled before."""
    _settle(session, account_id, "release", job_id)


def grant(session: Session, account_id: str, credits: int, reason: str) -> None:
    """Give the account credits. Raises InvalidRequest for an unknown account or a number outside 1 to 1 000 000."""
    accounts.get(session, account_id)
    if not 1 <= credits <= 1_000_000:
        raise InvalidRequest(f"credits is {credits}.", hint="Give a whole number from 1 to 1000000.", field="credits")
    _grant_month(session, account_id)
    _move(session, account_id, "grant", available=credits, held=0, reason=reason)


def balance(session: Session, account_id: str) -> Balance:
    """What the account has, this month's credits included. Raises InvalidRequest for an unknown account."""
    _grant_month(session, account_id)
    row = session.execute(
        select(CreditBalance.available, CreditBalance.held).where(CreditBalance.account_id == account_id)
    ).one()
    return Balance(row[0], row[1])


def audit(session: Session) -> list[str]:
    """What contradicts the ledger's promises, one sentence each; empty where all is well.

    Compares each balance with the sum of its entries, and each job's state with its hold and settlement.
    """
    return [*session.scalars(text(_AUDIT))]


_AUDIT = """
SELECT format('account %s: balance %s available, %s held; entries sum to %s and %s',
              a.id, b.available, b.held, coalesce(s.available, 0), coalesce(s.held, 0))
FROM accounts a
LEFT JOIN credit_balances b ON b.account_id = a.id
LEFT JOIN (SELECT account_id, sum(available) AS available, sum(held) AS held FROM credit_entries GROUP BY 1) s
       ON s.account_id = a.id
WHERE (coalesce(b.available, 0), coalesce(b.held, 0)) <> (coalesce(s.available, 0), coalesce(s.held, 0))
UNION ALL
SELECT format('job %s is %s: held %s, captured %s, released %s', j.id, j.state, e.hold, e.capture, e.release)
FROM jobs j
CROSS JOIN LATERAL (
    SELECT coalesce(sum(held) FILTER (WHERE kind = 'hold'), 0) AS hold,
           coalesce(-sum(held) FILTER (WHERE kind = 'capture'), 0) AS capture,
           coalesce(-sum(held) FILTER (WHERE kind = 'release'), 0) AS release
    FROM credit_entries WHERE job_id = j.id AND account_id = j.account_id
) e
WHERE (e.hold, e.capture, e.release) <> (
    j.credits,
    CASE WHEN j.state = 'completed' THEN j.credits ELSE 0 END,
    CASE WHEN j.state = 'failed' THEN j.credits ELSE 0 END)
"""


def _settle(session: Session, account_id: str, kind: str, job_id: str) -> None:
    held = session.scalars(
        select(CreditEntry.held).where(
            CreditEntry.job_id == job_id, CreditEntry.account_id == account_id, CreditEntry.kind == "hold"
        )
    ).one()
    available = held if kind == "release" else 0
    if not _move(session, account_id, kind, available=available, held=-held, job_id=job_id):
        raise AssertionError(f"account {account_id} holds less than job {job_id} needs")


def _move(
    session: Session,
    account_id: str,
    kind: str,
    *,
    available: int,
    held: int,
    job_id: str | None = None,
    reason: str | None = None,
) -> bool:
    """Change the balance and write the entry; False, and nothing done, where the balance does not suffice."""
    moved = session.execute(
        update(CreditBalance)
        .where(
            CreditBalance.account_id == account_id,
            CreditBalance.available + available >= 0,
            CreditBalance.held + held >= 0,
        )
        .values(available=CreditBalance.available + available, held=CreditBalance.held + held)
        .returning(CreditBalance.account_id)
        .execution_options(synchronize_session=False)
    ).one_or_none()
    if moved is None:
        return False
    session.execute(
        insert(CreditEntry).values(
            account_id=account_id, kind=kind, available=available, held=held, job_id=job_id, reason=reason
        )
    )
    return True


def _grant_month(session: Session, account_id: str) -> None:
    """Book this month's credits of the account's plan unless that is done, and make sure it has a balance row."""
    month = plans.period(_now())
    done = session.execute(
        select(CreditEntry.id).where(CreditEntry.account_id == account_id, CreditEntry.period == month)
    ).one_or_none()
    if done is not None:
        return
    credits = plans.PLANS[accounts.get(session, account_id).plan].monthly_credits
    granted = session.execute(
        insert(CreditEntry)
        .values(
            account_id=account_id,
            kind="grant",
            available=credits,
            held=0,
            period=month,
            reason=f"plan, {month}",
        )
        .on_conflict_do_nothing()
        .returning(CreditEntry.id)
    ).one_or_none()
    if granted is not None:
        session.execute(
            insert(CreditBalance)
            .values(account_id=account_id, available=credits, held=0)
            .on_conflict_do_update(
                index_elements=[CreditBalance.account_id], set_={"available": CreditBalance.available + credits}
            )
        )


def _refuse(session: Session, account_id: str, credits: int) -> None:
    now = balance(session, account_id)
    plan = plans.PLANS[accounts.get(session, account_id).plan]
    moment = plans.next_period_start(_now())
    held = f" and {now.held} held by jobs that have not ended" if now.held else ""
    raise InsufficientCredits(
        f"The job costs {credits} credit{'s' if credits > 1 else ''}; the account has {now.available} available{held}.",
        hint=f"{plan.monthly_credits} credits are added on {moment:%Y-%m-%d} (UTC); an operator can add more with: "
        f"spherelinks accounts grant {account_id} CREDITS",
    )


def _now() -> datetime:
    return datetime.now(UTC)
