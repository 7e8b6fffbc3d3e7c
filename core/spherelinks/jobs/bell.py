"""Wakes threads when the database announces something (PostgreSQL's LISTEN and NOTIFY)."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
from psycopg import sql
from sqlalchemy import Engine

from spherelinks.database import outage, readable
from spherelinks.errors import DatabaseUnavailable

_LOOK_S = 1.0
_LINGER_S = 30.0
_AGAIN_S = 0.5
_PROVE_S = 0.3
_PROVEN_S = 1.0
"""How often the connection is tried while somebody relies on it, and how long a trial counts."""
_NEVER, _FOREVER = float("-inf"), float("inf")


class Bell:
    """Listens on one channel for all waiting threads of a process, on one connection.

    Notifications may be missed while that connection is re-established, and none passes a connection pooler: a ring is
    a reason to look, never the only one. Waiting threads use a timeout, and look then, too. Whoever relies on silence
    asks :meth:`has_heard_all`.
    """

    def __init__(self, engine: Engine, channel: str) -> None:
        self._engine = engine
        self._channel = channel
        self._lock = threading.Lock()
        self._rings: dict[str | None, set[threading.Event]] = {}
        self._listeners: list[Callable[[str | None], None]] = []
        self._listening = False
        self._relied = _NEVER
        self._proven = _NEVER
        self._descriptor: int | None = None

    @contextmanager
    def heard(self, payload: str | None) -> Iterator[threading.Event]:
        """An event that is set whenever ``payload`` is announced (None: anything): wait, clear it, look.

        It is also set at the start and after every connect, since earlier notifications were missed.
        """
        ring = threading.Event()
        ring.set()
        with self._lock:
            self._rings.setdefault(payload, set()).add(ring)
            self._begin()
        try:
            yield ring
        finally:
            with self._lock:
                self._rings[payload].discard(ring)
                if not self._rings[payload]:
                    del self._rings[payload]

    def tell(self, listener: Callable[[str | None], None]) -> None:
        """Call ``listener`` with every payload from now on, and with None whenever some may have been missed.

        It must be quick, and must not use this bell.
        """
        with self._lock:
            self._listeners.append(listener)

    def has_heard_all(self) -> bool:
        """Whether the listeners have been told of everything announced until now.

        That is so while nothing unread lies on the connection, and the connection was tried within the last second: the
        network between can delay a notification, but not swallow one for longer. False through a connection pooler, and
        at first: this call begins to listen.
        """
        with self._lock:
            now = time.monotonic()
            self._relied = now
            self._begin()
            return self._descriptor is not None and now < self._proven + _PROVEN_S and not readable(self._descriptor)

    def ring(self) -> None:
        """Wake all waiting threads."""
        with self._lock:
            for rings in self._rings.values():
                for ring in rings:
                    ring.set()

    def _begin(self) -> None:
        if not self._listening:
            self._listening = True
            threading.Thread(target=self._listen, name=f"bell of {self._channel}", daemon=True).start()

    def _listen(self) -> None:
        """Listen until nobody has waited for a while."""
        deserted = time.monotonic() + _LINGER_S
        while True:
            try:
                with outage(), self._connected() as connection:
                    self.ring()
                    while self._is_wanted(deserted):
                        now = time.monotonic()
                        relied_on = now - self._relied < _LOOK_S
                        if self._rings or relied_on:
                            deserted = now + _LINGER_S
                        if relied_on and now - self._proven > _PROVE_S:
                            self._prove(connection)
                        readable(connection.fileno(), _PROVE_S if relied_on else _LOOK_S)
                        self._hear(connection)
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

    def _prove(self, connection: psycopg.Connection) -> None:
        """Ask the server something: it answers after every notification of what was committed before.

        The process that answers must be the one that was connected to. A pooler has others answer, one of them perhaps
        that which was told to listen, and keeps their notifications to itself.
        """
        with self._lock:
            self._descriptor = None  # what arrives with the answer is read, but not passed on yet
        asked = time.monotonic()
        row = connection.execute("SELECT pg_backend_pid()").fetchone()
        own = row is not None and row[0] == connection.info.backend_pid
        self._hear(connection)
        with self._lock:
            self._proven = asked if own else _FOREVER
            self._descriptor = connection.fileno() if own else None

    def _hear(self, connection: psycopg.Connection) -> None:
        """Pass on what has arrived. The lock is held from before it is read until it is passed on."""
        with self._lock:
            try:
                for announced in connection.notifies(timeout=0):
                    self._answer(announced.payload)
            except BaseException:
                self._descriptor = None
                raise

    def _answer(self, payload: str) -> None:
        for name in (payload, None):
            for ring in self._rings.get(name, ()):
                ring.set()
        for listener in self._listeners:
            listener(payload)

    @contextmanager
    def _connected(self) -> Iterator[psycopg.Connection]:
        pooled = self._engine.raw_connection()
        connection = pooled.driver_connection
        assert isinstance(connection, psycopg.Connection)
        pooled.detach()  # it is ours for as long as we listen
        with connection:
            connection.autocommit = True
            connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(self._channel)))
            try:
                yield connection
            finally:
                with self._lock:
                    self._descriptor, self._proven = None, _NEVER
                    for listener in self._listeners:
                        listener(None)
