"""The worker: Procrastinate's takes calls off the queue; its task runs the job in a child process and settles it.

Everything that decides a job's fate is in :mod:`spherelinks.jobs.attempts`. A job is taken only when a child is free
for it, so none waits for a busy worker while another is idle. While its asset is stored and its credit settled, the
task has ended and the child works on the next one. The worker may be killed at any moment: its child dies with it, its
jobs lose their heartbeat, and another worker takes them over within seconds. It survives outages of the database.

The heartbeat is ours: it carries the job's progress, and it goes on while a stopping worker lets its jobs finish, when
Procrastinate's has ended already.
"""

from __future__ import annotations

import hashlib
import logging
import queue as queues
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from contextvars import copy_context
from dataclasses import replace
from functools import partial
from types import FrameType

from procrastinate import App, JobContext
from procrastinate.job_context import AbortReason
from sqlalchemy import Engine

from spherelinks import confinement, logs, telemetry
from spherelinks.config import Settings
from spherelinks.database import connect, migrate, new_id, opened, transaction
from spherelinks.errors import ConfigurationError, DatabaseUnavailable, StorageUnavailable
from spherelinks.generation.registry import Installed
from spherelinks.jobs import attempts, courier, engine, housekeeping, offers, outbound, paths, queue
from spherelinks.jobs.attempts import BEAT, Attempt, Failure
from spherelinks.jobs.process import ChildCrashed, ChildProcess, Success
from spherelinks.options import DEFAULT_GENERATOR
from spherelinks.picture.fetch import Guard
from spherelinks.storage import open_storage

logger = logging.getLogger(__name__)

PIPELINE = "spherelinks.pipeline:generate"
PROGRESS_S = 0.5  # how often progress is written while it changes
PULSE_S = 0.2  # how often it is checked
SETTLE_LIMIT_S = 120.0  # longest outage that a finished attempt waits out; after that the job runs again
OWN_MB = 384  # of what the cgroup gives, so much is the worker's own, and not its children's


def run_worker(
    settings: Settings,
    url: str,
    concurrency: int = 1,
    stop: threading.Event | None = None,
    runner: str = PIPELINE,
    guard: Guard | None = None,
) -> None:
    """Process jobs until told to stop; then let running jobs finish for ``drain_limit_s`` and requeue the rest.

    url : of a database with current tables (see :func:`spherelinks.database.migrate`)
    concurrency : jobs at a time, each in its own child process; one per GPU
    stop : set it to stop the worker; if None, SIGTERM or SIGINT stops it, a second one without waiting
    runner : what the children run, ``package.module:function`` with the signature of the pipeline's ``generate``
    guard : which addresses webhooks and assets may be sent to; None is what the settings say

    Takes jobs of the generators that settings.generators names, or of all that are installed and can run here, and
    announces them (:mod:`spherelinks.jobs.offers`). Raises ConfigurationError. An outage of the database is waited out.
    """
    worker = _Worker(settings, url, concurrency, runner, guard or outbound.allowed(settings))
    if stop is not None:
        worker.run(stop)
        return
    stop = threading.Event()
    with _signals(stop, worker.hurry):
        worker.run(stop)


class _Superseded(Exception):
    """Another attempt has taken over the job."""


class _Stopped(Exception):
    """The worker must not wait for the job any longer."""


