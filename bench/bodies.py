#!/usr/bin/env python3
"""How clean bodies are: `python bench/bodies.py ../shared/data/pictures OUT/pictures` (the latter quality.py's)

Of the asset of each picture, at default options: handles (genus) and separate parts, as the report counts them,
floaters and inner shells removed, and webs, the share of the surface whose opposite wall is nearer than 1 % of the
longest side. Each folder's last rows sum up. Casts rays with the shared bench's Embree renderer.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import arguments
import numpy as np
import scorer
from quality import chosen
from samples import pictures

THIN, POINTS = 0.01, 5000
HANDLES = (5, 20)  # more than so many are counted


def webs(glb: Path) -> float:
    """The share of the surface that is thinner than THIN of the longest side."""
    from render import Renderer
    from scene import load, normalized

    surface = normalized(load(str(glb)))
    renderer = Renderer(surface)
    points, face, _, _ = surface.sample(POINTS, np.random.default_rng(0))
    normals = renderer.normals[face]
    inside = points - 1e-5 * normals
    hit, ray, _ = renderer.rays.intersects_location(inside, -normals, multiple_hits=False)
    return float((np.linalg.norm(hit - inside[ray], axis=1) < THIN).sum() / POINTS)


def summed(paths: list[Path], generator: str) -> None:
    """Prints the figures of each picture's asset, and what they come to."""
    from spherelinks import generate

    rows = []
    for path in paths:
        with tempfile.TemporaryDirectory() as folder:
            asset = generate(path, chosen(generator))
            thin = webs(asset.save(Path(folder) / "made.glb"))
        report = asset.report
        rows.append((report.genus, report.parts, report.parts_removed, thin))
        print(
            f"{path.name}: {report.genus} handles, {report.parts} parts, {report.parts_removed} removed, "
            f"{thin:.3f} webs"
        )
    genus, parts, removed, thin = np.array(rows).T
    print(f"\n{len(rows)} pictures: handles {np.median(genus):g} in the median, {genus.max():g} at most")
    for most in HANDLES:
        print(f"more than {most} handles: {(genus > most).sum()}")
    print(
        f"more than one part: {(parts > 1).sum()}; parts at most {parts.max():g}; removed {removed.mean():.1f} on "
        "average"
    )
    print(f"webs: {thin.mean():.4f} of the surface\n")


def main() -> int:
    parser = arguments.parser(__doc__)
    parser.add_argument("pictures", type=Path, nargs="+", help="folders")
    parser.add_argument("--generator", default="lift")
    parser.add_argument("--limit", type=int)
    a = parser.parse_args()
    if not scorer.available():
        return 0

    for folder in a.pictures:
        summed(pictures(folder)[: a.limit], a.generator)
    return 0


if __name__ == "__main__":
    sys.exit(main())
