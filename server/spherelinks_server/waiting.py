"""How many requests are worked on, and how many wait for a job: there are threads for both, but processors for few.

Those that wait hold neither a place among those that are worked on nor a database connection.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from spherelinks.errors import RateLimited
from spherelinks.jobs.bell import Bell
from spherelinks.jobs.status import JobStatus
from spherelinks_server import health

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

WORKED_ON = 16
"""Requests that one process works on at a time."""
WAITERS = 256
"""Requests of one process that may wait at a time; those of one key may take half of the places."""
LONGEST_S = 60
"""Seconds that one may wait at most."""
STREAM_S = 300
_LOOK_S = 5.0
"""How often one looks where nothing was announced: after an announcement that was missed, this is the delay."""
_ALIVE_S = 15

Look = Callable[[], JobStatus]


class Turnstile:
    """WSGI middleware that lets so many requests in at a time; the others stand in line."""

    def __init__(self, app: WSGIApplication, places: int = WORKED_ON) -> None:
        self._app = app
        self._places = threading.BoundedSemaphore(places)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] in health.PATHS:  # whoever watches must be answered when all places are taken, too
            return self._app(environ, start_response)
        with self._places:
            return self._app(environ, start_response)

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Step aside for as long as it lasts; for a request that is inside."""
        self._places.release()
        try:
            yield
        finally:
            self._places.acquire()


class Waiters:
    """Places for requests that wait.

    bell : rings with a job's id when the job changes
    turnstile : where those step aside that wait
    """

    def __init__(self, bell: Bell, turnstile: Turnstile, places: int = WAITERS) -> None:
        self._bell = bell
        self._turnstile = turnstile
        self._places = places
        self._taken: Counter[bytes] = Counter()
        self._lock = threading.Lock()

    def until_ended(self, key: bytes, look: Look, seconds: float) -> JobStatus:
        """The job once it has ended, or as it is after so many seconds; at once where no place is free.

        key : the digest of the key that asks; look : reads the job
        """
        job = look()
        if job.status != "PROCESSING" or seconds <= 0 or not self._enter(key):
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
            self._leave(key)
        return job

    def changes(self, key: bytes, look: Look) -> Iterator[JobStatus | None]:
        """The job as it is, then each time it has changed, until it has ended or minutes have passed.

        None now and then where nothing changes, so that a client that has left is noticed. Looks once before it
        returns. Raises RateLimited where no place is free, and what ``look`` raises.
        """
        job = look()
        if not self._enter(key):
            raise RateLimited("Too many requests are waiting for jobs.", retry_after=5, hint="Poll the status instead.")
        changes = self._changes(key, look, job)
        first = next(changes)  # one that has begun gives its place back whatever becomes of it
        return itertools.chain([first], changes)

    def _changes(self, key: bytes, look: Look, job: JobStatus) -> Iterator[JobStatus | None]:
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
            self._leave(key)

    def _enter(self, key: bytes) -> bool:
        """Take a place; False where none is free for this key."""
        with self._lock:
            free = self._taken.total() < self._places and self._taken[key] < self._places // 2
            if free:
                self._taken[key] += 1
            return free

    def _leave(self, key: bytes) -> None:
        with self._lock:
            self._taken[key] -= 1
            self._taken += Counter()  # forgets the keys that have none
