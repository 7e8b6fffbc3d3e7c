"""Limits on active requests and on requests waiting for a job: there are threads for both, but few processors.

Waiting requests hold neither a slot among the active ones nor a database connection.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from spherelinks.accounts import addresses
from spherelinks.errors import RateLimited
from spherelinks.jobs.bell import Bell
from spherelinks.jobs.status import JobStatus
from spherelinks_server import health

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

WORKED_ON = 16
"""Active requests per process."""
OF_ADDRESS = 4
"""Of these, those of one network address: more would only wait for each other, and make the rest wait."""
WAITERS = 256
"""Waiting requests per process."""
FEW = 8
"""Of these, those of one account once half of the slots are taken; until then it may take any."""
LONGEST_S = 60
"""Longest wait, seconds."""
STREAM_S = 300
_LOOK_S = 5.0
"""Seconds between looks without a notification: the delay after one that was missed."""
_ALIVE_S = 15

Look = Callable[[], JobStatus]


class Turnstile:
    """WSGI middleware that limits the number of active requests, in all and per network address; the others queue.

    A free slot goes to the address with the fewest active requests, and of one address to who came first.
    """

    def __init__(self, app: WSGIApplication, places: int = WORKED_ON) -> None:
        self._app = app
        self._free = places
        self._active: Counter[str] = Counter()
        self._line: list[tuple[str, threading.Event]] = []
        self._lock = threading.Lock()
        self._own = threading.local()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] in health.PATHS:  # health checks must be answered even when all slots are taken
            return self._app(environ, start_response)
        self._own.address = addresses.network(environ.get("REMOTE_ADDR", ""))
        self._enter(self._own.address)
        try:
            return self._app(environ, start_response)
        finally:
            self._leave(self._own.address)

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Context manager: an active request gives up its slot for the duration."""
        address: str = self._own.address
        self._leave(address)
        try:
            yield
        finally:
            self._enter(address)

    def _enter(self, address: str) -> None:
        with self._lock:
            if self._may(address):  # whoever waits of this address waits because it may not
                self._take(address)
                return
            called = threading.Event()
            self._line.append((address, called))
        called.wait()

    def _leave(self, address: str) -> None:
        with self._lock:
            self._free += 1
            self._active[address] -= 1
            if not self._active[address]:
                del self._active[address]
            next_one = min(
                (one for one in self._line if self._may(one[0])), key=lambda one: self._active[one[0]], default=None
            )
            if next_one is not None:
                self._line.remove(next_one)
                self._take(next_one[0])
                next_one[1].set()

    def _may(self, address: str) -> bool:
        return self._free > 0 and self._active[address] < OF_ADDRESS

    def _take(self, address: str) -> None:
        self._free -= 1
        self._active[address] += 1


class Waiters:
    """Slots for requests that wait.

    bell : rings with a job's id when the job changes
    turnstile : where waiting requests give up their slots
    """

    def __init__(self, bell: Bell, turnstile: Turnstile, places: int = WAITERS) -> None:
        self._bell = bell
        self._turnstile = turnstile
        self._places = places
        self._taken: Counter[str] = Counter()
        self._lock = threading.Lock()

    def until_ended(self, look: Look, seconds: float) -> JobStatus:
        """The job that ``look`` reads once it has ended, or its state after that many seconds; at once if no slot is
        free for its account."""
        job = look()
        if job.status != "PROCESSING" or seconds <= 0 or not self._enter(job.account_id):
            return job
        try:
            deadline = time.monotonic() + seconds
            with self._bell.heard(job.job_id) as ring:
                while job.status == "PROCESSING" and (left := deadline - time.monotonic()) > 0:
                    with self._turnstile.aside():
                        ring.wait(min(left, _LOOK_S))
                    ring.clear()
                    job = look()
        finally:
            self._leave(job.account_id)
        return job

    def changes(self, look: Look) -> Iterator[JobStatus | None]:
        """Yield the job that ``look`` reads now and after every change, until it has ended or minutes have passed.

        Yields None now and then while nothing changes, so that a client that has left is noticed. Looks once before it
        returns. Raises RateLimited if no slot is free for its account, and whatever ``look`` raises.
        """
        job = look()
        if not self._enter(job.account_id):
            raise RateLimited("Too many requests are waiting for jobs.", retry_after=5, hint="Poll the status instead.")
        changes = self._changes(look, job)
        first = next(changes)  # once begun, the generator always gives its slot back
        return itertools.chain([first], changes)

    def _changes(self, look: Look, job: JobStatus) -> Iterator[JobStatus | None]:
        try:
            deadline = time.monotonic() + STREAM_S
            spoken = time.monotonic()
            with self._bell.heard(job.job_id) as ring:
                yield job
                while job.status == "PROCESSING" and time.monotonic() < deadline:
                    ring.wait(_LOOK_S)
                    ring.clear()
                    now = look()
                    if now != job:
                        job, spoken = now, time.monotonic()
                        yield job
                    elif time.monotonic() - spoken > _ALIVE_S:
                        spoken = time.monotonic()
                        yield None
        finally:
            self._leave(job.account_id)

    def _enter(self, account_id: str) -> bool:
        """Take a slot; False if none is free for this account."""
        with self._lock:
            taken = self._taken.total()
            share = self._places // 2 if taken < self._places // 2 else FEW
            free = taken < self._places and self._taken[account_id] < share
            if free:
                self._taken[account_id] += 1
            return free

    def _leave(self, account_id: str) -> None:
        with self._lock:
            self._taken[account_id] -= 1
            self._taken += Counter()  # forgets the accounts that have none
