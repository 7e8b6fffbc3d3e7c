"""The kernels of spherelinks.mesh.solid in their original version, compiled by numba; since then they say of each face
whether it is crossed, not of all whether none is."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def _turned(start, partner):
    count = len(start) // 3
    seen, turned, crossed = np.zeros(count, np.bool_), np.zeros(count, np.bool_), np.zeros(count, np.bool_)
    waiting = np.empty(count, np.int64)
    for seed in range(count):
        if seen[seed]:
            continue
        seen[seed] = True
        waiting[0] = seed
        many = 1
        while many:
            many -= 1
            face = waiting[many]
            for h in range(3 * face, 3 * face + 3):
                other = partner[h]
                if other < 0:
                    continue
                wanted = turned[face] ^ (start[h] == start[other])
                there = other // 3
                if not seen[there]:
                    seen[there], turned[there] = True, wanted
                    waiting[many] = there
                    many += 1
                elif turned[there] != wanted:
                    crossed[face] = True
    return turned, crossed
