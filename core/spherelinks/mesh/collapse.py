"""Edge collapses on a closed manifold: the kernels of :mod:`spherelinks.mesh.simplify`.

Half-edge h = 4f + k runs from corner k of face f to the next one; 4f + 3 stands for nothing, so that a face's corners
are found by bits. `start` (4F,) int32 holds the vertex that each half-edge starts at, `twin` the one that runs the
other way. `points` (V, 3) float64 are measured in mean edges.

`cost` (4F,) float32 holds, at the first half-edge of each edge, the cost of its collapse; infinity for edges not to be
tried. Sweeps visit edges in memory order and collapse all below a limit that rises from sweep to sweep: nearly as good
as cheapest first and several times as fast, since neighbours on the surface are neighbours in memory.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spherelinks.mesh.topology import Faces
from spherelinks.native import kernel

_quadrics = kernel("collapse_quadrics", "points: f8[V,3]", "V", "faces: i4[F,3] < V", "F", "total: f8[V,10]*")
_lay_out = kernel(
    "collapse_laid_out", "faces: i4[F,3]", "opposite: i8[3F] < 3F | -1", "F", "start: i4[4F]*", "twin: i4[4F]*"
)
_free = kernel(
    "collapse_free", "start: i4[H] < V | -1", "twin: i4[H] < H | -1", "H", "side: i1[V]", "out: i1[V]*"
)  # fmt: skip
_price = kernel(
    "collapse_price", "start: i4[4F] < V | -1", "twin: i4[4F] < 4F | -1", "gone: b1[F]", "F", "points: f8[V,3]", "V",
    "quadric: f8[V,10]", "side: i1[V]", "of: int", "first: int", "end: int", "cost: f4[4F]*",
)  # fmt: skip
_sweep = kernel(
    "collapse_sweep -> int", "start: i4[4F]*", "twin: i4[4F]*", "halves: int", "gone: b1[F]*", "points: f8[V,3]*", "V",
    "quadric: f8[V,10]*", "side: i1[V]", "of: int", "cost: f4[4F]*", "most: int", "limit: float",
)  # fmt: skip
_close_up = kernel(
    "collapse_closed_up", "start: i4[4F]*", "twin: i4[4F]*", "gone: b1[F]", "F", "cost: f4[4F]*", "points: f8[V,3]*",
    "V", "quadric: f8[V,10]*", "side: i1[V]*", "number: i4[F]*", "count: i8[2]*",
)  # fmt: skip


def quadrics(points: NDArray[np.float64], faces: Faces) -> NDArray[np.float64]:
    """(V, 10) float64: of each vertex the sum, over its faces and weighted by their area, of the squared distance to
    the face's plane and, _STAY times, to its middle (Trettner & Kobbelt 2020, "Fast and Robust QEM Minimization using
    Probabilistic Quadrics"), as the matrix xx, xy, xz, yy, yz, zz, the vector and the constant."""
    total = np.empty((len(points), 10))
    _quadrics(points, faces, total)
    return total


def laid_out(faces: Faces, opposite: NDArray[np.int64]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """`start` and `twin` of (F, 3) faces and their (3F,) twins."""
    start, twin = np.empty(4 * len(faces), np.int32), np.empty(4 * len(faces), np.int32)
    _lay_out(faces, opposite, start, twin)
    return start, twin


def free(start: NDArray[np.int32], twin: NDArray[np.int32], side: NDArray[np.int8]) -> NDArray[np.int8]:
    """(V,) int8: the side of vertices all whose neighbours are on the same one; -1 for others."""
    out = side.copy()
    _free(start, twin, side, out)
    return out


def price(
    start: NDArray[np.int32],
    twin: NDArray[np.int32],
    gone: NDArray[np.bool_],
    points: NDArray[np.float64],
    quadric: NDArray[np.float64],
    side: NDArray[np.int8],
    of: int,
    cost: NDArray[np.float32],
    first: int = 0,
    end: int | None = None,
) -> None:
    """Into `cost`, at the first of its half-edges, that of each edge both of whose vertices are on that side; of the
    faces from `first` up to `end`, which several threads may share."""
    _price(start, twin, gone, points, quadric, side, of, 4 * first, 4 * (len(gone) if end is None else end), cost)


def sweep(
    start: NDArray[np.int32],
    twin: NDArray[np.int32],
    gone: NDArray[np.bool_],
    points: NDArray[np.float64],
    quadric: NDArray[np.float64],
    side: NDArray[np.int8],
    of: int,
    cost: NDArray[np.float32],
    most: int,
    limit: float,
) -> int:
    """Collapse edges of that side which cost up to `limit`, until `most` faces have gone; in place.

    Returns how many went. Only vertices of that side are moved or read, and only half-edges between its vertices are
    written, so that two sides may be swept at the same time. `gone` (F,) says which faces went.
    """
    return int(_sweep(start, twin, len(start), gone, points, quadric, side, of, cost, most, limit))


def closed_up(
    start: NDArray[np.int32],
    twin: NDArray[np.int32],
    gone: NDArray[np.bool_],
    points: NDArray[np.float64],
    quadric: NDArray[np.float64],
    side: NDArray[np.int8],
    cost: NDArray[np.float32],
) -> tuple[int, int, NDArray[np.int32]]:
    """Move the faces that are left, and their vertices, to the front of their arrays, in the same order; in place.

    So that sweeps walk through no gaps, and find neighbours near each other. Returns how many faces and vertices these
    are, and (F,) the new number of each face, -1 if it is gone.
    """
    number, count = np.empty(len(gone), np.int32), np.empty(2, np.int64)
    _close_up(start, twin, gone, cost, points, quadric, side, number, count)
    return int(count[0]), int(count[1]), number
