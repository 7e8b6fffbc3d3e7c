"""Flattens charts, and checks that all triangles face up and none overlap."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spherelinks.native import kernel

#: What :func:`cut` returns.
Cut = tuple[
    NDArray[np.int64], NDArray[np.int64], NDArray[np.uint32], NDArray[np.int64], NDArray[np.int64]
]  # fmt: skip

_cut = kernel(
    "flattening_cut", "opposite: i8[3F] < 3F | -1", "chart: i8[F] < K", "F", "K", "order: i8[F]*", "first: i8[L]*",
    "place: u4[3F]*", "places: i8[K]*", "joined: i8[3F]*",
)  # fmt: skip
_lay = kernel(
    "flattening_lay", "points: f8[V,3]", "faces: i4[F,3] < V", "normal: f8[F,3]", "area: f8[F]", "order: i8[F] < F",
    "first: i8[L]", "place: u4[3F]", "places: i8[K]", "joined: i8[3F] < 3F | -1", "corners: f8[F,3,2]*", "good: b1[K]*",
    "begin: int", "end: int",
)  # fmt: skip


def cut(opposite: NDArray[np.int64], chart: NDArray[np.int64], count: int) -> Cut:
    """Order the faces by chart and number the places of their corners.

    opposite (3F,) int64 twins, chart (F,) int64, count charts. Returns
    order : (F,) int64, the faces, of which chart k has those from first[k] to first[k + 1]
    first : (count + 1,) int64
    place : (3F,) uint32, of each corner in that order: corners of one vertex whose faces hang together within the chart
        share a place; numbered from 0 in each chart
    places : (count,) int64, how many each chart has
    joined : (3F,) int64, the twins in that order, counted from the chart's first half-edge; -1 if there is a seam
    """
    order, first = np.empty(len(chart), np.int64), np.empty(count + 1, np.int64)
    place, places, joined = np.empty(len(opposite), np.uint32), np.empty(count, np.int64), np.empty_like(opposite)
    _cut(opposite, chart, order, first, place, places, joined)
    return order, first, place, places, joined


def lay(
    points: NDArray[np.float64],
    faces: NDArray[np.int32],
    normal: NDArray[np.float64],
    area: NDArray[np.float64],
    order: NDArray[np.int64],
    first: NDArray[np.int64],
    place: NDArray[np.uint32],
    places: NDArray[np.int64],
    joined: NDArray[np.int64],
    corners: NDArray[np.float64],
    good: NDArray[np.bool_],
    begin: int,
    end: int,
) -> None:
    """Flatten the charts from `begin` to before `end`; several threads may do so at once with different ones.

    points (V, 3) float64, faces (F, 3), normal (F, 3), area (F,); the following from :func:`cut`
    corners : (F, 3, 2) float64, filled: y upwards, seen from outside, in the points' unit
    good : (count,) bool, filled: whether the chart has little distortion, no face overlaps another, and all face up
    """
    _lay(points, faces, normal, area, order, first, place, places, joined, corners, good, begin, end)
