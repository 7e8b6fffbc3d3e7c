"""The ways in and out: sign up, sign in, by a link, sign out."""

from __future__ import annotations

import secrets
from http import HTTPStatus

from flask import Response, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from spherelinks.accounts import devices, plans, sessions, users
from spherelinks.database import transaction
from spherelinks.errors import InvalidRequest, RateLimited
from spherelinks_server.dashboard import gate
from spherelinks_server.services import services

HOME, FIRST = "/app/models", "/app/playground"

pages = gate.public("doors")


@pages.get("/sign-in")
def sign_in_page() -> ResponseReturnValue:
    wanted = _inside(request.args.get("next", ""))
    if gate.visitor() is not None:
        return redirect(wanted)
    return _sign_in_form(next=wanted)


@pages.post("/sign-in")
def sign_in() -> ResponseReturnValue:
    email, password = request.form.get("email", ""), request.form.get("password", "")
    wanted, address = _inside(request.form.get("next", "")), request.remote_addr or ""
    try:
        # nobody need wait for the hashing; but tries are counted in turn, else a crowd takes all connections
        aside = services().turnstile.aside
        user = users.try_sign_in(services().engine, email, password, address, gate.device_token(), aside)
    except RateLimited as error:
        return _refused(_sign_in_form(email=email, next=wanted, problem=f"{error.message} {error.hint}"), error)
    if user is None:
        problem = "There is no user with this e-mail address and password."
        return _sign_in_form(email=email, next=wanted, problem=problem), HTTPStatus.UNAUTHORIZED
    with transaction(services().engine) as session:
        users.forget_tries(session, email, address)
        tokens = _open_session(session, user.id)
    return gate.enter(make_response(redirect(wanted, HTTPStatus.SEE_OTHER)), *tokens)


@pages.get("/sign-up")
def sign_up_page() -> ResponseReturnValue:
    if gate.visitor() is not None:
        return redirect(HOME)
    return _sign_up_form()


@pages.post("/sign-up")
def sign_up() -> ResponseReturnValue:
    """Sign up, and in. The answer is the same if the address was taken already, but its session is nobody's then."""
    if services().settings.signup == "closed":
        return _sign_up_form(), HTTPStatus.FORBIDDEN
    email, password = request.form.get("email", ""), request.form.get("password", "")
    try:
        users.count_try(services().engine, email, request.remote_addr or "")
        with services().turnstile.aside():
            a_day = services().settings.signups_a_day
            users.sign_up(services().engine, email, password, request.remote_addr or "", a_day)
            user = users.sign_in(services().engine, email, password, request.remote_addr or "")
    except RateLimited as error:
        return _refused(_sign_up_form(email=email, problem=f"{error.message} {error.hint}"), error)
    except InvalidRequest as error:
        problem = f"Your {error.message} {error.hint}"
        return _sign_up_form(email=email, problem=problem, field=error.field), HTTPStatus.BAD_REQUEST
    with transaction(services().engine) as session:
        if user is not None:
            users.forget_tries(session, email, request.remote_addr or "")
        tokens = _open_session(session, user.id) if user else _nobodys_session(session)
    return gate.enter(make_response(redirect("/signed-up", HTTPStatus.SEE_OTHER)), *tokens)


@pages.get("/signed-up")
def signed_up() -> ResponseReturnValue:
    """Whether the sign-up has signed in; not if the address was taken, and the password is another."""
    return redirect(FIRST) if gate.visitor() is not None else _sign_in_form(next=FIRST, fresh=True)


@pages.get("/welcome/<token>")
def welcome_page(token: str) -> ResponseReturnValue:
    """The button that redeems a link: mail scanners and link previews fetch URLs, but press no buttons."""
    return redirect(HOME) if gate.visitor() is not None else render_template("welcome.html", token=token)


@pages.post("/welcome/<token>")
def welcome(token: str) -> ResponseReturnValue:
    """Sign in with a one-time link."""
    with transaction(services().engine) as session:
        user_id = users.redeem(session, token)
        tokens = _open_session(session, user_id, by_link=True) if user_id is not None else None
    if tokens:
        return gate.enter(make_response(redirect(HOME, HTTPStatus.SEE_OTHER)), *tokens)
    if gate.visitor() is not None:  # the link was followed twice
        return redirect(HOME)
    problem = "This link has already been used or has expired. Your operator can make a new one."
    return _sign_in_form(problem=problem), HTTPStatus.UNAUTHORIZED


@pages.post("/sign-out")
def sign_out() -> Response:
    with transaction(services().engine) as session:
        sessions.end(session, gate.session_token())
    return gate.leave(make_response(redirect(url_for("doors.sign_in_page", done="signed-out"), HTTPStatus.SEE_OTHER)))


def _sign_in_form(**values: object) -> str:
    return render_template("sign_in.html", **{"next": HOME, **values})


def _sign_up_form(**values: object) -> str:
    with transaction(services().engine) as session:
        free = plans.get(session, plans.FREE).monthly_credits
    return render_template("sign_up.html", free=free, **values)


def _refused(page: str, error: RateLimited) -> ResponseReturnValue:
    return page, HTTPStatus.TOO_MANY_REQUESTS, {"Retry-After": str(round(error.retry_after) + 1)}


def _open_session(session: Session, user_id: str, *, by_link: bool = False) -> tuple[str, str]:
    """Open a new session, end the one that this browser had, and know the browser; the two tokens."""
    sessions.end(session, gate.session_token())
    token = sessions.create(session, user_id, request.headers.get("User-Agent", ""), by_link=by_link)
    return token, devices.remember(session, user_id, gate.device_token())


def _nobodys_session(session: Session) -> tuple[str, str]:
    """Tokens like those of a new session, which are worth nothing."""
    sessions.end(session, gate.session_token())
    return secrets.token_urlsafe(32), secrets.token_urlsafe(32)


def _inside(path: str) -> str:
    """The path if it is one of our pages, else the first page."""
    sane = path.startswith("/app/") and "\\" not in path and path.isprintable()
    return path if sane else HOME
