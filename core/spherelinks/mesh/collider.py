"""Simple convex bodies that stand in for a shape where things collide."""

from __future__ import annotations

import numpy as np
from manifold3d import Manifold
from numpy.typing import NDArray

from spherelinks.mesh.topology import Faces, Vertices

#: Engines take convex bodies of up to 255 corners and are quick with a quarter of that.
MOST_CORNERS = 64


def box(vertices: Vertices) -> tuple[Vertices, Faces]:
    """The axis-aligned bounding box of (V, 3) float32 points: (8, 3) float32 and (12, 3) int32, facing outward."""
    return _hull(_corners(vertices))


def convex(vertices: Vertices) -> tuple[Vertices, Faces]:
    """The convex hull of (V, 3) float32 points, not all in one plane, or one of MOST_CORNERS corners within it.

    Where the hull has more corners, those are kept that lie furthest out in MOST_CORNERS directions: the six of the
    axes, so that the bounding box stays exact, and others spread evenly (González 2010, "Measurement of areas on a
    sphere using Fibonacci and latitude–longitude lattices"), measured in units of the box so that long and flat shapes
    fare as well as round ones. Returns (W, 3) float32, all from among the points, and (F, 3) int32, facing outward.
    """
    corners, faces = _hull(vertices)
    if len(corners) <= MOST_CORNERS:
        return corners, faces
    furthest = (corners / np.ptp(corners, axis=0)).astype(np.float64) @ _directions(MOST_CORNERS).T
    return _hull(corners[np.unique(furthest.argmax(axis=0))])


def _corners(vertices: Vertices) -> Vertices:
    ends = np.stack([vertices.min(axis=0), vertices.max(axis=0)])
    return np.stack(np.meshgrid(*ends.T, indexing="ij"), axis=-1).reshape(8, 3)


def _directions(count: int) -> NDArray[np.float64]:
    """(count, 3) unit vectors: both ways along each axis, then a Fibonacci lattice."""
    spread = count - 6
    y = 1 - (2 * np.arange(spread) + 1) / spread
    turn = np.arange(spread) * np.pi * (3 - np.sqrt(5))
    lattice = np.stack([np.sqrt(1 - y**2) * np.cos(turn), y, np.sqrt(1 - y**2) * np.sin(turn)], axis=1)
    return np.concatenate([np.eye(3), -np.eye(3), lattice])


def _hull(points: Vertices) -> tuple[Vertices, Faces]:
    mesh = Manifold.hull_points(points.astype(np.float64)).to_mesh()
    return np.asarray(mesh.vert_properties, np.float32), np.asarray(mesh.tri_verts, np.int32)
