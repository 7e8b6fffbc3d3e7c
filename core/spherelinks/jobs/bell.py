"""Wakes threads when the database announces something (PostgreSQL's LISTEN and NOTIFY)."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import sql
from sqlalchemy import Engine

from spherelinks.database import outage
from spherelinks.errors import DatabaseUnavailable

_LOOK_S = 1.0
_LINGER_S = 30.0
_AGAIN_S = 0.5


class Bell:
    """Listens on one channel for all waiting threads of a process, on one connection.

    Notifications may be missed while that connection is re-established, and none passes a connection pooler: a ring is
    a reason to look, never the only one. Waiting threads use a timeout, and look then, too.
    """

    def __init__(self, engine: Engine, channel: str) -> None:
        self._engine = engine
        self._channel = channel
        self._lock = threading.Lock()
        self._rings: dict[str | None, set[threading.Event]] = {}
        self._listening = False

    @contextmanager
    def heard(self, payload: str | None) -> Iterator[threading.Event]:
        """An event that is set whenever ``payload`` is announced (None: anything): wait, clear it, look.

        It is also set at the start and after every connect, since earlier notifications were missed.
        """
        ring = threading.Event()
        ring.set()
        with self._lock:
            self._rings.setdefault(payload, set()).add(ring)
            if not self._listening:
                self._listening = True
                threading.Thread(target=self._listen, name=f"bell of {self._channel}", daemon=True).start()
        try:
            yield ring
        finally:
            with self._lock:
                self._rings[payload].discard(ring)
                if not self._rings[payload]:
                    del self._rings[payload]

    def ring(self) -> None:
        """Wake all waiting threads."""
        with self._lock:
            for rings in self._rings.values():
                for ring in rings:
                    ring.set()

    def _listen(self) -> None:
        """Listen until nobody has waited for a while."""
        deserted = time.monotonic() + _LINGER_S
        while True:
            try:
                with outage(), self._connected() as connection:
                    self.ring()
                    while self._is_wanted(deserted):
                        if self._rings:
                            deserted = time.monotonic() + _LINGER_S
                        for announced in connection.notifies(timeout=_LOOK_S):
                            self._answer(announced.payload)
                    return
            except DatabaseUnavailable:
                time.sleep(_AGAIN_S)
                if not self._is_wanted(0.0):
                    return

    def _is_wanted(self, deserted: float) -> bool:
        """Whether somebody waits, or may come back before ``deserted``."""
        with self._lock:
            self._listening = bool(self._rings) or time.monotonic() < deserted
            return self._listening

    def _answer(self, payload: str) -> None:
        with self._lock:
            for name in (payload, None):
                for ring in self._rings.get(name, ()):
                    ring.set()

    @contextmanager
    def _connected(self) -> Iterator[psycopg.Connection]:
        pooled = self._engine.raw_connection()
        connection = pooled.driver_connection
        assert isinstance(connection, psycopg.Connection)
        pooled.detach()  # it is ours for as long as we listen
        with connection:
            connection.autocommit = True
            connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(self._channel)))
            yield connection
