"""The kernels of spherelinks.texture.charts in their original version, compiled by numba."""

from __future__ import annotations

import numpy as np
from numba import njit

_NECK = 0.2
_SPREAD, _FLAT = 0.1, 0.05
_SMOOTHING = 1


@njit(cache=True, nogil=True)
def normals(points, faces, opposite):
    """(F, 3) unit normals, smoothed over the neighbours, and the (F,) areas; a face without area gets the zero vector.

    points (V, 3) float64, faces (F, 3), opposite (3F,) twins.
    """
    raw, area = np.empty((len(faces), 3)), np.empty(len(faces))
    for f in range(len(faces)):
        a, b, c = points[faces[f, 0]], points[faces[f, 1]], points[faces[f, 2]]
        ux, uy, uz = b[0] - a[0], b[1] - a[1], b[2] - a[2]
        vx, vy, vz = c[0] - a[0], c[1] - a[1], c[2] - a[2]
        raw[f, 0], raw[f, 1], raw[f, 2] = (uy * vz - uz * vy) / 2, (uz * vx - ux * vz) / 2, (ux * vy - uy * vx) / 2
        area[f] = np.sqrt(raw[f, 0] ** 2 + raw[f, 1] ** 2 + raw[f, 2] ** 2)
    unit = np.empty_like(raw)
    for turn in range(_SMOOTHING + 1):
        for f in range(len(faces)):
            x, y, z = raw[f, 0], raw[f, 1], raw[f, 2]
            if turn:
                for k in range(3):
                    g = opposite[3 * f + k] // 3
                    if g >= 0:
                        x, y, z = x + raw[g, 0], y + raw[g, 1], z + raw[g, 2]
            length = max(np.sqrt(x * x + y * y + z * z), 1e-300)
            unit[f, 0], unit[f, 1], unit[f, 2] = x / length, y / length, z / length
        for f in range(len(faces)):
            raw[f, 0], raw[f, 1], raw[f, 2] = unit[f, 0] * area[f], unit[f, 1] * area[f], unit[f, 2] * area[f]
    return unit, area


