"""The account: its password, the browsers it is signed in with, and its end."""

from __future__ import annotations

from http import HTTPStatus

from flask import make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import NotFound

from spherelinks.accounts import addresses, devices, passwords, sessions, users
from spherelinks.database import transaction
from spherelinks.errors import InvalidRequest, RateLimited
from spherelinks.jobs import closing
from spherelinks_server.dashboard import gate
from spherelinks_server.services import services

pages = gate.private("account", "/app/account")


@pages.get("")
def show() -> str:
    return _page()


@pages.post("/password")
def change_password() -> ResponseReturnValue:
    """Change the password; those who signed in by link, as after losing it, need not know the old one."""
    me, form = gate.me(), request.form
    try:
        if not me.by_link and not _knows_password(form.get("old", "")):
            return _page("password", "The current password is wrong."), HTTPStatus.BAD_REQUEST
        with services().turnstile.aside():
            hashed = passwords.hashed(form.get("new", ""), _network())
        with transaction(services().engine) as session:
            users.set_password(session, users.get(session, me.user_id), hashed, form.get("email"))
            sessions.end_others(session, me.user_id)
            token = sessions.create(session, me.user_id, request.headers.get("User-Agent", ""))
            device = devices.remember(session, me.user_id, gate.device_token())
            devices.forget_others(session, me.user_id, device)
    except InvalidRequest as error:
        return _page("password", f"Your {error.message} {error.hint}"), HTTPStatus.BAD_REQUEST
    except RateLimited as error:
        return _page("password", f"{error.message} {error.hint}"), HTTPStatus.BAD_REQUEST
    return gate.enter(
        make_response(redirect("/app/account?done=password-changed", HTTPStatus.SEE_OTHER)), token, device
    )


@pages.post("/sign-out-others")
def sign_out_others() -> ResponseReturnValue:
    with transaction(services().engine) as session:
        sessions.end_others(session, gate.me().user_id, gate.me().digest)
    return redirect("/app/account?done=others-signed-out", HTTPStatus.SEE_OTHER)


@pages.post("/delete")
def delete() -> ResponseReturnValue:
    """Delete the account and its data; the owner's account cannot be deleted."""
    me = gate.me()
    if me.is_owner:
        raise NotFound
    if request.form.get("sure") != "yes":
        return _page("delete", "Tick the box to confirm."), HTTPStatus.BAD_REQUEST
    try:
        if me.has_password and not _knows_password(request.form.get("password", "")):
            return _page("delete", "The password is wrong."), HTTPStatus.BAD_REQUEST
    except RateLimited as error:
        return _page("delete", f"{error.message} {error.hint}"), HTTPStatus.TOO_MANY_REQUESTS
    closing.close(services().engine, services().storage, me.account_id, me.digest)
    return gate.leave(make_response(redirect("/sign-in?done=account-deleted", HTTPStatus.SEE_OTHER)))


def _knows_password(password: str) -> bool:
    """Whether it is the user's password. Raises RateLimited: a stolen session must not help with guessing."""
    with services().turnstile.aside():
        return users.knows(services().engine, gate.me().user_id, password, request.remote_addr or "")


def _network() -> str:
    return addresses.network(request.remote_addr or "")


def _page(field: str = "", problem: str = "") -> str:
    me = gate.me()
    with transaction(services().engine) as session:
        browsers = sessions.list_sessions(session, me.user_id)
    return render_template("account.html", browsers=browsers, field=field, problem=problem)
