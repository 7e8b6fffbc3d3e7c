"""The kernels of spherelinks.mesh.nearest in their original version, compiled by numba."""

from __future__ import annotations

import numpy as np
from numba import njit

LEAF = 4


@njit(cache=True, nogil=True)
def _boxes(corners, leaves):
    low = np.full((2 * leaves, 3), np.float32(np.inf))
    high = np.full((2 * leaves, 3), np.float32(-np.inf))
    for f in range(len(corners)):
        node = leaves + f // LEAF
        for k in range(3):
            for d in range(3):
                low[node, d] = min(low[node, d], corners[f, k, d])
                high[node, d] = max(high[node, d], corners[f, k, d])
    for node in range(leaves - 1, 0, -1):
        for d in range(3):
            low[node, d] = min(low[2 * node, d], low[2 * node + 1, d])
            high[node, d] = max(high[2 * node, d], high[2 * node + 1, d])
    return low, high


@njit(cache=True, nogil=True)
def _to_box(x, y, z, low, high, node):
    """Squared distance to a node's box."""
    dx = max(low[node, 0] - x, x - high[node, 0], 0.0)
    dy = max(low[node, 1] - y, y - high[node, 1], 0.0)
    dz = max(low[node, 2] - z, z - high[node, 2], 0.0)
    return dx * dx + dy * dy + dz * dz


@njit(cache=True, nogil=True)
def to_triangle(x, y, z, corners, f):
    """Squared distance to triangle f of (F, 3, 3), and the weights of its second and third corner at the nearest point.

    By the region of the triangle's plane that the point is over (Ericson 2005, "Real-Time Collision Detection", 5.1.5).
    """
    ax, ay, az = float(corners[f, 0, 0]), float(corners[f, 0, 1]), float(corners[f, 0, 2])
    ux, uy, uz = corners[f, 1, 0] - ax, corners[f, 1, 1] - ay, corners[f, 1, 2] - az
    vx, vy, vz = corners[f, 2, 0] - ax, corners[f, 2, 1] - ay, corners[f, 2, 2] - az
    px, py, pz = x - ax, y - ay, z - az
    d1, d2 = ux * px + uy * py + uz * pz, vx * px + vy * py + vz * pz
    uu, uv, vv = ux * ux + uy * uy + uz * uz, ux * vx + uy * vy + uz * vz, vx * vx + vy * vy + vz * vz
    d3, d4, d5, d6 = d1 - uu, d2 - uv, d1 - uv, d2 - vv
    a, b, c = d3 * d6 - d5 * d4, d5 * d2 - d1 * d6, d1 * d4 - d3 * d2
    if d1 <= 0 and d2 <= 0:
        s, t = 0.0, 0.0
    elif d3 >= 0 and d4 <= d3:
        s, t = 1.0, 0.0
    elif c <= 0 and d1 >= 0 and d3 <= 0 and uu > 0:
        s, t = d1 / uu, 0.0
    elif d6 >= 0 and d5 <= d6:
        s, t = 0.0, 1.0
    elif b <= 0 and d2 >= 0 and d6 <= 0 and vv > 0:
        s, t = 0.0, d2 / vv
    elif a <= 0 and d4 - d3 >= 0 and d5 - d6 >= 0:
        both = (d4 - d3) + (d5 - d6)
        t = (d4 - d3) / both if both > 0 else 0.0
        s = 1 - t
    else:
        s, t = b / (a + b + c), c / (a + b + c)
    dx, dy, dz = px - s * ux - t * vx, py - s * uy - t * vy, pz - s * uz - t * vz
    return dx * dx + dy * dy + dz * dz, s, t


@njit(cache=True, nogil=True)
def _nearest(points, low, high, order, corners):
    leaves = len(low) // 2
    distance = np.empty(len(points), np.float32)
    face = np.empty(len(points), np.int32)
    weights = np.empty((len(points), 3), np.float32)
    waiting = np.empty(64, np.int64)
    bound = np.empty(64)
    last = 0
    for i in range(len(points)):
        x, y, z = float(points[i, 0]), float(points[i, 1]), float(points[i, 2])
        # the triangle that was nearest to the point before is a first guess
        found = last
        best, s, t = to_triangle(x, y, z, corners, last)
        waiting[0], bound[0] = 1, _to_box(x, y, z, low, high, 1)
        depth = 1
        while depth:
            depth -= 1
            if bound[depth] >= best:
                continue
            node = waiting[depth]
            if node >= leaves:
                start = LEAF * (node - leaves)
                for f in range(start, min(start + LEAF, len(corners))):
                    square, q, r = to_triangle(x, y, z, corners, f)
                    if square < best:
                        best, s, t, found = square, q, r, f
                continue
            one, other = 2 * node, 2 * node + 1
            near = _to_box(x, y, z, low, high, one)
            far = _to_box(x, y, z, low, high, other)
            if far < near:
                one, other, near, far = other, one, far, near
            if far < best:
                waiting[depth], bound[depth] = other, far
                depth += 1
            if near < best:
                waiting[depth], bound[depth] = one, near
                depth += 1
        last = found
        distance[i] = np.sqrt(best)
        face[i] = order[found]
        weights[i, 0], weights[i, 1], weights[i, 2] = 1 - s - t, s, t
    return distance, face, weights
