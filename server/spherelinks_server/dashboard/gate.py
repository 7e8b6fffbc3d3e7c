"""Who may see a page: session cookies, CSRF tokens, and the host names that are ours."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import secrets
from urllib.parse import urlencode, urlsplit

from flask import Blueprint, Response, g, redirect, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import Forbidden, MisdirectedRequest, Unauthorized

from spherelinks.accounts import devices, sessions
from spherelinks.accounts.sessions import SignedIn
from spherelinks.accounts.worlds import World
from spherelinks.database import transaction
from spherelinks.errors import DatabaseUnavailable
from spherelinks_server.services import services

CSRF_FIELD, CSRF_HEADER = "csrf", "X-CSRF-Token"
_SAFE = ("GET", "HEAD", "OPTIONS")
_SESSION, _VISITOR, _DEVICE = "spherelinks_session", "spherelinks_visitor", "spherelinks_device"


def private(name: str, prefix: str) -> Blueprint:
    """A blueprint whose pages are for those who are signed in."""
    pages = Blueprint(name, __name__, url_prefix=prefix)
    pages.before_request(_check_name)
    pages.before_request(_check_forgery)
    pages.before_request(_check_session)
    pages.after_request(_finish)
    return pages


def public(name: str) -> Blueprint:
    """A blueprint whose pages are for everybody; :func:`visitor` says who is signed in."""
    pages = Blueprint(name, __name__)
    pages.before_request(_check_forgery)
    pages.after_request(_finish)
    return pages


def me() -> SignedIn:
    """Who is signed in, on a private page."""
    found: SignedIn = g.me
    return found


def world() -> World:
    """What the pages show: what is live, of the account of who is signed in."""
    return World(me().account_id)


def visitor() -> SignedIn | None:
    """Who is signed in, on a public page; nobody if the database does not answer."""
    if "me" not in g:
        try:
            g.me = _read_session()
        except DatabaseUnavailable:
            g.me = None
    found: SignedIn | None = g.me
    return found


def csrf_token() -> str:
    """The token that forms and scripts of this browser must send back. It is bound to the session."""
    bound = _cookie(_SESSION) or _cookie(_VISITOR) or g.get("new_visitor")
    if not bound:
        bound = g.new_visitor = secrets.token_urlsafe(32)
    return _csrf(bound)


def enter(response: Response, token: str, device: str) -> Response:
    """Have the browser keep the session with that token, and the token by which it is known later."""
    g.pop("new_visitor", None)
    for name, value, life in ((_SESSION, token, sessions.LIFE), (_DEVICE, device, devices.LIFE)):
        response.set_cookie(
            _name(name),
            value,
            max_age=int(life.total_seconds()),
            httponly=True,
            secure=is_secure(),
            samesite="Lax",
        )
    response.delete_cookie(_name(_VISITOR), secure=is_secure(), httponly=True, samesite="Lax")
    return response


def leave(response: Response) -> Response:
    """Have the browser forget its session."""
    g.pop("new_visitor", None)
    response.delete_cookie(_name(_SESSION), secure=is_secure(), httponly=True, samesite="Lax")
    return response


def session_token() -> str:
    """The token of the browser's session, empty if it sends none."""
    return _cookie(_SESSION)


def device_token() -> str:
    """The token by which the browser is known from an earlier sign-in, empty if it sends none."""
    return _cookie(_DEVICE)


def is_secure() -> bool:
    """Whether the browser speaks TLS to us, or to the proxy at our public address."""
    return request.is_secure or (_is_public(request.host) and base_url().startswith("https://"))


def base_url() -> str:
    """The server's address as this browser knows it, without a slash at the end."""
    public_url = services().settings.public_url
    return public_url if public_url and _is_public(request.host) else request.host_url.rstrip("/")


def wants_json() -> bool:
    """Whether the request comes from one of our scripts, which want JSON errors rather than pages."""
    return request.accept_mimetypes.best_match(["text/html", "application/json"]) == "application/json"


# --- checks ---------------------------------------------------------------------------------------------------------


def _check_name() -> None:
    if not _is_ours(request.host):
        raise MisdirectedRequest(
            f"This server does not answer to the name '{request.host}'. Its operator can set SPHERELINKS_PUBLIC_URL "
            f"to {request.scheme}://{request.host}, or use its IP address."
        )


def _check_forgery() -> None:
    if request.method in _SAFE:
        return
    _check_name()
    origin = request.headers.get("Origin")
    if origin is not None and urlsplit(origin).netloc != request.host:
        raise Forbidden("This request comes from another site.")
    sent = request.headers.get(CSRF_HEADER) or request.form.get(CSRF_FIELD, "")
    bound = _cookie(_SESSION) or _cookie(_VISITOR)
    if not bound or not hmac.compare_digest(sent.encode(), _csrf(bound).encode()):
        raise Forbidden("This form has expired, or your browser blocks cookies. Go back, reload the page, try again.")


def _check_session() -> ResponseReturnValue | None:
    g.me = None  # for the error page, in case the database does not answer
    g.me = _read_session()
    if g.me is not None:
        return None
    if wants_json():
        raise Unauthorized("You are no longer signed in.")
    wanted = request.full_path.rstrip("?") if request.method in _SAFE else ""
    return redirect("/sign-in" + (f"?{urlencode({'next': wanted})}" if wanted else ""))


def _read_session() -> SignedIn | None:
    token = _cookie(_SESSION)
    if not token:
        return None
    with transaction(services().engine) as session:
        return sessions.read(session, token)


def _finish(response: Response) -> Response:
    if "Cache-Control" not in response.headers:
        response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "same-origin"  # without one, a form's Origin would be null
    response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
    response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    response.headers["Permissions-Policy"] = "camera=(), geolocation=(), microphone=(), payment=(), usb=()"
    if is_secure():
        response.headers["Strict-Transport-Security"] = "max-age=31536000"
    fresh = g.get("new_visitor")
    if fresh:
        response.set_cookie(_name(_VISITOR), fresh, httponly=True, secure=is_secure(), samesite="Lax")
    return response


def _is_ours(host: str) -> bool:
    """Whether no other site can have pointed the host name here (DNS rebinding): it is the public one, or none."""
    name = urlsplit(f"//{host}").hostname or ""
    if _is_public(host) or name == "localhost":
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _is_public(host: str) -> bool:
    public_url = services().settings.public_url
    return public_url is not None and urlsplit(public_url).netloc == host.lower()


def _csrf(bound: str) -> str:
    return hashlib.sha256(f"csrf {bound}".encode()).hexdigest()


def _cookie(name: str) -> str:
    return request.cookies.get(_name(name), "")


def _name(name: str) -> str:
    # only this very host can have set such a cookie, over TLS
    return f"__Host-{name}" if is_secure() else name
