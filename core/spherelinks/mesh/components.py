"""Which bodies of a surface are the object, and which are noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

from spherelinks.mesh.nearest import nearest, tree
from spherelinks.mesh.topology import Faces, Vertices, compact, parts

#: A part whose bounding box is smaller than this share of the main part's (diagonal to diagonal) is a floater.
FLOATER = 0.05
#: Nearer than this share of the main part's diagonal, a small part touches a larger one.
TOUCHING = 0.01
#: So many of a part's vertices, spread over it, must all lie inside another for the part to count as inside.
WITNESSES = 64


@dataclass(frozen=True)
class Removed:
    """What :func:`clean` took away.

    floaters : small parts apart from the rest
    hidden : walls of cavities, and parts inside others
    share : area of the floaters over that of the whole surface that could be seen
    """

    floaters: int = 0
    hidden: int = 0
    share: float = 0.0


def clean(vertices: Vertices, faces: Faces, *, touching: bool = False) -> tuple[Vertices, Faces, Removed]:
    """Drop floaters, inner shells and what they enclose, from a closed mesh.

    The main part is the one of largest volume. A part stays if it faces outward (an inward-facing one is the wall of
    a cavity, which nobody can see), if its bounding box's diagonal is at least FLOATER times the main part's or, where
    `touching` is set, it touches a part of that size, and if it does not lie inside another part.
    """
    label = parts(faces, len(vertices))
    count = int(label.max()) + 1
    if count == 1:
        return vertices, faces, Removed()
    volume, area, low, high = _measure(vertices, faces, label, count, vertices.mean(axis=0, dtype=np.float64))
    size = np.linalg.norm(high - low, axis=1)
    main = volume.argmax()
    outward, large = volume > 0, size >= FLOATER * size[main]
    outward[main] = large[main] = True
    if touching and (outward & ~large).any():
        big = tree(vertices, faces[(outward & large)[label]])
        for part in np.flatnonzero(outward & ~large):
            apart = nearest(vertices[np.unique(faces[label == part])], big).distance
            large[part] = apart.min() < TOUCHING * size[main]
    keep = outward & large
    candidates = np.flatnonzero(keep)
    for part in candidates:
        holders = candidates[((low[candidates] <= low[part]) & (high[candidates] >= high[part])).all(axis=1)]
        holders = holders[keep[holders] & (holders != part)]
        if len(holders):
            own = np.unique(faces[label == part])
            points = vertices[own[:: -(-len(own) // WITNESSES)]].astype(np.float64)
            keep[part] = not any(_inside(vertices, faces[label == holder], points) for holder in holders)
    if keep.all():
        return vertices, faces, Removed()
    floaters = outward & ~large
    removed = Removed(
        int(floaters.sum()), int((~keep & ~floaters).sum()), float(area[floaters].sum() / area[keep | floaters].sum())
    )
    return *compact(vertices, faces[keep[label]]), removed


@njit(cache=True, nogil=True)
def _measure(vertices, faces, label, count, centre):  # type: ignore[no-untyped-def]
    """Of each part: signed volume, area, and the low and high corners of its bounding box."""
    volume = np.zeros(count)
    area = np.zeros(count)
    low = np.full((count, 3), np.inf)
    high = np.full((count, 3), -np.inf)
    for f in range(len(faces)):
        part = label[f]
        a, b, c = vertices[faces[f, 0]], vertices[faces[f, 1]], vertices[faces[f, 2]]
        square = 0.0
        for k in range(3):
            u, v = (k + 1) % 3, (k + 2) % 3
            square += ((b[u] - a[u]) * (c[v] - a[v]) - (b[v] - a[v]) * (c[u] - a[u])) ** 2
            volume[part] += (a[k] - centre[k]) * (
                (b[u] - centre[u]) * (c[v] - centre[v]) - (b[v] - centre[v]) * (c[u] - centre[u])
            )
            low[part, k] = min(low[part, k], a[k], b[k], c[k])
            high[part, k] = max(high[part, k], a[k], b[k], c[k])
        area[part] += np.sqrt(square) / 2
    return volume / 6, area, low, high


@njit(cache=True, nogil=True)
def _inside(vertices, faces, points):  # type: ignore[no-untyped-def]
    """Whether a closed surface winds round every one of (N, 3) points, which ends at the first that it does not.

    By the sum of the faces' solid angles (Van Oosterom & Strackee 1983).
    """
    for i in range(len(points)):
        total = 0.0
        x, y, z = points[i]
        for f in range(len(faces)):
            i0, i1, i2 = faces[f]
            ax, ay, az = vertices[i0, 0] - x, vertices[i0, 1] - y, vertices[i0, 2] - z
            bx, by, bz = vertices[i1, 0] - x, vertices[i1, 1] - y, vertices[i1, 2] - z
            cx, cy, cz = vertices[i2, 0] - x, vertices[i2, 1] - y, vertices[i2, 2] - z
            la = np.sqrt(ax * ax + ay * ay + az * az)
            lb = np.sqrt(bx * bx + by * by + bz * bz)
            lc = np.sqrt(cx * cx + cy * cy + cz * cz)
            above = ax * (by * cz - bz * cy) + ay * (bz * cx - bx * cz) + az * (bx * cy - by * cx)
            below = la * lb * lc + (ax * bx + ay * by + az * bz) * lc
            below += (bx * cx + by * cy + bz * cz) * la + (cx * ax + cy * ay + cz * az) * lb
            total += np.arctan2(above, below)
        if total < np.pi:  # half a turn: once round is 2 * pi in these halved angles
            return False
    return True
