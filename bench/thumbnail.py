#!/usr/bin/env python3
"""Time the renderer: `python bench/thumbnail.py [--json] [--runs 15]`.

A noisy body of 20,000 faces with a 1024 px texture, finished here: the thumbnail of 512 px from the finished mesh, as
the pipeline makes it, its parts, and the thumbnail from the GLB's bytes, whose texture is decoded first. Milliseconds,
warm, in one process: medians of the wall clock and of processor time, about equal on a quiet machine.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable

import arguments
from finishing import BENCH, FACES, noisy, picture

from spherelinks.finishing import finish
from spherelinks.formats.asset import read
from spherelinks.options import Options
from spherelinks.render.camera import look
from spherelinks.render.images import THUMBNAIL_SIZE, portrait, render, thumbnail


def measure(run: Callable[[], object], runs: int) -> dict[str, float]:
    run()
    times = []
    for _ in range(runs):
        start = time.perf_counter(), time.process_time()
        run()
        times.append((time.perf_counter() - start[0], time.process_time() - start[1]))
    wall, processor = (1000 * statistics.median(each) for each in zip(*times, strict=True))
    return {"wall": round(wall, 1), "processor": round(processor, 1)}


def main() -> None:
    parser = arguments.parser(__doc__, runs=15, json=True)
    a = parser.parse_args()
    glb = finish(
        noisy(128),
        picture(),
        Options(texture_size=1024, target_faces=FACES),
        source={},
        name="bench",
        generator=BENCH,
        progress=lambda share: None,
    ).glb
    mesh = read(glb).mesh
    (view,) = look(mesh.positions)
    milliseconds = {
        "thumbnail from the mesh": measure(lambda: portrait(mesh), a.runs),
        "  its picture alone": measure(lambda: render(mesh, view, THUMBNAIL_SIZE), a.runs),
        "thumbnail from the GLB": measure(lambda: thumbnail(read(glb)), a.runs),
    }
    if a.json:
        print(json.dumps({"faces": len(mesh.faces), "milliseconds": milliseconds}))
        return
    print(f"{len(mesh.faces)} faces, {len(mesh.texture)} px texture -> {THUMBNAIL_SIZE} px PNG")
    for name, figures in milliseconds.items():
        print(f"  {name:26s} {figures['wall']:6.1f} ms   processor {figures['processor']:6.1f}")


if __name__ == "__main__":
    main()
