"""The common frame: an asset's position and size."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spherelinks.mesh.box import box
from spherelinks.mesh.topology import Vertices
from spherelinks.options import Measure, Pivot

#: Points that lie so many times their box's longest side from the origin are brought to it: single precision would
#: bend them by more than a millionth of that side.
_FAR = 16


def single(points: NDArray[np.floating]) -> NDArray[np.float32]:
    """(V, 3) points in single precision: as they are, or about their middle where they lie far from the origin.

    Maps and scans have coordinates of millions; where a shape lies means nothing to an asset.
    """
    if len(points) and np.isfinite(points).all():
        low, high = (corner.astype(np.float64) for corner in box(points))
        if np.abs((low, high)).max() > _FAR * (high - low).max():
            points = points - (low + high) / 2
    return points.astype(np.float32)


@dataclass(frozen=True)
class Pose:
    """A shift and a uniform scale into the asset's frame: ``origin`` (3,) float64 maps to 0, lengths times `scale`."""

    origin: NDArray[np.float64]
    scale: float

    def place(self, vertices: Vertices) -> Vertices:
        """(V, 3) float32 in the shape's unit -> (V, 3) float32 in metres."""
        placed: Vertices = ((vertices - self.origin) * self.scale).astype(np.float32)
        return placed


def stand(
    vertices: Vertices,
    measure: Measure = "longest",
    length: float = 1.0,
    *,
    scale: float | None = None,
    pivot: Pivot = "base",
) -> Pose:
    """The pose of a shape whose box measures `length` metres and is centred on the origin, or stands on it.

    vertices (V, 3) float32 in any unit, of a body with volume; measure says which side of the box has that length, or
    else all lengths are multiplied by `scale`. With the pivot "base" the box has its base on y = 0 and is centred in x
    and z, with "center" it is centred in y as well. The shape keeps its orientation and proportions.
    """
    low, high = (corner.astype(np.float64) for corner in box(vertices))
    origin = (low + high) / 2
    if pivot == "base":
        origin[1] = low[1]
    width, height, depth = side = high - low
    now = {"width": width, "height": height, "depth": depth, "longest": side.max()}[measure]
    return Pose(origin, float(length / now) if scale is None else scale)
