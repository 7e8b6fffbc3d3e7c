#!/usr/bin/env python3
"""Contact sheets: `python bench/sheet.py PICTURES sheet.jpg --generator lift` writes sheet_1.jpg, sheet_2.jpg ...

A row for each picture: the picture, then each generator's front, right, back and left, flat base colour under one light
from the viewer's upper left. Two pictures beside each other, 30 on a sheet. A generator's own options follow its
name: `--generator lift:far_side=plain lift`. Renders with the shared bench's Embree renderer.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import arguments
import numpy as np
import scorer
from PIL import Image
from quality import chosen
from samples import pictures

SIDE, SMALL = 120, 84  # of a tile, px; of one where several generators are compared
ON_A_SHEET = 30


def row(picture: Path, generators: list[str]) -> np.ndarray:
    """(side, (1 + 4 generators) side, 3) uint8."""
    from render import Renderer, look_from
    from scene import load, normalized

    from spherelinks import generate

    side = SIDE if len(generators) == 1 else SMALL
    image = Image.open(picture).convert("RGBA")
    image.thumbnail((side, side))
    tile = Image.new("RGB", (side, side), "white")
    tile.paste(image, ((side - image.width) // 2, (side - image.height) // 2), image)
    tiles = [np.asarray(tile)]
    for generator in generators:
        with tempfile.TemporaryDirectory() as folder:
            made = generate(picture, chosen(generator)).save(Path(folder) / "made.glb")
            renderer = Renderer(normalized(load(str(made))))
        for yaw in (0, 90, 180, 270):
            camera = look_from(yaw, 10, 2.2)
            light = camera[:3, :3] @ np.array([-0.5, 0.7, 0.8])
            view, _ = renderer.view(camera, side, 40.0, 2, [(light, 0.7)], 0.5)
            tiles.append((view * 255).astype(np.uint8))
    return np.concatenate(tiles, 1)


def main() -> int:
    parser = arguments.parser(__doc__)
    parser.add_argument("pictures", type=Path, help="folder")
    parser.add_argument("sheet", type=Path)
    parser.add_argument("--generator", nargs="+", default=["lift"])
    parser.add_argument("--every", type=int, default=1, help="take every n-th picture")
    a = parser.parse_args()
    if not scorer.available():
        return 0
    paths = pictures(a.pictures)[:: a.every]
    for number, start in enumerate(range(0, len(paths), ON_A_SHEET), 1):
        rows = [row(path, a.generator) for path in paths[start : start + ON_A_SHEET]]
        if len(rows) % 2:
            rows.append(np.full_like(rows[0], 255))
        sheet = np.concatenate([np.concatenate(rows[::2]), np.concatenate(rows[1::2])], 1)
        Image.fromarray(sheet).save(a.sheet.with_stem(f"{a.sheet.stem}_{number}"), quality=80)
    return 0


if __name__ == "__main__":
    sys.exit(main())
