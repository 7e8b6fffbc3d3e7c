"""Turns any raw mesh into one closed, 2-manifold, outward-facing surface."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spherelinks.errors import GeneratorFailed
from spherelinks.mesh.box import box, sides
from spherelinks.mesh.components import part_measures
from spherelinks.mesh.distance import HALF, SAMPLES, signed
from spherelinks.mesh.polygon import flat
from spherelinks.mesh.repair import fresh, separate, with_three_corners
from spherelinks.mesh.surface import extract
from spherelinks.mesh.topology import Faces, Vertices, compact, is_manifold, parts
from spherelinks.native import kernel

#: More of either is refused: a mesh of this size needs some 2 GB.
MOST = 8_000_000
#: Vertices within half of this part of the longest side along each axis are one.
WELD = 1 << 20
#: An opening is closed where the diagonal of its rim's box is smaller than HOLE of the longest side or RIM of its
#: part's diagonal, or where it lies at the base, within GROUND of the longest side; and is at most CAP of its part's
#: area.
HOLE, RIM, GROUND, CAP = 0.05, 0.1, 0.01, 0.5
#: A closed part is a sheet without thickness where twice its volume is less than this share of its area times the
#: longest side.
FLAT = 1e-5


_pair = kernel("solid_partners", "faces: i4[F,3] < count", "F", "count: int", "partner: i8[3F]*")
_turn = kernel(
    "solid_turned", "start: i4[3F]", "partner: i8[3F] < 3F | -1", "F", "turned: b1[F]*", "crossed: b1[F]*"
)  # fmt: skip
_merge = kernel("solid_same", "vertices: f4[V,3]", "V", "low: f8[3]", "scale: float", "same: i4[V]*")
_tear = kernel("solid_torn", "faces: i4[F,3]", "F", "partner: i8[3F] < 3F | -1", "torn: b1[F]*")


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
    consistently and each part turned outward. Parts that then are closed manifolds, or only touch themselves, keep
    their triangles, including sharp edges. The others (open, branching, one-sided like Klein's bottle, or without
    thickness) are rebuilt from their distance field with `samples` along the mesh's longest side: see
    :mod:`spherelinks.mesh.distance`; `progress` is called with the share of that. Raises GeneratorFailed if it is not a
    mesh, has no triangle with an area, is larger than MOST, or has coordinates that are not finite.
    """
    check(vertices, faces)
    vertices, faces = _welded(vertices, faces)
    if not len(faces):
        raise GeneratorFailed("The mesh has no triangle with an area.", hint=_HINT)
    longest = float(sides(vertices).max())
    faces, partner, crossed = _agreeing(faces)
    faces, closed = _capped(vertices, faces, partner, longest)
    if closed:
        partner = _joined(faces, partner)
        crossed = np.concatenate([crossed, np.zeros(len(faces) - len(crossed), np.bool_)])
    notes = [f"{closed} opening{'s were' if closed > 1 else ' was'} closed."] if closed else []
    vertices, faces, broken = _bodies(vertices, faces, partner, crossed, longest)
    if not broken.any():
        return Solid(vertices, faces, tuple(notes))
    rest = compact(vertices, faces[broken])
    open_edges = int((_partners(rest[1]) < 0).sum())
    share = float(np.ptp(rest[0], axis=0).max()) / (longest or 1.0)
    distance = signed(*rest, max(2, 1 + round((samples - 1) * share)), progress)
    if broken.all() and not (distance.field < 0).any():
        raise GeneratorFailed("The mesh has no triangle with an area.", hint=_HINT)
    fine = f"details finer than {100 / samples:.1g} % of"
    if broken.all():
        why = f"has {open_edges} edges where it is open or branches" if open_edges else "is not the boundary of a body"
        notes.append(f"The mesh {why}; its outer surface was rebuilt, and {fine} its longest side are lost.")
    else:
        why = f"have {open_edges} edges where they are open or branch" if open_edges else "do not bound a body"
        notes.append(f"Parts of the mesh {why}; they were rebuilt, and {fine} its longest side are lost there.")
    if distance.thickened > 0.001:
        of = "the surface" if broken.all() else "their surface"
        notes.append(
            f"{max(1, round(100 * distance.thickened))} % of {of} had no thickness and was made"
            f" {200 * HALF / samples:.1g} % of the longest side thick."
        )
    made, triangles, _ = extract(distance.field, distance.origin, distance.spacing)
    kept = compact(vertices, faces[~broken])
    return Solid(
        np.concatenate([kept[0], made]), np.concatenate([kept[1], triangles + np.int32(len(kept[0]))]), tuple(notes)
    )


_HINT = "Open it in a modelling program and export it again; if a generator made it, please report it."


def check(vertices: NDArray[Any], faces: NDArray[Any]) -> None:
    """Raise GeneratorFailed for what :func:`solid` refuses unseen: all but triangles without an area."""
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
    finite = np.isfinite(vertices)
    if not finite.all():
        broken = len(vertices) - int(finite.all(axis=1).sum())
        raise GeneratorFailed(f"{broken} of the mesh's {len(vertices)} vertices are NaN or infinite.", hint=_HINT)
    if faces.min() < 0 or faces.max() >= len(vertices):
        raise GeneratorFailed(
            f"The triangles reference vertices {faces.min()} to {faces.max()}, but there are {len(vertices)}.",
            hint=_HINT,
        )


def _welded(vertices: Vertices, faces: Faces) -> tuple[Vertices, Faces]:
    """Merge coincident vertices, and drop duplicate faces and faces that use a vertex twice."""
    vertices, faces = compact(vertices.astype(np.float32, copy=False), faces.astype(np.int32, copy=False))
    low, high = (corner.astype(np.float64) for corner in box(vertices))
    same = np.empty(len(vertices), np.int32)
    _merge(vertices, low, (WELD - 1) / (float((high - low).max()) or 1.0), same)
    faces = with_three_corners(same[faces])
    first = fresh(faces, len(vertices))
    return compact(vertices, faces if first.all() else faces[first])


