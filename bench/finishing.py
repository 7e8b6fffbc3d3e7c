#!/usr/bin/env python3
"""Time the finishing stages: `python bench/finishing.py [--json] [--runs 7] [--peers PYTHON] [--before PYTHON]
[--raw [FACES ...]]`.

Two noisy shapes, made here: a field of 256³ samples and one of 128³, each simplified to 20,000 faces and baked at
1024 px, warm, in one process. Prints each stage's median and least milliseconds, the whole in wall-clock and in
processor time (about equal on a quiet machine), and how long the first call in a fresh process takes; then how far the
surface moves at 20,000 and 5,000 faces, how far the edges of a box and a cylinder lie from their surfaces, bevelled and
restored, and how much memory the work takes above the field (Linux). With the interpreter of an environment that has
bench/peers-requirements.txt, the same field goes through what other projects do on the processor, in the same run.
`--raw` measures raw meshes instead, of 5.6 million and of 500,000 faces in 300 shells with 4096 px maps, finished to a
closed mesh of 20,000 faces with 2048 px maps, each in a process of its own: the seconds, the memory, and how alike mesh
and asset look under three lights (`bench/raw.py`). With --peers, the same meshes go through what others do.
With `--before`, the interpreter of an environment that has another commit, only the 256³ field is measured, in turns
with that commit; see bench/turns.py.
"""

from __future__ import annotations

import gc
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import arguments
import cv2
import numpy as np
import turns
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from spherelinks.finishing import finish, warm_up
from spherelinks.mesh.components import clean
from spherelinks.mesh.creases import sharpened
from spherelinks.mesh.nearest import nearest, tree
from spherelinks.mesh.simplify import simplify
from spherelinks.mesh.surface import extract
from spherelinks.options import Options
from spherelinks.shape import Camera, Frame, Volume

try:
    from spherelinks.report import Maker
except ImportError:  # a commit before it, see --before
    from types import SimpleNamespace as Maker  # type: ignore[assignment]

FACES = 20_000
_FRESH = """
import time
start = time.perf_counter()
from spherelinks.finishing import warm_up
warm_up()
print(time.perf_counter() - start)
"""


BENCH = Maker(name="bench", version="1")


