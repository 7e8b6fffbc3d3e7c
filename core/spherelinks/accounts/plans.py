"""Plans: an account's credits per calendar month (UTC), its priority, its limits and how long results are kept.

Plans are rows in the database, shared by all processes of an installation. ``free`` and ``owner`` are built in; an
operator's own come from a TOML file (``SPHERELINKS_PLANS``) with one table each::

    [studio]
    monthly_credits = 500
    requests_per_minute = 3000
    concurrent_jobs = 8
    head_start_s = 600
    retention_days = 365
    storage_mb = 20000

Fields left out mean no limit; ``monthly_credits`` and ``head_start_s`` default to 0. The owner of an installation pays
for the machine, not for credits, so the owner's plan cannot be assigned to others. It is booked like any other and
never runs out: its credits are a measure of use, and every answer says that it is unlimited.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import ColumnElement, ScalarSelect, func, select
from sqlalchemy.orm import Session

from spherelinks.database import Account, Plan
from spherelinks.errors import ConfigurationError, InvalidRequest

FREE = "free"
OWNER = "owner"

_RANGES = {
    "monthly_credits": (0, 1_000_000),
    "requests_per_minute": (1, 1_000_000),
    "concurrent_jobs": (1, 10_000),
    "head_start_s": (0, 86_400),
    "retention_days": (1, 36_500),
    "storage_mb": (1, 1_000_000_000),
}
_LEFT_OUT = {"monthly_credits": 0, "head_start_s": 0}


def of(session: Session, account_id: str) -> Plan:
    """The plan of an account. Raises InvalidRequest for an unknown account."""
    plan = session.scalars(select(Plan).join(Account, Account.plan == Plan.name).where(Account.id == account_id))
    found = plan.one_or_none()
    if found is None:
        raise InvalidRequest(
            f"account is '{account_id}': there is no such account.",
            hint="List the accounts with: spherelinks accounts list",
            field="account",
        )
    return found


def unlimited(plan: Plan) -> bool:
    """Whether no job of the plan's account is refused for want of credits: the owner's, who pays for the machine."""
    return plan.name == OWNER


def list_plans(session: Session) -> Sequence[Plan]:
    """Every plan, those with the fewest credits first."""
    return session.scalars(select(Plan).order_by(Plan.monthly_credits, Plan.name)).all()


def get(session: Session, name: str) -> Plan:
    """The plan with that name. Raises InvalidRequest if there is none."""
    plan = session.get(Plan, name)
    if plan is None:
        known = ", ".join(known.name for known in list_plans(session))
        raise InvalidRequest(f"plan is '{name}': there is no such plan.", hint=f"Plans: {known}.", field="plan")
    return plan


def apply(session: Session, plans: Sequence[Plan]) -> None:
    """Create or update these plans; others stay, since accounts may be on them."""
    for plan in plans:
        session.merge(plan)
    session.flush()


def read(path: Path) -> list[Plan]:
    """The plans of a TOML file. Raises ConfigurationError that names the file, the plan and the field."""
    try:
        tables = tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"SPHERELINKS_PLANS is '{path}', which cannot be read: {error}.",
            hint="Give the path of a TOML file; docs/configuration.md shows one.",
        ) from error
    return [_plan(path, name, table) for name, table in tables.items()]


def _plan(path: Path, name: str, table: object) -> Plan:
    fields = table if isinstance(table, dict) else {}
    if not isinstance(table, dict) or not fields.keys() <= _RANGES.keys():
        wrong = sorted(fields.keys() - _RANGES.keys()) or [name]
        raise ConfigurationError(
            f"{path}: '{wrong[0]}' is not a field of a plan.",
            hint=f"A plan is a table [name] with the fields {', '.join(_RANGES)}.",
        )
    for field, value in fields.items():
        low, high = _RANGES[field]
        if type(value) is not int or not low <= value <= high:
            raise ConfigurationError(
                f"{path}: {field} of plan '{name}' is {value!r}.",
                hint=f"Give a whole number from {low} to {high}, or leave it out.",
            )
    return Plan(name=name, **{field: fields.get(field, _LEFT_OUT.get(field)) for field in _RANGES})


def kept_until(account_id: str | ColumnElement[str]) -> ScalarSelect[datetime]:
    """SQL expression: when the files of a job that ends now are deleted; NULL is never."""
    until = func.now() + func.make_interval(0, 0, 0, Plan.retention_days)
    return select(until).join(Account, Account.plan == Plan.name).where(Account.id == account_id).scalar_subquery()


def period(moment: datetime) -> str:
    """The month of ``moment`` (aware, UTC), as ``2026-11``."""
    return f"{moment.astimezone(UTC):%Y-%m}"


def period_start(month: str) -> datetime:
    """The first instant of a month such as ``2026-11``, UTC."""
    return datetime.strptime(month, "%Y-%m").replace(tzinfo=UTC)


def next_period_start(moment: datetime) -> datetime:
    """The first instant of the month after that of ``moment`` (aware), UTC."""
    moment = moment.astimezone(UTC)
    years, month = divmod(moment.month, 12)
    return datetime(moment.year + years, month + 1, 1, tzinfo=UTC)
