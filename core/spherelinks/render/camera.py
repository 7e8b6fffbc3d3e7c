"""The camera of the thumbnail and the turntable."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

#: Three-quarter front view, slightly from above: degrees to the object's left (the viewer's right), and above it.
AZIMUTH, ELEVATION = 30.0, 18.0
#: A long lens, as for a still life: tangent of half the angle of view.
SLOPE = float(np.tan(np.radians(12.0)))
#: Margin on each side of the object, as a share of the picture's side.
MARGIN = 0.05


@dataclass(frozen=True)
class View:
    """A camera with a square picture.

    axes : (3, 3) float64, rows: the picture's right, its up, and backwards, towards the viewer
    eye : (3,) float64, the camera's position
    """

    axes: NDArray[np.float64]
    eye: NDArray[np.float64]

    def project(self, points: NDArray[np.floating], size: int) -> NDArray[np.float64]:
        """(V, 3) points -> (V, 3) float64: x rightwards and y downwards in pixels, and 1 / distance."""
        seen = (points - self.eye) @ self.axes.T
        near = -1 / seen[:, 2]
        scale = size / (2 * SLOPE) * near
        return np.stack([size / 2 + seen[:, 0] * scale, size / 2 - seen[:, 1] * scale, near], axis=1)


def look(points: NDArray[np.floating], turns: Sequence[float] = (0.0,)) -> list[View]:
    """Views of an object turned about the vertical axis, from the nearest distance that shows it whole in all of them.

    points : (V, 3) of the object, +Y up, its front towards +Z
    turns : fractions of a full turn, counter-clockwise seen from above, one per view

    The fit is exact and in closed form: each side of the frustum bounds the camera's shift and distance by one
    inequality.
    """
    middle = (points.min(axis=0) + points.max(axis=0)) / 2
    slope = SLOPE * (1 - 2 * MARGIN)
    axes = [_axes(AZIMUTH - 360 * turn) for turn in turns]
    low, high = np.full(2, -np.inf), np.full(2, -np.inf)
    for each in axes:
        seen = (points - middle) @ each.T
        recession = slope * seen[:, 2:]
        high = np.maximum(high, (seen[:, :2] + recession).max(axis=0))
        low = np.maximum(low, (-seen[:, :2] + recession).max(axis=0))
    shift = (high - low) / 2
    distance = max(float((high + low).max()) / (2 * slope), 1e-9)
    return [View(each, middle + np.array([*shift, distance]) @ each) for each in axes]


def _axes(azimuth: float) -> NDArray[np.float64]:
    a, e = np.radians((azimuth, ELEVATION))
    back = np.array([np.sin(a) * np.cos(e), np.sin(e), np.cos(a) * np.cos(e)])
    right = np.array([np.cos(a), 0.0, -np.sin(a)])
    return np.stack([right, np.cross(back, right), back])
