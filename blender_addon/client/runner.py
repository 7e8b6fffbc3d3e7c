"""Runs jobs on threads: sends the pictures, follows the status, fetches the asset. Uses only files and Jobs."""

from __future__ import annotations

import random
import threading
import time
from collections import deque
from contextlib import suppress
from typing import Any

from . import server
from .errors import Failure
from .http import Connection
from .jobs import Job, Jobs

AT_ONCE = 4
PAUSE_S = 1
"""Seconds between two questions for a job's status; the server is asked to answer at once if the job ends earlier."""
SEND_TRIES = 3
MAX_ETA_S = 24 * 3600
"""An estimate above this is none."""
PATIENCE_S = 120.0
"""How long a server may be out of reach before a job that it has is given up."""


class Runner:
    """The running jobs, at most AT_ONCE at a time.

    limit_s : seconds after which an unfinished job is given up
    """

    def __init__(self, jobs: Jobs, limit_s: float = 1800.0) -> None:
        self.limit_s = limit_s
        self._jobs = jobs
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._queue: deque[tuple[str, Connection]] = deque()
        self._threads: dict[str, threading.Thread] = {}

    def start(self, job_id: str, connection: Connection) -> None:
        """Run a job as soon as there is room for it."""
        with self._lock:
            self._queue.append((job_id, connection))
            self._launch()

    def run(self, job: Job, connection: Connection) -> Job:
        """Run a job synchronously and return it when it has ended. Raises Failure if it failed."""
        self._work(job.id, connection)
        ended = self._jobs.get(job.id)
        assert ended is not None
        if ended.problem is not None:
            raise Failure(ended.problem["code"], ended.problem["message"], hint=ended.problem["hint"])
        return ended

    def busy(self) -> bool:
        with self._lock:
            return bool(self._queue or self._threads)

    def stop(self, wait_s: float = 5.0) -> None:
        """End all threads soon; their jobs stay as they are, for the next session."""
        self._stop.set()
        with self._lock:
            self._queue.clear()
            threads = list(self._threads.values())
        deadline = time.monotonic() + wait_s
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _launch(self) -> None:
        while self._queue and len(self._threads) < AT_ONCE and not self._stop.is_set():
            job_id, connection = self._queue.popleft()
            if job_id in self._threads:
                continue
            thread = threading.Thread(target=self._thread, args=(job_id, connection), name="SphereLinks", daemon=True)
            self._threads[job_id] = thread
            thread.start()

    def _thread(self, job_id: str, connection: Connection) -> None:
        try:
            self._work(job_id, connection)
        finally:
            with self._lock:
                del self._threads[job_id]
                self._launch()

    def _work(self, job_id: str, connection: Connection) -> None:
        try:
            job = self._jobs.get(job_id)
            if job is not None and job.at_work:
                theirs = job.job_id or self._send(job, connection)
                if theirs and self._follow(job_id, theirs, connection):
                    self._fetch(job_id, theirs, connection)
        except Failure as failure:
            self._fail(job_id, failure)
        except OSError as error:
            self._fail(job_id, Failure("file_error", f"The job's files cannot be used: {error.strerror or error}."))
        except Exception as error:  # a bug of ours must not leave a job running without a thread
            fault = f"{type(error).__name__}: {error}"
            self._fail(job_id, Failure("internal_error", fault, hint="Please report this."))

    def _fail(self, job_id: str, failure: Failure) -> None:
        problem = {"code": failure.code, "message": failure.message, "hint": failure.hint}
        self._jobs.advance(job_id, state="failed", problem=problem, over=failure.over, eta=None)

    def _send(self, job: Job, connection: Connection) -> str:
        """The server's id for the job; empty if it was cancelled meanwhile."""
        picture, sides = self._jobs.picture(job.id).read_bytes(), self._jobs.sides(job)
        if not self._jobs.advance(job.id, state="sending"):
            return ""
        for attempt in range(SEND_TRIES):
            try:
                theirs = server.generate(connection, picture, job.options, job.id, sides)
                break
            except Failure as failure:
                if not failure.transient or attempt == SEND_TRIES - 1:
                    raise
                if self._stop.wait(_backoff(attempt, failure)):
                    return ""
        if self._jobs.advance(job.id, state="working", job_id=theirs):
            return theirs
        stop(connection, theirs)  # cancelled while the picture was on its way
        return ""

    def _follow(self, job_id: str, theirs: str, connection: Connection) -> bool:
        """Record the job's progress until it ends; False if nobody waits for it any more. Raises Failure."""
        begun = heard = time.monotonic()
        attempt = 0
        while not self._stop.is_set():
            asked = time.monotonic()
            if asked - begun > self.limit_s:
                minutes = self.limit_s / 60
                raise Failure("time_limit", f"The job has not ended within {minutes:.0f} minutes.")
            try:
                told = server.status(connection, theirs, PAUSE_S)
                heard, attempt = time.monotonic(), 0
            except Failure as failure:
                if not failure.transient or asked - heard > min(PATIENCE_S, self.limit_s):
                    raise
                self._stop.wait(_backoff(attempt, failure))
                attempt += 1
                continue
            if told["status"] == "FAILED":
                why = _mapping(told.get("error"))
                message = str(why.get("message") or told.get("description") or "The job failed.")
                code, hint = str(why.get("code") or "generator_failed"), str(why.get("hint") or "")
                raise Failure(code, message, hint=hint, over=True)
            done = told["status"] == "COMPLETED"
            if not self._jobs.advance(job_id, state="fetching" if done else "working", **_progress(told)):
                return False
            if done:
                return True
            self._stop.wait(max(0.0, PAUSE_S - (time.monotonic() - asked)))  # of a server that does not wait
        return False

    def _fetch(self, job_id: str, theirs: str, connection: Connection) -> None:
        for attempt in range(SEND_TRIES):
            try:
                server.download(connection, theirs, self._jobs.asset(job_id))
                break
            except Failure as failure:
                if not failure.transient or attempt == SEND_TRIES - 1:
                    raise
                if self._stop.wait(_backoff(attempt, failure)):
                    return
        with suppress(Failure):  # a nicety
            server.thumbnail(connection, theirs, self._jobs.thumbnail(job_id))
        self._jobs.advance(job_id, state="ready", progress=100, eta=None)


def stop(connection: Connection, theirs: str) -> None:
    """Cancel a job on the server. A finished one stays; failing to reach the server does not matter."""
    with suppress(Failure):
        if server.status(connection, theirs)["status"] == "PROCESSING":
            server.delete(connection, theirs)


def _progress(told: dict[str, Any]) -> dict[str, Any]:
    """What to keep of a status; what means nothing is left out."""
    progress, stage, eta = told.get("progress"), told.get("stage"), told.get("etaSeconds")
    return {
        "progress": progress if isinstance(progress, int) and 0 <= progress <= 100 else 0,
        "stage": stage if isinstance(stage, str) else "",
        "eta": eta if isinstance(eta, int) and 0 <= eta <= MAX_ETA_S else None,
        "report": _mapping(told.get("report")) or None,
    }


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _backoff(attempt: int, failure: Failure) -> float:
    """Seconds to wait: growing, with jitter; longer if the server asks for it."""
    return min(max(failure.retry_after, min(2.0**attempt, 15.0) * random.uniform(0.5, 1.0)), 30.0)
