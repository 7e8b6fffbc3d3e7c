"""The kernels of spherelinks.generation.inflate in their original version, compiled by numba."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def _solve(matte, relaxation, sweeps):
    """Laplace(u) = -1 inside the matte's 0.5 contour, u = 0 on it, by successive over-relaxation.

    If a cell's neighbour is outside, the position of the contour between the two sets the difference quotient (Gibou et
    al. 2002), so the outline is accurate to a fraction of a cell. Cells next to the contour get the negative value of
    linear extrapolation.
    """
    height, width = matte.shape
    u = np.zeros((height, width))
    weight = np.zeros((height, width, 4))
    for y in range(1, height - 1):
        for x in range(1, width - 1):
            if matte[y, x] > 0.5:
                for k in range(4):
                    beyond = matte[y + (k == 1) - (k == 0), x + (k == 3) - (k == 2)]
                    if beyond <= 0.5:
                        share = (matte[y, x] - 0.5) / (matte[y, x] - beyond)
                        weight[y, x, k] = 1 / max(share, 0.05)
    for _ in range(sweeps):
        for y in range(1, height - 1):
            for x in range(1, width - 1):
                if matte[y, x] > 0.5:
                    total, known = 0.0, 1.0
                    for k in range(4):
                        if weight[y, x, k] > 0:
                            total += weight[y, x, k]
                        else:
                            total += 1
                            known += u[y + (k == 1) - (k == 0), x + (k == 3) - (k == 2)]
                    u[y, x] += relaxation * (known / total - u[y, x])
    for y in range(1, height - 1):
        for x in range(1, width - 1):
            if matte[y, x] > 0.5:
                for k in range(4):
                    if weight[y, x, k] > 0:
                        j, i = y + (k == 1) - (k == 0), x + (k == 3) - (k == 2)
                        u[j, i] = min(u[j, i], -u[y, x] * (weight[y, x, k] - 1))
    return u


@njit(cache=True, nogil=True)
def _across(front, inside, rim):
    """(X, Y, 3) float32: each run of inside cells along x blends from the colour at one end to that at the other."""
    color = front.astype(np.float32)
    for y in range(front.shape[1]):
        start = 0
        while start < len(front):
            stop = start
            while stop < len(front) and inside[stop, y]:
                stop += 1
            length = stop - start
            ends = min(rim, (length + 1) // 2)
            for k in range(3):
                left, right = 0.0, 0.0
                for i in range(ends):
                    left += front[start + i, y, k] / ends
                    right += front[stop - 1 - i, y, k] / ends
                for i in range(length):
                    share = (i + 0.5) / length
                    share *= share * (3 - 2 * share)
                    color[start + i, y, k] = left + share * (right - left)
            start = stop + 1
    return color
