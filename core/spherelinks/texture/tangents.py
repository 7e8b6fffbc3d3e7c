"""MikkTSpace tangents, which engines use for normal maps."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spherelinks import threads
from spherelinks.native import kernel

#: Vertices that are worth a thread.
SHARE = 1 << 17

_tangents = kernel(
    "tangents", "points: f4[W,3]", "normals: f4[W,3]", "uv: f4[W,2]", "W", "faces: i4[F,3] < W", "F", "begin: int",
    "end: int", "out: f4[W,4]*",
)  # fmt: skip


def tangents(
    points: NDArray[np.float32], normals: NDArray[np.float32], uv: NDArray[np.float32], faces: NDArray[np.int32]
) -> NDArray[np.float32]:
    """(W, 4) float32: unit tangents along u, at right angles to the normals, and the sign of the bitangent.

    points, normals : (W, 3) float32, doubled along seams like uv, (W, 2) float32 with v downwards; faces (F, 3) int32
    into them, none of them mirrored in the texture. So the sign is always 1: bitangent = cross(normal, tangent) * sign
    points up in the texture, as glTF's normal maps mean by green.

    Faces' tangents, projected on the vertex's plane and weighted by the angle there (M. Mikkelsen, "Simulation of
    Wrinkled Surfaces Revisited", 2008, and mikktspace.c). A vertex without any gets an arbitrary one.
    """
    out = np.empty((len(points), 4), np.float32)
    share = max(SHARE, -(-len(points) // threads.count()))
    threads.each(
        lambda begin: _tangents(points, normals, uv, faces, begin, begin + share, out), range(0, len(points), share)
    )
    return out


def tangents_of_sides(
    points: NDArray[np.float32], normals: NDArray[np.float32], uv: NDArray[np.float32], faces: NDArray[np.int32]
) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Tangents of a mesh of which some faces may be mirrored in the texture, whose bitangent has the sign -1.

    Returns (T, 4) float32 tangents, and (F, 3) int32, which of them the faces' corners have: a vertex where both kinds
    of faces meet has two.
    """
    a, b, c = (uv[faces[:, k]] for k in range(3))
    mirrored = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) > (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    if mirrored.all() or not mirrored.any():
        along = tangents(points, normals, uv, faces)
        along[:, 3] = -1 if mirrored.any() else 1
        return along, faces
    sides = []
    for side, sign in ((~mirrored, 1), (mirrored, -1)):
        along = tangents(points, normals, uv, np.ascontiguousarray(faces[side]))
        along[:, 3] = sign
        sides.append(along)
    return np.concatenate(sides), faces + mirrored[:, None] * np.int32(len(points))
