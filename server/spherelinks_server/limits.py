"""How much one key may ask for."""

from __future__ import annotations

import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping

from spherelinks.errors import ConfigurationError

DEFAULT_PER_MINUTE = 1200
_KEYS = 10_000


def per_minute(environ: Mapping[str, str] = os.environ) -> int:
    """SPHERELINKS_RATE_LIMIT: requests a minute and key, 0 for no limit. Raises ConfigurationError."""
    value = environ.get("SPHERELINKS_RATE_LIMIT", "").strip() or str(DEFAULT_PER_MINUTE)
    if not value.isdecimal():
        raise ConfigurationError(
            f"SPHERELINKS_RATE_LIMIT is '{value}'.",
            hint="Give the requests a minute that one key may make as a whole number, or 0 for no limit.",
        )
    return int(value)


class RateLimit:
    """A token bucket for each key: ``per_minute`` requests at once, refilled at ``per_minute`` a minute.

    Lives in the memory of one process, which is all that serves; holds the ``_KEYS`` keys seen last. 0 is no limit.
    """

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._capacity = float(per_minute)
        self._per_second = per_minute / 60
        self._clock = clock
        self._buckets: OrderedDict[bytes, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, key: bytes) -> float:
        """Count one request: 0 where it may go ahead, else the seconds until one may."""
        if not self._capacity:
            return 0.0
        now = self._clock()
        with self._lock:
            tokens, seen = self._buckets.pop(key, (self._capacity, now))
            tokens = min(tokens + (now - seen) * self._per_second, self._capacity)
            granted = tokens >= 1
            self._buckets[key] = (tokens - 1 if granted else tokens, now)
            if len(self._buckets) > _KEYS:
                self._buckets.popitem(last=False)
        return 0.0 if granted else (1 - tokens) / self._per_second
