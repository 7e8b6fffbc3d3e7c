"""The kernels of spherelinks.pixels.padding in their original version, compiled by numba."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def _grow(texture, known, border, rings):
    """Grow the known texels ring by ring, each new one the mean of its known neighbours; in place.

    border : (N, 2) int64 row and column of the first ring
    """
    height, width = known.shape
    rim = np.empty((known.size, 2), np.int32)
    queued = known.copy()
    found = len(border)
    for r in range(found):
        rim[r, 0], rim[r, 1] = border[r]
        queued[border[r, 0], border[r, 1]] = True
    start = 0
    for _ in range(rings):
        stop = found
        for r in range(start, stop):
            y, x = rim[r]
            count = red = green = blue = 0
            for j in range(max(y - 1, 0), min(y + 2, height)):
                for i in range(max(x - 1, 0), min(x + 2, width)):
                    if known[j, i]:
                        count += 1
                        red += texture[j, i, 0]
                        green += texture[j, i, 1]
                        blue += texture[j, i, 2]
                    elif not queued[j, i]:
                        queued[j, i] = True
                        rim[found, 0], rim[found, 1] = j, i
                        found += 1
            half = count // 2
            texture[y, x, 0], texture[y, x, 1], texture[y, x, 2] = (
                (red + half) // count, (green + half) // count, (blue + half) // count,
            )  # fmt: skip
        for r in range(start, stop):
            known[rim[r, 0], rim[r, 1]] = True
        start = stop
