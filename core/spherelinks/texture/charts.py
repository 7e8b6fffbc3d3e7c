"""Charts: connected groups of a mesh's faces that can be flattened with little distortion."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spherelinks.mesh.topology import Faces
from spherelinks.native import kernel

#: How much a chart's normals may vary off a circle on the sphere, which those of cones and cylinders form: their least
#: variance. A cap of a ball reaches it at 59° from its middle.
BEND = 0.02
#: Least length of a chart's mean normal: a half cylinder has 0.64, three sides of a cube about a corner 0.58.
CONE = 0.6
_normals = kernel(
    "charts_normals", "points: f8[V,3]", "faces: i4[F,3] < V", "opposite: i8[3F] < 3F | -1", "F", "unit: f8[F,3]*",
    "area: f8[F]*",
)  # fmt: skip
_grow = kernel(
    "charts_grow -> int", "points: f8[V,3]", "faces: i4[F,3] < V", "opposite: i8[3F] < 3F | -1", "F", "normal: f8[F,3]",
    "area: f8[F]", "most: i8[F]*", "bend: float", "cone: float", "label: i8[F]*",
)  # fmt: skip


def normals(
    points: NDArray[np.float64], faces: Faces, opposite: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(F, 3) unit normals, smoothed over the neighbours, and the (F,) areas; a face without area gets the zero vector.

    points (V, 3) float64, faces (F, 3), opposite (3F,) twins.
    """
    unit, area = np.empty((len(faces), 3)), np.empty(len(faces))
    _normals(points, faces, opposite, unit, area)
    return unit, area


def grow(
    points: NDArray[np.float64],
    faces: Faces,
    opposite: NDArray[np.int64],
    normal: NDArray[np.float64],
    area: NDArray[np.float64],
    most: NDArray[np.int64],
    bend: float,
    cone: float,
) -> tuple[NDArray[np.int64], int]:
    """(F,) int64 the chart of each face, connected, numbered from 0 in order of first appearance; and their number.

    points (V, 3) float64, faces (F, 3), opposite (3F,) twins, normal (F, 3), area (F,)
    most : (F,) int64, the largest number of faces that a chart with this face may have
    bend, cone : BEND, CONE, or stricter

    Every face starts as a chart. Each round joins all pairs of charts that may be joined and are each other's best
    neighbour (as in Borůvka's algorithm; hierarchical face clustering: Garland, Willmott & Heckbert 2001). As in
    D-Charts (Julius, Kraevoy & Sheffer 2005), the cost is the product of the normals' distance from those of a
    developable surface and the outline's distance from a circle.
    """
    label = np.empty(len(faces), np.int64)
    count = _grow(points, faces, opposite, normal, area, most.copy(), bend, cone, label)
    return label, count
