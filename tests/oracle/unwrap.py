"""The kernels of spherelinks.texture.unwrap in their original version, compiled by numba."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def _numbered(faces, corners):
    """(F, 3) int32 numbers, one for each place that a vertex (or a fan) has, and the first of the 3F corners there."""
    number = np.empty(faces.shape, np.int32)
    first = np.empty(faces.size, np.int64)
    latest, earlier = np.full(faces.max() + 1, -1, np.int32), np.empty(faces.size, np.int32)
    count = 0
    for f in range(len(faces)):
        for k in range(3):
            one = latest[faces[f, k]]
            while one >= 0 and (corners[first[one] // 3, first[one] % 3] != corners[f, k]).any():
                one = earlier[one]
            if one < 0:
                one = count
                first[one], earlier[one], latest[faces[f, k]] = 3 * f + k, latest[faces[f, k]], one
                count += 1
            number[f, k] = one
    return number, first[:count].copy()
