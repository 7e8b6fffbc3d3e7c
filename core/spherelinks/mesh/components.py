"""Which bodies of a surface are the object, and which are noise."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from spherelinks.mesh.topology import Faces, Vertices, compact, parts

#: A part whose bounding box is smaller than this share of the main part's (diagonal to diagonal) is a floater.
FLOATER = 0.05


def clean(vertices: Vertices, faces: Faces) -> tuple[Vertices, Faces, int]:
    """Drop floaters, inner shells and what they enclose, from a closed mesh.

    The main part is the one of largest volume. A part stays if it faces outward (an inward-facing one is the wall of
    a cavity, which nobody can see), if its bounding box's diagonal is at least FLOATER times the main part's, and if
    it does not lie inside another part. Returns the mesh and the number of parts removed.
    """
    label = parts(faces, len(vertices))
    count = int(label.max()) + 1
    if count == 1:
        return vertices, faces, 0
    volume, low, high = _measure(vertices, faces, label, count, vertices.mean(axis=0, dtype=np.float64))
    size = np.linalg.norm(high - low, axis=1)
    keep = (volume > 0) & (size >= FLOATER * size[volume.argmax()])
    keep[volume.argmax()] = True
    candidates = np.flatnonzero(keep)
    for part in candidates:
        holders = candidates[((low[candidates] < low[part]) & (high[candidates] > high[part])).all(axis=1)]
        if len(holders):
            point = vertices[faces[np.argmax(label == part), 0]]
            keep[part] = not any(_winding(vertices, faces[label == holder], point) > 0.5 for holder in holders)
    if keep.all():
        return vertices, faces, 0
    return *compact(vertices, faces[keep[label]]), int(count - keep.sum())


@njit(cache=True, nogil=True)
def _measure(vertices, faces, label, count, centre):  # type: ignore[no-untyped-def]
    """Of each part: signed volume, and the low and high corners of its bounding box."""
    volume = np.zeros(count)
    low = np.full((count, 3), np.inf)
    high = np.full((count, 3), -np.inf)
    for f in range(len(faces)):
        part = label[f]
        a, b, c = vertices[faces[f, 0]], vertices[faces[f, 1]], vertices[faces[f, 2]]
        for k in range(3):
            u, v = (k + 1) % 3, (k + 2) % 3
            volume[part] += (a[k] - centre[k]) * (
                (b[u] - centre[u]) * (c[v] - centre[v]) - (b[v] - centre[v]) * (c[u] - centre[u])
            )
            low[part, k] = min(low[part, k], a[k], b[k], c[k])
            high[part, k] = max(high[part, k], a[k], b[k], c[k])
    return volume / 6, low, high


def _winding(vertices: Vertices, faces: Faces, point: NDArray[np.float32]) -> float:
    """How often a closed surface winds round a point: 1 inside, 0 outside.

    Sum of the faces' solid angles (Van Oosterom & Strackee 1983).
    """
    a, b, c = (vertices[faces[:, k]].astype(np.float64) - point for k in range(3))
    la, lb, lc = (np.linalg.norm(v, axis=1) for v in (a, b, c))
    above = np.einsum("ij,ij->i", a, np.cross(b, c))
    dots = (np.einsum("ij,ij->i", p, q) for p, q in ((a, b), (b, c), (c, a)))
    below = la * lb * lc + sum(d * length for d, length in zip(dots, (lc, la, lb), strict=True))
    return float(np.arctan2(above, below).sum() / (2 * np.pi))
