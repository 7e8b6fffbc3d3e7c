"""Depth buffer: the depth of the nearest surface at each pixel of the camera."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spherelinks.native import kernel

_draw = kernel("depth_buffer", "points: f8[V,3]", "faces: i4[F,3] < V", "F", "S", "depth: f4[S,S]*")


def depth_buffer(points: NDArray[np.float64], faces: NDArray[np.int32], size: int) -> NDArray[np.float32]:
    """(size, size) float32 depth of the nearest surface at pixel centres, infinity where there is none.

    points : (V, 3) float64 in pixels, x to the right and y downwards, and a depth that is linear over the picture
    and grows away from the viewer (z / w of clip space is)
    """
    depth = np.empty((size, size), np.float32)
    _draw(points, faces, depth)
    return depth
