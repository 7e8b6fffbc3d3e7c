"""The kernels of spherelinks.pixels.depth in their original version, compiled by numba."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def depth_buffer(points, faces, size):
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
        top = max(0, int(np.ceil(min(ay, by, cy) - 0.5)))
        bottom = min(size - 1, int(np.floor(max(ay, by, cy) - 0.5)))
        for y in range(top, bottom + 1):
            # weights of the second and third corner are linear along the row
            py = y + 0.5 - ay
            b0, db = -py * (cx - ax) / double, (cy - ay) / double
            c0, dc = py * (bx - ax) / double, -(by - ay) / double
            low, high = -ax, size - ax
            for start, step in ((b0, db), (c0, dc), (1 - b0 - c0, -db - dc)):
                if step > 0:
                    low = max(low, (-1e-9 - start) / step)
                elif step < 0:
                    high = min(high, (-1e-9 - start) / step)
                elif start < -1e-9:
                    high = -np.inf
            z0, dz = az + b0 * (bz - az) + c0 * (cz - az), db * (bz - az) + dc * (cz - az)
            for x in range(max(0, int(np.ceil(low + ax - 0.5))), int(min(size - 1.0, np.floor(high + ax - 0.5))) + 1):
                z = np.float32(z0 + dz * (x + 0.5 - ax))
                if z < depth[y, x]:
                    depth[y, x] = z
    return depth
