"""The credit ledger: append-only entries; an account's balance is their sum.

A job's credit goes through two phases, like a card payment: ``hold`` when the job is accepted, then either ``capture``
when it succeeds or ``release`` when it fails. Unique indexes allow one hold and one settlement per job, a trigger
refuses to change or delete entries, and the balance row (the sums, stored beside the entries) may not go below zero.
That row's lock orders all holds of one account, so two holds cannot spend the same credit.

There are two buckets of credits: monthly ones, granted by the plan, which ``expire`` at the end of the month, and
lasting ones, granted or bought, which never do. Monthly credits are spent first. A release goes back to the bucket of
its hold; if that month is over by then, those credits expire in the same transaction. A new month is booked when its
account is next used, so an entry may be written later than the moment it stands for.

Every function works inside the caller's transaction and commits nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Select, and_, func, or_, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from spherelinks.accounts import accounts, plans
from spherelinks.accounts.worlds import World
from spherelinks.database import CreditBalance, CreditEntry
from spherelinks.errors import InsufficientCredits, InvalidRequest

_SKEW = timedelta(hours=1)
"""How far the clocks of an installation's machines may be apart."""


@dataclass(frozen=True)
class Balance:
    """Credits available, and credits held for unfinished jobs; unlimited, no job is refused for want of them."""

    available: int
    held: int
    unlimited: bool = False


@dataclass(frozen=True)
class Buckets:
    """A balance by bucket.

    monthly : available until ``monthly_until`` (aware, UTC)
    lasting : available, do not expire
    held : held for unfinished jobs
    next_monthly : how many the plan grants at ``monthly_until``
    unlimited : no job is refused for want of them, and the numbers only measure use
    """

    monthly: int
    lasting: int
    held: int
    monthly_until: datetime
    next_monthly: int
    unlimited: bool

    @property
    def available(self) -> int:
        return self.monthly + self.lasting


def hold(session: Session, account_id: str, job_id: str, credits: int = 1) -> None:
    """Hold the job's credits; the job's row must exist. Once per job: a second hold violates ``one_hold``.

    Raises InsufficientCredits, which gives the balance and when the next credits are added.
    """
    _turn_month(session, account_id)
    row = _locked(session, account_id)
    if row.available < credits:
        plan = plans.of(session, account_id)
        if not plans.unlimited(plan):
            _refuse(session, account_id, credits)
        more, reason = max(plan.monthly_credits, credits), f"plan {plan.name}, without limit"
        _move(session, row, "grant", available=more, monthly=more, month=row.month, reason=reason)
    monthly = min(credits, row.monthly)
    _move(session, row, "hold", available=-credits, held=credits, monthly=-monthly, month=row.month, job_id=job_id)


def require(session: Session, account_id: str, credits: int) -> None:
    """Raises InsufficientCredits, as :func:`hold` would now; holds nothing."""
    now = balance(session, account_id)
    if now.available < credits and not now.unlimited:
        _refuse(session, account_id, credits)


def capture(session: Session, account_id: str, job_id: str) -> None:
    """Spend what is held for the job. Raises NoResultFound if nothing is held, IntegrityError if already settled."""
    # one statement: every successful job comes through here, and an account's jobs share the balance's lock
    session.execute(text(_CAPTURE), {"account": account_id, "job": job_id}).one()


def release(session: Session, account_id: str, job_id: str) -> None:
    """Return what is held for the job. Raises NoResultFound if nothing is held, IntegrityError if already settled."""
    held = _held(session, account_id, job_id)
    row = _locked(session, account_id)
    credits, monthly, month = held.held, -held.monthly, held.month
    _move(session, row, "release", available=credits, held=-credits, monthly=monthly, month=month, job_id=job_id)
    if monthly and month != row.month:
        reason = f"of {month}, returned after its end"
        _move(session, row, "expire", available=-monthly, monthly=-monthly, month=month, job_id=job_id, reason=reason)


def grant(session: Session, account_id: str, credits: int, reason: str) -> None:
    """Give the account credits that do not expire.

    Raises InvalidRequest for an unknown account or a number outside 1 to 1 000 000.
    """
    accounts.get(session, account_id)
    if not 1 <= credits <= 1_000_000:
        raise InvalidRequest(f"credits is {credits}.", hint="Give a whole number from 1 to 1000000.", field="credits")
    _turn_month(session, account_id)
    _move(session, _locked(session, account_id), "grant", available=credits, reason=reason)


