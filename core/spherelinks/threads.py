"""Threads for native code, which releases the GIL: one for each core that this process may use."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache

from spherelinks import confinement

MOST = 4
"""The work on one picture does not divide further; a server's other cores are for other jobs."""


@cache
def count() -> int:
    """Threads that work at a time: one for each core of the process, by affinity and cgroup, up to MOST."""
    return max(1, min(MOST, confinement.cores()))


def pool() -> ThreadPoolExecutor:
    """A pool for tasks that do not wait for each other; their results must not depend on the number of threads."""
    return ThreadPoolExecutor(count())


def each(work: Callable[[int], object], parts: Sequence[int]) -> None:
    """Run `work` for each part, in such a pool where there are several, until all are done."""
    if len(parts) == 1:
        work(parts[0])
        return
    with pool() as threads:
        list(threads.map(work, parts))
