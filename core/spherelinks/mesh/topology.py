"""The topology of a mesh: half-edges, fans, parts, genus."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from spherelinks.native import kernel

Vertices = NDArray[np.float32]
Faces = NDArray[np.int32]
_Real = TypeVar("_Real", bound=np.floating)


_pair = kernel("topology_twins", "faces: i4[F,3] < count", "F", "count: int", "opposite: i8[3F]*")
_label_fans = kernel("topology_fans -> int", "opposite: i8[H] < H | -1", "H", "label: i4[H]*")
_number = kernel(
    "topology_compact -> int", "faces: i4[F,3] < V", "F", "V", "kept: b1[F]", "used: i4[V]*", "out: i4[E,3]*", "E"
)  # fmt: skip
_label_parts = kernel("topology_parts", "faces: i4[F,3] < count", "F", "count: int", "label: i4[F]*")


@dataclass(frozen=True)
class Topology:
    """What :func:`examine` finds.

    closed : every edge joins exactly two faces that run along it in opposite directions
    manifold : closed, and the faces round every vertex form one fan
    parts : connected bodies
    genus : handles over all parts; -1 if the mesh is not manifold
    volume, area : in the vertices' unit, cubed and squared; volume is positive for outward-facing faces
    """

    closed: bool
    manifold: bool
    parts: int
    genus: int
    volume: float
    area: float


def examine(vertices: Vertices, faces: Faces, opposite: NDArray[np.int64] | None = None) -> Topology:
    """The topology of (V, 3) vertices and (F, 3) faces; opposite : (3F,) their twins, where they are known."""
    closed, manifold, corners = _sealed(vertices, faces, opposite)
    labels = parts(faces, len(vertices))
    count = int(labels.max()) + 1 if len(labels) else 0
    genus = (2 * count - (corners - 3 * len(faces) // 2 + len(faces))) // 2 if manifold else -1
    a, b, c = (vertices[faces[:, k]].astype(np.float64) for k in range(3))
    volume = float(np.einsum("ij,ij->", a, np.cross(b, c))) / 6
    area = float(np.linalg.norm(np.cross(b - a, c - a), axis=1).sum()) / 2
    return Topology(closed, manifold, count, genus, volume, area)


def is_manifold(vertices: Vertices, faces: Faces) -> bool:
    """Whether (V, 3) vertices and (F, 3) faces are closed and manifold, as :class:`Topology` has it."""
    return _sealed(vertices, faces)[1]


def _sealed(vertices: Vertices, faces: Faces, opposite: NDArray[np.int64] | None = None) -> tuple[bool, bool, int]:
    """Whether a mesh is closed, whether it is manifold, and how many vertices its faces use."""
    if opposite is None:
        opposite = twins(faces)
    closed = len(faces) > 0 and bool((opposite >= 0).all())
    used = np.zeros(len(vertices), np.bool_)
    used[faces] = True
    corners = int(np.count_nonzero(used))
    return closed, closed and fans(opposite)[1] == corners, corners


def half_edges(faces: Faces) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Start and end vertex of each half-edge, (3F,) each; half-edge 3f + k runs from corner k of face f to the next."""
    return faces.ravel().astype(np.int64), faces[:, [1, 2, 0]].ravel().astype(np.int64)


def twins(faces: Faces) -> NDArray[np.int64]:
    """(3F,) the half-edge that runs the other way; -1 if there is not exactly one of each direction."""
    return _twins(np.ascontiguousarray(faces), int(faces.max(initial=-1)) + 1)


def _twins(faces: Faces, n_vertices: int) -> NDArray[np.int64]:
    """Each edge is looked up at the end with fewer faces, so that hubs cost nothing."""
    opposite = np.empty(faces.size, np.int64)
    _pair(faces, n_vertices, opposite)
    return opposite


def fans(opposite: NDArray[np.int64]) -> tuple[NDArray[np.int32], int]:
    """Label the fan of faces that each corner belongs to: (3F,) labels and their number. A twin of -1 ends a fan."""
    label = np.empty(len(opposite), np.int32)
    return label, _label_fans(opposite, label)


def parts(faces: Faces, n_vertices: int) -> NDArray[np.int32]:
    """(F,) the connected part of each face, numbered in order of first appearance; union-find over vertices."""
    label = np.empty(len(faces), np.int32)
    _label_parts(np.ascontiguousarray(faces), n_vertices, label)
    return label


def compact(
    vertices: NDArray[_Real], faces: Faces, kept: NDArray[np.bool_] | None = None
) -> tuple[NDArray[_Real], Faces]:
    """The same mesh, or of its faces those that are `kept` (F,), without vertices that no face uses; order is kept."""
    if kept is None:
        kept = np.ones(len(faces), np.bool_)
    used, out = np.empty(len(vertices), np.int32), np.empty((np.count_nonzero(kept), 3), faces.dtype)
    count = _number(np.ascontiguousarray(faces), kept, used, out)
    return vertices.take(used[:count], axis=0), out