def change_plan(session: Session, account_id: str, plan: str) -> None:
    """Move the account to another plan, starting now.

    A better plan's credits for this month are added at once, less what was already granted for the month, so switching
    back and forth gains nothing; a lesser plan takes none away.

    Raises InvalidRequest for an unknown account or plan, and for the owner's plan, which is reserved.
    """
    account = accounts.get(session, account_id)
    if plans.OWNER in (plan, account.plan):
        raise InvalidRequest(
            f"The plan '{plans.OWNER}' is reserved for the owner's account.", hint="Choose another.", field="plan"
        )
    _turn_month(session, account_id)  # the month started on the old plan
    new = plans.get(session, plan)
    account.plan = new.name
    row = _locked(session, account_id)
    assert row.month is not None
    more = new.monthly_credits - _given(session, account_id, row.month)
    if more > 0:
        reason = f"plan {new.name}, from now on"
        _move(session, row, "grant", available=more, monthly=more, month=row.month, reason=reason)


def balance(session: Session, account_id: str) -> Balance:
    """The account's balance, including this month's credits. Raises InvalidRequest for an unknown account."""
    found = buckets(session, account_id)
    return Balance(found.available, found.held, found.unlimited)


def buckets(session: Session, account_id: str) -> Buckets:
    """The same by bucket. Raises InvalidRequest for an unknown account."""
    _turn_month(session, account_id)
    row, plan = session.scalars(_row(account_id)).one(), plans.of(session, account_id)
    return Buckets(
        monthly=row.monthly,
        lasting=row.available - row.monthly,
        held=row.held,
        monthly_until=plans.next_period_start(_now()),
        next_monthly=plan.monthly_credits,
        unlimited=plans.unlimited(plan),
    )


def shown(session: Session, world: World) -> Buckets:
    """The buckets as a world sees them: in the sandbox nothing is ever spent of what the plan gives a month.

    Raises InvalidRequest for an unknown account.
    """
    if not world.sandbox:
        return buckets(session, world.account_id)
    plan = plans.of(session, world.account_id)
    given = plan.monthly_credits
    return Buckets(given, 0, 0, plans.next_period_start(_now()), given, plans.unlimited(plan))


def entries(session: Session, world: World, *, before: int | None = None, limit: int = 50) -> Sequence[CreditEntry]:
    """The world's entries, newest first, at most ``limit``; with ``before`` those older than that entry's id.

    The sandbox has none: nothing moves there.
    """
    if world.sandbox:
        return []
    query = select(CreditEntry).where(CreditEntry.account_id == world.account_id)
    if before is not None:
        query = query.where(CreditEntry.id < before)
    return session.scalars(query.order_by(CreditEntry.id.desc()).limit(limit)).all()


def audit(session: Session) -> list[str]:
    """Violations of the ledger's invariants, one sentence each; empty if all is well.

    Compares each balance with the sum of its entries, and each job's state with its hold and settlement.
    """
    return [*session.scalars(text(_AUDIT))]


_CAPTURE = """
WITH entry AS (
    INSERT INTO credit_entries (account_id, kind, available, held, job_id)
    SELECT account_id, 'capture', 0, -held, job_id FROM credit_entries
    WHERE job_id = :job AND account_id = :account AND kind = 'hold'
    RETURNING account_id, held
)
UPDATE credit_balances b SET held = b.held + entry.held FROM entry WHERE b.account_id = entry.account_id
RETURNING b.held
"""
_AUDIT = """
SELECT format('account %s: balance %s available, %s held, %s monthly; entries sum to %s, %s and %s',
              a.id, b.available, b.held, b.monthly, coalesce(s.available, 0), coalesce(s.held, 0),
              coalesce(s.monthly, 0))
FROM accounts a
LEFT JOIN credit_balances b ON b.account_id = a.id
LEFT JOIN (SELECT account_id, sum(available) AS available, sum(held) AS held, sum(monthly) AS monthly
           FROM credit_entries GROUP BY 1) s
       ON s.account_id = a.id
WHERE (coalesce(b.available, 0), coalesce(b.held, 0), coalesce(b.monthly, 0))
   <> (coalesce(s.available, 0), coalesce(s.held, 0), coalesce(s.monthly, 0))
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


def _held(session: Session, account_id: str, job_id: str) -> CreditEntry:
    """The job's hold. Raises NoResultFound."""
    return session.scalars(
        select(CreditEntry).where(
            CreditEntry.job_id == job_id, CreditEntry.account_id == account_id, CreditEntry.kind == "hold"
        )
    ).one()