def _partners(faces: Faces) -> NDArray[np.int64]:
    """(3F,) the other half-edge, either way, on an edge of exactly two faces; else -1."""
    partner = np.empty(faces.size, np.int64)
    _pair(np.ascontiguousarray(faces), int(faces.max()) + 1, partner)
    return partner


def _agreeing(faces: Faces) -> tuple[Faces, NDArray[np.int64], NDArray[np.bool_]]:
    """The faces, oriented so that neighbours run along common edges in opposite directions; their partners; and which
    of them have a neighbour with which that is impossible."""
    partner = _partners(faces)
    turned, crossed = _turned(faces.ravel(), partner)
    if turned.any():
        faces = faces.copy()
        faces[turned] = faces[turned][:, ::-1]
        partner = _partners(faces)
    return faces, partner, crossed


def _turned(start: NDArray[np.int32], partner: NDArray[np.int64]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    turned, crossed = np.zeros(len(start) // 3, np.bool_), np.zeros(len(start) // 3, np.bool_)
    _turn(start, partner, turned, crossed)
    return turned, crossed


def _capped(vertices: Vertices, faces: Faces, partner: NDArray[np.int64], longest: float) -> tuple[Faces, int]:
    """The faces with those that close the small openings and those at the base, and the number of these."""
    loose = np.flatnonzero(partner < 0)
    start, end = _ends(faces, loose)
    # only rims that visit each vertex once can be followed
    once = np.bincount(start, minlength=len(vertices)) == 1
    once &= np.bincount(end, minlength=len(vertices)) == 1
    followed = np.flatnonzero(once[start] & once[end])
    following = {int(start[k]): (int(loose[k]), int(end[k])) for k in followed}
    if not following:
        return faces, 0
    label = parts(faces, len(vertices))
    _, area, low, high = part_measures(vertices, faces, label)
    across = np.linalg.norm(high - low, axis=1)
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
        small = size < max(HOLE * longest, RIM * across[part])
        if at != first or not (small or points[:, 1].max() < ground):
            continue
        cap = flat(points)[:, ::-1]
        corners = points[cap]
        if np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])).sum() / 2 > (
            CAP * area[part]
        ):
            continue
        added.append(np.array(ring, np.int32)[cap])
        count += 1
    return np.concatenate(added), count


def _bodies(
    vertices: Vertices, faces: Faces, partner: NDArray[np.int64], crossed: NDArray[np.bool_], longest: float
) -> tuple[Vertices, Faces, NDArray[np.bool_]]:
    """The mesh, its parts that bound a body turned outward and what only touches in them separated; and (F,) which
    faces belong to parts that do not bound one."""
    label = parts(faces, len(vertices))
    bad = np.zeros(int(label.max()) + 1, np.bool_)
    bad[label[crossed | _torn(vertices, faces, partner)]] = True
    broken = bad[label]
    if broken.any():
        points, whole, known = separate(vertices, faces[~broken])
    else:
        points, whole, known = separate(vertices, faces, partner)
    if not known and not is_manifold(points, whole):
        return vertices, faces, np.ones(len(faces), np.bool_)
    label = parts(whole, len(points))
    volume, area, _, _ = part_measures(points, whole, label)
    thin = (2 * np.abs(volume) < FLAT * area * longest)[label]
    whole = whole.copy()
    inward = (volume < 0)[label]
    whole[inward] = whole[inward][:, ::-1]
    rest = compact(vertices, faces[broken])
    return (
        np.concatenate([points, rest[0]]),
        np.concatenate([whole, rest[1] + np.int32(len(points))]),
        np.concatenate([thin, np.ones(len(rest[1]), np.bool_)]),
    )


def _joined(faces: Faces, partner: NDArray[np.int64]) -> NDArray[np.int64]:
    """The partners of faces to which some were added, along edges that had none: (3F,) from those of the first, which
    the array given becomes."""
    before = len(partner)
    partner.resize(faces.size, refcheck=False)  # nobody else has it; a copy would be as large as all of the mesh
    partner[before:] = -1
    changed = np.zeros(int(faces.max()) + 1, np.bool_)
    changed[faces[before // 3 :]] = True
    a, b, c = faces.T
    near = np.flatnonzero(changed[a] | changed[b] | changed[c])  # numpy's own any() along rows takes far longer
    half = (3 * near[:, None] + np.arange(3)).ravel()
    among = _partners(faces[near])
    found = np.where(among >= 0, half[among], -1)
    start, end = _ends(faces, half)
    both = changed[start] & changed[end]
    partner[half[both]] = found[both]
    return partner


def _ends(faces: Faces, half: NDArray[np.int64]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Start and end vertex of each half-edge."""
    corner = half % 3
    return faces.ravel()[half], faces.ravel()[half - 2 * (corner == 2) + (corner < 2)]


def _torn(vertices: Vertices, faces: Faces, partner: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(F,) the faces with an edge along which not as many faces run one way as the other."""
    torn = np.empty(len(faces), np.bool_)
    _tear(np.ascontiguousarray(faces), partner, torn)
    loose = np.flatnonzero(partner < 0)
    start, end = (each.astype(np.int64) for each in _ends(faces, loose))
    ways = np.concatenate([start * len(vertices) + end, end * len(vertices) + start])
    _, edge = np.unique(ways, return_inverse=True)
    if len(edge):
        there, back = np.split(np.bincount(edge[: len(start)], minlength=int(edge.max()) + 1)[edge], 2)
        torn[loose[there != back] // 3] = True
    return torn
