"""The kernels of spherelinks.texture.detail in their original version, compiled by numba."""

from __future__ import annotations

import numpy as np
from numba import njit

BIAS = 1.5


@njit(cache=True, nogil=True)
def relief(true, own, along):
    """(N, 3) uint8 of normals in the frame that an engine makes of the interpolated normal and tangent."""
    out = np.empty((len(true), 3), np.uint8)
    flat = np.array([0.0, 0.0, 1.0])
    for i in range(len(true)):
        n = own[i].astype(np.float64) / (np.sqrt((own[i].astype(np.float64) ** 2).sum()) + 1e-30)
        t = along[i, :3].astype(np.float64) / (np.sqrt((along[i, :3].astype(np.float64) ** 2).sum()) + 1e-30)
        b = np.cross(n, t) * along[i, 3]
        m = true[i].astype(np.float64)
        # m = x t + y b + z n, by Cramer's rule, for t and n need not be at right angles between vertices
        whole = (np.cross(t, b) * n).sum()
        value = flat
        if abs(whole) > 1e-9:
            solved = np.array([(np.cross(m, b) * n).sum(), (np.cross(t, m) * n).sum(), (np.cross(t, b) * m).sum()])
            solved /= whole
            length = np.sqrt((solved**2).sum())
            if solved[2] > 0.1 * length:
                value = solved / length
        for d in range(3):
            out[i, d] = np.uint8(min(value[d] * 127 + 128.5, 255.0))
    return out


@njit(cache=True, nogil=True)
def _gather(points, facing, axes, depth, open_, whole):
    """Add one direction's light, -axes[2], where it comes, to open_, and everywhere in its half to whole; in place."""
    size = len(depth)
    scale = np.sqrt((axes[2] ** 2).sum())
    for i in range(len(points)):
        cosine = -(facing[i, 0] * axes[2, 0] + facing[i, 1] * axes[2, 1] + facing[i, 2] * axes[2, 2]) / scale
        if cosine <= 0.02:
            continue
        whole[i] += cosine
        x = points[i, 0] * axes[0, 0] + points[i, 1] * axes[0, 1] + points[i, 2] * axes[0, 2] + size / 2
        y = points[i, 0] * axes[1, 0] + points[i, 1] * axes[1, 1] + points[i, 2] * axes[1, 2] + size / 2
        z = points[i, 0] * axes[2, 0] + points[i, 1] * axes[2, 1] + points[i, 2] * axes[2, 2]
        # steeper surfaces span more depth within a pixel
        z -= BIAS * (1 + min(np.sqrt(1 - min(cosine, 1.0) ** 2) / cosine, 4.0))
        column, row = min(max(int(x), 0), size - 1), min(max(int(y), 0), size - 1)
        if z <= depth[row, column]:
            open_[i] += cosine
