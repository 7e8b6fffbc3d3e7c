"""A cache of what was read from the database; entries are dropped when the database announces a change."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

from spherelinks.jobs.bell import Bell

MOST = 4096
"""Most values kept at a time; when there would be more, all are dropped."""

V = TypeVar("V")


@dataclass(frozen=True)
class Reading(Generic[V]):
    """A value, and how long it may be kept.

    names : payloads that end it when one of them is announced; None stands for any payload
    lasts_s : seconds after which it ends in any case
    """

    value: V
    names: Collection[str | None]
    lasts_s: float


class Kept(Generic[V]):
    """Readings by a key of the caller's, each kept until the bell rings for it.

    Nothing is returned if the bell may have missed a change: see :meth:`Bell.has_heard_all`. A change takes effect when
    its notification arrives, usually less than a millisecond after its commit. Whoever must see their own change at
    once calls :meth:`forget`.
    """

    def __init__(self, bell: Bell) -> None:
        self._bell = bell
        self._lock = threading.Lock()
        self._values: dict[Hashable, tuple[Reading[V], float]] = {}
        self._keys: dict[str | None, set[Hashable]] = {}
        self._changes = 0
        self._asked = False
        bell.tell(self._rung)

    def get(self, key: Hashable) -> V | None:
        """The value, if it is kept and still valid."""
        self._asked = True
        # in this order: a value is valid if everything announced so far was heard, and the value is still there
        if key not in self._values or not self._bell.has_heard_all():
            return None
        kept = self._values.get(key)
        return kept[0].value if kept is not None and time.monotonic() < kept[1] else None

    def read(self, key: Hashable, look: Callable[[], Reading[V]]) -> V:
        """The value that ``look`` reads from the database, kept unless something changed in the meantime.

        Nothing is kept until :meth:`get` was first called. Raises whatever ``look`` raises.
        """
        if not self._asked or not self._bell.has_heard_all():
            return look().value
        changes, begun = self._changes, time.monotonic()
        reading = look()
        with self._lock:
            if changes == self._changes:
                if len(self._values) >= MOST:
                    self._clear()
                self._drop(key)
                self._values[key] = reading, begun + reading.lasts_s
                for name in reading.names:
                    self._keys.setdefault(name, set()).add(key)
        return reading.value

    def forget(self) -> None:
        """Drop everything, including what is being read right now."""
        self._rung(None)

    def _rung(self, payload: str | None) -> None:
        with self._lock:
            self._changes += 1
            if payload is None:
                self._clear()
            for name in (payload, None):
                for key in [*self._keys.get(name, ())]:
                    self._drop(key)

    def _drop(self, key: Hashable) -> None:
        kept = self._values.pop(key, None)
        for name in kept[0].names if kept else ():
            keys = self._keys[name]
            keys.discard(key)
            if not keys:
                del self._keys[name]

    def _clear(self) -> None:
        self._values.clear()
        self._keys.clear()
