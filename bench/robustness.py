#!/usr/bin/env python3
"""Finish every object of a folder, as a field and as the raw mesh it is: `python bench/robustness.py FOLDER`.

Each GLB becomes an asset twice: `field` turns it into a signed distance volume first, as a generator would return,
and `mesh` hands it over as it is. Of each asset the file is judged, not the report: closed and 2-manifold when
vertices of one place are merged, no texel claimed by two triangles, no error or warning of the Khronos validator (which
needs node and npm), and how far the simplified surface lies from the full one. `--stride 12` takes every twelfth.

`--foreign` in place of a folder: meshes as other programs write them (bench/foreign.py); it fails if one comes out
wrong without a word.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import arguments
import foreign
import numpy as np
from numba import njit

from spherelinks.errors import SphereLinksError
from spherelinks.finishing import finish, warm_up
from spherelinks.formats.asset import read as read_asset
from spherelinks.formats.reading import read
from spherelinks.mesh.distance import signed
from spherelinks.mesh.topology import examine
from spherelinks.options import Options
from spherelinks.report import Maker
from spherelinks.shape import Frame, Shape, Volume

sys.path.append(str(Path(__file__).resolve().parent.parent / "tests"))

SIZE = 512
OPTIONS = Options(texture_size=SIZE)
FRAME = Frame(np.zeros((1, 1, 3), np.uint8), np.zeros((1, 1), np.float32))


BENCH = Maker(name="bench", version="1")


def field_of(path: Path, samples: int) -> Volume:
    """The object as a volume of one colour."""
    mesh = read(path)
    distance = signed(mesh.vertices, mesh.faces, samples)
    color = np.full((*distance.field.shape, 3), 128, np.uint8)
    return Volume(distance.field, distance.origin, distance.spacing, color)


@njit(cache=True)
def overlaps(uv, faces, size):  # type: ignore[no-untyped-def]
    """Texels whose centre lies inside two triangles, by more than a thousandth of a triangle."""
    claimed = np.zeros((size, size), np.int32)
    for f in range(len(faces)):
        ax, ay = uv[faces[f, 0]] * size
        bx, by = uv[faces[f, 1]] * size
        cx, cy = uv[faces[f, 2]] * size
        double = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if abs(double) < 1e-9:
            continue
        for y in range(max(0, int(min(ay, by, cy))), min(size - 1, int(max(ay, by, cy))) + 1):
            for x in range(max(0, int(min(ax, bx, cx))), min(size - 1, int(max(ax, bx, cx))) + 1):
                px, py = x + 0.5 - ax, y + 0.5 - ay
                b = (px * (cy - ay) - py * (cx - ax)) / double
                c = ((bx - ax) * py - (by - ay) * px) / double
                if b > 1e-3 and c > 1e-3 and b + c < 1 - 1e-3:
                    claimed[y, x] += 1
    return (claimed > 1).sum()


def judged(shape: Shape) -> dict[str, Any]:
    start = time.process_time()
    try:
        done = finish(
            shape,
            FRAME,
            OPTIONS,
            source={},
            name="bench",
            generator=BENCH,
            progress=lambda _: None,
            most_faces=20_000,
        )
    except SphereLinksError as error:
        return {"refused": error.message}
    seconds = time.process_time() - start
    mesh = read_asset(done.glb).mesh
    points, place = np.unique(mesh.positions, axis=0, return_inverse=True)
    topology = examine(points, place.ravel().astype(np.int32)[mesh.faces])
    longest = float(np.ptp(mesh.positions, axis=0).max())
    return {
        "seconds": round(seconds, 2),
        "faces": done.report["faces"],
        "sound": topology.manifold and topology.volume > 0,
        "overlaps": int(overlaps(mesh.uv.astype(np.float64), mesh.faces, 2 * SIZE)),
        "deviation": done.report["deviation"] / longest,
        "warnings": done.report["warnings"],
        "issues": issues(done.glb),
    }


def issues(glb: bytes) -> int | None:
    """The number of errors and warnings of the validator; None if it is not installed."""
    from gltf_validator import validate

    try:
        found = validate(glb)["issues"]
    except BaseException as error:  # pytest's skip is none of Exception's
        if type(error).__name__ == "Skipped":
            return None
        raise
    return int(found["numErrors"] + found["numWarnings"])


def main() -> None:
    parser = arguments.parser(__doc__, json=True)
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--foreign", action="store_true", help="meshes as other programs write them, made here")
    parser.add_argument("--stride", type=int, default=1, help="take every n-th object")
    parser.add_argument("--samples", type=int, default=160, help="samples of the field along its longest side")
    a = parser.parse_args()
    if a.foreign:
        sys.exit(foreign.run() > 0)
    if a.folder is None:
        parser.error("give a folder, or --foreign")
    warm_up()
    rows: dict[str, list[dict[str, Any]]] = {"field": [], "mesh": []}
    for path in sorted(a.folder.glob("*.glb"))[:: a.stride]:
        for way, shape in (("field", field_of(path, a.samples)), ("mesh", read(path))):
            row = judged(shape)
            rows[way].append(row)
            if a.json or row.get("refused") or not row["sound"] or row["overlaps"] or row["issues"]:
                print(json.dumps({"object": path.stem, "way": way} | row), flush=True)
    print("\n| as | objects | refused | closed, manifold | overlaps | validator | deviation, median | largest | s |")
    print("|---|---|---|---|---|---|---|---|---|")
    for way, all_ in rows.items():
        done = [row for row in all_ if "refused" not in row]
        known = [row["issues"] for row in done if row["issues"] is not None]
        print(
            f"| {way} | {len(all_)} | {len(all_) - len(done)} | {sum(row['sound'] for row in done)} "
            f"| {sum(row['overlaps'] > 0 for row in done)} | {sum(known) if known else 'not run'} "
            f"| {100 * statistics.median(row['deviation'] for row in done):.2f} % "
            f"| {100 * max(row['deviation'] for row in done):.2f} % "
            f"| {statistics.median(row['seconds'] for row in done):.2f} |"
        )
    said = [" ".join(row.get("warnings", ())) for row in rows["mesh"]]
    whole, parts = (sum(text in each for each in said) for text in ("outer surface was rebuilt", "they were rebuilt"))
    print(f"\nOf the meshes {len(said) - whole - parts} kept their triangles, {whole} were rebuilt, {parts} in parts.")


if __name__ == "__main__":
    main()
