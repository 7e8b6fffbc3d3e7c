"""Turns any raw mesh into one closed, 2-manifold, outward-facing surface."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spherelinks.errors import GeneratorFailed
from spherelinks.mesh.components import part_measures
from spherelinks.mesh.distance import HALF, SAMPLES, signed
from spherelinks.mesh.polygon import flat
from spherelinks.mesh.repair import separate
from spherelinks.mesh.sorting import distinct
from spherelinks.mesh.surface import extract
from spherelinks.mesh.topology import Faces, Vertices, compact, examine, half_edges, parts
from spherelinks.native import kernel

#: More of either is refused: a mesh of this size needs some 2 GB.
MOST = 8_000_000
#: Vertices in one cell of a grid of so many cells along the longest side are one.
WELD = 1 << 20
#: An opening is closed where its rim's box is smaller than this share of the longest side (diagonal to diagonal), or
#: where it lies at the base, within GROUND of the longest side; and is at most so much of its part's area.
HOLE, GROUND, CAP = 0.05, 0.01, 0.5
#: A closed part is a sheet without thickness where twice its volume is less than this share of its area times the
#: longest side.
FLAT = 1e-5


_pair = kernel("solid_partners", "faces: i4[F,3] < count", "F", "count: int", "partner: i8[3F]*")
_find_fresh = kernel("solid_fresh", "faces: i4[F,3] < count", "F", "count: int", "fresh: b1[F]*")
_turn = kernel("solid_turned -> int", "start: i8[3F]", "partner: i8[3F] < 3F | -1", "F", "turned: b1[F]*")


@dataclass(frozen=True)
class Solid:
    """A closed, 2-manifold, outward-facing surface, in the mesh's unit, and what was done to get there."""

    vertices: Vertices
    faces: Faces
    notes: tuple[str, ...] = ()


def solid(
    vertices: Vertices,
    faces: Faces,
    samples: int = SAMPLES,
    progress: Callable[[float], None] = lambda share: None,
) -> Solid:
    """Close, orient and untangle (V, 3) float32 vertices and (F, 3) integer faces.

    Coincident vertices are merged, duplicate faces dropped, small openings and those at the base closed, faces oriented
    consistently and each part turned outward. If the result is a closed manifold, or one that only touches itself, it
    keeps its triangles, including sharp edges. Any other mesh (open, branching, one-sided like Klein's bottle, or
    without thickness) is rebuilt from its distance field with `samples` along the longest side: see
    :mod:`spherelinks.mesh.distance`; `progress` is called with the share of that. Raises GeneratorFailed if it is not a
    mesh, has no triangle with an area, is larger than MOST, or has coordinates that are not finite.
    """
    _check(vertices, faces)
    vertices, faces = _welded(vertices, faces)
    if not len(faces):
        raise GeneratorFailed("The mesh has no triangle with an area.", hint=_HINT)
    faces, sided = _agreeing(faces)
    longest = float(np.ptp(vertices, axis=0).max())
    vertices, faces, closed = _capped(vertices, faces, longest)
    notes = [f"{closed} opening{'s were' if closed > 1 else ' was'} closed."] if closed else []
    if sided and (kept := _kept(vertices, faces, longest)):
        return Solid(*kept, tuple(notes))
    open_edges = int((_partners(faces) < 0).sum())
    distance = signed(vertices, faces, samples, progress)
    if not (distance.field < 0).any():
        raise GeneratorFailed("The mesh has no triangle with an area.", hint=_HINT)
    why = f"has {open_edges} edges where it is open or branches" if open_edges else "is not the boundary of a body"
    notes.append(
        f"The mesh {why}; its outer surface was rebuilt, and details finer than {100 / samples:.1g} % of its"
        " longest side are lost."
    )
    if distance.thickened > 0.001:
        notes.append(
            f"{max(1, round(100 * distance.thickened))} % of the surface had no thickness and was made"
            f" {200 * HALF / samples:.1g} % of the longest side thick."
        )
    made, triangles, _ = extract(distance.field, distance.origin, distance.spacing)
    return Solid(made, triangles, tuple(notes))


_HINT = "Open it in a modelling program and export it again; if a generator made it, please report it."


def _check(vertices: Vertices, faces: Faces) -> None:
    if vertices.ndim != 2 or vertices.shape[1:] != (3,) or faces.ndim != 2 or faces.shape[1:] != (3,):
        raise GeneratorFailed(
            f"Arrays of shape {vertices.shape} and {faces.shape} are not vertices and faces.", hint=_HINT
        )
    if not len(faces):
        raise GeneratorFailed("The mesh is empty: it has no triangles.", hint=_HINT)
    if max(len(vertices), len(faces)) > MOST:
        raise GeneratorFailed(
            f"The mesh has {len(vertices)} vertices and {len(faces)} triangles; {MOST} of either is the limit.",
            hint="Simplify it first.",
        )
    broken = len(vertices) - int(np.isfinite(vertices).all(axis=1).sum())
    if broken:
        raise GeneratorFailed(f"{broken} of the mesh's {len(vertices)} vertices are NaN or infinite.", hint=_HINT)
    if faces.min() < 0 or faces.max() >= len(vertices):
        raise GeneratorFailed(
            f"The triangles reference vertices {faces.min()} to {faces.max()}, but there are {len(vertices)}.",
            hint=_HINT,
        )


