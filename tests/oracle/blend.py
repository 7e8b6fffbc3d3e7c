"""The kernels of spherelinks.texture.blend in their original version, compiled by numba."""

from __future__ import annotations

import numpy as np
from numba import njit

FADES, _ROUNDS = 0.06, 32


@njit(cache=True, nogil=True)
def _membrane(vertices, faces, value, known, length):
    """Laplace(value) = value / length² by Gauss-Seidel, forwards and backwards in turn, where not known; in place."""
    start = np.zeros(len(value) + 1, np.int64)
    for f in range(len(faces)):
        for k in range(3):
            start[faces[f, k] + 1] += 1
    start = np.cumsum(start)
    filled, neighbour = start.copy(), np.empty(start[-1], np.int32)
    for f in range(len(faces)):
        for k in range(3):
            v = faces[f, k]
            neighbour[filled[v]] = faces[f, (k + 1) % 3]  # in a closed mesh, each neighbour comes once
            filled[v] += 1
    kept = np.empty(len(value), np.float32)
    for v in range(len(value)):
        square = 0.0
        for n in range(start[v], start[v + 1]):
            for d in range(3):
                square += (vertices[neighbour[n], d] - vertices[v, d]) ** 2
        count = max(start[v + 1] - start[v], 1)
        kept[v] = 1 / (count * (1 + square / count / (4 * length * length + 1e-30)))
    for turn in range(_ROUNDS):
        for i in range(len(value)):
            v = i if turn % 2 == 0 else len(value) - 1 - i
            if known[v]:
                continue
            r = g = b = np.float32(0)
            for n in range(start[v], start[v + 1]):
                r += value[neighbour[n], 0]
                g += value[neighbour[n], 1]
                b += value[neighbour[n], 2]
            value[v, 0], value[v, 1], value[v, 2] = r * kept[v], g * kept[v], b * kept[v]
    return value
