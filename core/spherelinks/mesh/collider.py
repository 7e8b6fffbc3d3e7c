"""Simple convex bodies that represent a shape in collisions."""

from __future__ import annotations

import numpy as np
from manifold3d import Manifold
from manifold3d import Mesh as ManifoldMesh
from numpy.typing import NDArray

from spherelinks.mesh.simplify import simplify
from spherelinks.mesh.topology import Faces, Vertices
from spherelinks.options import Collider as Kind

#: Engines accept convex bodies of up to 255 corners and are fast with a quarter of that.
MOST_CORNERS = 64
#: Bodies of a decomposition: engines test each of them.
MOST_BODIES = 16
#: A body is cut while its hull holds this share of the whole shape's hull that is not shape.
CONCAVE = 0.01
#: Smaller shares of the whole shape's volume get no body.
CRUMB = 0.002
#: Faces of the shape that is cut, and planes tried along each axis.
COARSE, CUTS = 2000, 7


def bodies_of(kind: Kind, vertices: Vertices, faces: Faces) -> list[tuple[Vertices, Faces]]:
    """The bodies of an option's kind for a closed manifold, (V, 3) float32 and (F, 3) int32, the largest first."""
    match kind:
        case "box":
            return [box(vertices)]
        case "convex":
            return [convex(vertices)]
        case "decomposed":
            return decomposed(vertices, faces)
        case "none":
            return []


def box(vertices: Vertices) -> tuple[Vertices, Faces]:
    """The axis-aligned bounding box of (V, 3) float32 points: (8, 3) float32 and (12, 3) int32, facing outward."""
    return _hull(_corners(vertices))


def convex(vertices: Vertices) -> tuple[Vertices, Faces]:
    """The convex hull of (V, 3) float32 points, not all in one plane, or one of MOST_CORNERS corners within it.

    If the hull has more corners, the extreme ones in MOST_CORNERS directions are kept: the six of the axes, so that the
    bounding box stays exact, and others spread evenly (González 2010, "Measurement of areas on a sphere using Fibonacci
    and latitude–longitude lattices"), in units of the box, so that long and flat shapes fare as well as round ones.
    Returns (W, 3) float32, a subset of the points, and (F, 3) int32, facing outward.
    """
    corners, faces = _hull(vertices)
    if len(corners) <= MOST_CORNERS:
        return corners, faces
    furthest = (corners / np.ptp(corners, axis=0)).astype(np.float64) @ _directions(MOST_CORNERS).T
    return _hull(corners[np.unique(furthest.argmax(axis=0))])


def decomposed(vertices: Vertices, faces: Faces) -> list[tuple[Vertices, Faces]]:
    """Up to MOST_BODIES convex bodies of up to MOST_CORNERS corners that together fill a closed manifold.

    vertices (V, 3) float32, faces (F, 3) int32. The body whose hull has the most empty volume is cut in two, by the
    plane that leaves the least of it in the hulls of both halves, until no cut is worthwhile or there are enough bodies
    (after Lien & Amato 2007, "Approximate convex decomposition of polyhedra", with volume for concavity). Parts smaller
    than CRUMB of the whole are left out. Largest first; the same input gives the same bodies.
    """
    coarse = simplify(vertices, faces, COARSE)
    whole = Manifold(ManifoldMesh(coarse[0], coarse[1].astype(np.uint32)))
    least = CRUMB * whole.volume()
    room = whole.hull().volume()
    bodies = sorted((_Body(part) for part in whole.decompose()), key=lambda body: -body.solid.volume())
    bodies = [body for body in bodies if body is bodies[0] or body.solid.volume() >= least][:MOST_BODIES]
    for _ in range(MOST_BODIES):
        worst = max(bodies, key=lambda body: body.empty)
        if len(bodies) >= MOST_BODIES or worst.empty < CONCAVE * room:
            break
        halves = min(
            (worst.halves(*cut) for cut in _cuts(worst.solid)),
            key=lambda pair: sum(each.hull.volume() for each in pair),
        )
        crumb = min(least, worst.solid.volume() / 10)
        bodies.remove(worst)
        bodies += [_Body(part) for half in halves for part in half.solid.decompose() if part.volume() >= crumb]
    bodies.sort(key=lambda body: -body.hull.volume())
    return [convex(np.asarray(body.hull.to_mesh().vert_properties, np.float32)) for body in bodies[:MOST_BODIES]]


class _Body:
    """A part of the shape, its convex hull, and the hull's empty volume."""

    def __init__(self, solid: Manifold) -> None:
        self.solid = solid
        self.hull = solid.hull()
        self.empty: float = self.hull.volume() - solid.volume()

    def halves(self, normal: tuple[float, float, float], offset: float) -> tuple[_Body, _Body]:
        one, other = self.solid.split_by_plane(normal, offset)
        return _Body(one), _Body(other)


def _cuts(solid: Manifold) -> list[tuple[tuple[float, float, float], float]]:
    """Planes across each axis, evenly over the body: normal and distance from the origin."""
    low, high = np.array(solid.bounding_box()).reshape(2, 3)
    axes = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
    return [(axes[d], float(at)) for d in range(3) for at in np.linspace(low[d], high[d], CUTS + 2)[1:-1]]


def _corners(vertices: Vertices) -> Vertices:
    ends = np.stack([vertices.min(axis=0), vertices.max(axis=0)])
    return np.stack(np.meshgrid(*ends.T, indexing="ij"), axis=-1).reshape(8, 3)


def _directions(count: int) -> NDArray[np.float64]:
    """(count, 3) unit vectors: both ways along each axis, then a Fibonacci lattice."""
    spread = count - 6
    y = 1 - (2 * np.arange(spread) + 1) / spread
    turn = np.arange(spread) * np.pi * (3 - np.sqrt(5))
    lattice = np.stack([np.sqrt(1 - y**2) * np.cos(turn), y, np.sqrt(1 - y**2) * np.sin(turn)], axis=1)
    return np.concatenate([np.eye(3), -np.eye(3), lattice])


def _hull(points: Vertices) -> tuple[Vertices, Faces]:
    mesh = Manifold.hull_points(points.astype(np.float64)).to_mesh()
    return np.asarray(mesh.vert_properties, np.float32), np.asarray(mesh.tri_verts, np.int32)