def _welded(vertices: Vertices, faces: Faces) -> tuple[Vertices, Faces]:
    """Merge coincident vertices, and drop duplicate faces and faces that use a vertex twice."""
    vertices, faces = compact(vertices.astype(np.float32), faces.astype(np.int32))
    low = vertices.min(axis=0).astype(np.float64)
    longest = float((vertices - low).max()) or 1.0
    x, y, z = np.round((vertices - low) * ((WELD - 1) / longest)).astype(np.int64).T
    first, place = distinct((x * WELD + y) * WELD + z)
    faces = place[faces]
    vertices = vertices[first]
    faces = faces[(faces[:, 0] != faces[:, 1]) & (faces[:, 1] != faces[:, 2]) & (faces[:, 2] != faces[:, 0])]
    if not len(faces):
        return vertices, faces
    fresh = np.empty(len(faces), np.bool_)
    _find_fresh(faces, len(vertices), fresh)
    return compact(vertices, faces[fresh])


def _partners(faces: Faces) -> NDArray[np.int64]:
    """(3F,) the other half-edge, either way, on an edge of exactly two faces; else -1."""
    partner = np.empty(faces.size, np.int64)
    _pair(np.ascontiguousarray(faces), int(faces.max()) + 1, partner)
    return partner


def _agreeing(faces: Faces) -> tuple[Faces, bool]:
    """The faces, oriented so that neighbours run along common edges in opposite directions; False if impossible."""
    start = faces.ravel().astype(np.int64)
    turned, sided = _turned(start, _partners(faces))
    faces = faces.copy()
    faces[turned] = faces[turned][:, ::-1]
    return faces, bool(sided)


def _turned(start: NDArray[np.int64], partner: NDArray[np.int64]) -> tuple[NDArray[np.bool_], bool]:
    turned = np.zeros(len(start) // 3, np.bool_)
    sided = _turn(start, partner, turned)
    return turned, bool(sided)


def _capped(vertices: Vertices, faces: Faces, longest: float) -> tuple[Vertices, Faces, int]:
    """The mesh with its small openings and those at the base closed, and their number."""
    loose = np.flatnonzero(_partners(faces) < 0)
    start, end = (faces.ravel()[h] for h in (loose, loose - 2 * (loose % 3 == 2) + (loose % 3 < 2)))
    # only rims that visit each vertex once can be followed
    once = np.bincount(start, minlength=len(vertices)) == 1
    once &= np.bincount(end, minlength=len(vertices)) == 1
    followed = np.flatnonzero(once[start] & once[end])
    following = {int(start[k]): (int(loose[k]), int(end[k])) for k in followed}
    if not following:
        return vertices, faces, 0
    label = parts(faces, len(vertices))
    area = part_measures(vertices, faces, label)[1]
    ground = vertices[:, 1].min() + GROUND * longest
    added, count = [faces], 0
    while following:
        first = at = next(iter(following))
        ring, part = [], label[following[first][0] // 3]
        while at in following:
            ring.append(at)
            at = following.pop(at)[1]
        points = vertices[ring].astype(np.float64)
        size = float(np.linalg.norm(np.ptp(points, axis=0)))
        if at != first or not (size < HOLE * longest or points[:, 1].max() < ground):
            continue
        cap = flat(points)[:, ::-1]
        corners = points[cap]
        if np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])).sum() / 2 > (
            CAP * area[part]
        ):
            continue
        added.append(np.array(ring, np.int32)[cap])
        count += 1
    return vertices, np.concatenate(added), count


def _kept(vertices: Vertices, faces: Faces, longest: float) -> tuple[Vertices, Faces] | None:
    """The mesh itself, its parts turned outward, or None if it does not bound a body."""
    if not _balanced(vertices, faces):
        return None
    vertices, faces = separate(vertices, faces)
    if not len(faces) or not examine(vertices, faces).manifold:
        return None
    label = parts(faces, len(vertices))
    a, b, c = (vertices[faces[:, k]].astype(np.float64) - vertices.mean(axis=0) for k in range(3))
    volume = np.bincount(label, np.einsum("ij,ij->i", a, np.cross(b, c)) / 6)
    area = np.bincount(label, np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2)
    if (2 * np.abs(volume) < FLAT * area * longest).any():
        return None
    inward = (volume < 0)[label]
    faces = faces.copy()
    faces[inward] = faces[inward][:, ::-1]
    return vertices, faces


def _balanced(vertices: Vertices, faces: Faces) -> bool:
    """Whether along each edge as many faces run one way as the other."""
    partner = _partners(faces)
    start, end = half_edges(faces)
    paired = np.flatnonzero(partner >= 0)
    if (start[partner[paired]] != end[paired]).any():
        return False
    start, end = start[partner < 0], end[partner < 0]
    ways = np.concatenate([start * len(vertices) + end, end * len(vertices) + start])
    _, edge = np.unique(ways, return_inverse=True)
    if not len(edge):
        return True
    there, back = np.split(np.bincount(edge.ravel()[: len(start)], minlength=int(edge.max()) + 1)[edge.ravel()], 2)
    return bool((there == back).all())
