"""The contact sheet docs/images/samples.png: each sample picture beside its GLB from the front, a side and the back.

``python docs/samples/sheet.py`` generates the GLBs with the default options and draws them with three.js; it needs what
``scripts/engines.sh three`` installs.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont
from render import SCENES

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
CELL, GAP, HEAD = 250, 10, 40
TURNS = {"front": 0, "three quarters": 40, "side": 90, "back": 180}


def views(glbs: list[Path], out: Path) -> dict[str, list[Path]]:
    """Renders of each GLB from each turn, by stem."""
    probe = ROOT / "tests" / "engines" / "three" / "probe.py"
    turns = [str(turn) for turn in TURNS.values()]
    command = [sys.executable, str(probe), str(out), *map(str, glbs), "--size", str(2 * CELL), "--turns", *turns]
    facts = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    return {stem: [Path(path) for path in found["pictures"]] for stem, found in facts.items()}


def sheet(rows: list[list[Path]]) -> Image.Image:
    """The pictures, a row for each object, under a line that names the columns."""
    columns = ["picture", *TURNS]
    size = (GAP + (CELL + GAP) * len(columns), HEAD + (CELL + GAP) * len(rows))
    whole = Image.new("RGB", size, "#f4f4f2")
    draw, font = ImageDraw.Draw(whole), ImageFont.load_default(20)
    rounded = Image.new("L", (2 * CELL, 2 * CELL))
    ImageDraw.Draw(rounded).rounded_rectangle((0, 0, 2 * CELL - 1, 2 * CELL - 1), 20, 255)
    rounded = rounded.resize((CELL, CELL), Image.Resampling.LANCZOS)
    for x, title in enumerate(columns):
        draw.text((GAP + (CELL + GAP) * x + CELL / 2, HEAD / 2), title, "#55554f", font, anchor="mm")
    for y, row in enumerate(rows):
        for x, path in enumerate(row):
            cell = Image.new("RGBA", (CELL, CELL), "#e6e6e2")
            cell.alpha_composite(Image.open(path).convert("RGBA").resize((CELL, CELL), Image.Resampling.LANCZOS))
            whole.paste(cell, (GAP + (CELL + GAP) * x, HEAD + (CELL + GAP) * y), rounded)
    return whole


def main() -> None:
    pictures = [HERE / scene.name for scene in SCENES]
    with tempfile.TemporaryDirectory() as folder:
        glbs = [Path(folder) / f"{picture.stem}.glb" for picture in pictures]
        for picture, glb in zip(pictures, glbs, strict=True):
            command = [sys.executable, "-m", "spherelinks.cli", "generate", str(picture), "-o", str(glb)]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        found = views(glbs, Path(folder))
        rows = [[picture, *found[picture.stem]] for picture in pictures]
        sheet(rows).save(ROOT / "docs" / "images" / "samples.png", optimize=True)


if __name__ == "__main__":
    main()
