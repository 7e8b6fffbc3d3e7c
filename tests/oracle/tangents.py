"""The kernels of spherelinks.texture.tangents in their original version, compiled by numba."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def tangents(points, normals, uv, faces):
    """(W, 4) float32: unit tangents along u, at right angles to the normals, and the sign of the bitangent.

    points, normals : (W, 3) float32, doubled along seams like uv, (W, 2) float32 with v downwards; faces (F, 3) int32
    into them, none of them mirrored in the texture. So the sign is always 1: bitangent = cross(normal, tangent) * sign
    points up in the texture, as glTF's normal maps mean by green.

    Faces' tangents, projected on the vertex's plane and weighted by the angle there (M. Mikkelsen, "Simulation of
    Wrinkled Surfaces Revisited", 2008, and mikktspace.c). A vertex without any gets an arbitrary one.
    """
    total = np.zeros((len(points), 3))
    edge, along = np.empty((2, 3)), np.empty(3)
    for f in range(len(faces)):
        i, j, k = faces[f]
        u1, v1 = float(uv[j, 0]) - uv[i, 0], float(uv[j, 1]) - uv[i, 1]
        u2, v2 = float(uv[k, 0]) - uv[i, 0], float(uv[k, 1]) - uv[i, 1]
        double = u1 * v2 - u2 * v1
        if double == 0:
            continue
        sign = 1.0 if double > 0 else -1.0
        for d in range(3):
            along[d] = sign * ((float(points[j, d]) - points[i, d]) * v2 - (float(points[k, d]) - points[i, d]) * v1)
        for corner in range(3):
            v = faces[f, corner]
            for side in range(2):
                other = faces[f, (corner + 1 + side) % 3]
                for d in range(3):
                    edge[side, d] = float(points[other, d]) - points[v, d]
                _flatten(edge[side], normals[v])
            cosine = min(max((edge[0] * edge[1]).sum(), -1.0), 1.0)
            flat = along.copy()
            _flatten(flat, normals[v])
            total[v] += np.arccos(cosine) * flat
    out = np.ones((len(points), 4), np.float32)
    for v in range(len(points)):
        _flatten(total[v], normals[v])
        if not (total[v] != 0).any():
            least = np.abs(normals[v]).argmin()
            total[v, least] = 1
            _flatten(total[v], normals[v])
        out[v, :3] = total[v]
    return out


@njit(cache=True, nogil=True)
def _flatten(vector, normal):
    """Project a vector on the plane of a unit normal and bring it to length 1, or to 0 if nothing is left."""
    into = vector[0] * normal[0] + vector[1] * normal[1] + vector[2] * normal[2]
    length = 0.0
    for d in range(3):
        vector[d] -= into * normal[d]
        length += vector[d] * vector[d]
    scale = 1 / np.sqrt(length) if length > 1e-30 else 0.0
    for d in range(3):
        vector[d] *= scale
