"""From the shape to the picture."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spherelinks.shape import Camera


def project(points: NDArray[np.floating], camera: Camera, size: int) -> NDArray[np.float64]:
    """(N, 3) points in the shape's frame -> (N, 3) float64: x and y in pixels of a square picture, and depth."""
    clip = points.astype(np.float64) @ camera.world_to_clip[:, :3].T + camera.world_to_clip[:, 3]
    flat = clip[:, :3] / clip[:, 3:]
    return np.stack([(flat[:, 0] + 1) / 2 * size, (1 - flat[:, 1]) / 2 * size, flat[:, 2]], axis=1)