@njit(cache=True, nogil=True)
def grow(points, faces, opposite, normal, area, most, bend, cone):
    """(F,) int64 the chart of each face, connected, numbered from 0 in order of first appearance; and their number.

    points (V, 3) float64, faces (F, 3), opposite (3F,) twins, normal (F, 3), area (F,)
    most : (F,) int64, the largest number of faces that a chart with this face may have
    bend, cone : BEND, CONE, or stricter

    Every face starts as a chart. Each round joins all pairs of charts that may be joined and are each other's best
    neighbour (as in Borůvka's algorithm; hierarchical face clustering: Garland, Willmott & Heckbert 2001). As in
    D-Charts (Julius, Kraevoy & Sheffer 2005), the cost is the product of the normals' distance from those of a
    developable surface and the outline's distance from a circle.
    """
    n = len(faces)
    label = np.arange(n)
    most = most.copy()
    size, outline = np.ones(n, np.int64), np.zeros(n)
    # of each chart, integrated over it: 1, its normal, and the products of the normal's components
    sums = np.empty((n, 10))
    one, two, border = np.empty(3 * n // 2, np.int32), np.empty(3 * n // 2, np.int32), np.empty(3 * n // 2)
    arcs = 0
    for f in range(n):
        x, y, z, a = normal[f, 0], normal[f, 1], normal[f, 2], area[f]
        sums[f, 0], sums[f, 1], sums[f, 2], sums[f, 3] = a, a * x, a * y, a * z
        sums[f, 4], sums[f, 5], sums[f, 6] = a * x * x, a * y * y, a * z * z
        sums[f, 7], sums[f, 8], sums[f, 9] = a * y * z, a * x * z, a * x * y
        for k in range(3):
            p, q = points[faces[f, k]], points[faces[f, k + 1 if k < 2 else 0]]
            length = np.sqrt((p[0] - q[0]) ** 2 + (p[1] - q[1]) ** 2 + (p[2] - q[2]) ** 2)
            outline[f] += length
            if opposite[3 * f + k] > 3 * f + k:
                one[arcs], two[arcs], border[arcs] = f, opposite[3 * f + k] // 3, length
                arcs += 1
    cost = np.full(arcs, -1.0)  # negative: to be found
    best, lowest, to, changed = np.empty(n, np.int32), np.empty(n), np.empty(n, np.int32), np.zeros(n, np.bool_)
    start, fill = np.empty(n + 1, np.int32), np.empty(n + 1, np.int32)
    other, shared, known = np.empty(arcs, np.int32), np.empty(arcs), np.empty(arcs)
    while True:
        for i in range(n):
            best[i], lowest[i] = -1, np.inf
        for e in range(arcs):
            i, j = one[e], two[e]
            if cost[e] < 0:
                cost[e] = np.inf
                few = size[i] + size[j] <= min(most[i], most[j])
                if few and border[e] >= _NECK * min(outline[i], outline[j]):
                    cost[e] = _cost(sums, i, j, outline[i] + outline[j] - 2 * border[e], bend, cone)
            if cost[e] < lowest[i]:
                lowest[i], best[i] = cost[e], e
            if cost[e] < lowest[j]:
                lowest[j], best[j] = cost[e], e
        count = 0
        for i in range(n):
            e = best[i]
            j = one[e] + two[e] - i if e >= 0 else i
            joined = j != i and best[j] == e
            if joined and j < i:
                t = to[i] = to[j]
                for k in range(10):
                    sums[t, k] += sums[i, k]
                outline[t] += outline[i] - 2 * border[e]
                size[t] += size[i]
                most[t] = min(most[t], most[i])
                continue
            if count != i:
                for k in range(10):
                    sums[count, k] = sums[i, k]
                outline[count], size[count], most[count] = outline[i], size[i], most[i]
            to[i], changed[count] = count, joined
            count += 1
        if count == n:
            return label, n
        n = count
        for f in range(len(label)):
            label[f] = to[label[f]]
        # arcs between the same two charts become one
        for i in range(n + 1):
            start[i] = 0
        for e in range(arcs):
            i, j = to[one[e]], to[two[e]]
            one[e], two[e] = min(i, j), max(i, j)
            if i != j:
                start[one[e] + 1] += 1
        for i in range(n):
            start[i + 1] += start[i]
            fill[i] = start[i]
        for e in range(arcs):
            i = one[e]
            if i != two[e]:
                other[fill[i]], shared[fill[i]], known[fill[i]] = two[e], border[e], cost[e]
                fill[i] += 1
        arcs = 0
        latest = best  # of each chart: the last arc to it
        for i in range(n):
            latest[i] = -1
        for i in range(n):
            first = arcs
            for at in range(start[i], start[i + 1]):
                j = other[at]
                if latest[j] >= first:
                    border[latest[j]] += shared[at]
                    continue
                latest[j] = arcs
                one[arcs], two[arcs], border[arcs] = i, j, shared[at]
                cost[arcs] = -1 if changed[i] or changed[j] else known[at]
                arcs += 1


@njit(cache=True, nogil=True)
def _cost(sums, i, j, outline, bend, cone):
    """What charts i and j cost as one of this outline; infinite where they may not be."""
    area = max(sums[i, 0] + sums[j, 0], 1e-300)
    x, y, z = (sums[i, 1] + sums[j, 1]) / area, (sums[i, 2] + sums[j, 2]) / area, (sums[i, 3] + sums[j, 3]) / area
    square = x * x + y * y + z * z
    if square < cone * cone:
        return np.inf
    # the covariance of the normals
    a, d = (sums[i, 4] + sums[j, 4]) / area - x * x, (sums[i, 7] + sums[j, 7]) / area - y * z
    b, e = (sums[i, 5] + sums[j, 5]) / area - y * y, (sums[i, 8] + sums[j, 8]) / area - x * z
    c, f = (sums[i, 6] + sums[j, 6]) / area - z * z, (sums[i, 9] + sums[j, 9]) / area - x * y
    # its least eigenvalue, by Newton's method on the characteristic polynomial, which comes from below
    trace = a + b + c
    minors = b * c - d * d + a * c - e * e + a * b - f * f
    determinant = a * (b * c - d * d) - f * (f * c - d * e) + e * (f * d - b * e)
    least = 0.0
    if minors > 1e-12:
        for _ in range(3):
            slope = (3 * least - 2 * trace) * least + minors
            if slope <= 1e-12:
                break
            least -= (((least - trace) * least + minors) * least - determinant) / slope
    if least > bend:
        return np.inf
    return (max(least, 0.0) + _SPREAD * (1 - square) + _FLAT) * outline * outline / area
