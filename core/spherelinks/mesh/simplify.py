"""Fewer triangles for the same shape."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock

import fast_simplification
import manifold3d
import numpy as np

from spherelinks.mesh.repair import again, apart, separate
from spherelinks.mesh.topology import Faces, Vertices, examine, parts

#: The library keeps its mesh in module globals: one call at a time in a process.
_LOCK = Lock()
SMALLEST = 4
TOLERANCE = 0.02
ATTEMPTS = 6
#: Flat parts are merged where that moves the surface by less than this share of the mean edge.
SLACK = 0.05


def simplify(
    vertices: Vertices, faces: Faces, target: int, progress: Callable[[float], None] = lambda share: None
) -> tuple[Vertices, Faces]:
    """A closed manifold of `target` faces, within 2 %, by quadric edge collapses (Garland & Heckbert 1997).

    vertices (V, 3) float32 and faces (F, 3) int32 must be a closed manifold. Where collapses make sheets touch, they
    are taken apart again. Returns the closest closed manifold found: the input itself where it has no more faces
    than asked, and more faces than asked where fewer would not hold every body (a body needs four). `progress` is
    called with the share done after each try, of which there may be ATTEMPTS.
    """
    target = max(target, SMALLEST * (int(parts(faces, len(vertices)).max(initial=-1)) + 1))
    if len(faces) <= target:
        return vertices, faces
    best = source = vertices, faces
    flattened = False
    ask = target
    for attempt in range(1, ATTEMPTS + 1):
        found = apart(*separate(*_collapse(*source, ask)))
        progress(attempt / ATTEMPTS)
        topology = examine(*found)
        if topology.manifold and topology.volume > 0 and not again(found[0]).any():
            if abs(len(found[1]) - target) < abs(len(best[1]) - target):
                best = found
            if abs(len(found[1]) - target) <= TOLERANCE * target:
                break
        if len(found[1]) > (1 + TOLERANCE) * target and not flattened:
            source, flattened = _flattened(vertices, faces), True
        elif topology.manifold and topology.volume > 0:
            ask = max(SMALLEST, ask + target - len(found[1]))
        else:
            ask = ask + max(SMALLEST, ask // 50)
        if ask >= len(source[1]):
            break
    return best


def _collapse(vertices: Vertices, faces: Faces, target: int) -> tuple[Vertices, Faces]:
    # its thresholds are absolute: measure in units of the mean edge
    unit = _unit(vertices, faces)
    centre = vertices.mean(axis=0, dtype=np.float64)
    with _LOCK:
        points, triangles = fast_simplification.simplify(
            (vertices - centre) / unit, faces, target_count=target, agg=7.0
        )
    return (points * unit + centre).astype(np.float32), np.asarray(triangles, np.int32)


def _unit(vertices: Vertices, faces: Faces) -> float:
    """The mean length of some thousand edges."""
    corners = vertices[faces[:: max(1, len(faces) // 4096)]].astype(np.float64)
    return float(np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2).mean()) or 1.0


def _flattened(vertices: Vertices, faces: Faces) -> tuple[Vertices, Faces]:
    """With the flat parts merged that the collapses get stuck in: there, none is better than any other, and they leave
    slivers that no further collapse may turn over."""
    mesh = manifold3d.Mesh(vertices, faces.astype(np.uint32))
    flat = manifold3d.Manifold(mesh).simplify(SLACK * _unit(vertices, faces)).to_mesh()
    if not len(flat.tri_verts):
        return vertices, faces
    return np.array(flat.vert_properties, np.float32), np.array(flat.tri_verts, np.int32)
