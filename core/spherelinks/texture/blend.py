"""The picture's colours and the generator's made to meet without a seam."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from spherelinks.mesh.topology import Faces, Vertices

#: Vertices that show the picture at least so surely hold their difference; the others take their neighbours'.
SURE = 0.9
#: Share of the object's longest side over which a difference fades to a third, and how often neighbours are asked.
FADES, _ROUNDS = 0.06, 32


def carried(
    vertices: Vertices, faces: Faces, difference: NDArray[np.float32], trust: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Carry the difference between two colourings from where it is known over the rest of the surface, fading.

    vertices (V, 3) float32, faces (F, 3) int32; difference : (V, 3) float32, right where trust (V,) float32 is near 1

    Returns (V, 3) float32: a membrane over the mesh, held where the difference is known (Pérez et al. 2003, "Poisson
    Image Editing", §2) and pulled to zero elsewhere, so that what is far from the border keeps its own colour.
    """
    known = trust >= SURE
    length = FADES * float(np.ptp(vertices, axis=0).max())
    return _membrane(  # type: ignore[no-any-return]
        vertices, faces, np.where(known[:, None], difference, 0).astype(np.float32), known, length
    )


@njit(cache=True, nogil=True)
def _membrane(vertices, faces, value, known, length):  # type: ignore[no-untyped-def]
    """Laplace(value) = value / length² by Gauss-Seidel, forwards and backwards in turn, where not known; in place."""
    start = np.zeros(len(value) + 1, np.int64)
    for f in range(len(faces)):
        for k in range(3):
            start[faces[f, k] + 1] += 1
    start = np.cumsum(start)
    filled, neighbour = start.copy(), np.empty(start[-1], np.int32)
    for f in range(len(faces)):
        for k in range(3):
            v = faces[f, k]
            neighbour[filled[v]] = faces[f, (k + 1) % 3]  # in a closed mesh, each neighbour comes once
            filled[v] += 1
    kept = np.empty(len(value), np.float32)
    for v in range(len(value)):
        square = 0.0
        for n in range(start[v], start[v + 1]):
            for d in range(3):
                square += (vertices[neighbour[n], d] - vertices[v, d]) ** 2
        count = max(start[v + 1] - start[v], 1)
        kept[v] = 1 / (count * (1 + square / count / (4 * length * length + 1e-30)))
    for turn in range(_ROUNDS):
        for i in range(len(value)):
            v = i if turn % 2 == 0 else len(value) - 1 - i
            if known[v]:
                continue
            r = g = b = np.float32(0)
            for n in range(start[v], start[v + 1]):
                r += value[neighbour[n], 0]
                g += value[neighbour[n], 1]
                b += value[neighbour[n], 2]
            value[v, 0], value[v, 1], value[v, 2] = r * kept[v], g * kept[v], b * kept[v]
    return value
