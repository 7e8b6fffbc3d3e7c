"""Charts by projection on the six sides of a box: plainer than uvunwrap's, but quick at any size and never refused."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from spherelinks.mesh.topology import Faces, Vertices, twins

#: How much a neighbour on a side counts against the face's own direction, and how often it is asked.
_NEIGHBOUR, _ROUNDS = 0.25, 4
#: Cells per page side on which overlap within a chart is looked for.
_FINE = 2


def project(
    vertices: Vertices, faces: Faces, page: int, gutter: int
) -> tuple[NDArray[np.float32], Faces, NDArray[np.int32]]:
    """Lay (V, 3) vertices and (F, 3) faces out on a square page of `page` texels with `gutter` between charts.

    Each face goes to the side of the box that it faces, moderated by its neighbours; connected faces of one side form
    a chart, and a face that would overlap its chart starts another. Charts are packed on shelves by height.
    Returns (W, 2) float32 UVs in 0..1, (F, 3) int32 faces into them and (W,) int32 source vertices.
    """
    centre = (vertices.min(axis=0).astype(np.float64) + vertices.max(axis=0)) / 2
    points = vertices - centre
    points /= max(float(np.abs(points).max()) * 2, 1e-30)  # into -0.5..0.5
    opposite = twins(faces)
    side = _sides(points, faces, opposite, _NEIGHBOUR, _ROUNDS)
    chart = _charts(points, faces, opposite, side, page * _FINE)
    n_charts = int(chart.max()) + 1
    # an axis a of side 2a (towards +) or 2a + 1; u, v such that no chart is mirrored
    axis = side >> 1
    u_axis, v_axis = (axis + 1) % 3, (axis + 2) % 3
    u = np.take_along_axis(points[faces], u_axis[:, None, None], axis=2)[..., 0]
    v = np.take_along_axis(points[faces], v_axis[:, None, None], axis=2)[..., 0]
    u = np.where((side & 1 == 0)[:, None], u, -u)
    low = np.full((n_charts, 2), np.inf)
    high = np.full((n_charts, 2), -np.inf)
    for k, flat in enumerate((u, -v)):  # v of a texture runs downwards
        np.minimum.at(low[:, k], chart, flat.min(axis=1))
        np.maximum.at(high[:, k], chart, flat.max(axis=1))
    order = np.argsort(low[:, 1] - high[:, 1], kind="stable")
    place, scale = _pack(high - low, order, page, gutter)
    corner = np.stack([u, -v], axis=-1) - low[chart][:, None]
    uv = (corner * scale + place[chart][:, None]) / page
    _, first, placed = np.unique(
        chart[:, None] * np.int64(len(vertices)) + faces, return_index=True, return_inverse=True
    )
    source = faces.ravel()[first].astype(np.int32)
    return uv.reshape(-1, 2)[first].astype(np.float32), placed.reshape(-1, 3).astype(np.int32), source


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


@njit(cache=True, nogil=True)
def _pack(extent, order, page, gutter):  # type: ignore[no-untyped-def]
    """Place boxes on shelves, the largest scale that fits: (charts, 2) corners in texels, and texels per unit."""
    place = np.zeros((len(extent), 2))
    low, high = 0.0, page / max(extent.max(), 1e-9)
    for _ in range(24):
        scale = (low + high) / 2
        if _shelve(extent, order, scale, page, gutter, place):
            low = scale
        else:
            high = scale
    _shelve(extent, order, low, page, gutter, place)
    return place, low


@njit(cache=True, nogil=True)
def _shelve(extent, order, scale, page, gutter, place):  # type: ignore[no-untyped-def]
    x, y, shelf = gutter / 2, gutter / 2, 0.0
    for chart in order:
        width, height = extent[chart, 0] * scale + gutter, extent[chart, 1] * scale + gutter
        if x + width > page:
            x, y, shelf = gutter / 2, y + shelf, 0.0
        shelf = max(shelf, height)
        if x + width > page or y + height > page:
            return False
        place[chart, 0], place[chart, 1] = x, y
        x += width
    return True
