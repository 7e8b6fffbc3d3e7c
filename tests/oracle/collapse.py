"""The kernels of spherelinks.mesh.collapse in their original version, compiled by numba."""

from __future__ import annotations

import numpy as np
from numba import njit

_STAY = 1e-5
_FAR = 1.0
_TURNED, _FLAT = 0.2, 0.01
_TINY = 2e-3


@njit(cache=True, nogil=True, error_model="numpy")
def quadrics(points, faces):
    """(V, 10) float64: of each vertex the sum, over its faces and weighted by their area, of the squared distance to
    the face's plane and, _STAY times, to its middle (Trettner & Kobbelt 2020, "Fast and Robust QEM Minimization using
    Probabilistic Quadrics"), as the matrix xx, xy, xz, yy, yz, zz, the vector and the constant."""
    total = np.zeros((len(points), 10))
    q = np.empty(10)
    for f in range(len(faces)):
        a, b, c = faces[f]
        ux, uy, uz = points[b, 0] - points[a, 0], points[b, 1] - points[a, 1], points[b, 2] - points[a, 2]
        vx, vy, vz = points[c, 0] - points[a, 0], points[c, 1] - points[a, 1], points[c, 2] - points[a, 2]
        nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        double = np.sqrt(nx * nx + ny * ny + nz * nz)
        if double == 0:
            continue
        nx, ny, nz = nx / double, ny / double, nz / double
        mx = points[a, 0] + (ux + vx) / 3
        my = points[a, 1] + (uy + vy) / 3
        mz = points[a, 2] + (uz + vz) / 3
        away = nx * mx + ny * my + nz * mz
        q[0], q[1], q[2] = nx * nx + _STAY, nx * ny, nx * nz
        q[3], q[4], q[5] = ny * ny + _STAY, ny * nz, nz * nz + _STAY
        q[6], q[7], q[8] = nx * away + _STAY * mx, ny * away + _STAY * my, nz * away + _STAY * mz
        q[9] = away * away + _STAY * (mx * mx + my * my + mz * mz)
        for k in range(3):
            for i in range(10):
                total[faces[f, k], i] += q[i] * double
    return total


@njit(cache=True, nogil=True, error_model="numpy")
def _best(quadric, points, a, b):
    """The least cost of one vertex in place of two, and where it stands."""
    p, q = quadric[a], quadric[b]
    xx, xy, xz, yy, yz, zz = p[0] + q[0], p[1] + q[1], p[2] + q[2], p[3] + q[3], p[4] + q[4], p[5] + q[5]
    bx, by, bz = p[6] + q[6], p[7] + q[7], p[8] + q[8]
    mx, my, mz = (points[a, 0] + points[b, 0]) / 2, (points[a, 1] + points[b, 1]) / 2, (points[a, 2] + points[b, 2]) / 2
    ex, ey, ez = points[a, 0] - mx, points[a, 1] - my, points[a, 2] - mz
    c0, c1, c2 = yy * zz - yz * yz, xz * yz - xy * zz, xy * yz - xz * yy
    whole = xx * c0 + xy * c1 + xz * c2
    trace = xx + yy + zz
    if whole > 1e-12 * trace * trace * trace:
        d0, d1, d2 = xx * zz - xz * xz, xy * xz - xx * yz, xx * yy - xy * xy
        x = (c0 * bx + c1 * by + c2 * bz) / whole
        y = (c1 * bx + d0 * by + d1 * bz) / whole
        z = (c2 * bx + d1 * by + d2 * bz) / whole
        away = (x - mx) * (x - mx) + (y - my) * (y - my) + (z - mz) * (z - mz)
        if away <= _FAR * _FAR * (ex * ex + ey * ey + ez * ez):
            return max(p[9] + q[9] - (bx * x + by * y + bz * z), 0.0), x, y, z
    cost = xx * mx * mx + yy * my * my + zz * mz * mz + 2 * (xy * mx * my + xz * mx * mz + yz * my * mz)
    return max(cost - 2 * (bx * mx + by * my + bz * mz) + p[9] + q[9], 0.0), mx, my, mz


@njit(cache=True, nogil=True, error_model="numpy")
def _ahead(h):
    return h - 2 if h & 3 == 2 else h + 1


@njit(cache=True, nogil=True, error_model="numpy")
def _behind(h):
    return h - 1 if h & 3 else h + 2


