"""Plans: how many credits an account is given each calendar month (UTC).

A month's credits are granted on the account's first use in that month, once; credits that are left over stay.
The owner of an installation pays for the machine and not for credits, so the owner's plan is out of any one's reach;
it is booked like every other, so that there is one kind of account.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True)
class Plan:
    name: str
    monthly_credits: int


FREE = Plan("free", 10)
OWNER = Plan("owner", 1_000_000)
PLANS = {plan.name: plan for plan in (FREE, OWNER)}


def period(moment: datetime) -> str:
    """The month that ``moment`` (aware) lies in, as ``2026-11``."""
    return f"{moment.astimezone(UTC):%Y-%m}"


def next_period_start(moment: datetime) -> datetime:
    """The first instant of the month after the one that ``moment`` (aware) lies in, UTC."""
    moment = moment.astimezone(UTC)
    years, month = divmod(moment.month, 12)
    return datetime(moment.year + years, month + 1, 1, tzinfo=UTC)
