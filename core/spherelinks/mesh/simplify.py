"""Simplifies a mesh: fewer triangles for the same shape."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from spherelinks import threads
from spherelinks.mesh.box import box, middle, sides
from spherelinks.mesh.collapse import closed_up, free, laid_out, price, quadrics, sweep
from spherelinks.mesh.repair import apart
from spherelinks.mesh.topology import Faces, Vertices, compact, parts, twins

SMALLEST = 4
TOLERANCE = 0.02
#: A sweep collapses this share of the edges, the cheapest.
_AT_ONCE = 0.15
#: Meshes with at least this many faces are swept in two halves in parallel, until this share of their faces or this
#: multiple of the target is left: beyond that, the faces between the halves, which stay, would matter. Of more than
#: _MANY faces fewer in proportion lie there: as the square root of their number.
_HALVED, _UNTIL, _ABOVE, _MANY = 20_000, 0.2, 1.3, 500_000
#: What is left of a mesh is closed up whenever it is no more than this share of the arrays.
_FULL = 0.5

#: Weight of a side of the box that is to be kept, in squares of the mean edge: a plane's area.
_HELD = 1e3


def simplify(
    vertices: Vertices,
    faces: Faces,
    target: int,
    progress: Callable[[float], None] = lambda share: None,
    *,
    keep_box: bool = False,
) -> tuple[Vertices, Faces]:
    """A closed manifold of `target` faces, or one fewer, by quadric edge collapses (Garland & Heckbert 1997).

    vertices (V, 3) float32 and faces (F, 3) int32 must be a closed manifold; bodies and handles are preserved. Returns
    the input itself if it has no more faces than requested, and more faces than requested if fewer would flip faces or
    lose a body or handle (a body needs four). Nothing extends beyond the input's bounding box, and with
    `keep_box` nearly nothing of it is lost, so that a mesh keeps its size and place. `progress` is called with the
    share done after each sweep. The same input gives the same output, on any number of processors.
    """
    with threads.pool(1) as other:
        labelled = other.submit(parts, faces, len(vertices))
        if len(faces) <= target:
            return vertices, faces
        unit, centre = _unit(vertices, faces), middle(vertices)
        points = (vertices - centre) / unit
        measured, halved = other.submit(quadrics, points, faces), other.submit(_half, points)
        start, twin = laid_out(faces, twins(faces))
        target = max(target, SMALLEST * (int(labelled.result().max(initial=-1)) + 1))
        if len(faces) <= target:
            return vertices, faces
        quadric = measured.result()
        if keep_box:
            _hold_box(points, quadric)
        gone: NDArray[np.bool_] = np.zeros(len(faces), np.bool_)
        cost = np.full(len(start), np.float32(np.inf))
        side: NDArray[np.int8] = np.zeros(len(points), np.int8)
        watched: NDArray[np.integer] = np.arange(0, len(cost), 1 + len(cost) // 16384)
        left = len(faces)

        def swept(of: int, most: int, limit: float) -> int:
            return int(sweep(start, twin, gone, points, quadric, side, of, cost, most, limit))

        def went(removed: int) -> None:
            """Takes down how many faces went, and closes up once most have."""
            nonlocal left, start, twin, gone, points, quadric, side, cost, watched
            left -= removed
            progress(min((len(faces) - left) / (len(faces) - target), 1.0))
            if left > _FULL * len(gone):
                return
            n_faces, n_vertices, number = closed_up(start, twin, gone, points, quadric, side, cost)
            start, twin, cost = start[: 4 * n_faces], twin[: 4 * n_faces], cost[: 4 * n_faces]
            points, quadric, side = points[:n_vertices], quadric[:n_vertices], side[:n_vertices]
            watched = 4 * number[watched >> 2] + (watched & 3)
            watched = watched[watched >= 0]
            gone = np.zeros(n_faces, np.bool_)

        if left >= _HALVED:
            side = free(start, twin, halved.result())
            until = max(_ABOVE * target, _UNTIL * min(1, (_MANY / len(faces)) ** 0.5) * len(faces))
            done = other.submit(price, start, twin, gone, points, quadric, side, 1, cost)
            price(start, twin, gone, points, quadric, side, 0, cost)
            done.result()
            while left > until and (limit := _limit(cost, watched, (left - target) / left)) is not None:
                most = int(left - until) // 2 + 1
                there = other.submit(swept, 1, most, limit)
                here = swept(0, most, limit)
                went(here + there.result())
        side = np.zeros(len(points), np.int8)
        while left > target:
            before, half = left, len(gone) // 2
            done = other.submit(price, start, twin, gone, points, quadric, side, 0, cost, half)
            price(start, twin, gone, points, quadric, side, 0, cost, 0, half)
            done.result()
            while left > target and (limit := _limit(cost, watched, (left - target) / left)) is not None:
                went(swept(0, left - target, limit))
            if left == before:
                break
    few, kept = compact(points, start.reshape(-1, 4)[:, :3], ~gone)
    inside: Vertices = np.clip((few * unit + centre).astype(np.float32), *box(vertices))
    return apart(inside, kept)


def _half(points: NDArray[np.float64]) -> NDArray[np.int8]:
    """(V,) 0 or 1, the half of the points that each belongs to along the longest side of their box."""
    along = np.ascontiguousarray(points[:, sides(points).argmax()])
    return (along > np.median(along)).astype(np.int8)


def _hold_box(points: NDArray[np.float64], quadric: NDArray[np.float64]) -> None:
    """Into the quadric of a vertex on each side of the box that side's plane; in place."""
    for axis, its_square in enumerate((0, 3, 5)):
        for vertex in (points[:, axis].argmin(), points[:, axis].argmax()):
            place = points[vertex, axis]
            quadric[vertex, [its_square, 6 + axis, 9]] += _HELD * np.array((1.0, place, place**2))


def _limit(cost: NDArray[np.float32], watched: NDArray[np.integer], share: float) -> float | None:
    """The cost limit of the next sweep; None if no edge is left to try.

    watched : half-edges, evenly spread over all of the mesh that was given, by which the others are judged
    share : of the faces still to be removed; the fewer, the smaller the steps
    """
    some = cost[watched]
    some = some[some < np.inf]
    if not len(some):
        some = cost[cost < np.inf]
    if not len(some):
        return None
    place = int(min(_AT_ONCE, share / 2) * len(some))
    return float(np.partition(some, place)[place])


def _unit(vertices: Vertices, faces: Faces) -> float:
    """The mean length of some thousand edges."""
    corners = vertices[faces[:: max(1, len(faces) // 4096)]].astype(np.float64)
    return float(np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2).mean()) or 1.0
