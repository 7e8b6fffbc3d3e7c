"""Rate limits per account and per network address."""

from __future__ import annotations

import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import LiteralString

from sqlalchemy import Engine

from spherelinks.database import fetch_one
from spherelinks.errors import ConfigurationError

DEFAULT_PER_MINUTE = 1200
DEFAULT_OF_ADDRESS = 6000
_MOST = 10_000


def per_minute(environ: Mapping[str, str] = os.environ) -> int:
    """SPHERELINKS_RATE_LIMIT: requests per minute and account, 0 for no limit. Raises ConfigurationError."""
    return _number(environ, "SPHERELINKS_RATE_LIMIT", DEFAULT_PER_MINUTE, "account")


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
    """A token bucket for each of those who ask: one minute's worth at once, refilled evenly.

    per_minute : unless a request says otherwise; 0 is no limit for anyone

    Lives in the memory of one process; holds the ``_MOST`` most recent buckets.
    """

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.per_minute = per_minute
        self._clock = clock
        self._buckets: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, who: Hashable, per_minute: int | None = None) -> float:
        """Count one request: 0 if it may proceed, else the seconds until one may.

        per_minute : the limit for ``who``; None is the usual one
        """
        if not self.per_minute:
            return 0.0
        capacity = float(per_minute or self.per_minute)
        per_second = capacity / 60
        now = self._clock()
        with self._lock:
            tokens, seen = self._buckets.pop(who, (capacity, now))
            tokens = min(tokens + (now - seen) * per_second, capacity)
            granted = tokens >= 1
            self._buckets[who] = (tokens - 1 if granted else tokens, now)
            if len(self._buckets) > _MOST:
                self._buckets.popitem(last=False)
        return 0.0 if granted else (1 - tokens) / per_second


class AccountLimit:
    """The rate limit of accounts: all keys of one share its bucket, whose size its plan may set.

    A key that does not exist has a bucket of its own.
    """

    def __init__(self, per_minute: int, engine: Engine) -> None:
        self._limit = RateLimit(per_minute)
        self._engine = engine
        self._owners: OrderedDict[bytes, tuple[str | None, int | None, float]] = OrderedDict()

    def take(self, digest: bytes) -> float:
        """Count one request with the key of that digest, as :meth:`RateLimit.take`. Raises DatabaseUnavailable."""
        if not self._limit.per_minute:
            return 0.0
        account, per_minute, until = self._owners.get(digest, (None, None, 0.0))
        if time.monotonic() >= until:
            account, per_minute = self._look(digest)
        return self._limit.take(account or digest, per_minute)

    def knows(self, digest: bytes) -> bool:
        """Whether :meth:`take` needs no look into the database."""
        known = self._owners.get(digest)
        return not self._limit.per_minute or (known is not None and time.monotonic() < known[2])

    def _look(self, digest: bytes) -> tuple[str | None, int | None]:
        account, per_minute = fetch_one(self._engine, _OWNER, (digest,)) or (None, None)
        self._owners[digest] = account, per_minute, time.monotonic() + _BELIEVED_S
        while len(self._owners) > _MOST:
            self._owners.popitem(last=False)
        return account, per_minute


@dataclass(frozen=True)
class Limits:
    """What requests to the API are counted against."""

    address: RateLimit
    account: AccountLimit


_BELIEVED_S = 60.0
_OWNER: LiteralString = """
SELECT a.id, p.requests_per_minute
FROM api_keys k JOIN accounts a ON a.id = k.account_id LEFT JOIN plans p ON p.name = a.plan
WHERE k.digest = %s
"""