def fractal(samples: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Noise over octaves from four samples a side to one in two, each half as strong as the previous one."""
    total = np.zeros((samples,) * 3, np.float32)
    cells, strength = 4, 1.0
    while cells <= samples // 2:
        coarse = rng.standard_normal((cells,) * 3).astype(np.float32)
        plane = np.stack([cv2.resize(layer, (samples, samples)) for layer in coarse])
        total += strength * cv2.resize(plane.reshape(cells, -1), (samples * samples, samples)).reshape(total.shape)
        cells, strength = cells * 2, strength / 2
    return total / total.std()


def noisy(samples: int) -> Volume:
    """A body with a handle, ears and a rough skin, and a dozen floaters."""
    rng = np.random.default_rng(0)
    side = np.linspace(-1, 1, samples, dtype=np.float32)
    x, y, z = side[:, None, None], side[None, :, None], side[None, None, :]
    body = np.sqrt(x**2 + (y * 0.8) ** 2 + z**2) - 0.6
    handle = np.sqrt((np.sqrt((x - 0.55) ** 2 + y**2) - 0.3) ** 2 + z**2) - 0.08
    ears = np.sqrt((np.abs(x) - 0.35) ** 2 + (y - 0.75) ** 2 + (z * 2) ** 2) - 0.17
    field = np.minimum(np.minimum(body, handle), ears)
    for place in rng.uniform(-0.95, 0.95, (12, 3)):
        field = np.minimum(field, np.sqrt((x - place[0]) ** 2 + (y - place[1]) ** 2 + (z - place[2]) ** 2) - 0.012)
    spacing = 2 / (samples - 1)
    field += 0.35 * spacing * fractal(samples, rng)
    color = np.empty((*field.shape, 3), np.uint8)
    for k, axis in enumerate((x, y, z)):
        color[..., k] = (axis + 1) * 127
    camera = Camera(np.diag((1.0, 1.0, -1.0, 1.0)), np.array((0.0, 0.0, 1.0, 0.0)))
    return Volume(field.astype(np.float32), np.full(3, -1.0), spacing, color, camera)


def picture() -> Frame:
    rng = np.random.default_rng(1)
    coarse = rng.integers(0, 255, (48, 48, 3)).astype(np.uint8)
    y, x = np.mgrid[:768, :768] / 384 - 1
    matte = np.clip((0.9 - np.hypot(x, y)) * 200, 0, 1).astype(np.float32)
    return Frame(np.asarray(cv2.resize(coarse, (768, 768), interpolation=cv2.INTER_CUBIC), np.uint8), matte)


def job(samples: int) -> Callable[[], Any]:
    """What is measured: finishing the noisy field down to FACES; returns the report."""
    volume, frame = noisy(samples), picture()

    def once(ratio: float) -> Any:
        options = Options(texture_size=1024, simplify_ratio=ratio)
        return finish(
            volume, frame, options, source={}, name="bench", generator=BENCH, progress=lambda share: None
        ).report

    return partial(once, 1 - FACES / once(0.9)["facesExtracted"])


def measure(samples: int, runs: int) -> dict[str, Any]:
    once = job(samples)
    report = once()
    stages: dict[str, list[float]] = {}
    for _ in range(runs):
        wall, processor = time.perf_counter(), time.process_time()
        timings = once()["timings"]
        timings |= {
            "total": 1000 * (time.perf_counter() - wall),
            "total, processor": 1000 * (time.process_time() - processor),
        }
        for stage, milliseconds in timings.items():
            stages.setdefault(stage, []).append(milliseconds)
    return {
        "samples": samples,
        "facesExtracted": report["facesExtracted"],
        "faces": report["faces"],
        "bytes": report["bytes"],
        "milliseconds": {
            stage: {"median": round(statistics.median(all_), 1), "least": round(min(all_), 1)}
            for stage, all_ in stages.items()
        },
    }


def kept(samples: int) -> list[dict[str, float]]:
    """The distance between surface and simplified surface, as shares of the longest side, in both directions."""
    volume = noisy(samples)
    vertices, faces, _ = clean(*extract(volume.field, volume.origin, volume.spacing)[:2])
    longest = float(np.ptp(vertices, axis=0).max())
    full, rows = tree(vertices, faces), []
    for target in (20_000, 5_000):
        few, left = simplify(vertices, faces, target)
        there = nearest(vertices, tree(few, left)).distance / longest
        back = nearest(np.concatenate([few, few[left].mean(axis=1)]), full).distance / longest
        rows.append(
            {
                "faces": len(left),
                "hausdorff": float(max(there.max(), back.max())),
                "mean": float((there.mean() + back.mean()) / 2),
                "samples": samples,
            }
        )
    return rows


def edges(samples: int) -> list[dict[str, Any]]:
    """Of a box and a cylinder askew in the grid, the mean distance of their true edges from the surface, in samples, as
    marching cubes leaves it and restored, and the milliseconds of processor time that restoring takes."""
    turn = Rotation.from_euler("xyz", (23, 37, 11), degrees=True)
    side, unit = np.linspace(-1, 1, samples), 2 / (samples - 1)
    at = turn.inv().apply(np.stack(np.meshgrid(side, side, side, indexing="ij"), axis=-1).reshape(-1, 3))
    along, angle = np.linspace(-1, 1, 200), np.linspace(0, 2 * np.pi, 400)
    size, radius, half = np.array((0.61, 0.47, 0.53)), 0.55, 0.5
    box = [np.roll([t, a, b], k) for t in along for a in (-1, 1) for b in (-1, 1) for k in range(3)] * size
    rims = [(radius * np.cos(t), z, radius * np.sin(t)) for t in angle for z in (-half, half)]
    solids = {
        "box": ((np.abs(at) - size).max(axis=1), box),
        "cylinder": (np.maximum(np.hypot(at[:, 0], at[:, 2]) - radius, np.abs(at[:, 1]) - half), np.array(rims)),
    }
    rows = []
    for name, (field, points) in solids.items():
        with patch("spherelinks.mesh.surface.sharpened", lambda points, faces: (points, faces)):
            blunt = extract(field.reshape((samples,) * 3).astype(np.float32), np.zeros(3), 1.0)[:2]
        times = []
        for _ in range(5):
            start = time.process_time()
            sharp = sharpened(*blunt)
            times.append(1000 * (time.process_time() - start))
        true = ((turn.apply(points) + 1) / unit).astype(np.float32)
        away = [float(nearest(true, tree(*mesh)).distance.mean()) for mesh in (blunt, sharp)]
        row = {"shape": name, "samples": samples, "bevelled": away[0], "restored": away[1]}
        rows.append(row | {"milliseconds": round(statistics.median(times), 1)})
    return rows


def memory(samples: int, texture: int) -> dict[str, int]:
    """Megabytes in use at most while a field is finished: in all, with libraries, and without the field given."""
    volume, frame = noisy(samples), picture()
    options = Options(texture_size=texture)
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")  # forgets the peak so far
    finish(volume, frame, options, source={}, name="bench", generator=BENCH, progress=lambda share: None)
    status = Path("/proc/self/status").read_text()
    peak = int(next(row for row in status.splitlines() if row.startswith("VmHWM")).split()[1]) // 1024
    given = (volume.field.nbytes + volume.color.nbytes) // 2**20
    return {"samples": samples, "texture": texture, "above": peak - given, "all": peak}


def peers(python: str, samples: int) -> dict[str, Any]:
    """The same field through bench/peers.py in an environment of its own."""
    volume = noisy(samples)
    with tempfile.NamedTemporaryFile(suffix=".npz") as file:
        np.savez(file, field=volume.field, color=volume.color, origin=volume.origin, spacing=volume.spacing)
        file.flush()
        script = Path(__file__).with_name("peers.py")
        command = [python, str(script), file.name, str(FACES), "1024"]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    return with_total(json.loads(done.stdout))


def raw(count: int, runs: int, python: str | None) -> dict[str, Any]:
    """A raw mesh of about `count` faces through bench/raw.py, and bench/peers.py in an environment of its own."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "raw.glb"
        script = Path(__file__).with_name("raw.py")
        command = [sys.executable, str(script), str(path), str(count), str(runs)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        result: dict[str, Any] = json.loads(done.stdout)
        if python:
            command = [python, str(script.with_name("peers.py")), str(path), str(FACES), "2048"]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            result["peers"] = with_total(json.loads(done.stdout))
    return result


def with_total(result: dict[str, Any]) -> dict[str, Any]:
    """The peers' figures with their sum, in which the quicker decimation counts."""
    times = result["milliseconds"]
    for suffix in ("", ", processor"):
        stages = [each for each in times if each.endswith(", processor") == bool(suffix) and "total" not in each]
        slower = max((each for each in stages if each.startswith("decimate")), key=lambda each: times[each])
        times[f"total{suffix}"] = round(sum(times[each] for each in stages if each != slower), 1)
    return result


def print_raw(result: dict[str, Any]) -> None:
    print(
        f"{result['faces']} faces -> {result['left']}, watertight: {result['watertight']}: {result['seconds']:.1f} s, "
        f"{result['processor']:.1f} s of processor time, {result['megabytes']} MB, {result['decibels']:.1f} dB"
    )
    for stage, milliseconds in result["timings"].items():
        print(f"  {stage:34s} {milliseconds / 1000:9.1f} s")
    if "peers" in result:
        print("  peers, the quicker of the two decimations in the total")
        for stage, milliseconds in result["peers"]["milliseconds"].items():
            print(f"    {stage:32s} {milliseconds / 1000:9.1f} s")
        theirs = result["peers"]["milliseconds"]["total"] / 1000
        print(f"  times as long as ours: {theirs / result['seconds']:.1f}; {result['peers']['megabytes']} MB")


def main() -> None:
    parser = arguments.parser(__doc__, runs=7, json=True, before=True)
    parser.add_argument("--peers", metavar="PYTHON", help="an interpreter with bench/peers-requirements.txt")
    parser.add_argument(
        "--raw", metavar="FACES", type=int, nargs="*", help="raw meshes instead, of 5,600,000 and 500,000 faces"
    )
    a = parser.parse_args()
    if a.raw is not None:
        for count in a.raw or (5_600_000, 500_000):
            found = raw(count, a.runs, a.peers)
            print(json.dumps(found)) if a.json else print_raw(found)
        return
    if a.before:
        print(turns.HEAD)
        times = turns.warm(a.before, "import finishing\nrun = finishing.job(256)", "run()", a.runs)
        print(turns.row("256³", *times))
        return
    warm_up()
    fresh = subprocess.run([sys.executable, "-c", _FRESH], capture_output=True, text=True, check=True)
    result = {
        "freshProcessSeconds": round(float(fresh.stdout), 2),
        "shapes": [measure(samples, a.runs) for samples in (256, 128)],
        "kept": kept(256),
        "edges": edges(64) + edges(128),
        "memory": [memory(256, 1024), memory(256, 2048)] if sys.platform == "linux" else [],
    }
    if a.peers:
        result["peers"] = peers(a.peers, 256)
    if a.json:
        print(json.dumps(result))
        return
    print(f"import and first call in a fresh process: {result['freshProcessSeconds']} s")
    for shape in result["shapes"]:
        print(
            f"\n{shape['samples']}³: {shape['facesExtracted']} faces -> {shape['faces']}, "
            f"GLB {shape['bytes'] / 1e6:.2f} MB"
        )
        for stage, figures in shape["milliseconds"].items():
            print(f"  {stage:18s} {figures['median']:8.1f} ms   least {figures['least']:8.1f}")

    print("\nfull surface against simplified, both ways, in per cent of the longest side")
    for row in result["kept"]:
        print(f"  {row['faces']:6d} faces: Hausdorff {100 * row['hausdorff']:.3f}, mean {100 * row['mean']:.4f}")
    print("\ntrue edges from the surface on average, in samples")
    for row in result["edges"]:
        print(
            f"  {row['shape']:9s} {row['samples']:4d}³: bevelled {row['bevelled']:.3f}, "
            f"restored {row['restored']:.3f}; {row['milliseconds']:.1f} ms of processor time"
        )
    for row in result["memory"]:
        print(
            f"{row['samples']}³, {row['texture']} px: at most {row['above']} MB above the field, {row['all']} MB in all"
        )
    if a.peers:
        print("\npeers, 256³, the quicker of the two decimations in the total")
        for stage, milliseconds in result["peers"]["milliseconds"].items():
            print(f"  {stage:34s} {milliseconds:9.1f} ms")
        for suffix in ("", ", processor"):
            theirs = result["peers"]["milliseconds"][f"total{suffix}"]
            ours = result["shapes"][0]["milliseconds"][f"total{suffix}"]["median"]
            print(f"  times as long as ours{suffix}: {theirs / ours:.1f}")


if __name__ == "__main__":
    main()
