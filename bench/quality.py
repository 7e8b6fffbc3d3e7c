#!/usr/bin/env python3
"""Score generators on held-out objects: `python bench/quality.py --models ../shared/data/val --out OUT inflate lift`

One picture of each object (RGBA, 512 px, camera and lights by the object's name), the whole path from picture to GLB
at default options, and the shared scorer (../shared/bench: its README says what the figures mean). Objects are taken in
the order of a hash of their names, so that --limit gives a fair sample and a larger one contains it. What is already in
OUT is not made again. Writes OUT/GENERATOR.json and prints a table. A generator's own options follow its name:
`lift:far_side=plain`.

With --views, some of 1, 2, 3, 4, each generator gets so many pictures of the object: of the front, back, right and
left, as somebody takes them who walks round it: turned and raised by 3 degrees more or less (standard deviation), the
distance by 4 %, the lamps going along. With --light flat the pictures show the objects' colours without any light.

Colours are compared in flat views of 64 px from the right, the left and the back, as delivered: mean errors in 0..1
over what both the asset and the object cover, as they are and blurred, and the variation, which is the mean step
between neighbouring pixels, over the object's. The objects' colours are unlit and the pictures, but for --light flat,
are not, so the error is also given after one factor for each view, in linear light, has made the asset as bright as the
object. With --perceptual, which needs what training/requirements.txt lists, the distance of the same views, of 128 px,
as a network that knows photographs sees them (bench/perceptual.py), is added, also to what is already in OUT.
"""

from __future__ import annotations

import json
import sys
import time
import zlib
from itertools import product
from pathlib import Path
from typing import Any

import arguments
import numpy as np
import perceptual
import scorer
from scipy.ndimage import gaussian_filter

from spherelinks.pixels.srgb import to_linear, to_srgb

COLUMNS = (
    "aligned F@1", "aligned F@2", "aligned F@5", "aligned CD%", "delivered F@2", "delivered CD%",
    "IoU front", "IoU sides and back", "PSNR front", "PSNR sides and back",
    "colour error sides", "colour error back", "blurred colour error sides", "blurred colour error back",
    "evened colour error sides", "evened colour error back",
    "variation sides", "variation back", "perceptual distance sides", "perceptual distance back", "seconds",
)  # fmt: skip
VIEWS = {"front": 0, "back": 180, "right": 90, "left": -90}  # degrees to the right of the front
LIGHTS = ("studio", "flat")
SIDES = {"back": (180,), "sides": (90, 270)}  # degrees to the right of the front
NOTICED = 128  # side of the views of which the perceptual distance is taken, px
SIDE, BLUR = 64, 3.0  # of the views whose colours are compared, px; standard deviation of the blur, px
COVERED = 0.95  # share of a pixel from which it counts as covered
DARK = 0.01  # light that is added before brightness is compared
LEAST = 30  # pixels that must be covered by both for a view to count


def labelled(generator: str, views: int, light: str) -> str:
    several = f", {views} views" if views > 1 else ""
    return generator + several + (f", {light}" if light != LIGHTS[0] else "")


def chosen(generator: str) -> dict[str, Any]:
    """The options that `lift` or `lift:far_side=plain` stands for."""
    name, _, own = generator.partition(":")
    return {"generator": name} | dict(pair.split("=") for pair in own.split(",") if pair)


def pictured(truth: Any, name: str, view: str, light: str) -> tuple[Any, float]:
    """The picture of a side, as the shared bench takes that of the front but for an unsteady hand, and the front's
    azimuth."""
    import run
    from PIL import Image
    from render import Renderer

    if (view, light) == ("front", "studio"):
        return run.picture_of(truth, name, 512, None)
    drawn = np.random.default_rng(zlib.crc32(name.encode()))  # as run.picture_of
    azimuth, elevation, distance = drawn.uniform(0, 360), drawn.uniform(5, 35), drawn.uniform(1.8, 3.2)
    shake = np.random.default_rng(zlib.crc32(f"{name} {view}".encode())).normal(0, (3, 3, 0.04)) * (view != "front")
    at = azimuth + VIEWS[view] + shake[0], elevation + shake[1], distance * (1 + shake[2])
    camera, fov = run.framed(truth, *at)
    lit: tuple[Any, ...] = ()
    if light == "studio":
        lamps = [
            (
                camera[:3, :3] @ np.array([drawn.normal(0, 0.7), drawn.uniform(0.3, 1.2), drawn.uniform(0.4, 1)]),
                drawn.uniform(0.4, 0.9),
            )
            for _ in range(drawn.integers(1, 3))
        ]
        lit = lamps, drawn.uniform(0.3, 0.55)
    rgb, cover = Renderer(truth).view(camera, 512, fov, 2, *lit, background=0.0)
    rgba = np.concatenate([rgb / np.maximum(cover, 1e-6)[..., None], cover[..., None]], -1)
    return Image.fromarray((np.clip(rgba, 0, 1) * 255).round().astype(np.uint8), "RGBA"), azimuth


