"""The kernels of spherelinks.pixels.visible in their original version, compiled by numba."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def visible(points, faces, size):
    """(size, size) int32: the nearest face that is turned to the viewer at each sample's centre, -1 if none is.

    points : (V, 3) float64: x rightwards and y downwards in samples, and 1 / distance, which is linear over a face
    faces : (F, 3) int32, counter-clockwise seen from outside
    """
    ids = np.full((size, size), np.int32(-1))
    near = np.zeros((size, size), np.float32)
    for f in range(len(faces)):
        ax, ay, az = points[faces[f, 0]]
        bx, by, bz = points[faces[f, 1]]
        cx, cy, cz = points[faces[f, 2]]
        double = (cx - ax) * (by - ay) - (cy - ay) * (bx - ax)
        if not double > 1e-12:
            continue
        top = max(0, int(np.ceil(min(ay, by, cy) - 0.5)))
        bottom = min(size - 1, int(np.floor(max(ay, by, cy) - 0.5)))
        if top > bottom:
            continue
        dx = ((cz - az) * (by - ay) - (bz - az) * (cy - ay)) / double
        dy = ((bz - az) * (cx - ax) - (cz - az) * (bx - ax)) / double
        for y in range(top, bottom + 1):
            py = y + 0.5
            left, right = 0.0, float(size)
            # each edge as a bound on x in this row
            for k in range(3):
                if k == 0:
                    ex, ey, fx, fy = ax, ay, bx, by
                elif k == 1:
                    ex, ey, fx, fy = bx, by, cx, cy
                else:
                    ex, ey, fx, fy = cx, cy, ax, ay
                rise = fy - ey
                run = (fx - ex) * (py - ey)
                if rise > 0:  # downwards: the face lies to the right
                    left = max(left, ex + run / rise)
                elif rise < 0:
                    right = min(right, ex + run / rise)
                elif run > 0:
                    right = -1.0
            for x in range(int(np.ceil(left - 0.5 - 1e-6)), min(size - 1, int(np.floor(right - 0.5 + 1e-6))) + 1):
                z = np.float32(az + dx * (x + 0.5 - ax) + dy * (py - ay))
                if z > near[y, x]:
                    near[y, x] = z
                    ids[y, x] = f
    return ids
