"""The context of one request: its id, which appears in every log line it causes."""

from __future__ import annotations

import random
import re

from flask import Flask, g, request

from spherelinks import logs

HEADER = "X-Request-Id"
_SANE = re.compile(r"[A-Za-z0-9._-]{1,128}")


def register(app: Flask) -> None:
    """Add the request's id to its log lines."""
    # a thread has one request at a time: this overwrites what the last one left
    app.before_request(lambda: logs.set_subject(request_id=request_id()))


def request_id() -> str:
    """This request's id, for answers and logs: the client's own if it is well-formed, else a new one."""
    if "request_id" not in g:
        g.request_id = identifier(request.headers.get(HEADER))
    found: str = g.request_id
    return found


def identifier(offered: str | None) -> str:
    """The id of a request whose client offered that one."""
    if offered is not None and _SANE.fullmatch(offered):
        return offered
    return f"req_{random.getrandbits(96):024x}"
