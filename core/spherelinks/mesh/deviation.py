"""The distance of a simplified mesh from the original."""

from __future__ import annotations

from dataclasses import dataclass

from spherelinks.mesh.box import sides
from spherelinks.mesh.nearest import sought, tree
from spherelinks.mesh.topology import Faces, Vertices

#: Vertices sampled, spread over the surface.
LOOKED_AT = 8192


@dataclass(frozen=True)
class Deviation:
    """Largest and mean distance, in the vertices' unit, and the largest as a share of the original's longest side."""

    largest: float
    mean: float
    share: float


def deviation(original: Vertices, vertices: Vertices, faces: Faces) -> Deviation:
    """From up to LOOKED_AT of the original's vertices, (N, 3) float32, to the nearest point of a mesh made of it.

    One-sided, since a lost part is far from what is left, but not the other way round.
    """
    looked_at = original[:: -(-len(original) // LOOKED_AT)]
    distance = sought(looked_at, tree(vertices, faces)).distance
    largest = float(distance.max())
    return Deviation(largest, float(distance.mean()), largest / (float(sides(original).max()) or 1.0))
