"""The kernels of spherelinks.texture.texels in their original version, compiled by numba."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def locate(uv, faces, size):
    """The texels of a square texture that faces cover.

    uv : (W, 2) float32 in 0..1; faces : (F, 3) int32 into it; size : the texture's side, px

    Returns (N,) int64 texels, counted row by row, in rising order of their faces, (N,) int32 faces, and (N, 3) float32
    barycentric weights of the faces' corners at the texels' centres. A texel that two faces share is listed once.
    """
    seen = np.zeros(size * size, np.bool_)
    texel, face = np.empty(size * size, np.int64), np.empty(size * size, np.int32)
    weights = np.empty((size * size, 3), np.float32)
    count = 0
    for f in range(len(faces)):
        ax, ay = float(uv[faces[f, 0], 0]) * size, float(uv[faces[f, 0], 1]) * size
        bx, by = uv[faces[f, 1], 0] * size - ax, uv[faces[f, 1], 1] * size - ay
        cx, cy = uv[faces[f, 2], 0] * size - ax, uv[faces[f, 2], 1] * size - ay
        double = bx * cy - by * cx
        if not abs(double) > 1e-12:
            continue
        top = max(0, int(np.ceil(ay + min(0.0, by, cy) - 0.5)))
        bottom = min(size - 1, int(np.floor(ay + max(0.0, by, cy) - 0.5)))
        left = max(0, int(np.ceil(ax + min(0.0, bx, cx) - 0.5)))
        right = min(size - 1, int(np.floor(ax + max(0.0, bx, cx) - 0.5)))
        for y in range(top, bottom + 1):
            for x in range(left, right + 1):
                px, py = x + 0.5 - ax, y + 0.5 - ay
                b = (px * cy - py * cx) / double
                c = (bx * py - by * px) / double
                if b < -1e-6 or c < -1e-6 or b + c > 1 + 1e-6 or seen[y * size + x]:
                    continue
                seen[y * size + x] = True
                texel[count], face[count] = y * size + x, f
                weights[count, 0], weights[count, 1], weights[count, 2] = 1 - b - c, b, c
                count += 1
    return texel[:count].copy(), face[:count].copy(), weights[:count].copy()


@njit(cache=True, nogil=True)
def blended(values, faces, face, weights):
    """(N, C) float32: (W, C) values of the vertices at N points, given by their faces and weights."""
    out = np.empty((len(face), values.shape[1]), np.float32)
    for i in range(len(face)):
        for d in range(values.shape[1]):
            out[i, d] = (
                weights[i, 0] * values[faces[face[i], 0], d]
                + weights[i, 1] * values[faces[face[i], 1], d]
                + weights[i, 2] * values[faces[face[i], 2], d]
            )
    return out