@njit(cache=True, nogil=True, error_model="numpy")
def laid_out(faces, opposite):
    """`start` and `twin` of (F, 3) faces and their (3F,) twins."""
    start, twin = np.full(4 * len(faces), -1, np.int32), np.full(4 * len(faces), -1, np.int32)
    for f in range(len(faces)):
        for k in range(3):
            other = opposite[3 * f + k]
            start[4 * f + k], twin[4 * f + k] = faces[f, k], 4 * (other // 3) + other % 3
    return start, twin


@njit(cache=True, nogil=True, error_model="numpy")
def free(start, twin, side):
    """(V,) int8: the side of vertices all whose neighbours are on the same one; -1 for others."""
    out = side.copy()
    for h in range(len(start)):
        if h & 3 != 3 and side[start[h]] != side[start[twin[h]]]:
            out[start[h]] = -1
    return out


@njit(cache=True, nogil=True, error_model="numpy")
def price(start, twin, gone, points, quadric, side, of, cost, first=0, end=-1):
    """Into `cost`, at the first of its half-edges, that of each edge both of whose vertices are on that side; of the
    faces from `first` up to `end`."""
    for h in range(4 * first, 4 * end if end >= 0 else len(start)):
        if h & 3 != 3 and not gone[h >> 2] and h < twin[h]:
            a, b = start[h], start[twin[h]]
            if side[a] == of and side[b] == of:
                cost[h] = _best(quadric, points, a, b)[0]


@njit(cache=True, nogil=True, error_model="numpy")
def _flips(h, other, x, y, z, start, twin, points):
    """Whether a face round the vertex that h starts at, which moves to (x, y, z), would turn over or become a sliver;
    but for the two faces at its edge to `other`."""
    v = start[h]
    ax, ay, az = points[v]
    e = h
    while True:
        p, q = start[_ahead(e)], start[_behind(e)]
        if p != other and q != other:
            ux, uy, uz = points[p, 0] - ax, points[p, 1] - ay, points[p, 2] - az
            vx, vy, vz = points[q, 0] - ax, points[q, 1] - ay, points[q, 2] - az
            mx, my, mz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
            old = mx * mx + my * my + mz * mz
            old_side = max(ux * ux + uy * uy + uz * uz, vx * vx + vy * vy + vz * vz)
            ux, uy, uz = points[p, 0] - x, points[p, 1] - y, points[p, 2] - z
            vx, vy, vz = points[q, 0] - x, points[q, 1] - y, points[q, 2] - z
            nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
            new = nx * nx + ny * ny + nz * nz
            wx, wy, wz = ux - vx, uy - vy, uz - vz
            third = wx * wx + wy * wy + wz * wz
            side = max(ux * ux + uy * uy + uz * uz, vx * vx + vy * vy + vz * vz, third)
            old_side = max(old_side, third)
            dot = mx * nx + my * ny + mz * nz
            flat = new <= _FLAT * _FLAT * side * side and new * old_side * old_side <= old * side * side
            if old > _TINY * _TINY and (flat or dot < _TURNED * np.sqrt(old * new)):
                return True
        e = twin[_behind(e)]
        if e == h:
            return False


@njit(cache=True, nogil=True, error_model="numpy")
def _linked(h, start, twin, mark, stamp):
    """Whether the two ends of an edge have two neighbours in common, and no more, and are no part of a tetrahedron:
    then, and only then, the surface stays a manifold of the same kind (Dey et al. 1999, "Topology preserving edge
    contraction")."""
    t = twin[h]
    ring = 0
    e = h
    while True:
        mark[start[twin[e]]] = stamp
        ring += 1
        e = twin[_behind(e)]
        if e == h:
            break
    common, other = 0, 0
    e = t
    while True:
        common += mark[start[twin[e]]] == stamp
        other += 1
        e = twin[_behind(e)]
        if e == t:
            break
    return common == 2 and ring + other > 6


@njit(cache=True, nogil=True, error_model="numpy")
def sweep(start, twin, gone, points, quadric, side, of, cost, most, limit):
    """Collapse edges of that side which cost up to `limit`, until `most` faces have gone; in place.

    Returns how many went. Only vertices of that side are moved or read, and only half-edges between its vertices are
    written, so that two sides may be swept at the same time. `gone` (F,) says which faces went.
    """
    removed = 0
    mark, stamp = np.zeros(len(points), np.int32), np.int32(0)
    for h in range(len(start)):
        if not (cost[h] <= limit and side[start[h]] == of):
            continue
        if removed >= most:
            break
        cost[h] = np.inf
        t = twin[h]
        a, b = start[h], start[t]
        stamp += 1
        if not _linked(h, start, twin, mark, stamp):
            continue
        _, x, y, z = _best(quadric, points, a, b)
        if _flips(h, b, x, y, z, start, twin, points) or _flips(t, a, x, y, z, start, twin, points):
            continue
        e = t
        while True:
            start[e] = a
            e = twin[_behind(e)]
            if e == t:
                break
        points[a, 0], points[a, 1], points[a, 2] = x, y, z
        for i in range(10):
            quadric[a, i] += quadric[b, i]
        first = twin[_behind(h)]
        for inner in (h, np.int64(t)):  # the two edges that are left of each of the two faces become one
            one, two = _ahead(inner), _behind(inner)
            cost[one] = cost[two] = np.inf
            one, two = twin[one], twin[two]
            cost[one] = cost[two] = np.inf
            twin[one], twin[two] = two, one
            gone[inner >> 2] = True
        removed += 2
        e = first
        while True:
            other = twin[e]
            v = start[other]
            if side[v] == of:
                cost[min(e, other)] = _best(quadric, points, a, v)[0]
                cost[max(e, other)] = np.inf
            e = twin[_behind(e)]
            if e == first:
                break
    return removed
