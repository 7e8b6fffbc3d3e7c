"""The kernels of spherelinks.mesh.distance in their original version, compiled by numba."""

from __future__ import annotations

import numpy as np
from numba import njit
from oracle.nearest import to_triangle

MARGIN, BAND = 3.63, 2.0
HALF = 0.75


@njit(cache=True, nogil=True)
def _measure(corners, start, square, owner):
    """Squared distances and nearest triangles, in place, of samples less than BAND from a triangle; grid units.

    Each triangle is swept along the axis that it faces most: over its shadow, grown by BAND, only the samples are
    visited that lie less than BAND from its plane.
    """
    shape = square.shape
    low, high, at = np.empty(3), np.empty(3), np.empty(3, np.int64)
    n, edge = np.empty(3), np.empty((3, 3))
    for f in range(len(corners)):
        for d in range(3):
            p, q = (d + 1) % 3, (d + 2) % 3
            n[d] = (corners[f, 1, p] - corners[f, 0, p]) * (corners[f, 2, q] - corners[f, 0, q]) - (
                corners[f, 1, q] - corners[f, 0, q]
            ) * (corners[f, 2, p] - corners[f, 0, p])
            low[d] = min(corners[f, 0, d], corners[f, 1, d], corners[f, 2, d]) - BAND
            high[d] = max(corners[f, 0, d], corners[f, 1, d], corners[f, 2, d]) + BAND
        length = np.sqrt(n[0] * n[0] + n[1] * n[1] + n[2] * n[2])
        if length == 0:
            continue
        w = 0 if abs(n[0]) >= max(abs(n[1]), abs(n[2])) else (1 if abs(n[1]) >= abs(n[2]) else 2)
        u, v = (w + 1) % 3, (w + 2) % 3
        turn = 1.0 if n[w] > 0 else -1.0
        for k in range(3):  # lines along the shadow's sides, positive outside of it, in cells
            du = corners[f, (k + 1) % 3, u] - corners[f, k, u]
            dv = corners[f, (k + 1) % 3, v] - corners[f, k, v]
            size = np.sqrt(du * du + dv * dv)
            scale = turn / size if size > 0 else 0.0
            edge[k, 0], edge[k, 1] = dv * scale, -du * scale
            edge[k, 2] = -(edge[k, 0] * corners[f, k, u] + edge[k, 1] * corners[f, k, v])
        reach = BAND * length / abs(n[w])
        for i in range(max(0, int(np.ceil(low[u]))), min(shape[u] - 1, int(np.floor(high[u]))) + 1):
            for j in range(max(0, int(np.ceil(low[v]))), min(shape[v] - 1, int(np.floor(high[v]))) + 1):
                outside = False
                for k in range(3):
                    outside |= edge[k, 0] * i + edge[k, 1] * j + edge[k, 2] > BAND
                if outside:
                    continue
                plane = corners[f, 0, w] - (n[u] * (i - corners[f, 0, u]) + n[v] * (j - corners[f, 0, v])) / n[w]
                first = max(0, int(np.ceil(max(plane - reach, low[w]))))
                last = min(shape[w] - 1, int(np.floor(min(plane + reach, high[w]))))
                at[u], at[v] = i, j
                for k in range(first, last + 1):
                    at[w] = k
                    x, y, z = at[0], at[1], at[2]
                    away, _, _ = to_triangle(float(x), float(y), float(z), corners, f)
                    if away < square[x, y, z]:
                        square[x, y, z], owner[x, y, z] = away, start + f


@njit(cache=True, nogil=True)
def _flood(square):
    """(X, Y, Z) bool: samples that can be reached from the first one in steps along the axes, without coming within
    half a cell of the surface. The first sample, in the margin's corner, is outside."""
    nx, ny, nz = square.shape
    reached = np.zeros((nx, ny, nz), np.bool_)
    waiting = np.empty(1 << 16, np.int32)
    reached[0, 0, 0] = True
    waiting[0] = 0
    count = 1
    while count:
        count -= 1
        x, rest = divmod(waiting[count], ny * nz)
        y, z = divmod(rest, nz)
        if count + 6 > len(waiting):
            bigger = np.empty(2 * len(waiting), np.int32)
            bigger[:count] = waiting[:count]
            waiting = bigger
        for k in range(6):
            step = 1 if k & 1 else -1
            i, j, l = x + (step if k < 2 else 0), y + (step if 2 <= k < 4 else 0), z + (step if k >= 4 else 0)  # noqa: E741
            if 0 <= i < nx and 0 <= j < ny and 0 <= l < nz and not reached[i, j, l] and square[i, j, l] > 0.25:
                reached[i, j, l] = True
                waiting[count] = (i * ny + j) * nz + l
                count += 1
    return reached


