"""Threads for native code, which releases the GIL: as many as this process has cores for."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import cache

from spherelinks import confinement

MOST = 4
"""Of a picture's work more cannot be divided; a server's other cores are for other jobs."""


@cache
def count() -> int:
    """Threads that work at a time: one for each core of the process, by affinity and cgroup, and MOST at most."""
    return max(1, min(MOST, confinement.cores()))


def pool() -> ThreadPoolExecutor:
    """Threads for tasks none of which waits for another; what they make must not depend on how many there are."""
    return ThreadPoolExecutor(count())
