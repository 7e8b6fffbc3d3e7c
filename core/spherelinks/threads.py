"""Threads for native code, which releases the GIL: one for each core that this process may use."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from functools import cache, wraps
from threading import Lock
from types import TracebackType
from typing import Any, TypeVar

from spherelinks import confinement

Made = TypeVar("Made")

MOST = 4
"""The work on one picture does not divide further; a server's other cores are for other jobs."""


@cache
def count() -> int:
    """Threads that work at a time: one for each core of the process, by affinity and cgroup, up to MOST."""
    return max(1, min(MOST, confinement.cores()))


class _Pool(ThreadPoolExecutor):
    """A pool that waits for its tasks when it is left, and whose threads then wait for the next one's if they may."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.size = size
        self._given: list[Future[Any]] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        self._given.append(future := super().submit(fn, *args, **kwargs))
        return future

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        wait(self._given)
        self._given = []
        with _lock:
            if _keeping:
                _idle.setdefault(self.size, []).append(self)
                return
        self.shutdown()


_lock = Lock()
_keeping = 0
_idle: dict[int, list[_Pool]] = {}


@contextmanager
def kept() -> Iterator[None]:
    """Meanwhile, threads of pools that are done wait for those that follow: starting them takes longer than many a
    task. They end with the last work in this process that keeps them, so that none outlives it with rights that the
    process gives up then."""
    global _keeping
    with _lock:
        _keeping += 1
    try:
        yield
    finally:
        with _lock:
            _keeping -= 1
            ended = [] if _keeping else [each for pools in _idle.values() for each in pools]
            if ended:
                _idle.clear()
        for each in ended:
            each.shutdown()


def pool(size: int | None = None) -> ThreadPoolExecutor:
    """A pool, for one `with`, of `size` threads (None: :func:`count`), for tasks that do not wait for each other; their
    results must not depend on the number of threads."""
    wanted = size or count()
    with _lock:
        waiting = _idle.get(wanted)
        return waiting.pop() if waiting else _Pool(wanted)


def each(work: Callable[[int], object], parts: Sequence[int]) -> None:
    """Run `work` for each part, in such a pool where there are several, until all are done."""
    if len(parts) == 1:
        work(parts[0])
        return
    with pool() as threads:
        list(threads.map(work, parts))


def once(make: Callable[[], Made]) -> Callable[[], Made]:
    """`make`, called when its result is first asked for; the result is kept, and who asks meanwhile waits for it.

    Unlike `functools.cache`, which may call it in several threads at once. Raises what it raises, and then tries again.
    """
    lock, made = Lock(), cache(make)

    @wraps(make)
    def kept_result() -> Made:
        with lock:
            return made()

    return kept_result