@njit(cache=True, nogil=True)
def _open(x, y, z, square, reached):
    """Whether a sample lies outside for certain: a neighbour does, and both are so far from the surface, taken
    together, that it cannot run between them."""
    here = np.sqrt(square[x, y, z])
    for i in range(x - 1, x + 2):
        for j in range(y - 1, y + 2):
            for k in range(z - 1, z + 2):
                apart = np.sqrt(float((i - x) ** 2 + (j - y) ** 2 + (k - z) ** 2))
                if reached[i, j, k] and here + np.sqrt(square[i, j, k]) > apart:
                    return True
    return False


@njit(cache=True, nogil=True)
def _solid(q, g, way, square, reached):
    """Whether the inside, and no gap before it, lies next to the point q of the surface in the unit direction way * g.

    A gap shows by a sample of the outside that is straight ahead, and to which the surface at q is about the nearest.
    """
    x, y, z = round(q[0] + 1.5 * way * g[0]), round(q[1] + 1.5 * way * g[1]), round(q[2] + 1.5 * way * g[2])
    found = False
    for i in range(x - 1, x + 2):
        for j in range(y - 1, y + 2):
            for k in range(z - 1, z + 2):
                if square[i, j, k] > 0.25:
                    if not reached[i, j, k]:
                        found = True
                        continue
                    dx, dy, dz = i - q[0], j - q[1], k - q[2]
                    apart = dx * dx + dy * dy + dz * dz
                    along = way * (dx * g[0] + dy * g[1] + dz * g[2])
                    if along > 0.85 * np.sqrt(apart) and square[i, j, k] > 0.5 * apart:
                        return False
    return found


@njit(cache=True, nogil=True)
def _sign(corners, square, owner, reached):
    """The field in cells, the number of samples inside a plate, and of all within HALF of the surface."""
    field = np.empty(square.shape, np.float32)
    q, g = np.empty(3), np.empty(3)
    thin, near = 0, 0
    for x in range(square.shape[0]):
        for y in range(square.shape[1]):
            for z in range(square.shape[2]):
                away = np.sqrt(square[x, y, z])
                f = owner[x, y, z]
                outside = reached[x, y, z]
                if f < 0 or away >= HALF + 1 or (away > 0.5 and not outside):
                    field[x, y, z] = away if outside else -away
                    continue
                _, s, t = to_triangle(float(x), float(y), float(z), corners, f)
                for d in range(3):
                    q[d] = (1 - s - t) * corners[f, 0, d] + s * corners[f, 1, d] + t * corners[f, 2, d]
                g[0], g[1], g[2] = x - q[0], y - q[1], z - q[2]
                if away < 1e-3:
                    for d in range(3):
                        a, b = (d + 1) % 3, (d + 2) % 3
                        g[d] = (corners[f, 1, a] - corners[f, 0, a]) * (corners[f, 2, b] - corners[f, 0, b]) - (
                            corners[f, 1, b] - corners[f, 0, b]
                        ) * (corners[f, 2, a] - corners[f, 0, a])
                size = np.sqrt(g[0] * g[0] + g[1] * g[1] + g[2] * g[2])
                for d in range(3):
                    g[d] /= size
                outside = outside or _open(x, y, z, square, reached)
                near += away < HALF
                if not _solid(q, g, -1, square, reached) and (outside or not _solid(q, g, 1, square, reached)):
                    thin += away < HALF
                    field[x, y, z] = away - HALF
                else:
                    field[x, y, z] = away if outside else -away
    return field, thin, near
