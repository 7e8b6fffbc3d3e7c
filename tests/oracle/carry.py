"""The kernels of spherelinks.texture.carry in their original version, compiled by numba."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def _looked_up(image, uv):
    """(N, 3) uint8 colours of an (H, W, 3) image at (N, 2) places, bilinear, repeated past its border."""
    height, width = image.shape[:2]
    out = np.empty((len(uv), 3), np.uint8)
    for i in range(len(uv)):
        u, v = uv[i, 0] - np.floor(uv[i, 0]), uv[i, 1] - np.floor(uv[i, 1])
        x, y = u * width - 0.5, v * height - 0.5
        x0, y0 = int(np.floor(x)), int(np.floor(y))
        fx, fy = x - x0, y - y0
        for k in range(3):
            above = image[y0 % height, x0 % width, k] * (1 - fx) + image[y0 % height, (x0 + 1) % width, k] * fx
            below = (
                image[(y0 + 1) % height, x0 % width, k] * (1 - fx) + image[(y0 + 1) % height, (x0 + 1) % width, k] * fx
            )
            out[i, k] = np.uint8(above * (1 - fy) + below * fy + 0.5)
    return out
