"""How well the installed mattes find an object on plain and less plain backgrounds, and in photographs.

    python bench/matte.py [--mattes NAME ...] [--pictures FOLDER] [--limit N] [--worst N]
    python bench/matte.py [--mattes NAME ...] --photographs FOLDER

Cut-outs with alpha are pasted at 640 × 640 px onto five backgrounds with a soft shadow and sensor noise, saved as JPEG
at quality 90, and given without their alpha to each matte and, for comparison, to plain GrabCut (OpenCV, five rounds
from a rectangle 4 % inside the picture's border). Reported: intersection over union of matte > 0.5 with alpha > 0.5,
mean and 10th percentile over all pictures, how many were refused as showing no object (counted as IoU 0), and
milliseconds per picture (median). The cut-outs are not part of the project; without them the benchmark is skipped.

With --photographs: the IoU of each photograph's mattes with the mask of the same name in FOLDER/masks, a PNG of any
size, white where the object is; and mean, median and worst, and the median time.
"""

from __future__ import annotations

import io
import itertools
import sys
import time
from collections.abc import Callable
from pathlib import Path

import arguments
import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from spherelinks.errors import NoObject
from spherelinks.picture import mattes
from spherelinks.picture.decode import Picture, decode
from spherelinks.picture.matte import matte

SIDE = 640
PICTURES = Path(__file__).parents[1] / ".." / "shared" / "data" / "pictures"

Floats = NDArray[np.float32]
Background = Callable[[np.random.Generator], Floats]
Method = Callable[[Picture], Floats]


def _axes() -> tuple[Floats, Floats]:
    y, x = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32) / SIDE
    return x, y


def white(rng: np.random.Generator) -> Floats:
    return np.full((SIDE, SIDE, 3), 250, np.float32)


def grey_gradient(rng: np.random.Generator) -> Floats:
    x, y = _axes()
    return np.repeat((205 - 80 * y - 25 * x)[..., None], 3, axis=2)


def colour_gradient(rng: np.random.Generator) -> Floats:
    x, y = _axes()
    corners = rng.uniform(60, 230, (2, 2, 3)).astype(np.float32)
    top = corners[0, 0] * (1 - x[..., None]) + corners[0, 1] * x[..., None]
    bottom = corners[1, 0] * (1 - x[..., None]) + corners[1, 1] * x[..., None]
    return top * (1 - y[..., None]) + bottom * y[..., None]


def wood(rng: np.random.Generator) -> Floats:
    x, y = _axes()
    bend = cv2.GaussianBlur(rng.normal(size=(SIDE, SIDE)).astype(np.float32), (0, 0), 60) * 30
    fibre = cv2.GaussianBlur(rng.normal(size=(SIDE, SIDE)).astype(np.float32), (0, 0), sigmaX=25, sigmaY=0.8) * 4
    rings = 0.5 + 0.5 * np.sin(2 * np.pi * (7 * y + bend + 0.3 * np.sin(5 * x)))
    tone = np.clip(0.55 + 0.25 * rings + 0.5 * fibre, 0, 1)[..., None]
    dark, light = np.array([110, 72, 42], np.float32), np.array([205, 160, 112], np.float32)
    return dark * (1 - tone) + light * tone


def clutter(rng: np.random.Generator) -> Floats:
    """Twenty boxes and balls of any colour, slightly out of focus, as on a desk."""
    image = colour_gradient(rng)
    for _ in range(20):
        colour, at = rng.uniform(20, 240, 3).tolist(), rng.integers(0, SIDE, 2)
        half = rng.integers(20, 120, 2)
        if rng.random() < 0.5:
            corners = cv2.boxPoints((at.tolist(), (2 * half).tolist(), rng.uniform(0, 90)))
            cv2.fillPoly(image, [corners.astype(np.int32)], colour)
        else:
            cv2.ellipse(image, at.tolist(), half.tolist(), rng.uniform(0, 180), 0, 360, colour, -1)
    return cv2.GaussianBlur(image, (0, 0), 4)


BACKGROUNDS: dict[str, Background] = {
    "white": white,
    "grey gradient": grey_gradient,
    "colour gradient": colour_gradient,
    "wood": wood,
    "clutter": clutter,
}


