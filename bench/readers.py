#!/usr/bin/env python3
"""Our readers of mesh files beside trimesh's and, where it is installed, Assimp's: `python bench/readers.py`.

Each reads the same ball of 327,680 triangles with a colour at each vertex; processor seconds, the best of three. With
`--cases FOLDER`, of meshes that people keep from other programs: which of them trimesh shows as large and of the same
colours as we do (Assimp's Python binding has no vertex colours of all formats, and is timed alone).
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import arguments
import numpy as np
import trimesh

from spherelinks.errors import SphereLinksError
from spherelinks.formats.reading import read
from spherelinks.mesh.nearest import Nearest
from spherelinks.texture.carry import PLAIN, colors


def seconds(work: Callable[[], object]) -> float:
    best = float("inf")
    for _ in range(3):
        start = time.process_time()
        work()
        best = min(best, time.process_time() - start)
    return best


def times(folder: Path) -> None:
    ball = trimesh.creation.icosphere(subdivisions=7)
    ball.visual.vertex_colors = np.random.default_rng(0).integers(0, 256, (len(ball.vertices), 4))
    print("| format | SphereLinks | trimesh | Assimp |\n|---|---|---|---|")
    for suffix in ("obj", "ply", "stl", "glb"):
        path = folder / f"ball.{suffix}"
        ball.export(path)
        ways: list[Callable[[], object]] = [
            lambda path=path: read(path),
            lambda path=path: trimesh.load_mesh(path, process=False),
        ]
        if find_spec("assimp_py"):
            assimp = import_module("assimp_py")
            ways.append(partial(assimp.import_file, str(path), assimp.Process_Triangulate))
        print(f"| {suffix.upper()} | " + " | ".join(f"{seconds(way):.2f} s" for way in ways) + " |", flush=True)


def shown(path: Path) -> tuple[np.ndarray, float, np.ndarray]:
    """Sides of the box, area, and the mean colour of the faces by their area, as trimesh has them."""
    mesh = trimesh.load_scene(path).to_mesh()
    look = mesh.visual.to_color() if hasattr(mesh.visual, "to_color") else mesh.visual
    color = np.asarray(look.vertex_colors if look.kind == "vertex" else look.face_colors)[:, :3].astype(float)
    rows = color[mesh.faces].mean(axis=1) if len(color) == len(mesh.vertices) else color
    area = mesh.area_faces[:, None]
    return np.ptp(mesh.bounds, axis=0), mesh.area, (rows * area).sum(axis=0) / area.sum()


def ours(path: Path) -> tuple[np.ndarray, float, np.ndarray]:
    surface = read(path)
    corners = surface.vertices[surface.faces].astype(float)
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)[:, None]
    third = np.full((len(corners), 3), 1 / 3, np.float32)
    faces = np.arange(len(corners), dtype=np.int32)
    color = colors(surface, Nearest(np.zeros(len(corners), np.float32), faces, third)).astype(float)
    return np.ptp(corners.reshape(-1, 3), axis=0), area.sum() / 2, (color * area).sum(axis=0) / area.sum()


def compare(folder: Path) -> None:
    alike, others = 0, []
    for path in sorted(folder.iterdir()):
        if path.suffix not in (".obj", ".ply", ".stl", ".glb"):
            continue
        try:
            size, area, color = ours(path)
        except SphereLinksError as error:
            print(f"{path.name}: {error.message}")
            continue
        try:
            its_size, its_area, its_color = shown(path)
        except Exception as error:  # whatever a reader fails with
            others.append(f"{path.name}: {type(error).__name__}: {str(error)[:60]}")
            continue
        plain = (color.round() == PLAIN).all() and np.ptp(its_color) < 1  # without colours: two greys
        same = np.allclose((*size, area), (*its_size, its_area), rtol=0.02)
        if same and (plain or np.abs(color - its_color).max() < 12):
            alike += 1
        else:
            said = (
                f"{a.round(2)}, {b:.2f} m², {c.round()}"
                for a, b, c in ((its_size, its_area, its_color), (size, area, color))
            )
            others.append(f"{path.name}: " + " for ".join(said))
    print(f"\n{alike} alike, {len(others)} not:", *others, sep="\n")


def main() -> None:
    parser = arguments.parser(__doc__)
    parser.add_argument("--cases", type=Path, help="a folder of OBJ, PLY, STL and GLB files")
    a = parser.parse_args()
    if a.cases:
        compare(a.cases)
        return
    with tempfile.TemporaryDirectory() as folder:
        times(Path(folder))


if __name__ == "__main__":
    main()
