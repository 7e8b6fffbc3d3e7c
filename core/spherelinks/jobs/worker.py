"""The worker: takes jobs off the queue, runs each in a child process, and settles them.

Procrastinate fetches wake-up calls (in order of priority, at once when one arrives); everything that decides a job's
fate is in :mod:`spherelinks.jobs.attempts`. The worker may be killed at any moment: its child dies with it, its jobs
show no beat any more, and any other worker takes them over within seconds. It outlives outages of the database.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import queue as queues
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from types import FrameType

import psycopg
from procrastinate import App, JobContext, PsycopgConnector
from procrastinate.exceptions import ConnectorException
from sqlalchemy import Engine

from spherelinks import logs, telemetry
from spherelinks.config import Settings
from spherelinks.database import connect, migrate, opened, transaction
from spherelinks.errors import DatabaseUnavailable, StorageUnavailable
from spherelinks.jobs import attempts, courier, files, queue, submission
from spherelinks.jobs.attempts import BEAT_S, RECOVER_S, STALE_S, Attempt, Failure
from spherelinks.jobs.process import ChildCrashed, ChildProcess, Success
from spherelinks.picture.fetch import Guard
from spherelinks.storage import open_storage

logger = logging.getLogger(__name__)

PIPELINE = "spherelinks.pipeline:generate"
PROGRESS_S = 0.5  # how often progress is written while it changes
POLL_S = 2.0  # how often the queue is looked at when nothing was announced
SETTLE_LIMIT_S = 120.0  # how long an outage a finished attempt waits out; after that the job is run again
SWEEP_S = 3600.0
DELIVER_S = 1.0


def run_worker(
    settings: Settings,
    url: str,
    concurrency: int = 1,
    stop: threading.Event | None = None,
    runner: str = PIPELINE,
    guard: Guard | None = None,
) -> None:
    """Work off jobs until told to stop; then let running jobs finish for ``drain_limit_s`` and requeue the rest.

    url : of a database with current tables (see :func:`spherelinks.database.migrate`)
    concurrency : jobs at a time, each in a child process of its own; one per GPU
    stop : told to stop by setting it; where None, by SIGTERM or SIGINT, and by a second one without waiting
    runner : what the children run, ``package.module:function`` with the signature of the pipeline's ``generate``
    guard : which addresses webhooks and assets may be sent to; the public internet where None

    Raises ConfigurationError. An outage of the database is waited out.
    """
    worker = _Worker(settings, url, concurrency, runner, guard or Guard())
    if stop is not None:
        worker.run(stop)
        return
    stop = threading.Event()
    with _signals(stop, worker.hurry):
        worker.run(stop)


class _Superseded(Exception):
    """Another attempt has taken the job over."""


class _Stopped(Exception):
    """The worker must not wait for the job any longer."""


class _Worker:
    def __init__(self, settings: Settings, url: str, concurrency: int, runner: str, guard: Guard) -> None:
        self.hurry = threading.Event()  # set: do not wait for running jobs
        self._settings = settings
        self._url = url
        self._concurrency = concurrency
        self._engine = connect(url)
        self._storage = open_storage(settings)
        self._guard = guard
        self._children: queues.LifoQueue[ChildProcess] = queues.LifoQueue()
        for _ in range(concurrency):
            self._children.put(ChildProcess(runner, settings.job_memory_limit_mb))

    def run(self, stop: threading.Event) -> None:
        children = list(self._children.queue)
        try:
            for child in children:
                child.start()
            # psycopg cannot wait on Windows' default event loop
            factory = asyncio.SelectorEventLoop if sys.platform == "win32" else None
            with asyncio.Runner(loop_factory=factory) as loop:
                loop.run(self._serve(stop))
        finally:
            for child in children:
                child.close()
            self._engine.dispose()

    async def _serve(self, stop: threading.Event) -> None:
        # one thread a job, and one each for recovery, sweep and deliveries
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(self._concurrency + 3))
        upkeep = [
            asyncio.create_task(self._repeat(RECOVER_S, self._recover)),
            asyncio.create_task(self._repeat(SWEEP_S, self._sweep)),
            asyncio.create_task(self._repeat(DELIVER_S, self._deliver)),
        ]
        try:
            while not stop.is_set():
                try:
                    await self._take_jobs(stop)
                except (ConnectorException, psycopg.Error) as error:
                    logger.warning("the queue is out of reach, trying again: %s", error.__cause__ or error)
                    await asyncio.sleep(0.5)
        finally:
            for task in upkeep:
                task.cancel()
            await asyncio.gather(*upkeep, return_exceptions=True)

    async def _take_jobs(self, stop: threading.Event) -> None:
        """Take jobs until stopped; returns, or raises, when no job runs any more."""
        # a pool would try to connect ever more rarely: wait here for a database that answers
        await (await psycopg.AsyncConnection.connect(self._url, connect_timeout=5)).close()
        app = App(connector=PsycopgConnector(conninfo=self._url, min_size=1, max_size=4))
        app.task(name=queue.TASK, pass_context=True)(self._attempt)
        async with app.open_async():
            working = asyncio.create_task(
                app.run_worker_async(
                    concurrency=self._concurrency,
                    fetch_job_polling_interval=POLL_S,
                    update_heartbeat_interval=BEAT_S,
                    stalled_worker_timeout=STALE_S,
                    delete_jobs="always",
                    install_signal_handlers=False,
                )
            )
            while not working.done() and not stop.is_set():
                await asyncio.wait({working}, timeout=0.1)
            working.cancel()  # fetches no more, and waits for what runs
            deadline = time.monotonic() + self._settings.drain_limit_s
            while not working.done():
                await asyncio.wait({working}, timeout=0.1)
                if stop.is_set() and time.monotonic() > deadline:
                    self.hurry.set()
            if not working.cancelled():
                working.result()

    # --- one attempt, in a thread

    def _attempt(self, context: JobContext, job_id: str) -> None:
        """Answer one wake-up call."""
        assert context.job.id is not None
        attempt = attempts.start(self._engine, job_id, context.job.id)
        if attempt is None:
            return
        with logs.about(job_id=job_id, attempt=str(attempt.number)):
            self._run(attempt)

    def _run(self, attempt: Attempt) -> None:
        logger.info("attempt begins")
        child = self._children.get()
        try:
            settle = self._execute(attempt, child)
        except _Superseded:
            logger.warning("attempt superseded")
            return
        finally:
            self._children.put(child)
        if not _outlasting(settle):
            logger.warning("attempt superseded before it could settle")

    def _execute(self, attempt: Attempt, child: ChildProcess) -> Callable[[], bool]:
        """Run the attempt; what settles it."""
        limit = self._settings.job_max_attempts
        try:
            with _Heart(self._engine, attempt) as heart:

                def pulse(stage: str | None, share: float) -> None:
                    heart.show(stage, share)
                    if self.hurry.is_set():
                        raise _Stopped

                picture = self._storage.get(files.picture(attempt.job_id))
                outcome = child.run(picture, attempt.options, limit_s=self._settings.job_time_limit_s, pulse=pulse)
                if isinstance(outcome, Failure):
                    return lambda: attempts.fail(self._engine, attempt, outcome)
                return self._stored(attempt, outcome)
        except _Stopped:
            return lambda: attempts.requeue(self._engine, attempt)
        except (ChildCrashed, StorageUnavailable) as error:
            logger.warning("attempt crashed: %s", error)
            reason = str(error) if isinstance(error, ChildCrashed) else "could not reach the storage"
            return lambda: attempts.crash(self._engine, attempt, reason, limit)

    def _stored(self, attempt: Attempt, made: Success) -> Callable[[], bool]:
        path = files.result(attempt.job_id, attempt.number)
        self._storage.put(files.beside(path, "png"), made.thumbnail)
        self._storage.put(path, made.glb)
        digest = hashlib.sha256(made.glb).hexdigest()
        size = len(made.glb)
        return lambda: attempts.complete(self._engine, attempt, path, digest, size, made.report, thumbnail=True)

    # --- upkeep

    async def _repeat(self, seconds: float, action: Callable[[], None]) -> None:
        while True:
            try:
                await asyncio.to_thread(action)
            except (DatabaseUnavailable, StorageUnavailable) as error:
                logger.warning("%s failed: %s", action.__name__.strip("_"), error)
            await asyncio.sleep(seconds)

    def _recover(self) -> None:
        attempts.recover(self._engine, self._settings.job_max_attempts)

    def _deliver(self) -> None:
        courier.deliver_due(self._engine, self._storage, self._guard)

    def _sweep(self) -> None:
        files.sweep(self._engine, self._storage)
        with transaction(self._engine) as session:
            queue.sweep(session)
            submission.sweep_idempotency(session)


class _Heart:
    """Writes an attempt's beats from a thread of its own, whatever the attempt is waiting for."""

    def __init__(self, engine: Engine, attempt: Attempt) -> None:
        self._engine = engine
        self._attempt = attempt
        self._shown: tuple[str | None, float] = (None, 0.0)
        self._ended = threading.Event()
        self._superseded = False
        self._thread = threading.Thread(target=self._beat, name=f"heart of {attempt.job_id}", daemon=True)

    def __enter__(self) -> _Heart:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ended.set()
        self._thread.join()

    def show(self, stage: str | None, share: float) -> None:
        """Have this progress written soon. Raises _Superseded where the attempt is no longer wanted."""
        self._shown = (stage, share)
        if self._superseded:
            raise _Superseded

    def _beat(self) -> None:
        written: tuple[str | None, float] | None = None
        last = 0.0
        while not self._ended.wait(PROGRESS_S):
            shown = self._shown
            if shown == written and time.monotonic() - last < BEAT_S:
                continue
            try:
                self._superseded = not attempts.beat(self._engine, self._attempt, *shown)
            except DatabaseUnavailable:
                continue  # it may be back for the next beat; if not, settling waits for it
            written, last = shown, time.monotonic()


def _outlasting(settle: Callable[[], bool]) -> bool:
    """Settle, and try again while the database is away. Trying again after a lost answer is safe: it is fenced."""
    deadline = time.monotonic() + SETTLE_LIMIT_S
    while True:
        try:
            return settle()
        except DatabaseUnavailable:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


@contextmanager
def _signals(stop: threading.Event, hurry: threading.Event) -> Iterator[None]:
    """Set ``stop`` at the first SIGTERM or SIGINT, ``hurry`` at the second. For the main thread."""

    def handle(number: int, frame: FrameType | None) -> None:
        (hurry if stop.is_set() else stop).set()

    kept = {number: signal.signal(number, handle) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)


def main() -> None:
    """``spherelinks worker``: a worker on the environment's settings, and on a database with current tables."""
    settings = Settings.from_env()
    logs.configure(settings.log_format)
    telemetry.report_errors()
    with opened(settings) as url:
        migrate(url)
        run_worker(settings, url)


if __name__ == "__main__":
    main()
