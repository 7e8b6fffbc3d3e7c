"""Tells the parts of a surface that belong to the object from noise."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from spherelinks import threads
from spherelinks.mesh.box import middle
from spherelinks.mesh.nearest import sought, tree
from spherelinks.mesh.sorting import ascending
from spherelinks.mesh.topology import Faces, Vertices, compact, parts
from spherelinks.native import kernel

#: A part whose bounding box is smaller than this share of the main part's (diagonal to diagonal) is a floater.
FLOATER = 0.05
#: Nearer than this share of the main part's diagonal, a small part touches a larger one.
TOUCHING = 0.01
#: So many of a part's vertices, and as many points of its faces, spread over it, must all lie inside another for the
#: part to count as inside. The corners alone say too little: those of a window's pane lie in its frame.
WITNESSES = 64


_measure_parts = kernel(
    "components_measure", "vertices: f4[V,3]", "faces: i4[F,3] < V", "label: i4[F] < P", "F", "centre: f8[3]", "P",
    "volume: f8[P]*", "area: f8[P]*", "low: f8[P,3]*", "high: f8[P,3]*",
)  # fmt: skip
_sum_areas = kernel("components_areas", "vertices: f4[V,3]", "faces: i4[F,3] < V", "F", "upto: f8[F]*")
_wind_round = kernel(
    "components_inside", "vertices: f4[V,3]", "faces: i4[F,3] < V", "F", "points: f8[N,3]", "N", "inside: b1[N]*"
)  # fmt: skip
_come_near = kernel(
    "components_near", "vertices: f4[V,3]", "faces: i4[F,3] < V", "F", "low: f8[B,3]", "high: f8[B,3]", "B",
    "near: b1[F]*",
)  # fmt: skip


@dataclass(frozen=True)
class Removed:
    """What :func:`clean` removed.

    floaters : small parts apart from the rest
    hidden : walls of cavities, and parts inside others
    share : area of the floaters over that of the whole visible surface
    """

    floaters: int = 0
    hidden: int = 0
    share: float = 0.0


def clean(vertices: Vertices, faces: Faces, *, touching: bool = False) -> tuple[Vertices, Faces, Removed]:
    """Drop floaters, inner shells and what they enclose, from a closed mesh.

    The main part is the one with the largest volume. A part stays if it faces outward (an inward-facing one is the wall
    of an invisible cavity), if its bounding box's diagonal is at least FLOATER times the main part's or, with
    `touching`, it touches a part of that size, and if it is not inside another part.
    """
    label = parts(faces, len(vertices))
    count = int(label.max()) + 1
    if count == 1:
        return vertices, faces, Removed()
    volume, area, low, high = part_measures(vertices, faces, label)
    size = np.linalg.norm(high - low, axis=1)
    main = volume.argmax()
    outward, large = volume > 0, size >= FLOATER * size[main]
    outward[main] = large[main] = True

    @cache
    def by_part() -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """The faces' numbers, part by part, and where each part's end."""
        return ascending(label.astype(np.int64)), np.cumsum(np.bincount(label))

    @cache
    def faces_of(part: int) -> Faces:
        order, ends = by_part()
        start = ends[part - 1] if part else 0
        return np.asarray(faces[order[start : ends[part]]])

    def vertices_of(part: int) -> NDArray[np.int64]:
        own = faces_of(part)
        low, high = int(own.min()), int(own.max())
        if high - low > 8 * own.size:
            return np.unique(own).astype(np.int64)
        used = np.zeros(high - low + 1, np.bool_)  # most often a part's vertices have numbers next to each other
        used[own - low] = True
        return np.flatnonzero(used) + low

    @cache
    def witnesses(part: int) -> NDArray[np.float64]:
        own = vertices_of(part)
        corners = vertices[own[:: -(-len(own) // WITNESSES)]].astype(np.float64)
        return np.concatenate([corners, _spread(vertices, faces_of(part))])

    def inside(holder: int, among: NDArray[np.int64]) -> list[NDArray[np.bool_]]:
        """Of each of some parts, which witnesses lie inside one."""
        points = [witnesses(part) for part in among.tolist()]
        found = _inside(vertices, faces_of(holder), np.concatenate(points))
        return np.split(found, np.cumsum([len(each) for each in points])[:-1])

    small, sizable = np.flatnonzero(outward & ~large), outward & large
    if touching and len(small):
        for part in np.flatnonzero(sizable).tolist():
            near = small[((low[small] <= high[part]) & (high[small] >= low[part])).all(axis=1) & ~large[small]]
            if len(near):
                large[near] = [each.any() and not each.all() for each in inside(part, near)]  # it runs through the part
        apart = np.flatnonzero(outward & ~large)
        reach = TOUCHING * size[main]
        big = faces[sizable[label]]
        big = big[_near(vertices, big, low[apart] - 1.01 * reach, high[apart] + 1.01 * reach)]
        if len(big):
            there = tree(vertices, big)
            _ = there.fours  # made once, before threads ask for them

            def touches(part: int) -> bool:
                return bool(sought(vertices[vertices_of(part)], there).distance.min() < reach)

            with threads.pool() as pool:
                large[apart] = list(pool.map(touches, apart.tolist()))
    keep = outward & large
    candidates = np.flatnonzero(keep)

    @cache
    def held(holder: int) -> NDArray[np.int64]:
        """The parts that lie inside one, of those whose boxes do."""
        among = candidates[((low[holder] <= low[candidates]) & (high[holder] >= high[candidates])).all(axis=1)]
        among = among[among != holder]
        return np.asarray(among[[bool(each.all()) for each in inside(holder, among)]])

    for part in candidates.tolist():
        holders = candidates[((low[candidates] <= low[part]) & (high[candidates] >= high[part])).all(axis=1)]
        keep[part] = not any(part in held(holder) for holder in holders if keep[holder] and holder != part)
    if keep.all():
        return vertices, faces, Removed()
    floaters = outward & ~large
    outside = area[keep | floaters].sum() or 1.0  # parts without an area have no share of it
    removed = Removed(int(floaters.sum()), int((~keep & ~floaters).sum()), float(area[floaters].sum() / outside))
    return *compact(vertices, faces, keep[label]), removed


def _spread(vertices: Vertices, faces: Faces) -> NDArray[np.float64]:
    """(WITNESSES, 3) points of (F, 3) triangles, evenly spread over their area; the same ones every time."""
    upto = np.empty(len(faces))
    _sum_areas(vertices, faces, upto)
    number = np.arange(WITNESSES)
    of = np.searchsorted(upto, (number + 0.5) / WITNESSES * upto[-1])
    # R2, Roberts' sequence of low discrepancy, folded into the triangle
    u, v = np.mod(number[:, None] * (0.7548776662466927, 0.5698402909980532) + 0.5, 1).T
    u, v = np.where(u + v > 1, (1 - u, 1 - v), (u, v))
    a, b, c = vertices[faces[of]].astype(np.float64).swapaxes(0, 1)
    return np.asarray(a + u[:, None] * (b - a) + v[:, None] * (c - a))


def _measure(
    vertices: Vertices, faces: Faces, label: NDArray[np.int32], count: int, centre: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Of each part: signed volume, area, and the low and high corners of its bounding box."""
    volume, area, low, high = np.empty(count), np.empty(count), np.empty((count, 3)), np.empty((count, 3))
    _measure_parts(vertices, faces, label, centre, volume, area, low, high)
    return volume, area, low, high


def part_measures(
    vertices: Vertices, faces: Faces, label: NDArray[np.int32]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Of each part, by its (F,) label: signed volume, area, and the low and high corners of its bounding box."""
    return _measure(vertices, faces, label, int(label.max()) + 1, middle(vertices))


def _inside(vertices: Vertices, faces: Faces, points: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(N,) whether a closed surface winds round each of (N, 3) points.

    By the faces that a ray along x crosses, outward less inward.
    """
    inside = np.empty(len(points), np.bool_)
    _wind_round(vertices, faces, points, inside)
    return inside


def _near(vertices: Vertices, faces: Faces, low: NDArray[np.float64], high: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(F,) whether a face's box meets one of the boxes between (B, 3) corners; some that nearly do, too."""
    near = np.zeros(len(faces), np.bool_)
    if len(low):
        _come_near(vertices, faces, np.ascontiguousarray(low), np.ascontiguousarray(high), near)
    return near
