"""Makes files/asset.glb and placement.json, which says where its parts must be in an engine:

    python -m contract.placement

The asset is a box with one corner pulled out, written as every asset is. The position of that corner tells every
mirroring, rotation and swap of axes apart.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from spherelinks.gltf.pack import Collider, Mesh, pack
from spherelinks.mesh.collider import convex

HERE = Path(__file__).parent
Point = tuple[float, float, float]

CORNER: Point = (0.75, 0.5, 0.25)
"""In the file's axes, in metres: +X, +Y (up), +Z (the photographed side). Other corners: ±0.5, 0 or 0.25, ±0.125."""
BOX: list[Point] = [(x, y, z) for x in (-0.5, 0.5) for y in (0.0, 0.25) for z in (-0.125, 0.125)]
BOX[-1] = CORNER
SIDES = ((0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3))
"""The box's sides by corners, counter-clockwise seen from outside."""
COLOR = (230, 120, 30)
"""The colour of the whole texture, sRGB."""


class Engine(NamedTuple):
    """The axes of an engine. Seen from above, with `ahead` pointing up the page, +X points to the right.

    up, front : where the file's +Y and its photographed side point
    into : maps a point of the file into the engine
    ahead : number of the axis, and its sign
    """

    up: str
    front: str
    into: Callable[[Point], Point]
    ahead: tuple[int, int]


ENGINES = {
    "gltf": Engine("+Y", "+Z", lambda p: p, (2, -1)),
    "blender": Engine("+Z", "-Y", lambda p: (p[0], -p[2], p[1]), (1, 1)),
    "godot": Engine("+Y", "+Z", lambda p: p, (2, -1)),
    "unity": Engine("+Y", "+Z", lambda p: (-p[0], p[1], p[2]), (2, 1)),
}
PLACES = (((0.0, 0.0, 0.0), 0), ((1.0, 2.0, 3.0), 90))
"""Where an asset is placed, in the engine's axes, and its rotation, degrees counter-clockwise as seen from above."""


def glb() -> bytes:
    """The asset: two coarser levels of detail, a convex collider, textures of one colour; its origin is at its base."""
    base = (BOX[0], BOX[4], BOX[1], CORNER)
    corners = np.array(BOX, np.float32)
    return pack(
        _mesh([_split([BOX[i] for i in side]) for side in SIDES]),
        name="asset",
        software="SphereLinks contract",
        extras={
            "generator": {"name": "lift", "version": "1"},
            "engine": {"name": "spherelinks", "version": "1.0.0"},
            "options": {"lods": [0.25, 0.1], "collider": "convex"},
            "seed": 7,
            "source": {"sha256": "0" * 64},
        },
        lods=[
            _mesh([[[BOX[i] for i in side]] for side in SIDES]),
            _mesh([[[base[a], base[b], base[c]]] for a, b, c in ((0, 1, 2), (0, 3, 1), (1, 3, 2), (0, 2, 3))]),
        ],
        colliders=[Collider("convex", *convex(corners))],
        texture_format="png",
    )


def _split(side: list[Point]) -> list[list[Point]]:
    """A side divided into four."""
    a, b, c, d = (np.array(corner) for corner in side)

    def at(u: float, v: float) -> Point:
        x, y, z = ((1 - u) * (1 - v) * a + u * (1 - v) * b + u * v * c + (1 - u) * v * d).tolist()
        return x, y, z

    halves = ((0.0, 0.5), (0.5, 1.0))
    return [[at(u0, v0), at(u1, v0), at(u1, v1), at(u0, v1)] for u0, u1 in halves for v0, v1 in halves]


def _mesh(sides: list[list[list[Point]]]) -> Mesh:
    """A mesh of flat sides, each made of polygons with three or four corners, without shared vertices."""
    positions: list[Point] = []
    normals: list[Any] = []
    uv: list[tuple[float, float]] = []
    faces: list[tuple[int, int, int]] = []
    for polygon in (each for side in sides for each in side):
        first = len(positions)
        a, b, c = (np.array(corner) for corner in polygon[:3])
        normal = np.cross(b - a, c - a)
        positions += polygon
        normals += [normal / np.linalg.norm(normal)] * len(polygon)
        uv += [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)][: len(polygon)]
        faces += [(first, first + i, first + i + 1) for i in range(1, len(polygon) - 1)]
    texture: NDArray[np.uint8] = np.full((64, 64, 3), COLOR, np.uint8)
    single = [np.array(each, np.float32) for each in (positions, normals, uv)]
    return Mesh(single[0], single[1], single[2], np.array(faces, np.int32), texture)


def placement() -> dict[str, Any]:
    """The content of placement.json: where the asset's parts must be in each engine."""
    return {
        "file": "files/asset.glb",
        "color": COLOR,
        "faces": {"asset": 48, "lods": [12, 4], "collider": len(convex(np.array(BOX, np.float32))[1])},
        "names": {
            "file": ["asset_LOD0", "asset_LOD1", "asset_LOD2", "asset_collider-convcolonly"],
            "blender": ["mug", "mug_LOD1", "mug_LOD2", "mug-convcolonly"],
        },
        "engines": {
            name: {
                "up": engine.up,
                "front": engine.front,
                "low": [min(axis) for axis in zip(*map(engine.into, BOX), strict=True)],
                "high": [max(axis) for axis in zip(*map(engine.into, BOX), strict=True)],
                "places": [{"at": at, "turn": turn, "corner": _put(engine, at, turn)} for at, turn in PLACES],
            }
            for name, engine in ENGINES.items()
        },
    }


def _put(engine: Engine, at: Point, turn: int) -> list[float]:
    """Where the corner is of an asset placed there and rotated."""
    corner = list(engine.into(CORNER))
    axis, sign = engine.ahead
    x, y = corner[0], sign * corner[axis]
    cosine, sine = round(math.cos(math.radians(turn))), round(math.sin(math.radians(turn)))  # of right angles
    corner[0], corner[axis] = x * cosine - y * sine, sign * (x * sine + y * cosine)
    return [a + b for a, b in zip(corner, at, strict=True)]


def main() -> None:
    """Write asset.glb and placement.json."""
    (HERE / "files" / "asset.glb").write_bytes(glb())
    (HERE / "placement.json").write_text(json.dumps(placement(), indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
