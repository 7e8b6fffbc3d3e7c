"""The soft shadow of an object on the ground."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from spherelinks.pixels.depth import depth_buffer
from spherelinks.render.camera import MARGIN, View

#: Samples along each side of the ground that is looked at, and its side in the object's greatest extents.
CELLS, REACH = 96, 1.6
#: How dark the ground gets right under the object, and the height, in extents, at which a part shades it a third.
DARKEST, HEIGHT = 0.55, 0.1


def contact_shadow(
    points: NDArray[np.floating], faces: NDArray[np.int32], view: View, size: int
) -> NDArray[np.float32]:
    """(size, size) float32 in 0..1, how dark each pixel of the ground is.

    The ground, at the object's lowest point, is darkened by what is above it, the less the higher, and blurred:
    narrowly for the contact shadow and widely for the ambient light that the object blocks.
    """
    low, high = points.min(axis=0), points.max(axis=0)
    extent = float((high - low).max())
    side = REACH * extent
    corner = (low + high)[[0, 2]] / 2 - side / 2
    flat = np.empty((len(points), 3))
    flat[:, :2] = (points[:, [0, 2]] - corner) * (CELLS / side)
    flat[:, 2] = points[:, 1] - low[1]
    clearance = depth_buffer(flat, faces, CELLS)
    blocked = np.exp(-clearance / np.float32(HEIGHT * extent))
    dark = (cv2.GaussianBlur(blocked, (0, 0), CELLS / 64) + cv2.GaussianBlur(blocked, (0, 0), CELLS / 20)) / 2
    dark = np.asarray(dark * DARKEST, np.float32)

    corners = np.array([(0, 0), (CELLS, 0), (CELLS, CELLS), (0, CELLS)], np.float32)
    ground = np.insert(corners * (side / CELLS) + corner, 1, low[1], axis=1)
    seen = view.project(ground, size)[:, :2].astype(np.float32)
    # in both, a pixel's centre lies half a pixel from its edge, and OpenCV's at whole numbers
    matrix = cv2.getPerspectiveTransform(corners - 0.5, seen - 0.5)
    shadow = cv2.warpPerspective(dark, matrix, (size, size), flags=cv2.INTER_LINEAR)
    # it runs out at the picture's border instead of being cut
    fade = np.clip((np.minimum(np.arange(size), np.arange(size)[::-1]) + 0.5) / (MARGIN * size), 0, 1)
    return np.asarray(shadow * fade * fade[:, None], np.float32)
