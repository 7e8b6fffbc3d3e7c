#!/usr/bin/env python3
"""Score generators on held-out objects: `python bench/quality.py --models ../shared/data/val --out OUT inflate lift`

One picture of each object (RGBA, 512 px, camera and lights by the object's name), the whole path from picture to GLB
at default options, and the shared scorer (../shared/bench: its README says what the figures mean). Objects are taken in
the order of a hash of their names, so that --limit gives a fair sample and a larger one contains it. What is already in
OUT is not made again. Writes OUT/GENERATOR.json and prints a table.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import zlib
from pathlib import Path
from typing import Any

import numpy as np

BENCH = Path(__file__).resolve().parents[2] / "shared" / "bench"
COLUMNS = (
    "aligned F@1", "aligned F@2", "aligned F@5", "aligned CD%", "delivered F@2", "delivered CD%",
    "IoU front", "IoU sides and back", "PSNR front", "PSNR sides and back", "seconds",
)  # fmt: skip


def scored(name: str, models: Path, out: Path, generator: str) -> dict[str, float]:
    """The figures of one object; the seconds are of the whole path, with everything warm."""
    import run
    import scene
    import score

    from spherelinks import Options, generate

    truth = scene.normalized(scene.load(str(models / f"{name}.glb")))
    picture = out / "pictures" / f"{name}.png"
    azimuth = float(np.random.default_rng(zlib.crc32(name.encode())).uniform(0, 360))
    if not picture.exists():
        picture.parent.mkdir(parents=True, exist_ok=True)
        image, drawn = run.picture_of(truth, name, 512, None)
        if drawn != azimuth:
            raise RuntimeError("the shared bench places its cameras otherwise than this file believes")
        image.save(picture)
    glb = out / generator / f"{name}.glb"
    glb.parent.mkdir(parents=True, exist_ok=True)
    start = time.perf_counter()
    generate(picture, Options(generator=generator)).save(glb)
    seconds = time.perf_counter() - start
    made = scene.load(str(glb))
    figures = score.geometry(made, truth, azimuth) | score.views(made, truth, azimuth) | {"seconds": seconds}
    for what in ("IoU", "PSNR"):
        figures[f"{what} sides and back"] = float(np.mean([figures[f"{what} {v}"] for v in ("left", "right", "back")]))
    return figures


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("generators", nargs="+")
    parser.add_argument("--models", type=Path, required=True, help="folder of GLBs")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--limit", type=int)
    a = parser.parse_args()
    if not BENCH.is_dir():
        print(f"skipped: the shared scorer is not at {BENCH}", file=sys.stderr)
        return 0
    sys.path.insert(0, str(BENCH))
    names = sorted((f.stem for f in a.models.glob("*.glb")), key=lambda n: zlib.crc32(n.encode()))[: a.limit]
    known: dict[str, dict[str, Any]] = {}
    for generator in a.generators:
        kept = a.out / f"{generator}.json"
        known[generator] = json.loads(kept.read_text()) if kept.exists() else {}
    for i, name in enumerate(names):
        for generator, rows in known.items():
            if name not in rows:
                try:
                    rows[name] = scored(name, a.models, a.out, generator)
                except Exception as error:  # an object that fails is counted, and said, beside the means
                    rows[name] = {"failed": f"{type(error).__name__}: {error}"}
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
        means = [np.mean([rows[n][column] for n in whole]) if whole else np.nan for rows in known.values()]
        lines.append(f"| {column} | " + " | ".join(f"{m:.3f}" for m in means) + " |")
    failed = [sum("failed" in row for row in rows.values()) for rows in known.values()]
    lines.append("| failed | " + " | ".join(map(str, failed)) + " |")
    return f"{len(whole)} objects\n\n" + "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
