"""Triangles of polygons with any number of corners, concave ones too."""

from __future__ import annotations

import manifold3d
import numpy as np
from numpy.typing import NDArray


def triangulate(
    points: NDArray[np.float64], corners: NDArray[np.int64], sizes: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Cut polygons into triangles that run the same way round.

    points : (V, 3) float64, any unit; corners : (C,) indices into points, one polygon after the other;
    sizes : (P,) corners of each polygon

    Returns (F, 3) places in `corners`, and (F,) numbers of the polygons, ascending. A polygon of fewer than three
    corners gives none. One whose fan from its first corner stays inside is cut that way, any other as it lies in its
    own plane. Raises ValueError for a corner that is none of the points.
    """
    if len(corners) and (corners.min() < 0 or corners.max() >= len(points)):
        worst = int(corners.min() if corners.min() < 0 else corners.max())
        raise ValueError(f"a face has vertex {worst + 1} of {len(points)}")
    starts = np.cumsum(sizes) - sizes
    places, owners = [np.zeros((0, 3), np.int64)], [np.zeros(0, np.int64)]
    for size in np.unique(sizes[sizes >= 3]):
        polygons = np.flatnonzero(sizes == size)
        rest = np.arange(1, size - 1)
        fan = starts[polygons][:, None, None] + np.stack([np.zeros_like(rest), rest, rest + 1], axis=1)
        if size > 3:
            a, b, c = (points[corners[fan[..., k]]] for k in range(3))
            areas = np.cross(b - a, c - a)
            whole = areas.sum(axis=1)
            along = np.einsum("ptk,pk->pt", areas, whole)
            for number in np.flatnonzero((along < -1e-9 * (whole**2).sum(axis=1)[:, None]).any(axis=1)):
                ring = points[corners[starts[polygons[number]] + np.arange(size)]]
                fan[number] = starts[polygons[number]] + flat(ring - ring[0])
        places.append(fan.reshape(-1, 3))
        owners.append(np.repeat(polygons, size - 2))
    owner = np.concatenate(owners)
    order = np.argsort(owner, kind="stable")
    return np.concatenate(places)[order], owner[order]


def flat(ring: NDArray[np.float64]) -> NDArray[np.int64]:
    """(N - 2, 3) triangles over the N points of a rim, (N, 3) float64, as it lies in its own plane.

    A fan from the first point where that plane shows no simple rim.
    """
    normal = np.cross(ring, np.roll(ring, -1, axis=0)).sum(axis=0)
    u = np.cross(normal, np.eye(3)[np.abs(normal).argmin()])
    v = np.cross(normal, u)
    seen = np.stack([ring @ (u / max(np.linalg.norm(u), 1e-30)), ring @ (v / max(np.linalg.norm(v), 1e-30))], axis=1)
    cut = np.asarray(manifold3d.triangulate([seen]), np.int64).reshape(-1, 3)
    if len(cut) == len(ring) - 2 and len(np.unique(cut)) == len(ring):
        return cut
    rest = np.arange(1, len(ring) - 1)
    return np.stack([np.zeros_like(rest), rest, rest + 1], axis=1)
