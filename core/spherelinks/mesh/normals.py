"""Vertex normals."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def vertex_normals(vertices, faces):  # type: ignore[no-untyped-def]
    """(V, 3) float32 unit normals: face normals weighted by the angle at the vertex (Thürmer & Wüthrich 1998).

    A vertex whose faces cancel out or have no area gets +Y, so that every normal has length 1.
    """
    total = np.zeros((len(vertices), 3))
    for f in range(len(faces)):
        for k in range(3):
            o, a, b = vertices[faces[f, k]], vertices[faces[f, (k + 1) % 3]], vertices[faces[f, (k + 2) % 3]]
            px, py, pz = float(a[0]) - o[0], float(a[1]) - o[1], float(a[2]) - o[2]
            qx, qy, qz = float(b[0]) - o[0], float(b[1]) - o[1], float(b[2]) - o[2]
            nx, ny, nz = py * qz - pz * qy, pz * qx - px * qz, px * qy - py * qx
            length = np.sqrt(nx * nx + ny * ny + nz * nz)
            if length > 0:
                weight = np.arctan2(length, px * qx + py * qy + pz * qz) / length
                total[faces[f, k], 0] += nx * weight
                total[faces[f, k], 1] += ny * weight
                total[faces[f, k], 2] += nz * weight
    normals = np.empty((len(vertices), 3), np.float32)
    for v in range(len(vertices)):
        length = np.sqrt(total[v, 0] ** 2 + total[v, 1] ** 2 + total[v, 2] ** 2)
        for d in range(3):
            normals[v, d] = total[v, d] / length if length > 1e-12 else (1.0 if d == 1 else 0.0)
    return normals
