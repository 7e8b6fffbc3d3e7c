"""Blends the picture's colours and the generator's without a seam."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spherelinks.mesh.box import sides
from spherelinks.mesh.topology import Faces, Vertices
from spherelinks.native import kernel

#: Vertices that show the picture at least this reliably keep their difference; the others take their neighbours'.
SURE = 0.9
#: Share of the object's longest side over which a difference fades to a third.
FADES = 0.06


_relax = kernel(
    "blend_membrane", "vertices: f4[V,3]", "V", "faces: i4[F,3] < V", "F", "value: f4[V,3]*", "known: b1[V]",
    "length: float",
)  # fmt: skip


def carried(
    vertices: Vertices, faces: Faces, difference: NDArray[np.float32], trust: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Extend the difference between two colourings from where it is known over the rest of the surface, fading out.

    vertices (V, 3) float32, faces (F, 3) int32; difference : (V, 3) float32, valid where trust (V,) float32 is near 1

    Returns (V, 3) float32: a membrane over the mesh, fixed where the difference is known (Pérez et al. 2003, "Poisson
    Image Editing", §2) and pulled to zero elsewhere, so that points far from the border keep their own colour.
    """
    known = trust >= SURE
    length = FADES * float(sides(vertices).max())
    return _membrane(vertices, faces, np.where(known[:, None], difference, 0).astype(np.float32), known, length)


def _membrane(
    vertices: Vertices, faces: Faces, value: NDArray[np.float32], known: NDArray[np.bool_], length: float
) -> NDArray[np.float32]:
    """Laplace(value) = value / length² by Gauss-Seidel, forwards and backwards in turn, where not known; in place."""
    _relax(vertices, faces, value, known, length)
    return value
