"""Settings → API keys: make, show once, rotate, revoke."""

from __future__ import annotations

import re
from datetime import timedelta
from http import HTTPStatus

from flask import redirect, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session
from werkzeug.exceptions import NotFound

from spherelinks.accounts import keys
from spherelinks.database import ApiKey, new_id, transaction
from spherelinks.errors import InvalidRequest
from spherelinks_server.dashboard import gate
from spherelinks_server.services import services

pages = gate.private("keys", "/app/keys")

SCOPES = {
    "generate": "Make models, and cancel them",
    "read": "See jobs, download results, see credits",
    "manage": "Delete results, set up webhooks",
}
GRACES = {"0": "at once", "1": "in one hour", "24": "in one day", "168": "in seven days"}
"""When a rotated key expires, by hours."""
_KEY_ID = re.compile("key_[0-7][0-9a-hjkmnp-tv-z]{25}", re.ASCII)


@pages.get("")
def show() -> str:
    return _list()


@pages.post("")
def create() -> ResponseReturnValue:
    form = request.form
    cap = form.get("monthly_cap", "").strip()
    try:
        if cap and not (cap.isdecimal() and len(cap) < 10):
            raise InvalidRequest(f"monthlyCap is '{cap}'.", hint="Give a whole number of credits, or leave it empty.")
        with transaction(services().engine) as session:
            key, secret = keys.create(
                session,
                gate.me().account_id,
                form.get("name", ""),
                scopes=form.getlist("scopes"),
                monthly_cap=int(cap) if cap else None,
                sandbox="sandbox" in form,
                key_id=_named(),
            )
    except InvalidRequest as error:
        if error.field == "id":
            return _known()
        return _list(problem=f"{error.message} {error.hint}"), HTTPStatus.BAD_REQUEST
    return _made(key, secret)


@pages.post("/<key_id>/rotate")
def rotate(key_id: str) -> ResponseReturnValue:
    grace = request.form.get("grace", "")
    if grace not in GRACES:
        raise InvalidRequest(f"grace is '{grace}'.", hint=f"Give one of {', '.join(GRACES)} hours.", field="grace")
    try:
        with transaction(services().engine) as session:
            old = _own(session, key_id)
            key, secret = keys.rotate(session, old.id, timedelta(hours=int(grace)), _named())
    except InvalidRequest as error:
        if error.field == "id":
            return _known()
        raise
    return _made(key, secret, f"The old key expires {GRACES[grace]}.")


@pages.post("/<key_id>/revoke")
def revoke(key_id: str) -> ResponseReturnValue:
    with transaction(services().engine) as session:
        keys.revoke(session, _own(session, key_id).id)
    return redirect("/app/keys?done=key-revoked", HTTPStatus.SEE_OTHER)


def newest(session: Session, account_id: str) -> ApiKey | None:
    """The account's newest working key."""
    alive = [key for key in keys.list_keys(session, account_id) if key.state in ("active", "expiring")]
    return alive[-1] if alive else None


def _own(session: Session, key_id: str) -> ApiKey:
    key = session.get(ApiKey, key_id)
    if key is None or key.account_id != gate.me().account_id:
        raise NotFound
    return key


def _named() -> str | None:
    """The id that the form has for its key: a form that is sent again, as by a reload, makes no second one."""
    named = request.form.get("key", "")
    return named if _KEY_ID.fullmatch(named) else None


def _known() -> ResponseReturnValue:
    return redirect("/app/keys?done=key-known", HTTPStatus.SEE_OTHER)


def _list(problem: str = "") -> str:
    with transaction(services().engine) as session:
        found = keys.list_keys(session, gate.me().account_id)[::-1]
    alive = [key for key in found if key.state in ("active", "expiring")]
    ended = [key for key in found if key not in alive]
    return render_template(
        "keys.html",
        alive=alive,
        ended=ended,
        problem=problem,
        scopes=SCOPES,
        graces=GRACES,
        new_key_id=lambda: new_id("key"),
    )


def _made(key: ApiKey, secret: str, note: str = "") -> ResponseReturnValue:
    page = render_template("key_made.html", key=key, secret=secret, note=note, address=gate.base_url())
    return page, HTTPStatus.CREATED
