"""Liveness and readiness, for load balancers and supervisors, and for people as a page."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from http import HTTPStatus

from flask import Blueprint, Response, jsonify, render_template
from flask.typing import ResponseReturnValue
from sqlalchemy import Engine

from spherelinks import database
from spherelinks.errors import ServiceError
from spherelinks.storage import Storage

PATHS = ("/healthz", "/readyz")
PAGE = "/server"
_REMEMBER_S = 1.0
_log = logging.getLogger(__name__)


def blueprint(engine: Engine, storage: Storage) -> Blueprint:
    """``/healthz``, ``/readyz`` and the page. Results are cached briefly: anyone may ask, and checks write to the
    storage."""
    pages = Blueprint("health", __name__)
    lock = threading.Lock()
    checks: dict[str, str] = {}
    looked = -_REMEMBER_S

    def look() -> dict[str, str]:
        nonlocal checks, looked
        with lock:
            if time.monotonic() - looked >= _REMEMBER_S:
                checks = _look(engine, storage)
                looked = time.monotonic()
            return checks

    @pages.get("/healthz")
    def healthz() -> Response:
        return jsonify(status="ok")

    @pages.get("/readyz")
    def readyz() -> Response:
        checks = look()
        wrong = [f"{part}: {state}" for part, state in checks.items() if state != "ok"]
        if wrong:
            raise ServiceError(f"Not ready: {'; '.join(wrong)}.", hint="The server's log says more.")
        return jsonify(status="ready", checks=checks)

    @pages.get(PAGE)
    def page() -> ResponseReturnValue:
        checks = look()
        ready = all(state == "ok" for state in checks.values())
        shown = render_template("server.html", checks=checks, ready=ready)
        return shown, HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE, {"Cache-Control": "no-store"}

    return pages


def _look(engine: Engine, storage: Storage) -> dict[str, str]:
    """``ok``, or what is wrong, by part."""

    def database_state() -> str:
        return (
            "ok" if database.is_current(engine) else "its schema is not this version's; start the server to migrate it"
        )

    def storage_state() -> str:
        storage.probe()
        return "ok"

    return {"database": _state(database_state), "storage": _state(storage_state)}


def _state(look: Callable[[], str]) -> str:
    try:
        return look()
    except Exception:
        # the reason may name hosts and users, and anyone may ask, so it only goes to the log
        _log.exception("readiness")
        return "cannot be reached"
