#!/usr/bin/env python3
"""The quality of texture layouts: `python bench/unwrap.py [--more FOLDER] [--every 6]`.

Shapes made here, the sample pictures blown up by `inflate`, and every sixth GLB of a folder, made solid; simplified
to a twentieth of their faces as by default, or to the number that is printed. For each:

    used    share of the texels of a 1024 px texture whose centre a face covers
    even    share of the surface whose texels per length (the root of texels per area) lie within 15 % of the mean,
            weighted by area
    shared  texels whose centre lies in two faces
    ms      processor time of the whole layout, warm
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import arguments
import numpy as np
import samples
from numba import njit
from numpy.typing import NDArray

from spherelinks.errors import GeneratorFailed
from spherelinks.formats.reading import read
from spherelinks.generation import registry
from spherelinks.mesh.components import clean
from spherelinks.mesh.simplify import simplify
from spherelinks.mesh.solid import solid
from spherelinks.mesh.surface import extract
from spherelinks.mesh.topology import Faces, Vertices
from spherelinks.options import Options
from spherelinks.picture.decode import decode
from spherelinks.picture.frame import frame
from spherelinks.picture.matte import matte
from spherelinks.texture.unwrap import Atlas, unwrap

Mesh = tuple[str, Vertices, Faces]


def made() -> Iterator[Mesh]:
    """Balls, boxes, and what packs badly: rings, rods, plates, a knot, a bare tree."""
    side = np.linspace(-1, 1, 128, dtype=np.float32)
    x, y, z = side[:, None, None], side[None, :, None], side[None, None, :]

    def tube(path: NDArray[np.float64], radius: float) -> NDArray[np.float32]:
        near = np.full((128,) * 3, np.float32(np.inf))
        for point in path.astype(np.float32):
            near = np.minimum(near, (x - point[0]) ** 2 + (y - point[1]) ** 2 + (z - point[2]) ** 2)
        return np.sqrt(near) - np.float32(radius)

    turn = np.linspace(0, 2 * np.pi, 200)
    rng, twigs = np.random.default_rng(0), []
    stems = [(np.array([0, -0.9, 0.0]), np.array([0, 1.0, 0.0]), 0.55)]
    for _ in range(3):
        tips = []
        for start, along, length in stems:
            end = start + length * along
            twigs.append(np.linspace(start, end, 20))
            for _ in range(3):
                lean = along + rng.normal(0, 0.6, 3)
                tips.append((end, lean / np.linalg.norm(lean), 0.65 * length))
        stems = tips
    knot = np.stack([np.sin(turn) + 2 * np.sin(2 * turn), np.cos(turn) - 2 * np.cos(2 * turn), -np.sin(3 * turn)], 1)
    ring = np.sqrt(x**2 + z**2)
    fields = {
        "ball": np.sqrt(x**2 + y**2 + z**2) - 0.7,
        "box": np.maximum(np.maximum(np.abs(x) - 0.7, np.abs(y) - 0.4), np.abs(z) - 0.5),
        "torus": np.sqrt((ring - 0.6) ** 2 + y**2) - 0.22,
        "thin torus": np.sqrt((ring - 0.75) ** 2 + y**2) - 0.08,
        "rod": np.maximum(ring - 0.05, np.abs(y) - 0.9),
        "plate": np.maximum(np.maximum(np.abs(x), np.abs(y)) - 0.9, np.abs(z) - 0.04),
        "knot": tube(knot / 3.6, 0.12),
        "tree": tube(np.concatenate(twigs), 0.05),
    }
    for name, field in fields.items():
        vertices, faces, _ = extract(field.astype(np.float32), np.full(3, -1.0), 2 / 127)
        yield name, *simplify(*clean(vertices, faces)[:2], 6000)


def sampled() -> Iterator[Mesh]:
    maker = registry.load("inflate")
    for path in samples.pictures():
        decoded = decode(path.read_bytes())
        shape = maker.generate(frame(decoded, matte(decoded)), Options(), lambda share: None)
        vertices, faces, _ = extract(shape.field, shape.origin, shape.spacing)  # type: ignore[union-attr]
        yield path.stem, *_twentieth(vertices, faces)


def scanned(folder: Path, every: int) -> Iterator[Mesh]:
    for path in sorted(folder.glob("*.glb"))[::every]:
        try:
            surface = read(path)
            body = solid(surface.vertices, surface.faces)
        except GeneratorFailed as error:
            print(f"{path.stem:24s} {error.message}")
            continue
        yield path.stem, *_twentieth(body.vertices, body.faces)


def _twentieth(vertices: Vertices, faces: Faces) -> tuple[Vertices, Faces]:
    vertices, faces, _ = clean(vertices, faces)
    return simplify(vertices, faces, max(1000, len(faces) // 20))


@njit(cache=True, nogil=True)
def covering(uv, faces, size):  # type: ignore[no-untyped-def]
    """(size, size) how many faces each texel's centre lies in."""
    count = np.zeros((size, size), np.int32)
    for f in range(len(faces)):
        a, b, c = (uv[faces[f, 0]] * size, uv[faces[f, 1]] * size, uv[faces[f, 2]] * size)
        double = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
        if double == 0:
            continue
        for y in range(int(min(a[1], b[1], c[1])), min(size, int(max(a[1], b[1], c[1])) + 1)):
            for x in range(int(min(a[0], b[0], c[0])), min(size, int(max(a[0], b[0], c[0])) + 1)):
                px, py = x + 0.5 - a[0], y + 0.5 - a[1]
                s = (px * (c[1] - a[1]) - py * (c[0] - a[0])) / double
                t = ((b[0] - a[0]) * py - (b[1] - a[1]) * px) / double
                if s > 1e-5 and t > 1e-5 and s + t < 1 - 1e-5:
                    count[y, x] += 1
    return count


