"""Charts by projection on the six sides of a box: plainer than uvunwrap's, but quick at any size and never refused."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from spherelinks.mesh.topology import Faces, Vertices, twins

#: How much a neighbour on a side counts against the face's own direction, and how often it is asked.
_NEIGHBOUR, _ROUNDS = 0.25, 4
#: Cells along the box's longest side on which overlap within a chart is looked for.
_CELLS = 2048


def project(vertices: Vertices, faces: Faces) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Charts for (V, 3) vertices and (F, 3) faces.

    Each face goes to the side of the box that it faces, moderated by its neighbours; connected faces of one side form
    a chart, and a face that would overlap its chart starts another.
    Returns (F, 3, 2) float64 corners on each chart's plane, v downwards, the unit being the same for all, and the (F,)
    int64 chart of each face.
    """
    centre = (vertices.min(axis=0).astype(np.float64) + vertices.max(axis=0)) / 2
    points = vertices - centre
    points /= max(float(np.abs(points).max()) * 2, 1e-30)  # into -0.5..0.5
    opposite = twins(faces)
    side = _sides(points, faces, opposite, _NEIGHBOUR, _ROUNDS)
    chart = _charts(points, faces, opposite, side, _CELLS)
    # an axis a of side 2a (towards +) or 2a + 1; u, v such that no chart is mirrored
    axis = side >> 1
    u_axis, v_axis = (axis + 1) % 3, (axis + 2) % 3
    u = np.take_along_axis(points[faces], u_axis[:, None, None], axis=2)[..., 0]
    v = np.take_along_axis(points[faces], v_axis[:, None, None], axis=2)[..., 0]
    return np.stack([np.where((side & 1 == 0)[:, None], u, -u), -v], axis=-1), chart  # v of a texture runs downwards


@njit(cache=True, nogil=True)
def _sides(points, faces, opposite, neighbour, rounds):  # type: ignore[no-untyped-def]
    """(F,) the box side each face goes to."""
    cosine = np.zeros((len(faces), 6))
    side = np.zeros(len(faces), np.int64)
    for f in range(len(faces)):
        a, b, c = points[faces[f, 0]], points[faces[f, 1]], points[faces[f, 2]]
        for k in range(3):
            u, v = (k + 1) % 3, (k + 2) % 3
            cosine[f, 2 * k] = (b[u] - a[u]) * (c[v] - a[v]) - (b[v] - a[v]) * (c[u] - a[u])
        length = np.sqrt(cosine[f, 0] ** 2 + cosine[f, 2] ** 2 + cosine[f, 4] ** 2)
        for k in range(3):
            cosine[f, 2 * k] /= max(length, 1e-30)
            cosine[f, 2 * k + 1] = -cosine[f, 2 * k]
        side[f] = cosine[f].argmax()
    for _ in range(rounds):
        for f in range(len(faces)):
            score = cosine[f].copy()
            for k in range(3):
                other = opposite[3 * f + k]
                if other >= 0:
                    score[side[other // 3]] += neighbour
            best = score.argmax()
            if cosine[f, best] > 0.2:  # never turned over, never stretched more than fivefold
                side[f] = best
    return side


@njit(cache=True, nogil=True)
def _charts(points, faces, opposite, side, cells):  # type: ignore[no-untyped-def]
    """(F,) the chart of each face: flood fill over one side, refusing faces that cover a cell of the chart again."""
    chart = np.full(len(faces), -1, np.int64)
    owner = np.full((cells, cells), -1, np.int32)
    queue = np.empty(3 * len(faces) + 1, np.int64)
    count = 0
    for seed in range(len(faces)):
        if chart[seed] >= 0:
            continue
        axis = side[seed] >> 1
        u_axis, v_axis = (axis + 1) % 3, (axis + 2) % 3
        queue[0] = seed
        start, stop = 0, 1
        while start < stop:
            f = queue[start]
            start += 1
            if chart[f] >= 0:
                continue
            ax, ay = (points[faces[f, 0], u_axis] + 0.5) * cells, (points[faces[f, 0], v_axis] + 0.5) * cells
            bx, by = (points[faces[f, 1], u_axis] + 0.5) * cells - ax, (points[faces[f, 1], v_axis] + 0.5) * cells - ay
            cx, cy = (points[faces[f, 2], u_axis] + 0.5) * cells - ax, (points[faces[f, 2], v_axis] + 0.5) * cells - ay
            double = bx * cy - by * cx
            left = max(0, int(np.ceil(ax + min(0.0, bx, cx) - 0.5)))
            right = min(cells - 1, int(np.floor(ax + max(0.0, bx, cx) - 0.5)))
            top = max(0, int(np.ceil(ay + min(0.0, by, cy) - 0.5)))
            bottom = min(cells - 1, int(np.floor(ay + max(0.0, by, cy) - 0.5)))
            free = True
            for attempt in range(2):  # look, then take
                if not free or double == 0:
                    break
                for y in range(top, bottom + 1):
                    for x in range(left, right + 1):
                        px, py = x + 0.5 - ax, y + 0.5 - ay
                        b = (px * cy - py * cx) / double
                        c = (bx * py - by * px) / double
                        if b > 1e-9 and c > 1e-9 and b + c < 1 - 1e-9:
                            if attempt == 0:
                                free = free and owner[y, x] != count
                            else:
                                owner[y, x] = count
            if not free:
                continue
            chart[f] = count
            for k in range(3):
                other = opposite[3 * f + k]
                if other >= 0 and chart[other // 3] < 0 and side[other // 3] == side[seed]:
                    queue[stop] = other // 3
                    stop += 1
        count += 1
    return chart