def photograph(cutout: NDArray[np.uint8], background: Background, seed: int) -> tuple[bytes, NDArray[np.bool_]]:
    """A JPEG of the cut-out (H, W, 4) on a background, and its mask (SIDE, SIDE)."""
    rng = np.random.default_rng(seed)
    alpha = cutout[..., 3]
    rows, columns = np.nonzero(alpha.max(axis=1) > 127)[0], np.nonzero(alpha.max(axis=0) > 127)[0]
    cutout = cutout[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    scale = rng.uniform(0.55, 0.8) * SIDE / max(cutout.shape[:2])
    width, height = (max(1, round(n * scale)) for n in (cutout.shape[1], cutout.shape[0]))
    small = np.asarray(Image.fromarray(cutout).resize((width, height), Image.Resampling.LANCZOS), np.float32)
    left = int((SIDE - width) * rng.uniform(0.35, 0.65))
    top = int((SIDE - height) * rng.uniform(0.35, 0.65))
    layer = np.zeros((SIDE, SIDE, 4), np.float32)
    layer[top : top + height, left : left + width] = small
    cover = layer[..., 3:] / 255

    squashed = cv2.resize(cover[..., 0][top : top + height], (SIDE, max(1, height // 4)), interpolation=cv2.INTER_AREA)
    shade = np.zeros((SIDE, SIDE), np.float32)
    foot = min(SIDE, top + height + height // 16)
    shade[foot - squashed.shape[0] : foot] = squashed
    shade = cv2.GaussianBlur(shade, (0, 0), 12)[..., None]
    behind = background(rng) * (1 - 0.45 * shade)
    photo = behind * (1 - cover) + layer[..., :3] * cover + rng.normal(0, 2.5, (SIDE, SIDE, 3))
    file = io.BytesIO()
    Image.fromarray(np.clip(photo, 0, 255).astype(np.uint8)).save(file, "JPEG", quality=90)
    return file.getvalue(), cover[..., 0] > 0.5


def grab_cut(picture: Picture) -> Floats:
    """(H, W), 0 or 1: GrabCut (Rother et al. 2004) with OpenCV's single call."""
    height, width = picture.rgb.shape[:2]
    pad = round(0.04 * min(height, width))
    state, models = np.zeros((height, width), np.uint8), np.zeros((2, 1, 65))
    cv2.setRNGSeed(0)
    inner = (pad, pad, width - 2 * pad, height - 2 * pad)
    cv2.grabCut(picture.rgb[..., ::-1].copy(), state, inner, models[0], models[1], 5, cv2.GC_INIT_WITH_RECT)
    return np.isin(state, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.float32)


def using(name: str) -> Method:
    """The installed matte of that name."""
    find = mattes.named(name).find
    return lambda picture: matte(picture, find=find)


def scored(found_by: Method, picture: Picture, truth: NDArray[np.bool_]) -> tuple[float, float, bool]:
    """The IoU, the seconds, and whether no object was found."""
    start = time.perf_counter()
    try:
        found, refused = found_by(picture) > 0.5, False
    except NoObject:
        found, refused = np.zeros_like(truth), True
    seconds = time.perf_counter() - start
    return float((found & truth).sum() / max(1, (found | truth).sum())), seconds, refused


def photographs(folder: Path, methods: dict[str, Method]) -> None:
    """Print how well the mattes of a folder's photographs agree with their masks."""
    scores: dict[str, list[float]] = {name: [] for name in methods}
    times: dict[str, list[float]] = {name: [] for name in methods}
    for path in sorted(each for each in folder.iterdir() if (folder / "masks" / f"{each.stem}.png").is_file()):
        picture = decode(path.read_bytes())
        height, width = picture.rgb.shape[:2]
        mask = np.asarray(Image.open(folder / "masks" / f"{path.stem}.png").convert("L"), np.float32)
        truth = cv2.resize(mask, (width, height), interpolation=cv2.INTER_AREA) > 127
        for name, found_by in methods.items():
            score, seconds, _ = scored(found_by, picture, truth)
            scores[name].append(score)
            times[name].append(seconds)
        print(" ".join(f"{each[-1]:.3f}" for each in scores.values()), path.name, flush=True)
    for name, each in scores.items():
        if each:
            print(
                f"{name}: mean {np.mean(each):.3f}, median {np.median(each):.3f}, worst {min(each):.3f} "
                f"of {len(each)}, {1000 * np.median(times[name]):.0f} ms"
            )


def main() -> int:
    parser = arguments.parser(__doc__)
    parser.add_argument("--mattes", nargs="+", default=[mattes.DEFAULT], help="names of installed mattes")
    parser.add_argument("--pictures", type=Path, default=PICTURES, help="folder of cut-outs with alpha (WebP or PNG)")
    parser.add_argument("--limit", type=int, help="only so many of them, spread evenly")
    parser.add_argument("--worst", type=int, default=0, help="also name the N worst pictures of each background")
    parser.add_argument("--photographs", type=Path, help="folder of photographs, with masks in its subfolder masks")
    a = parser.parse_args()
    methods = {name: using(name) for name in a.mattes}
    if a.photographs:
        photographs(a.photographs, methods)
        return 0
    paths = sorted(p for p in a.pictures.glob("*") if p.suffix in (".webp", ".png"))
    if not paths:
        print(f"skipped: no cut-outs in {a.pictures}; name a folder with --pictures", file=sys.stderr)
        return 0
    paths = paths[:: max(1, len(paths) // (a.limit or len(paths)))][: a.limit]
    methods["GrabCut"] = grab_cut
    print(f"| background | method | mean IoU | p10 | refused | ms | ({len(paths)} pictures)\n|---|---|---|---|---|---|")
    for (name, background), (method, found_by) in itertools.product(BACKGROUNDS.items(), methods.items()):
        scores, times, refused = [], [], 0
        for seed, path in enumerate(paths):
            data, truth = photograph(np.asarray(Image.open(path).convert("RGBA")), background, seed)
            score, seconds, none = scored(found_by, decode(data), truth)
            scores.append(score)
            times.append(seconds)
            refused += none
        print(
            f"| {name} | {method} | {np.mean(scores):.3f} | {np.percentile(scores, 10):.3f} | {refused} "
            f"| {1000 * np.median(times):.0f} |",
            flush=True,
        )
        for index in np.argsort(scores)[: a.worst]:
            print(f"    {scores[index]:.3f} {paths[index].name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