def scored(name: str, models: Path, out: Path, generator: str, views: int, light: str) -> dict[str, float]:
    """The figures of one object; the seconds are of the whole path, with everything warm."""
    import scene
    import score

    from spherelinks import generate

    truth = scene.normalized(scene.load(str(models / f"{name}.glb")))
    azimuth = _azimuth(name)
    pictures = {}
    for view in [*VIEWS][:views]:
        words = [name, *[view] * (view != "front"), *[light] * (light != LIGHTS[0])]
        pictures[view] = out / "pictures" / f"{' '.join(words)}.png"
        if not pictures[view].exists():
            pictures[view].parent.mkdir(parents=True, exist_ok=True)
            image, drawn = pictured(truth, name, view, light)
            if drawn != azimuth:
                raise RuntimeError("the shared bench places its cameras differently from what this file assumes")
            image.save(pictures[view])
    glb = out / labelled(generator, views, light) / f"{name}.glb"
    glb.parent.mkdir(parents=True, exist_ok=True)
    start = time.perf_counter()
    generate(pictures.pop("front"), chosen(generator), **pictures).save(glb)
    seconds = time.perf_counter() - start
    made = scene.load(str(glb))
    figures = score.geometry(made, truth, azimuth) | score.views(made, truth, azimuth) | {"seconds": seconds}
    facing = scene.normalized(truth.transformed(score.turn(-azimuth)))
    figures |= colors(scene.normalized(made), facing)
    for what in ("IoU", "PSNR"):
        figures[f"{what} sides and back"] = float(np.mean([figures[f"{what} {v}"] for v in ("left", "right", "back")]))
    return figures


def _azimuth(name: str) -> float:
    """From where the object's picture is taken, degrees."""
    return float(np.random.default_rng(zlib.crc32(name.encode())).uniform(0, 360))


def colors(made: Any, truth: Any) -> dict[str, float]:
    """Errors of the colours of two surfaces that face +Z, and the variation of each; nan if too little is covered."""
    from render import Renderer

    renderers = Renderer(made), Renderer(truth)
    out = {}
    for side, turns in SIDES.items():
        rows = [_compared(*(_flat(renderer, yaw) for renderer in renderers)) for yaw in turns]
        means = np.nanmean(np.array([row for row in rows if row] or [[np.nan] * 5]), 0).tolist()
        names = ("colour error", "blurred colour error", "evened colour error", "variation", "true variation")
        out |= {f"{name} {side}": mean for name, mean in zip(names, means, strict=True)}
    return out


def noticed(name: str, models: Path, glb: Path) -> dict[str, float]:
    """The perceptual distances of a GLB's sides and back from the object's; nan if too little is covered."""
    import scene
    import score
    from render import Renderer

    truth = scene.normalized(scene.load(str(models / f"{name}.glb")))
    surfaces = scene.load(str(glb)), truth.transformed(score.turn(-_azimuth(name)))
    renderers = [Renderer(scene.normalized(surface)) for surface in surfaces]
    out = {}
    for side, turns in SIDES.items():
        found = []
        for yaw in turns:
            (one, its), (other, others) = (_flat(renderer, yaw, NOTICED) for renderer in renderers)
            if (its & others).sum() >= LEAST * (NOTICED / SIDE) ** 2:
                found.append(perceptual.distance(one, other, its & others))
        out[f"perceptual distance {side}"] = float(np.mean(found)) if found else float("nan")
    return out


def _flat(renderer: Any, yaw: float, size: int = SIDE) -> tuple[np.ndarray, np.ndarray]:
    """(size, size, 3) base colours in 0..1, and where they are known."""
    from render import look_from

    rgb, cover = renderer.view(look_from(yaw, 10, 2.2), size, supersample=3, background=0.0)
    return rgb / np.maximum(cover, 1e-6)[..., None], cover > COVERED


def _compared(one: tuple[np.ndarray, np.ndarray], other: tuple[np.ndarray, np.ndarray]) -> list[float] | None:
    """Colour error, blurred, evened, and the variation of each; None where too little is covered by both."""
    both = one[1] & other[1]
    if both.sum() < LEAST:
        return None
    pairs = ((one[0], other[0]), (_blurred(*one), _blurred(*other)), (_evened(one[0], other[0], both), other[0]))
    errors = [float(np.abs(a - b)[both].mean()) for a, b in pairs]
    return [*errors, _variation(*one), _variation(*other)]


