"""Credits: the balance, every ledger entry with its reason, and credits to buy where they are sold."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from flask import render_template, request
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from spherelinks.accounts import ledger, payments, plans
from spherelinks.database import CreditEntry, Job, transaction
from spherelinks.jobs import usage
from spherelinks_server.dashboard import gate
from spherelinks_server.services import services

pages = gate.private("credits", "/app/credits")

_PAGE = 25
_KINDS = {
    "grant": "Added",
    "hold": "Held",
    "capture": "Spent",
    "release": "Returned",
    "expire": "Expired",
}


@dataclass(frozen=True)
class Row:
    """One movement, in words."""

    when: datetime
    kind: str
    name: str
    why: str
    available: int
    held: int
    job_id: str | None
    model: str


@pages.get("")
def show() -> str:
    account_id = gate.me().account_id
    before = request.args.get("before", type=int)
    with transaction(services().engine) as session:
        buckets = ledger.buckets(session, account_id)
        plan = plans.of(session, account_id)
        entries = ledger.entries(session, gate.world(), before=before, limit=_PAGE + 1)
        jobs = _jobs(session, [entry.job_id for entry in entries[:_PAGE]])
        totals = _totals(session, account_id)
        stored = usage.stored(session, account_id)
    rows = [_row(entry, jobs) for entry in entries[:_PAGE]]
    older = entries[_PAGE - 1].id if len(entries) > _PAGE else None
    stripe = services().stripe
    return render_template(
        "credits.html",
        buckets=buckets,
        plan=plan,
        rows=rows,
        older=older,
        newest=before is None,
        totals=totals,
        stored=stored,
        packs=sorted(stripe.packs) if stripe else (),
    )


@pages.post("/buy")
def buy() -> str:
    """A page that leads to Stripe's; a redirect would violate the form-action policy."""
    credits = request.form.get("credits", type=int) or 0
    url = payments.checkout(services().stripe, gate.me().account_id, credits, f"{gate.base_url()}/app/credits")
    return render_template("checkout.html", url=url, credits=credits)


def _row(entry: CreditEntry, jobs: dict[str | None, tuple[str | None, str | None]]) -> Row:
    model, error = jobs.get(entry.job_id, (None, None))
    match entry.kind:
        case "hold":
            why = "Set aside until the model is done."
        case "capture":
            why = "The model is ready."
        case "release":
            why = error or "The model failed."
        case _:
            why = (entry.reason or "").capitalize()
    name = _KINDS.get(entry.kind, entry.kind)
    return Row(entry.created_at, entry.kind, name, why, entry.available, entry.held, entry.job_id, model or "the model")


def _jobs(session: Session, job_ids: list[str | None]) -> dict[str | None, tuple[str | None, str | None]]:
    """What those jobs' models are called, and why they failed."""
    wanted = select(Job.id, Job.options["name"].astext, Job.error_message).where(Job.id.in_(job_ids))
    return {job_id: (name, error) for job_id, name, error in session.execute(wanted)}


def _totals(session: Session, account_id: str) -> dict[str, int]:
    """How many credits were ever held, captured and released."""
    found = session.execute(
        select(CreditEntry.kind, func.sum(func.abs(CreditEntry.held)))
        .where(CreditEntry.account_id == account_id, CreditEntry.kind.in_(("hold", "capture", "release")))
        .group_by(CreditEntry.kind)
    ).all()
    return dict.fromkeys(("hold", "capture", "release"), 0) | {kind: int(total) for kind, total in found}
