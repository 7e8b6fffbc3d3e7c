"""Raw meshes in every state, shared by tests: (V, 3) float32 vertices and (F, 3) int32 faces."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from shapes import ball, mesh_of, torus

Triangles = tuple[NDArray[np.float32], NDArray[np.int32]]

_CORNERS = np.array([(x, y, z) for x in (0, 1) for y in (0, 1) for z in (0, 1)], np.float32)
_SIDES = ((0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3))


def box(low: tuple[float, float, float] = (0, 0, 0), size: tuple[float, float, float] = (1, 1, 1)) -> Triangles:
    """Eight vertices and twelve faces that look outward."""
    faces = [(ring[0], ring[i], ring[i + 1]) for ring in _SIDES for i in (1, 2)]
    return _CORNERS * np.float32(size) + np.float32(low), np.array(faces, np.int32)


def joined(*meshes: Triangles) -> Triangles:
    """Several meshes as one, nothing merged."""
    starts = np.cumsum([0, *(len(vertices) for vertices, _ in meshes)])
    faces = [f + start for (_, f), start in zip(meshes, starts, strict=False)]
    return np.concatenate([v for v, _ in meshes]), np.concatenate(faces).astype(np.int32)


def soup(mesh: Triangles) -> Triangles:
    """Every face with vertices of its own."""
    vertices, faces = mesh
    return vertices[faces].reshape(-1, 3), np.arange(3 * len(faces), dtype=np.int32).reshape(-1, 3)


def sheet(cells: int = 24, wave: float = 0.15) -> Triangles:
    """A square of cloth with waves, open all round."""
    x, z = np.meshgrid(*2 * [np.linspace(-1, 1, cells + 1)], indexing="ij")
    vertices = np.stack([x, wave * np.sin(3 * x) * np.cos(2 * z), z], axis=-1).reshape(-1, 3)
    corner = (np.arange(cells)[:, None] * (cells + 1) + np.arange(cells)).ravel()
    a, b, c, d = corner, corner + 1, corner + cells + 2, corner + cells + 1
    return vertices.astype(np.float32), np.concatenate([np.stack(t, 1) for t in ((a, b, c), (a, c, d))]).astype(
        np.int32
    )


def klein(steps: int = 60) -> Triangles:
    """Klein's bottle: one-sided, and it runs through itself."""
    u, v = np.meshgrid(*2 * [np.linspace(0, 2 * np.pi, steps, endpoint=False)], indexing="ij")
    r = 4 * (1 - np.cos(u) / 2)
    turn = np.where(u < np.pi, np.cos(u) * np.cos(v), np.cos(v + np.pi))
    x = 6 * np.cos(u) * (1 + np.sin(u)) + r * turn
    y = 16 * np.sin(u) + np.where(u < np.pi, r * np.sin(u) * np.cos(v), 0)
    vertices = np.stack([x, y, r * np.sin(v)], axis=-1).reshape(-1, 3).astype(np.float32)
    here = np.arange(steps * steps).reshape(steps, steps)
    after = np.roll(here, -1, axis=0)
    after[-1] = here[0][(steps // 2 - np.arange(steps)) % steps]
    a, b, c, d = (ring.ravel() for ring in (here, after, np.roll(after, -1, axis=1), np.roll(here, -1, axis=1)))
    return vertices, np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)]).astype(np.int32)


def mangled(mesh: Triangles, rng: np.random.Generator) -> Triangles:
    """Some faces turned, some doubled, some gone, vertices no longer shared, all in another order."""
    vertices, faces = soup(mesh) if rng.random() < 0.5 else mesh
    faces = faces[rng.random(len(faces)) > rng.choice([0, 0.02, 0.3])]
    faces = np.concatenate([faces, faces[rng.random(len(faces)) < rng.choice([0, 0.2])]])
    turned = rng.random(len(faces)) < rng.choice([0, 0.5, 1])
    faces[turned] = faces[turned][:, ::-1]
    return vertices, rng.permutation(faces).astype(np.int32)


#: Meshes that are no closed surface, or barely one.
NASTY: dict[str, Triangles] = {
    "inside out": (box()[0], box()[1][:, ::-1]),
    "soup": soup(box()),
    "box without a lid": (box()[0], box()[1][:-2]),
    "two boxes that share an edge": joined(box(), box((1, 1, 0))),
    "two boxes that share a corner": joined(box(), box((1, 1, 1))),
    "two boxes that share a side": joined(box(), box((1, 0, 0))),
    "two boxes through each other": joined(box(), box((0.5, 0.5, 0.5))),
    "box in a box": joined(box(), box((0.25, 0.25, 0.25), (0.5, 0.5, 0.5))),
    "open cloth": sheet(),
    "paper-thin sheet": box(size=(1, 1, 1e-6)),
    "one triangle": (np.eye(3, dtype=np.float32), np.array([[0, 1, 2]], np.int32)),
    "three leaves on one edge": (
        np.array([(0, 0, 0), (0, 1, 0), (1, 0, 0), (-1, 0, 1), (-1, 0, -1)], np.float32),
        np.array([(0, 1, 2), (0, 1, 3), (0, 1, 4)], np.int32),
    ),
    "Klein's bottle": klein(),
    "a ring, faces doubled": (mesh_of(torus(24))[0], np.repeat(mesh_of(torus(24))[1], 2, axis=0)),
    "a thousand floaters": joined(
        mesh_of(ball(24, 0.5)),
        *[box(tuple(p), (0.01,) * 3) for p in np.random.default_rng(0).uniform(-1, 1, (1000, 3))],
    ),
}