def _blurred(rgb: np.ndarray, known: np.ndarray) -> np.ndarray:
    def soft(values: np.ndarray) -> np.ndarray:
        return gaussian_filter(values, (BLUR, BLUR, 0))

    share: np.ndarray = soft(known[..., None].astype(float))
    blurred: np.ndarray = soft(rgb * known[..., None]) / np.maximum(share, 1e-3)
    return blurred


def _evened(rgb: np.ndarray, wanted: np.ndarray, both: np.ndarray) -> np.ndarray:
    """The colours in another exposure: as bright as those that are wanted where both are known, in the median."""
    light, goal = (to_linear(np.clip(values, 0, 1)) for values in (rgb, wanted))
    lightness = [np.log(values[both].mean(-1) + DARK) for values in (light, goal)]
    even: np.ndarray = to_srgb(np.clip(light * np.exp(np.median(lightness[1] - lightness[0])), 0, 1))
    return even


def _variation(rgb: np.ndarray, known: np.ndarray) -> float:
    """Mean difference between neighbours that are both known."""
    steps = []
    for axis in (0, 1):
        pairs = np.logical_and(*(np.roll(known, -by, axis) for by in (0, 1)))
        pairs[np.s_[-1:] if axis == 0 else np.s_[:, -1:]] = False
        steps.append(np.abs(np.roll(rgb, -1, axis) - rgb).mean(-1)[pairs])
    return float(np.concatenate(steps).mean()) if sum(map(len, steps)) else 0.0


def main() -> int:
    parser = arguments.parser(__doc__)
    parser.add_argument("generators", nargs="+")
    parser.add_argument("--models", type=Path, required=True, help="folder of GLBs")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--limit", type=int)
    parser.add_argument("--views", type=int, nargs="+", choices=(1, 2, 3, 4), default=[1], help="pictures an object")
    parser.add_argument("--light", nargs="+", choices=LIGHTS, default=LIGHTS[:1], help="of the pictures")
    parser.add_argument("--perceptual", action="store_true", help="add the perceptual distance")
    a = parser.parse_args()
    if not scorer.available():
        return 0
    names = sorted((f.stem for f in a.models.glob("*.glb")), key=lambda n: zlib.crc32(n.encode()))[: a.limit]
    known: dict[str, dict[str, Any]] = {}
    cases = {labelled(*case): case for case in product(a.generators, a.views, a.light)}
    for generator in cases:
        kept = a.out / f"{generator}.json"
        known[generator] = json.loads(kept.read_text()) if kept.exists() else {}
    for i, name in enumerate(names):
        for generator, rows in known.items():
            if name not in rows:
                try:
                    rows[name] = scored(name, a.models, a.out, *cases[generator])
                except Exception as error:  # an object that fails is counted, and said, beside the means
                    rows[name] = {"failed": f"{type(error).__name__}: {error}"}
                (a.out / f"{generator}.json").write_text(json.dumps(rows, indent=1))
            if a.perceptual and "perceptual distance back" not in rows[name] and "failed" not in rows[name]:
                rows[name] |= noticed(name, a.models, a.out / generator / f"{name}.glb")
                (a.out / f"{generator}.json").write_text(json.dumps(rows, indent=1))
            said = rows[name].get("failed") or f"aligned F@2 {rows[name]['aligned F@2']:.3f}"
            print(f"{i + 1}/{len(names)} {name} {generator}: {said}", file=sys.stderr, flush=True)
    print(table({generator: {n: rows[n] for n in names} for generator, rows in known.items()}))
    return 0


def table(known: dict[str, dict[str, dict[str, Any]]]) -> str:
    """Means over the objects that every generator made, as Markdown."""
    whole = [n for n in next(iter(known.values())) if all("failed" not in rows[n] for rows in known.values())]
    lines = ["| figure | " + " | ".join(known) + " |", "|---" * (len(known) + 1) + "|"]
    for column in COLUMNS:
        if not all(column in rows[n] for rows in known.values() for n in whole):
            continue  # was not asked for
        means = [_mean(rows, whole, column) for rows in known.values()]
        lines.append(f"| {column} | " + " | ".join(f"{m:.3f}" for m in means) + " |")
    failed = [sum("failed" in row for row in rows.values()) for rows in known.values()]
    lines.append("| failed | " + " | ".join(map(str, failed)) + " |")
    return f"{len(whole)} objects\n\n" + "\n".join(lines)


def _mean(rows: dict[str, dict[str, Any]], names: list[str], column: str) -> float:
    """Mean of a figure; of the variation, as a share of the objects'."""
    if not names:
        return float("nan")
    mean = float(np.nanmean([rows[n][column] for n in names]))
    return mean / float(np.nanmean([rows[n][f"true {column}"] for n in names])) if "variation" in column else mean


if __name__ == "__main__":
    sys.exit(main())