def even(atlas: Atlas, vertices: Vertices) -> float:
    def areas(corners: NDArray[np.floating]) -> NDArray[np.float64]:
        u, v = (corners[:, k].astype(np.float64) - corners[:, 0] for k in (1, 2))
        square = (u * u).sum(1) * (v * v).sum(1) - (u * v).sum(1) ** 2
        return np.asarray(np.sqrt(np.maximum(square, 0)) / 2)

    real = areas(vertices[atlas.source[atlas.faces]])
    density = np.sqrt(areas(atlas.uv[atlas.faces]) / np.maximum(real, 1e-30))
    density /= np.average(density, weights=real)
    return float(real[np.abs(density - 1) <= 0.15].sum() / real.sum())


def main() -> None:
    parser = arguments.parser(__doc__)
    parser.add_argument("--more", type=Path, help="also GLBs of this folder")
    parser.add_argument("--every", type=int, default=6, help="take every n-th of them")
    a = parser.parse_args()
    meshes = [*made(), *sampled(), *(scanned(a.more, a.every) if a.more else ())]
    unwrap(*meshes[0][1:])
    used, spread, doubled = [], [], 0
    for name, vertices, faces in meshes:
        start = time.process_time()
        atlas = unwrap(vertices, faces)
        milliseconds = 1000 * (time.process_time() - start)
        count = covering(atlas.uv.astype(np.float64), atlas.faces, 1024)
        used.append(float((count > 0).mean()))
        spread.append(even(atlas, vertices))
        doubled += int((count > 1).sum())
        print(
            f"{name:24s} {len(faces):6d} faces   used {used[-1]:.3f}   even {spread[-1]:.3f}   "
            f"shared {int((count > 1).sum())}   {milliseconds:5.0f} ms",
            flush=True,
        )
    print(
        f"{len(used)} shapes: used {min(used):.3f} to {max(used):.3f}, median {statistics.median(used):.3f}, "
        f"{sum(share >= 0.6 for share in used)} at 0.6 or more; even {min(spread):.3f} or more; shared texels {doubled}"
    )


if __name__ == "__main__":
    main()