class _Worker:
    def __init__(self, settings: Settings, url: str, concurrency: int, runner: str, guard: Guard) -> None:
        self.hurry = threading.Event()  # set: do not wait for running jobs
        self._settings = settings
        self._concurrency = concurrency
        self._url = url
        self._engine = connect(url)
        self._storage = open_storage(settings)
        self._guard = guard
        self._hearts: set[_Heart] = set()
        self._id = new_id("worker")
        self._offered = self._offer()
        self._queues = [queue.of(name) for name in self._takes]
        first = next(iter(sorted(self._takes, key=lambda name: name != DEFAULT_GENERATOR)), None)
        self._children: queues.LifoQueue[ChildProcess] = queues.LifoQueue()
        memory = min(settings.job_memory_limit_mb, ((confinement.memory_limit() >> 20) - OWN_MB) // concurrency)
        for _ in range(concurrency):
            self._children.put(ChildProcess(runner, memory, first, confinement.secret_paths(settings.home)))
        self._settlers = ThreadPoolExecutor(concurrency, "settler")
        self._room = threading.BoundedSemaphore(concurrency)  # or made assets would pile up before a slow storage

    def run(self, stop: threading.Event) -> None:
        children = list(self._children.queue)
        ended = threading.Event()
        upkeep = [
            threading.Thread(target=self._repeat, args=(ended, seconds, action), name=action.__name__.strip("_"))
            for seconds, action in (
                (PULSE_S, self._beat),
                (offers.BEAT_S, self._announce),
            )
        ]
        try:
            if not self._takes:
                logger.warning("no generator can run here, so no job is taken: %s", self._offered.problems)
            for child in children:
                child.start()
            for thread in upkeep:
                thread.start()
            self._work(stop)
        finally:
            self._settlers.shutdown()
            ended.set()  # not before the last attempt is settled: until then it needs its heartbeat
            for thread in upkeep:
                if thread.ident is not None:
                    thread.join()
            for child in children:
                child.close()
            self._engine.dispose()

    def _work(self, stop: threading.Event) -> None:
        connector = engine.Connector(stop)
        app = App(connector=connector)
        app.task(name=queue.TASK, pass_context=True)(self._attempt)
        delivering = courier.application(connector, self._engine, self._storage, self._guard)
        keeping = housekeeping.application(connector, self._engine, self._storage, self._settings)
        workers = [
            engine.worker(app, self._queues, self._concurrency, self._settings.drain_limit_s),
            engine.worker(delivering, [queue.DELIVERIES], courier.PLACES),
            engine.worker(keeping, [housekeeping.QUEUE], 1),
        ]
        engine.run(self._url, connector, workers, stop)

    # --- one attempt, in a thread

    def _attempt(self, context: JobContext, *, job_id: str, generator: str = DEFAULT_GENERATOR) -> None:
        """Procrastinate's task: answer a call. It ends when the child is free, and a thread settles the attempt."""
        assert context.job.id is not None
        try:
            attempt = attempts.begin(self._engine, job_id, context.job.id)
        except DatabaseUnavailable as error:
            logger.warning("%s will be called again: %s", job_id, error)
            return
        if attempt is None:
            return
        with logs.about(job_id=attempt.job_id, attempt=str(attempt.number)), ExitStack() as lasting:
            logger.info("attempt begins")
            heart = lasting.enter_context(self._heart(attempt))
            prepare = self._ran(attempt, heart, context)
            self._room.acquire()
            lasting.callback(self._room.release)
            self._settlers.submit(copy_context().run, self._settle, attempt, prepare, lasting.pop_all())

    def _ran(self, attempt: Attempt, heart: _Heart, context: JobContext) -> Callable[[], Callable[[], bool]]:
        """Run the attempt; what prepares its settlement."""
        try:
            made = self._made(attempt, heart, context)
        except _Superseded:
            logger.warning("attempt superseded")
            return lambda: lambda: True
        except _Stopped:
            return lambda: partial(attempts.requeue, self._engine, attempt)
        except ChildCrashed as error:
            return partial(self._crashed, attempt, str(error))
        except StorageUnavailable as error:
            return partial(self._crashed, attempt, "could not reach the storage", error)
        if isinstance(made, Success):
            return partial(self._stored, attempt, made)
        return lambda: partial(attempts.fail, self._engine, attempt, made)

    def _settle(self, attempt: Attempt, prepare: Callable[[], Callable[[], bool]], lasting: ExitStack) -> None:
        with lasting:
            try:
                try:
                    settle = prepare()
                except StorageUnavailable as error:
                    settle = self._crashed(attempt, "could not reach the storage", error)
                if not _outlasting(settle):
                    logger.warning("attempt superseded before it could settle")
            except Exception:
                logger.exception("an attempt broke")  # its job has no heartbeat any more, and is retried

    def _crashed(self, attempt: Attempt, reason: str, error: Exception | None = None) -> Callable[[], bool]:
        logger.warning("attempt crashed: %s", error or reason)
        return partial(attempts.crash, self._engine, attempt, reason, self._settings.job_max_attempts)

    @contextmanager
    def _child(self) -> Iterator[ChildProcess]:
        child = self._children.get()
        try:
            yield child
        finally:
            self._children.put(child)

    @contextmanager
    def _heart(self, attempt: Attempt) -> Iterator[_Heart]:
        heart = _Heart(attempt, BEAT * self._settings.stale_after_s)
        self._hearts.add(heart)
        try:
            yield heart
        finally:
            self._hearts.discard(heart)

    def _made(self, attempt: Attempt, heart: _Heart, context: JobContext) -> Success | Failure:
        """Run the job in a child. Raises _Superseded, _Stopped, ChildCrashed, StorageUnavailable."""

        def pulse(stage: str | None, share: float) -> None:
            heart.show(stage, share)
            if self.hurry.is_set() or context.abort_reason() is AbortReason.SHUTDOWN:
                raise _Stopped
            if context.should_abort():
                heart.hasten()  # the job's row says whether it was cancelled

        picture = self._storage.get(paths.picture(attempt.job_id))
        mask = self._storage.get(paths.mask(attempt.job_id)) if attempt.masked else None
        sides = {view: self._storage.get(paths.side(attempt.job_id, view)) for view in attempt.sides}
        limit_s = self._settings.job_time_limit_s
        with self._child() as child:
            return child.run(picture, attempt.options, mask=mask, sides=sides, limit_s=limit_s, pulse=pulse)

    def _stored(self, attempt: Attempt, made: Success) -> Callable[[], bool]:
        digest = hashlib.sha256(made.glb).hexdigest()
        path = paths.result(attempt.job_id, attempt.number, digest)
        self._storage.put_all({paths.beside(path, "png"): made.thumbnail, path: made.glb})
        return partial(
            attempts.complete, self._engine, attempt, path, digest, len(made.glb), made.report,
            thumbnail=True, beside=len(made.thumbnail),
        )  # fmt: skip

    # --- upkeep

    def _repeat(self, ended: threading.Event, seconds: float, action: Callable[[], None]) -> None:
        while not ended.is_set():
            try:
                action()
            except (DatabaseUnavailable, StorageUnavailable) as error:
                logger.warning("%s failed: %s", action.__name__.strip("_"), error)
            except Exception:
                logger.exception("%s broke", action.__name__.strip("_"))
            ended.wait(seconds)

    def _beat(self) -> None:
        for heart in self._hearts.copy():
            heart.beat(self._engine)

    def _offer(self) -> Installed:
        """What it offers now. Raises ConfigurationError for a generator that was asked for by name and cannot run."""
        settings = self._settings
        offered = offers.own(settings.generators, settings.job_memory_limit_mb)
        for name in settings.generators:
            if problem := offered.problems.get(name):
                raise ConfigurationError(
                    f"The generator '{name}' cannot run here. {problem}",
                    hint="Install what it needs, or leave it out of SPHERELINKS_GENERATORS and --generators.",
                )
        return offered

    @property
    def _takes(self) -> list[str]:
        """The generators whose jobs it takes."""
        return [name for name in self._offered.cards if name not in self._offered.problems]

    def _announce(self) -> None:
        self._offered = self._offer()
        self._queues[:] = map(queue.of, self._takes)  # Procrastinate's worker looks at this very list
        with transaction(self._engine) as session:
            offers.announce(session, self._id, self._offered)


class _Heart:
    """An attempt's heartbeat and progress, written by a thread of the worker whatever the attempt is waiting for."""

    def __init__(self, attempt: Attempt, beat_s: float) -> None:
        self._attempt = attempt
        self._beat_s = beat_s
        self._shown: tuple[str | None, float] = (None, 0.0)
        self._written: tuple[str | None, float] = self._shown
        self._last = time.monotonic()
        self._superseded = False

    def show(self, stage: str | None, share: float) -> None:
        """Schedule this progress for writing. Raises _Superseded if the attempt is no longer wanted."""
        self._shown = (stage, share)
        if self._superseded:
            raise _Superseded

    def hasten(self) -> None:
        """Write it at once, though nothing has changed."""
        self._last = float("-inf")

    def beat(self, database: Engine) -> None:
        """Write it if it is due. Raises DatabaseUnavailable."""
        shown = self._shown
        if time.monotonic() - self._last < (self._beat_s if shown == self._written else PROGRESS_S):
            return
        self._superseded = not attempts.beat(database, self._attempt, *shown)
        self._written, self._last = shown, time.monotonic()


def _outlasting(settle: Callable[[], bool]) -> bool:
    """Settle, retrying while the database is down. Retrying after a lost answer is safe: settling is fenced."""
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


def main(generators: Sequence[str] = ()) -> None:
    """``spherelinks worker``: a worker on the environment's settings, and on a database with current tables.

    generators : that it offers, in place of those of the settings
    """
    settings = Settings.from_env()
    if generators:
        settings = replace(settings, generators=tuple(generators))
    logs.configure(settings.log_format)
    telemetry.report_errors()
    with opened(settings) as url:
        migrate(url)
        run_worker(settings, url)


if __name__ == "__main__":
    main()
