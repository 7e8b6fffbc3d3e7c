"""The worker: takes jobs off the queue, runs each in a child process, and settles them.

Everything that decides a job's fate is in :mod:`spherelinks.jobs.attempts`. A job is taken only when a child is free
for it, so none waits for a busy worker while another is idle. While its asset is stored and its credit settled, the
child works on the next one. The worker may be killed at any moment: its child dies with it, its jobs lose their
heartbeat, and another worker takes them over within seconds. It survives outages of the database.
"""

from __future__ import annotations

import hashlib
import logging
import queue as queues
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from types import FrameType

from sqlalchemy import Engine

from spherelinks import confinement, logs, telemetry
from spherelinks.config import Settings
from spherelinks.database import connect, migrate, new_id, opened, transaction
from spherelinks.errors import ConfigurationError, DatabaseUnavailable, StorageUnavailable
from spherelinks.generation.registry import Installed
from spherelinks.jobs import attempts, courier, engine, housekeeping, offers, outbound, paths, queue
from spherelinks.jobs.attempts import BEAT, Attempt, Failure
from spherelinks.jobs.bell import Bell
from spherelinks.jobs.process import ChildCrashed, ChildProcess, Success
from spherelinks.options import DEFAULT_GENERATOR
from spherelinks.picture.fetch import Guard
from spherelinks.storage import open_storage

logger = logging.getLogger(__name__)

PIPELINE = "spherelinks.pipeline:generate"
PROGRESS_S = 0.5  # how often progress is written while it changes
PULSE_S = 0.2  # how often it is checked
POLL_S = 2.0  # how often the queue is checked without notifications
SETTLE_LIMIT_S = 120.0  # longest outage that a finished attempt waits out; after that the job runs again
DELIVER_S = 1.0
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
        self._calls = Bell(self._engine, queue.CHANNEL)
        self._storage = open_storage(settings)
        self._courier = courier.Courier(self._engine, self._storage, guard)
        self._hearts: set[_Heart] = set()
        self._id = new_id("worker")
        self._offered = self._offer()
        first = next(iter(sorted(self._takes, key=lambda name: name != DEFAULT_GENERATOR)), None)
        self._children: queues.LifoQueue[ChildProcess] = queues.LifoQueue()
        memory = min(settings.job_memory_limit_mb, ((confinement.memory_limit() >> 20) - OWN_MB) // concurrency)
        for _ in range(concurrency):
            self._children.put(ChildProcess(runner, memory, first, confinement.secret_paths(settings.home)))

    def run(self, stop: threading.Event) -> None:
        children = list(self._children.queue)
        ended = threading.Event()
        upkeep = [
            threading.Thread(target=self._repeat, args=(ended, seconds, action), name=action.__name__.strip("_"))
            for seconds, action in (
                (PULSE_S, self._beat),
                (offers.BEAT_S, self._announce),
                (DELIVER_S, self._courier.begin_due),
            )
        ]
        upkeep.append(threading.Thread(target=self._keep_house, args=(stop,), name="housekeeping"))
        # two per child: one runs a job in it while the other settles the previous one
        hands = [threading.Thread(target=self._work, args=(stop,), name="hand") for _ in range(2 * self._concurrency)]
        try:
            if not self._takes:
                logger.warning("no generator can run here, so no job is taken: %s", self._offered.problems)
            for child in children:
                child.start()
            for thread in (*upkeep, *hands):
                thread.start()
            while not stop.wait(0.1):
                pass
            self._drain(hands)
        finally:
            self.hurry.set()
            for threads in (hands, upkeep):
                for thread in threads:
                    if thread.ident is not None:
                        thread.join()
                ended.set()  # not before the last attempt is settled: until then it needs its heartbeat
            for child in children:
                child.close()
            self._courier.close()
            self._engine.dispose()

    def _drain(self, hands: list[threading.Thread]) -> None:
        """Wait for running jobs, which are requeued after ``drain_limit_s``."""
        deadline = time.monotonic() + self._settings.drain_limit_s
        self._calls.ring()
        while any(hand.is_alive() for hand in hands):
            if time.monotonic() > deadline:
                self.hurry.set()
            time.sleep(0.05)

    # --- one attempt after another, in a thread

    def _work(self, stop: threading.Event) -> None:
        with self._calls.heard(None) as ring:
            while not stop.is_set():
                try:
                    self._attempt(stop, ring)
                except DatabaseUnavailable as error:
                    logger.warning("the database is unreachable, retrying: %s", error.__cause__ or error)
                    stop.wait(0.5)
                except Exception:
                    logger.exception("an attempt broke")  # its job has no heartbeat any more, and is retried
                    stop.wait(0.5)

    def _attempt(self, stop: threading.Event, ring: threading.Event) -> None:
        """Take one job and see it through; returns without one if told to stop."""
        limit = self._settings.job_max_attempts
        with ExitStack() as lasting, ExitStack() as using:
            child = using.enter_context(self._child())
            attempt = self._next(stop, ring)
            if attempt is None:
                return
            lasting.enter_context(logs.about(job_id=attempt.job_id, attempt=str(attempt.number)))
            logger.info("attempt begins")
            settle: Callable[[], bool]
            heart = lasting.enter_context(self._heart(attempt))
            try:
                with using:  # the child is free for the next job as soon as it has answered
                    made = self._made(attempt, child, heart)
                if isinstance(made, Success):
                    settle = self._stored(attempt, made)
                else:
                    settle = partial(attempts.fail, self._engine, attempt, made)
            except _Superseded:
                logger.warning("attempt superseded")
                return
            except _Stopped:
                settle = partial(attempts.requeue, self._engine, attempt)
            except (ChildCrashed, StorageUnavailable) as error:
                logger.warning("attempt crashed: %s", error)
                reason = str(error) if isinstance(error, ChildCrashed) else "could not reach the storage"
                settle = partial(attempts.crash, self._engine, attempt, reason, limit)
            if not _outlasting(settle):
                logger.warning("attempt superseded before it could settle")

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

    def _next(self, stop: threading.Event, ring: threading.Event) -> Attempt | None:
        """The next job, begun, once there is one; None if told to stop."""
        while not stop.is_set():
            ring.clear()
            attempt = attempts.start(self._engine, self._takes)
            if attempt is not None:
                return attempt
            ring.wait(POLL_S)
        return None

    def _made(self, attempt: Attempt, child: ChildProcess, heart: _Heart) -> Success | Failure:
        """Run the job in the child. Raises _Superseded, _Stopped, ChildCrashed, StorageUnavailable."""

        def pulse(stage: str | None, share: float) -> None:
            heart.show(stage, share)
            if self.hurry.is_set():
                raise _Stopped

        picture = self._storage.get(paths.picture(attempt.job_id))
        mask = self._storage.get(paths.mask(attempt.job_id)) if attempt.masked else None
        sides = {view: self._storage.get(paths.side(attempt.job_id, view)) for view in attempt.sides}
        limit_s = self._settings.job_time_limit_s
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
        with transaction(self._engine) as session:
            offers.announce(session, self._id, self._offered)

    def _keep_house(self, stop: threading.Event) -> None:
        connector = engine.Connector(stop)
        app = housekeeping.application(connector, self._engine, self._storage, self._settings)
        engine.run(self._url, connector, [engine.worker(app, [housekeeping.QUEUE], 1)], stop)


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
