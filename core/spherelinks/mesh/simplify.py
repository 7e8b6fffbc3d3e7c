"""Fewer triangles for the same shape."""

from __future__ import annotations

from threading import Lock

import fast_simplification
import numpy as np

from spherelinks.mesh.repair import separate
from spherelinks.mesh.topology import Faces, Vertices, examine, parts

#: The library keeps its mesh in module globals: one call at a time in a process.
_LOCK = Lock()
SMALLEST = 4
TOLERANCE = 0.02


def simplify(vertices: Vertices, faces: Faces, target: int) -> tuple[Vertices, Faces]:
    """A closed manifold of `target` faces, within 2 %, by quadric edge collapses (Garland & Heckbert 1997).

    vertices (V, 3) float32 and faces (F, 3) int32 must be a closed manifold. Where collapses make sheets touch, they
    are taken apart again. Returns the closest closed manifold found: the input itself where it has no more faces
    than asked, and more faces than asked where fewer would not hold every body (a body needs four).
    """
    target = max(target, SMALLEST * (int(parts(faces, len(vertices)).max(initial=-1)) + 1))
    if len(faces) <= target:
        return vertices, faces
    best = vertices, faces
    ask = target
    for _ in range(6):
        found = separate(*_collapse(vertices, faces, ask))
        topology = examine(*found)
        if topology.manifold and topology.volume > 0 and _distinct(found[0]):
            if abs(len(found[1]) - target) < abs(len(best[1]) - target):
                best = found
            if abs(len(found[1]) - target) <= TOLERANCE * target:
                break
            ask = max(SMALLEST, ask + target - len(found[1]))
        else:
            ask = ask + max(SMALLEST, ask // 50)
        if ask >= len(faces):
            break
    return best


def _collapse(vertices: Vertices, faces: Faces, target: int) -> tuple[Vertices, Faces]:
    # its thresholds are absolute: measure in units of the mean edge
    corners = vertices[faces[:: max(1, len(faces) // 4096)]].astype(np.float64)
    unit = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2).mean() or 1.0
    centre = vertices.mean(axis=0, dtype=np.float64)
    with _LOCK:
        points, triangles = fast_simplification.simplify(
            (vertices - centre) / unit, faces, target_count=target, agg=7.0
        )
    return (points * unit + centre).astype(np.float32), np.asarray(triangles, np.int32)


def _distinct(vertices: Vertices) -> bool:
    """Whether no two vertices share a position."""
    return len(np.unique(vertices.view([("xyz", np.float32, 3)]))) == len(vertices)
