#!/usr/bin/env python3
"""The effect of steps and seeds on `lift-flow`: `python bench/steps.py --models ../shared/data/val --limit 16`

The pictures of bench/quality.py. For each number of steps: the shape against the object by the shared scorer (the mesh
as it is extracted, so without finishing), how far its far side's colours are from the object's (mean absolute
difference of the views from the back, 0..1, white background), and the seconds of the generator, warm. For comparison
`lift`, once. Then, at 12 steps, how far the far side and its colours, and the front, differ between two seeds.
"""

from __future__ import annotations

import sys
import time
import zlib
from pathlib import Path

import arguments
import cv2
import numpy as np
import scorer

from spherelinks.generation.registry import load
from spherelinks.mesh.surface import extract
from spherelinks.options import Options
from spherelinks.picture.decode import decode
from spherelinks.picture.frame import frame
from spherelinks.picture.matte import matte
from spherelinks.shape import Frame, Volume

STEPS = (1, 2, 4, 8, 12, 25, 50)


def surface(volume: Volume):  # type: ignore[no-untyped-def]
    """The extracted mesh as the shared scorer's surface, its colours those of the grid."""
    import scene

    vertices, faces, _ = extract(volume.field, volume.origin, volume.spacing)
    at = np.rint((vertices - volume.origin) / volume.spacing).astype(np.int64)
    at = np.clip(at, 0, np.array(volume.field.shape) - 1)
    colors = np.asarray(volume.color)[at[:, 0], at[:, 1], at[:, 2]].astype(np.float32) / 255
    count = len(faces)
    return scene.Surface(
        vertices.astype(np.float64), faces.astype(np.int64), np.zeros((count, 3, 2), np.float32), colors[faces],
        np.full(count, -1), [],
    )  # fmt: skip


def scored(name: str, truth, azimuth: float, taken: Frame, options: Options) -> dict[str, float]:  # type: ignore[no-untyped-def]
    import score
    from render import Renderer, look_from
    from scene import normalized

    generator = load(name)
    start = time.perf_counter()
    volume = generator.generate(taken, options, lambda share: None)
    seconds = time.perf_counter() - start
    made = surface(volume)
    turned = normalized(normalized(truth).transformed(score.turn(-azimuth)))
    (a, _), (b, _) = (Renderer(s).view(look_from(180, 10, 2.2), 128) for s in (normalized(made), turned))
    return score.geometry(made, truth, azimuth) | {"back": float(np.abs(a - b).mean()), "seconds": seconds}


def apart(taken: Frame, options: Options) -> dict[str, float]:
    """Of two seeds: mean differences of the far side's depth and the front's, shares of the frame's width, and of the
    far side's colours, 0..1."""
    one, other = (
        load("lift-flow").guess(taken, options.model_copy(update={"seed": seed}), lambda share: None) for seed in (1, 2)
    )
    inside, coarse = (
        cv2.resize(taken.matte, m.shape[:2], interpolation=cv2.INTER_AREA) > 0.5 for m in (one.front, one.back)
    )
    return {
        "far side": float(np.abs(one.thickness - other.thickness)[inside].mean() / 2),
        "front": float(np.abs(one.front - other.front)[inside].mean() / 2),
        "colour": float(np.abs(one.back - other.back)[coarse].mean()),
    }


def main() -> int:
    parser = arguments.parser(__doc__)
    parser.add_argument("--models", type=Path, required=True, help="folder of GLBs")
    parser.add_argument("--limit", type=int, default=16)
    a = parser.parse_args()
    if not scorer.available():
        return 0
    import io

    import run
    import scene

    runs = {f"lift-flow, {n}": ("lift-flow", Options(diffusion_steps=n)) for n in STEPS} | {"lift": ("lift", Options())}
    rows: dict[str, list[dict[str, float]]] = {label: [] for label in (*runs, "seeds")}
    names = sorted((f.stem for f in a.models.glob("*.glb")), key=lambda n: zlib.crc32(n.encode()))[: a.limit]
    for name in names:
        truth = scene.normalized(scene.load(str(a.models / f"{name}.glb")))
        image, azimuth = run.picture_of(truth, name, 512, None)
        file = io.BytesIO()
        image.save(file, "PNG")
        picture = decode(file.getvalue())
        taken = frame(picture, matte(picture))
        for label, (generator, options) in runs.items():
            rows[label].append(scored(generator, truth, azimuth, taken, options))
        rows["seeds"].append(apart(taken, Options(diffusion_steps=12)))
        print(name, file=sys.stderr, flush=True)
    columns = ("aligned F@2", "aligned CD%", "delivered F@2", "back", "seconds")
    print("| generator, steps | " + " | ".join(columns) + " |\n" + "|---" * (len(columns) + 1) + "|")
    for label in runs:
        print(f"| {label} | " + " | ".join(f"{np.mean([r[c] for r in rows[label]]):.3f}" for c in columns) + " |")
    print({key: round(float(np.mean([row[key] for row in rows["seeds"]])), 4) for key in rows["seeds"][0]})
    return 0


if __name__ == "__main__":
    sys.exit(main())
