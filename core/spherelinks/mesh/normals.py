"""Normals: one per vertex, or, if sharp edges meet there, one per fan of faces between them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spherelinks.mesh.topology import Faces, Vertices, fans
from spherelinks.native import kernel

#: Cosine of the angle from which an edge counts as sharp: 50° between the faces' normals.
CREASE = np.cos(np.radians(50.0))


_part = kernel(
    "normals_smooth", "vertices: f4[V,3]", "faces: i4[F,3] < V", "F", "crease: float", "opposite: i8[3F]* < 3F | -1"
)  # fmt: skip
_weigh = kernel(
    "normals_weighted", "vertices: f4[V,3]", "faces: i4[F,3] < V", "group: i4[F,3] < N", "F", "normals: f4[N,3]*", "N"
)  # fmt: skip


def vertex_normals(vertices: Vertices, faces: Faces) -> NDArray[np.float32]:
    """(V, 3) float32 unit normals: face normals weighted by the angle at the vertex (Thürmer & Wüthrich 1998).

    A vertex whose faces cancel out or have no area gets +Y, so that every normal has length 1.
    """
    return _weighted(vertices, faces, faces, len(vertices))


def fan_normals(
    vertices: Vertices, faces: Faces, opposite: NDArray[np.int64]
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """(F, 3) int32 the fan that each corner of a face belongs to, numbered from 0, and the (N, 3) float32 unit normals
    of the fans, as :func:`vertex_normals` weighs them.

    opposite : (3F,) int64 twins. A fan is the faces around a vertex that are connected across edges that are not sharp,
    so that shading breaks where the shape does. A sharp edge that ends at a vertex does not break it there, and faces
    without area make no edge sharp.
    """
    smooth = opposite.copy()
    _part(vertices, faces, CREASE, smooth)
    label, count = fans(smooth)
    corners = label.reshape(-1, 3)
    return corners, _weighted(vertices, faces, corners, count)


def _weighted(vertices: Vertices, faces: Faces, group: NDArray[np.int32], count: int) -> NDArray[np.float32]:
    """(count, 3) float32 unit normals of groups of corners, given by the (F, 3) group of each."""
    normals = np.empty((count, 3), np.float32)
    _weigh(
        np.ascontiguousarray(vertices, np.float32), np.ascontiguousarray(faces), np.ascontiguousarray(group), normals
    )
    return normals
