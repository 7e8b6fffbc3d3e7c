"""What belongs to one request: its id."""

from __future__ import annotations

import random
import re

from flask import g, request

HEADER = "X-Request-Id"
_SANE = re.compile(r"[A-Za-z0-9._-]{1,128}")


def request_id() -> str:
    """This request's id, for answers and logs: the client's own where it is sane, else a new one."""
    if "request_id" not in g:
        offered = request.headers.get(HEADER)
        sane = offered is not None and _SANE.fullmatch(offered)
        g.request_id = offered if sane else f"req_{random.getrandbits(96):024x}"
    found: str = g.request_id
    return found