def _row(account_id: str) -> Select[CreditBalance]:
    # another transaction may have changed it since this session read it
    return select(CreditBalance).where(CreditBalance.account_id == account_id).execution_options(populate_existing=True)


def _locked(session: Session, account_id: str) -> CreditBalance:
    """The account's balance, locked until this transaction ends."""
    return session.scalars(_row(account_id).with_for_update()).one()


def _move(
    session: Session,
    row: CreditBalance,
    kind: str,
    *,
    available: int = 0,
    held: int = 0,
    monthly: int = 0,
    month: str | None = None,
    job_id: str | None = None,
    reason: str | None = None,
    period: str | None = None,
) -> None:
    """Write the entry and apply it to the balance, whose row is locked."""
    session.execute(
        insert(CreditEntry).values(
            account_id=row.account_id,
            kind=kind,
            available=available,
            held=held,
            monthly=monthly,
            month=month if monthly else None,
            job_id=job_id,
            reason=reason,
            period=period,
        )
    )
    row.available += available
    row.held += held
    row.monthly += monthly
    session.flush()


def _turn_month(session: Session, account_id: str) -> None:
    """Expire the credits of a past month and book this month's, unless that was already done.

    A clock that was far ahead, and is right again, leaves a month behind that has not begun. Its credits expire, too,
    and what is left of this month's is given again.
    """
    now = _now()
    month, latest = plans.period(now), plans.period(now + _SKEW)
    known = session.scalars(select(CreditBalance.month).where(CreditBalance.account_id == account_id)).one_or_none()
    if known is not None and month <= known <= latest:
        return
    plan = plans.of(session, account_id)
    session.execute(insert(CreditBalance).values(account_id=account_id, available=0, held=0).on_conflict_do_nothing())
    row = _locked(session, account_id)
    if row.month is not None and month <= row.month <= latest:
        return  # another transaction was faster
    if over := row.monthly:
        ended = row.month is None or row.month < month
        reason = f"of {row.month}, unused at its end" if ended else f"of {row.month}, which has not begun"
        _move(session, row, "expire", available=-over, monthly=-over, month=row.month, reason=reason)
    row.month = month
    session.flush()
    more = plan.monthly_credits - _given(session, account_id, month)
    if more > 0:
        first = session.scalar(
            select(CreditEntry.id).where(CreditEntry.account_id == account_id, CreditEntry.period == month)
        )
        again, period = ("", month) if first is None else (", again", None)
        reason = f"plan {plan.name}, {month}{again}"
        _move(session, row, "grant", available=more, monthly=more, month=month, period=period, reason=reason)


def _given(session: Session, account_id: str, month: str) -> int:
    """What the account got of the month's credits, less what of it has expired.

    An earlier version granted a month's credits without an expiry: they count, too.
    """
    entry = CreditEntry
    of_month = and_(entry.kind.in_(("grant", "expire")), entry.month == month)
    lasting = and_(entry.kind == "grant", entry.period == month, entry.month.is_(None))
    total = select(func.coalesce(func.sum(entry.available), 0))
    return session.scalars(total.where(entry.account_id == account_id, or_(of_month, lasting))).one()


def _refuse(session: Session, account_id: str, credits: int) -> None:
    now = buckets(session, account_id)
    held = f" and {now.held} held by jobs that have not ended" if now.held else ""
    raise InsufficientCredits(
        f"The job costs {credits} credit{'s' if credits > 1 else ''}; the account has {now.available} available{held}.",
        hint=f"{now.next_monthly} credits are added on {now.monthly_until:%Y-%m-%d} (UTC); an operator can add more "
        f"with: spherelinks accounts grant {account_id} CREDITS",
    )


def _now() -> datetime:
    return datetime.now(UTC)
