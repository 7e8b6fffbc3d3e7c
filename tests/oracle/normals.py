"""The kernels of spherelinks.mesh.normals in their original version, compiled by numba."""

from __future__ import annotations

import numpy as np
from numba import njit
from oracle.topology import fans

CREASE = np.cos(np.radians(50.0))


@njit(cache=True, nogil=True)
def vertex_normals(vertices, faces):
    """(V, 3) float32 unit normals: face normals weighted by the angle at the vertex (Thürmer & Wüthrich 1998).

    A vertex whose faces cancel out or have no area gets +Y, so that every normal has length 1.
    """
    return _weighted(vertices, faces, faces, len(vertices))


@njit(cache=True, nogil=True)
def fan_normals(vertices, faces, opposite):
    """(F, 3) int32 the fan that each corner of a face belongs to, numbered from 0, and the (N, 3) float32 unit normals
    of the fans, as :func:`vertex_normals` weighs them.

    opposite : (3F,) int64 twins. A fan is the faces around a vertex that are connected across edges that are not sharp,
    so that shading breaks where the shape does. A sharp edge that ends at a vertex does not break it there, and faces
    without area make no edge sharp.
    """
    flat = np.empty((len(faces), 3))
    for f in range(len(faces)):
        a, b, c = vertices[faces[f, 0]], vertices[faces[f, 1]], vertices[faces[f, 2]]
        px, py, pz = float(b[0]) - a[0], float(b[1]) - a[1], float(b[2]) - a[2]
        qx, qy, qz = float(c[0]) - a[0], float(c[1]) - a[1], float(c[2]) - a[2]
        x, y, z = py * qz - pz * qy, pz * qx - px * qz, px * qy - py * qx
        length = np.sqrt(x * x + y * y + z * z)
        scale = 1 / length if length > 0 else 0.0
        flat[f, 0], flat[f, 1], flat[f, 2] = x * scale, y * scale, z * scale
    smooth = opposite.copy()
    for h in range(len(smooth)):
        if opposite[h] >= 0:
            n, m = flat[h // 3], flat[opposite[h] // 3]
            solid = (n[0] != 0 or n[1] != 0 or n[2] != 0) and (m[0] != 0 or m[1] != 0 or m[2] != 0)
            if solid and n[0] * m[0] + n[1] * m[1] + n[2] * m[2] <= CREASE:
                smooth[h] = -1
    label, count = fans(smooth)
    corners = label.reshape(-1, 3)
    return corners, _weighted(vertices, faces, corners, count)


@njit(cache=True, nogil=True)
def _weighted(vertices, faces, group, count):
    """(count, 3) float32 unit normals of groups of corners, given by the (F, 3) group of each."""
    total = np.zeros((count, 3))
    for f in range(len(faces)):
        for k in range(3):
            o, a, b = vertices[faces[f, k]], vertices[faces[f, (k + 1) % 3]], vertices[faces[f, (k + 2) % 3]]
            px, py, pz = float(a[0]) - o[0], float(a[1]) - o[1], float(a[2]) - o[2]
            qx, qy, qz = float(b[0]) - o[0], float(b[1]) - o[1], float(b[2]) - o[2]
            nx, ny, nz = py * qz - pz * qy, pz * qx - px * qz, px * qy - py * qx
            length = np.sqrt(nx * nx + ny * ny + nz * nz)
            if length > 0:
                weight = np.arctan2(length, px * qx + py * qy + pz * qz) / length
                total[group[f, k], 0] += nx * weight
                total[group[f, k], 1] += ny * weight
                total[group[f, k], 2] += nz * weight
    normals = np.empty((count, 3), np.float32)
    for v in range(count):
        length = np.sqrt(total[v, 0] ** 2 + total[v, 1] ** 2 + total[v, 2] ** 2)
        for d in range(3):
            normals[v, d] = total[v, d] / length if length > 1e-12 else (1.0 if d == 1 else 0.0)
    return normals
