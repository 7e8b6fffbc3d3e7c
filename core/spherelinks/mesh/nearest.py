"""The nearest point on a triangle mesh."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from spherelinks.mesh.sorting import ascending
from spherelinks.mesh.topology import Faces, Vertices
from spherelinks.native import kernel

#: Triangles in a leaf of the tree.
LEAF = 4
_BITS = 10


_grow_boxes = kernel("nearest_boxes", "corners: f4[F,3,3]", "F", "low: f4[N,3]*", "high: f4[N,3]*", "N", "leaf: int")
_encode = kernel("nearest_codes", "vertices: f4[V,3]", "faces: i4[F,3] < V", "F", "bits: int", "code: i8[F]*")
_seek = kernel(
    "nearest_nearest", "points: f4[P,3]", "P", "low: f4[N,3]", "high: f4[N,3]", "N", "order: i4[F]",
    "corners: f4[F,3,3]", "F", "leaf: int", "distance: f4[P]*", "face: i4[P]*", "weights: f4[P,3]*",
)  # fmt: skip
_seek_quickly = kernel(
    "nearest_sought", "points: f4[P,3]", "P", "boxes: f4[Q,6,4]", "Q", "order: i4[F]", "corners: f4[F,3,3]", "F",
    "distance: f4[P]*", "face: i4[P]*", "weights: f4[P,3]*",
)  # fmt: skip
_box_fours = kernel(
    "nearest_fours", "low: f4[N,3]", "high: f4[N,3]", "N", "corners: f4[F,3,3]", "F", "boxes: f4[Q,6,4]*", "Q"
)


@dataclass(frozen=True)
class Tree:
    """A complete binary tree of boxes over the triangles along a Morton curve (Lauterbach et al. 2009, "Fast BVH
    Construction on GPUs"), node n over nodes 2n and 2n + 1.

    low, high : (2 * leaves, 3) float32, each node's box; node 1 is the root, the second half are the leaves
    order : (F,) int32, the faces along the curve; leaf k holds those from LEAF * k on
    corners : (F, 3, 3) float32, their corners in that order
    """

    low: NDArray[np.float32]
    high: NDArray[np.float32]
    order: NDArray[np.int32]
    corners: NDArray[np.float32]

    @cached_property
    def fours(self) -> NDArray[np.float32]:
        """(Q, 6, 4) float32: the boxes of its nodes and of its leaves' triangles, four at a time: low x, y, z, high x,
        y, z."""
        boxes = np.empty((3 * max(1, len(self.low) // 4), 6, 4), np.float32)
        _box_fours(self.low, self.high, self.corners, boxes)
        return boxes


@dataclass(frozen=True)
class Nearest:
    """Of each of N points: distance (N,) float32 to the mesh, face (N,) int32 that is nearest, and the barycentric
    weights (N, 3) float32 of its corners there."""

    distance: NDArray[np.float32]
    face: NDArray[np.int32]
    weights: NDArray[np.float32]


def tree(vertices: Vertices, faces: Faces) -> Tree:
    """The tree over (V, 3) float32 vertices and at least one of (F, 3) int32 faces."""
    code = np.empty(len(faces), np.int64)
    _encode(np.ascontiguousarray(vertices, np.float32), np.ascontiguousarray(faces, np.int32), _BITS, code)
    order = ascending(code)
    corners = vertices[faces[order]]
    leaves = 1 << max(0, int(np.ceil(np.log2(-(-len(faces) // LEAF)))))
    low_corners, high_corners = _boxes(corners, leaves)
    return Tree(low_corners, high_corners, order, corners)


def nearest(points: NDArray[np.float32], over: Tree) -> Nearest:
    """The nearest point on a mesh for each of (N, 3) float32 points; faster if consecutive points are close."""
    return Nearest(*_nearest(np.ascontiguousarray(points, np.float32), over.low, over.high, over.order, over.corners))


def sought(points: NDArray[np.float32], over: Tree) -> Nearest:
    """As :func:`nearest` and in less time; where several faces are equally near, it may find another one of them."""
    points = np.ascontiguousarray(points, np.float32)
    distance, face = np.empty(len(points), np.float32), np.empty(len(points), np.int32)
    weights = np.empty((len(points), 3), np.float32)
    _seek_quickly(points, over.fours, over.order, over.corners, distance, face, weights)
    return Nearest(distance, face, weights)


def _boxes(corners: NDArray[np.float32], leaves: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    low, high = np.empty((2 * leaves, 3), np.float32), np.empty((2 * leaves, 3), np.float32)
    _grow_boxes(corners, low, high, LEAF)
    return low, high


def _nearest(
    points: NDArray[np.float32],
    low: NDArray[np.float32],
    high: NDArray[np.float32],
    order: NDArray[np.int32],
    corners: NDArray[np.float32],
) -> tuple[NDArray[np.float32], NDArray[np.int32], NDArray[np.float32]]:
    distance, face = np.empty(len(points), np.float32), np.empty(len(points), np.int32)
    weights = np.empty((len(points), 3), np.float32)
    _seek(points, low, high, order, corners, LEAF, distance, face, weights)
    return distance, face, weights
