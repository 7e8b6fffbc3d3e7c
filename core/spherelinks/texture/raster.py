"""What the camera sees: the depth of the nearest surface at each of its pixels."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def depth_buffer(points, faces, size):  # type: ignore[no-untyped-def]
    """(size, size) float32 depth of the nearest surface at pixel centres, infinity where there is none.

    points : (V, 3) float64 in pixels, x to the right and y downwards, and a depth that is linear over the picture
    and grows away from the viewer (z / w of clip space is)
    """
    depth = np.full((size, size), np.float32(np.inf))
    for f in range(len(faces)):
        ax, ay, az = points[faces[f, 0]]
        bx, by, bz = points[faces[f, 1]]
        cx, cy, cz = points[faces[f, 2]]
        double = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if not abs(double) > 1e-12:
            continue
        left = max(0, int(np.ceil(min(ax, bx, cx) - 0.5)))
        right = min(size - 1, int(np.floor(max(ax, bx, cx) - 0.5)))
        top = max(0, int(np.ceil(min(ay, by, cy) - 0.5)))
        bottom = min(size - 1, int(np.floor(max(ay, by, cy) - 0.5)))
        for y in range(top, bottom + 1):
            for x in range(left, right + 1):
                px, py = x + 0.5, y + 0.5
                b = ((px - ax) * (cy - ay) - (py - ay) * (cx - ax)) / double
                c = ((bx - ax) * (py - ay) - (by - ay) * (px - ax)) / double
                if b < -1e-9 or c < -1e-9 or b + c > 1 + 1e-9:
                    continue
                z = np.float32(az + b * (bz - az) + c * (cz - az))
                if z < depth[y, x]:
                    depth[y, x] = z
    return depth
