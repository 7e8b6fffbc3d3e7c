"""Rate limits per key and per network address."""

from __future__ import annotations

import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import LiteralString

from sqlalchemy import Engine

from spherelinks.database import fetch_one
from spherelinks.errors import ConfigurationError

DEFAULT_PER_MINUTE = 1200
DEFAULT_OF_ADDRESS = 6000
_KEYS = 10_000


def per_minute(environ: Mapping[str, str] = os.environ) -> int:
    """SPHERELINKS_RATE_LIMIT: requests per minute and key, 0 for no limit. Raises ConfigurationError."""
    return _number(environ, "SPHERELINKS_RATE_LIMIT", DEFAULT_PER_MINUTE, "key")


def of_address(environ: Mapping[str, str] = os.environ) -> int:
    """SPHERELINKS_ADDRESS_RATE_LIMIT: requests per minute and network address, with any key or none, 0 for no limit.
    Raises ConfigurationError."""
    return _number(environ, "SPHERELINKS_ADDRESS_RATE_LIMIT", DEFAULT_OF_ADDRESS, "network address")


def _number(environ: Mapping[str, str], variable: str, default: int, who: str) -> int:
    value = environ.get(variable, "").strip() or str(default)
    if not value.isdecimal():
        raise ConfigurationError(
            f"{variable} is '{value}'.",
            hint=f"Give the requests per minute allowed for one {who} as a whole number, or 0 for no limit.",
        )
    return int(value)


class RateLimit:
    """A token bucket per key, or whatever else requests are counted by: one minute's worth at once, refilled evenly.

    per_minute : for a key whose plan has no limit of its own; 0 is no limit for anyone
    of_plan : the limit in a key's plan, by the key's digest; None if it has none

    Lives in the memory of one process; holds the ``_KEYS`` most recent keys.
    """

    def __init__(
        self,
        per_minute: int,
        of_plan: Callable[[bytes], int | None] = lambda digest: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._per_minute = per_minute
        self._of_plan = of_plan
        self._clock = clock
        self._buckets: OrderedDict[bytes, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, key: bytes) -> float:
        """Count one request: 0 if it may proceed, else the seconds until one may."""
        if not self._per_minute:
            return 0.0
        capacity = float(self._of_plan(key) or self._per_minute)
        per_second = capacity / 60
        now = self._clock()
        with self._lock:
            tokens, seen = self._buckets.pop(key, (capacity, now))
            tokens = min(tokens + (now - seen) * per_second, capacity)
            granted = tokens >= 1
            self._buckets[key] = (tokens - 1 if granted else tokens, now)
            if len(self._buckets) > _KEYS:
                self._buckets.popitem(last=False)
        return 0.0 if granted else (1 - tokens) / per_second


class PlanRates:
    """The requests per minute that keys' plans allow, cached for a minute."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._known: OrderedDict[bytes, tuple[int | None, float]] = OrderedDict()

    def __call__(self, digest: bytes) -> int | None:
        """For the key with that digest; None if its plan has no limit, or there is no such key."""
        now = time.monotonic()
        rate, until = self._known.get(digest, (None, now))
        if now < until:
            return rate
        row = fetch_one(self._engine, _RATE, (digest,))
        rate = row[0] if row else None
        self._known[digest] = (rate, now + _BELIEVED_S)
        while len(self._known) > _KEYS:
            self._known.popitem(last=False)
        return rate


_BELIEVED_S = 60.0
_RATE: LiteralString = """
SELECT p.requests_per_minute
FROM api_keys k JOIN accounts a ON a.id = k.account_id JOIN plans p ON p.name = a.plan
WHERE k.digest = %s
"""
