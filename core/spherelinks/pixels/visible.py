"""Visibility buffer: the triangle shown by each sample of a picture."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spherelinks.native import kernel

_draw = kernel("visible", "points: f8[V,3]", "faces: i4[F,3] < V", "F", "S", "ids: i4[S,S]*")


def visible(points: NDArray[np.float64], faces: NDArray[np.int32], size: int) -> NDArray[np.int32]:
    """(size, size) int32: the nearest face that is turned to the viewer at each sample's centre, -1 if none is.

    points : (V, 3) float64: x rightwards and y downwards in samples, and 1 / distance, which is linear over a face
    faces : (F, 3) int32, counter-clockwise seen from outside
    """
    ids = np.empty((size, size), np.int32)
    _draw(points, faces, ids)
    return ids
