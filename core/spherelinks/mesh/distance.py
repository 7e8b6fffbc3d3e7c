"""The signed distance field of any set of triangles: outside is what can be reached from outside."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spherelinks import threads
from spherelinks.mesh.topology import Faces, Vertices
from spherelinks.native import kernel

#: Samples along the longest side of a mesh that is turned into a field.
SAMPLES = 256
#: Samples of margin round it, and how far from the surface distances are kept.
MARGIN, BAND = 3.63, 2.0
#: Triangles measured between two calls of `progress`.
AT_ONCE = 50_000
#: Half the thickness, in samples, given to a sheet with the outside on both sides. Above √2 / 2, no two samples across
#: a grid face are on opposite sides of it with nothing in between, so the plate has no holes.
HALF = 0.75


_measure_band = kernel(
    "distance_measure", "corners: f4[F,3,3]", "F", "start: int", "square: f4[X,Y,Z]*", "owner: i4[X,Y,Z]*", "X", "Y",
    "Z", "band: float", "begin: int", "end: int",
)  # fmt: skip
_fill = kernel("distance_flood", "square: f4[X,Y,Z]", "X", "Y", "Z", "reached: b1[X,Y,Z]*")
_find_signs = kernel(
    "distance_sign", "corners: f4[F,3,3]", "square: f4[X,Y,Z]", "owner: i4[X,Y,Z] < F | -1", "reached: b1[X,Y,Z]", "X",
    "Y", "Z", "half: float", "field: f4[X,Y,Z]*", "count: i8[2]*",
)  # fmt: skip


@dataclass(frozen=True)
class Distance:
    """What :func:`signed` finds.

    field : (X, Y, Z) float32, distance to the surface, negative inside, in the mesh's unit
    origin, spacing : position of sample [0, 0, 0], and distance between samples, in the mesh's unit
    thickened : share of the surface that had to be thickened to hold together
    """

    field: NDArray[np.float32]
    origin: NDArray[np.float64]
    spacing: float
    thickened: float


def signed(
    vertices: Vertices,
    faces: Faces,
    samples: int = SAMPLES,
    progress: Callable[[float], None] = lambda share: None,
) -> Distance:
    """The signed distance to the outer surface of (V, 3) float32 vertices and (F, 3) int32 faces, within BAND samples.

    Outside is what a flood fill from the grid's border reaches over samples further than half a cell from every
    triangle; two neighbouring samples on opposite sides of a triangle cannot both be that far, so it leaks only through
    openings wider than a cell. The orientation of faces does not matter. Everything else is inside: cavities, overlaps
    and inner walls are filled. Where both sides are outside, as with cloth, leaves and walls thinner than a cell, the
    surface becomes a plate of 2 * HALF samples. `samples` is the number along the longest side; `progress` is called
    with the share done.
    """
    low, high = vertices.min(axis=0).astype(np.float64), vertices.max(axis=0).astype(np.float64)
    spacing = float((high - low).max()) / (samples - 1) or 1.0
    origin = low - MARGIN * spacing
    shape = tuple(int(n) for n in np.ceil((high - low) / spacing) + 2 * MARGIN + 1)
    corners = ((vertices - origin) / spacing).astype(np.float32)[faces]
    square = np.full(shape, np.float32(BAND * BAND))
    owner = np.full(shape, -1, np.int32)
    for start in range(0, len(corners), AT_ONCE):
        _measure(corners[start : start + AT_ONCE], start, square, owner)
        progress(0.5 * min(1, (start + AT_ONCE) / len(corners)))
    reached = _flood(square)
    progress(0.7)
    field, thin, near = _sign(corners, square, owner, reached)
    progress(1.0)
    return Distance(field * np.float32(spacing), origin, spacing, thin / max(near, 1))


def _measure(corners: NDArray[np.float32], start: int, square: NDArray[np.float32], owner: NDArray[np.int32]) -> None:
    """Squared distances and nearest triangles, in place, of samples less than BAND from a triangle; grid units.

    Each triangle is swept along the axis that it faces most: over its shadow, grown by BAND, only the samples are
    visited that lie less than BAND from its plane. In two threads, on either side of half of the triangles.
    """
    middle = int(np.median(corners[:, 0, 0]).clip(0, len(square)))
    with threads.pool(1) as aside:
        other = aside.submit(_measure_band, corners, start, square, owner, BAND, 0, middle)
        _measure_band(corners, start, square, owner, BAND, middle, len(square))
        other.result()


def _flood(square: NDArray[np.float32]) -> NDArray[np.bool_]:
    """(X, Y, Z) bool: samples that can be reached from the first one in steps along the axes, without coming within
    half a cell of the surface. The first sample, in the margin's corner, is outside."""
    reached = np.zeros(square.shape, np.bool_)
    _fill(square, reached)
    return reached


def _sign(
    corners: NDArray[np.float32],
    square: NDArray[np.float32],
    owner: NDArray[np.int32],
    reached: NDArray[np.bool_],
) -> tuple[NDArray[np.float32], int, int]:
    """The field in cells, the number of samples inside a plate, and of all within HALF of the surface."""
    field, count = np.empty(square.shape, np.float32), np.empty(2, np.int64)
    _find_signs(corners, square, owner, reached, HALF, field, count)
    return field, int(count[0]), int(count[1])
