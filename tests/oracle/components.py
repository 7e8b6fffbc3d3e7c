"""The kernels of spherelinks.mesh.components in their original version, compiled by numba; since then of
each point by itself."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def _measure(vertices, faces, label, count, centre):
    """Of each part: signed volume, area, and the low and high corners of its bounding box."""
    volume = np.zeros(count)
    area = np.zeros(count)
    low = np.full((count, 3), np.inf)
    high = np.full((count, 3), -np.inf)
    for f in range(len(faces)):
        part = label[f]
        a, b, c = vertices[faces[f, 0]], vertices[faces[f, 1]], vertices[faces[f, 2]]
        square = 0.0
        for k in range(3):
            u, v = (k + 1) % 3, (k + 2) % 3
            square += ((b[u] - a[u]) * (c[v] - a[v]) - (b[v] - a[v]) * (c[u] - a[u])) ** 2
            volume[part] += (a[k] - centre[k]) * (
                (b[u] - centre[u]) * (c[v] - centre[v]) - (b[v] - centre[v]) * (c[u] - centre[u])
            )
            low[part, k] = min(low[part, k], a[k], b[k], c[k])
            high[part, k] = max(high[part, k], a[k], b[k], c[k])
        area[part] += np.sqrt(square) / 2
    return volume / 6, area, low, high


@njit(cache=True, nogil=True)
def _inside(vertices, faces, points):
    """Whether a closed surface winds round each of (N, 3) points.

    By the sum of the faces' solid angles (Van Oosterom & Strackee 1983).
    """
    inside = np.empty(len(points), np.bool_)
    for i in range(len(points)):
        total = 0.0
        x, y, z = points[i]
        for f in range(len(faces)):
            i0, i1, i2 = faces[f]
            ax, ay, az = vertices[i0, 0] - x, vertices[i0, 1] - y, vertices[i0, 2] - z
            bx, by, bz = vertices[i1, 0] - x, vertices[i1, 1] - y, vertices[i1, 2] - z
            cx, cy, cz = vertices[i2, 0] - x, vertices[i2, 1] - y, vertices[i2, 2] - z
            la = np.sqrt(ax * ax + ay * ay + az * az)
            lb = np.sqrt(bx * bx + by * by + bz * bz)
            lc = np.sqrt(cx * cx + cy * cy + cz * cz)
            above = ax * (by * cz - bz * cy) + ay * (bz * cx - bx * cz) + az * (bx * cy - by * cx)
            below = la * lb * lc + (ax * bx + ay * by + az * bz) * lc
            below += (bx * cx + by * cy + bz * cz) * la + (cx * ax + cy * ay + cz * az) * lb
            total += np.arctan2(above, below)
        inside[i] = total >= np.pi  # half a turn: once round is 2 * pi in these halved angles
    return inside
