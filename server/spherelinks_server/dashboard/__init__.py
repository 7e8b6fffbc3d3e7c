"""The pages for people: landing, sign-in, and, under /app, keys, credits, models and the playground."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from flask import Flask, g, request
from markupsafe import Markup

from spherelinks import __version__
from spherelinks.accounts import ledger
from spherelinks.accounts.sessions import SignedIn
from spherelinks.database import transaction
from spherelinks.errors import DatabaseUnavailable
from spherelinks_server.dashboard import (
    account,
    credits,
    doors,
    gate,
    keys,
    landing,
    models,
    playground,
    reference,
    webhooks,
    words,
)
from spherelinks_server.services import services


def register(app: Flask) -> None:
    """Add the pages to the application."""
    for part in (landing, doors, keys, credits, account, reference, webhooks, models, playground):
        app.register_blueprint(part.pages)
    app.jinja_env.filters.update(words.FILTERS)
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.context_processor(_everywhere)


def balance_text(me: SignedIn) -> str:
    """The balance as the top bar shows it; empty for an account without limit, which need not count credits."""
    with transaction(services().engine) as session:
        balance = ledger.balance(session, me.account_id)
    available = balance.available
    return "" if balance.unlimited else f"{words.number(available)} credit{'' if available == 1 else 's'}"


def _everywhere() -> dict[str, Any]:
    """What every page's template may use."""
    me = gate.visitor()
    balance = _balance(me)
    return {
        "version": __version__,
        "now": lambda: datetime.now(UTC),
        "signup": services().settings.signup,
        "me": me,
        "balance_text": balance,
        "metered": bool(balance),
        "notice": words.notice(request.args.get("done", ""), metered=bool(balance)),
        "csrf_token": gate.csrf_token,
        "csrf_field": _csrf_field,
    }


def _balance(me: SignedIn | None) -> str:
    try:
        return balance_text(me) if me else ""
    except DatabaseUnavailable:  # the page that says so needs none
        g.me = None
        return ""


def _csrf_field() -> Markup:
    return Markup('<input type="hidden" name="{}" value="{}">').format(gate.CSRF_FIELD, gate.csrf_token())
