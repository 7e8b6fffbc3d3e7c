"""The zero level of a grid as a closed, 2-manifold triangle mesh."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spherelinks import threads
from spherelinks.errors import GeneratorFailed
from spherelinks.mesh.cases import EDGES, table
from spherelinks.mesh.creases import sharpened
from spherelinks.native import kernel

_TABLE = table()
_AXIS = np.array([axis for axis, _ in EDGES], np.int64)
_CORNER = np.array([corner for _, corner in EDGES], np.int64)

#: Minimum distance of vertices from the ends of their grid edge, as a share of it, so that no two coincide.
CLEARANCE = np.float32(1 / 64)
#: Layers of samples across x in which a thread looks for signs, or for the surface, at a time.
SLAB = 32

_find_signs = kernel(
    "surface_signs -> int", "field: f4[X,Y,Z]", "X", "Y", "Z", "W", "first: int", "end: int", "inside: u8[X,Y,W]*"
)  # fmt: skip
_count = kernel(
    "surface_count", "field: f4[X,Y,Z]", "inside: u8[X,Y,W]", "X", "Y", "Z", "W", "triangles_of: i1[R]", "R",
    "first_of: i8[256]", "ambiguous_of: i8[256]", "first: int", "end: int", "count: i8[2]*",
)  # fmt: skip
_fill = kernel(
    "surface_march", "field: f4[X,Y,Z]", "inside: u8[X,Y,W]", "X", "Y", "Z", "W", "triangles_of: i1[R]", "R",
    "edges_of: i1[R,C]", "C", "first_of: i8[256]", "ambiguous_of: i8[256]", "edge_axis: i8[12]",
    "edge_corner: i8[12]", "clearance: float", "first: int", "end: int", "first_point: int", "first_face: int",
    "points: f4[V,3]*", "V", "faces: i4[F,3]*", "F",
)  # fmt: skip


def extract(
    field: NDArray[np.float32], origin: NDArray[np.float64], spacing: float
) -> tuple[NDArray[np.float32], NDArray[np.int32], bool]:
    """The surface between inside (negative) and outside samples, by marching cubes, its sharp edges restored.

    field : (X, Y, Z) float32, inside < 0; linear interpolation finds the zero on each grid edge
    origin, spacing : position of sample [0, 0, 0] and distance between samples, any unit

    Returns (V, 3) float32 vertices in that unit, (F, 3) int32 faces, counter-clockwise seen from outside, and whether
    the shape reached the grid's border, where it is then closed one cell further out. The mesh is closed and 2-manifold
    for every field; :mod:`spherelinks.mesh.cases` explains why. The inside corners of an ambiguous grid face are joined
    if the field is convex around it, so that thin edges of convex bodies stay whole, and separate otherwise. Vertices
    are at the zeros of grid edges, except near sharp edges of the shape, see :mod:`spherelinks.mesh.creases`.
    Raises GeneratorFailed for a field that contains NaN or infinity, or has no inside.
    """
    if field.ndim != 3 or 0 in field.shape:
        raise GeneratorFailed(f"The shape is an array of {field.shape} samples, not a grid.", hint=_HINT)
    field = np.ascontiguousarray(field, np.float32)
    inside, broken = _signs(field)
    if broken:
        raise GeneratorFailed(f"Of the shape's {field.size} samples, {broken} are NaN or infinite.", hint=_HINT)
    cut = _touches_border(inside, field.shape[2])
    if cut:
        field = np.pad(field, 1, constant_values=np.float32(max(spacing, 1e-30)))
        origin = origin - spacing
        inside, _ = _signs(field)
    if not inside.any():
        raise GeneratorFailed("The shape is empty: no sample is inside it.", hint=_HINT)
    points, faces = sharpened(*_march(field, inside, *_TABLE, _AXIS, _CORNER))
    return (points * spacing + origin).astype(np.float32), faces, cut


_HINT = "Try another picture or seed; if it happens again, please report it."


def _touches_border(inside: NDArray[np.uint64], nz: int) -> bool:
    """Whether a sample on the border of a grid with these signs is inside."""
    low, high = np.uint64(1), np.uint64(1) << np.uint64((nz - 1) % 64)
    sides = (inside[0], inside[-1], inside[:, 0], inside[:, -1], inside[:, :, 0] & low, inside[:, :, -1] & high)
    return any(bool(side.any()) for side in sides)


def _signs(field: NDArray[np.float32]) -> tuple[NDArray[np.uint64], int]:
    """(X, Y, ceil(Z / 64)) words; bit z % 64 of word z // 64 says whether sample z is inside. Spare bits are 0.

    And how many samples are not finite.
    """
    nx, ny, nz = field.shape
    inside = np.empty((nx, ny, -(-nz // 64)), np.uint64)
    broken: list[int] = []

    def find(first: int) -> None:
        broken.append(_find_signs(field, first, min(first + SLAB, nx), inside))

    threads.each(find, range(0, nx, SLAB))
    return inside, sum(broken)


def _march(
    field: NDArray[np.float32],
    inside: NDArray[np.uint64],
    triangles_of: NDArray[np.int8],
    edges_of: NDArray[np.int8],
    first_of: NDArray[np.int64],
    ambiguous_of: NDArray[np.int64],
    edge_axis: NDArray[np.int64],
    edge_corner: NDArray[np.int64],
) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Points in grid units and faces, in two passes over x that work on 64 samples along z at a time, a thread in each
    SLAB."""
    if inside.shape[2] != -(-field.shape[2] // 64):
        raise ValueError(f"{inside.shape[2]} words of signs are not those of {field.shape[2]} samples")
    slabs = range(0, len(field), SLAB)
    count = np.zeros((len(slabs) + 1, 2), np.int64)

    def look(first: int) -> None:
        own = count[first // SLAB + 1]
        _count(field, inside, triangles_of, first_of, ambiguous_of, first, min(first + SLAB, len(field)), own)

    threads.each(look, slabs)
    before = np.cumsum(count, axis=0)
    points, faces = np.empty((before[-1, 0], 3), np.float32), np.empty((before[-1, 1], 3), np.int32)

    def make(first: int) -> None:
        _fill(
            field, inside, triangles_of, edges_of, first_of, ambiguous_of, edge_axis, edge_corner, CLEARANCE, first,
            min(first + SLAB, len(field)), *before[first // SLAB].tolist(), points, faces,
        )  # fmt: skip

    threads.each(make, slabs)
    return points, faces
