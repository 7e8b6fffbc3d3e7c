"""What belongs to one request: its id, which stands in every line of the log that the request causes."""

from __future__ import annotations

import random
import re

from flask import Flask, g, request

from spherelinks import logs

HEADER = "X-Request-Id"
_SANE = re.compile(r"[A-Za-z0-9._-]{1,128}")


def register(app: Flask) -> None:
    """Have every request log under its id."""
    # a thread has one request at a time: what the last one left is overwritten
    app.before_request(lambda: logs.set_subject(request_id=request_id()))


def request_id() -> str:
    """This request's id, for answers and logs: the client's own where it is sane, else a new one."""
    if "request_id" not in g:
        offered = request.headers.get(HEADER)
        sane = offered is not None and _SANE.fullmatch(offered)
        g.request_id = offered if sane else f"req_{random.getrandbits(96):024x}"
    found: str = g.request_id
    return found
