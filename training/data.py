"""Build a data set from GLBs, or from procedural objects alone:

    python -m training.data --out data --glbs ../shared/data/train --manifest ../shared/data/manifest.csv
    python -m training.data --out shapes --procedural 2000

A data set is a folder of memory-mapped arrays, one for each field of `training.view.View`, of shape (views, ...).
Writers fill a row and then mark it in `done`: training can start while the set is being built, and a build that was
stopped resumes where it left off.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from multiprocessing import Pool
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spherelinks.generation.lift.layout import BINS, SIDE
from training import packages, shapes
from training.surface import Rays, Surface, load
from training.view import LIGHTS, deformed, solid, stretched, take

# For each kind of object: how many variants (the object itself, then alternately stretched and deformed), and how
# many views of each variant.
SHARE = {
    "scan": (60, 5),
    "realistic": (24, 5),
    "furniture": (16, 4),
    "mixed": (12, 4),
    "stylised": (9, 3),
    "voxel": (4, 3),
}


def fields(side: int) -> dict[str, tuple[tuple[int, ...], type]]:
    """Shape and dtype of each field of a View with maps of `side` pixels, and of `done`."""
    double, half = (2 * side, 2 * side), (side // 2, side // 2)
    return {
        "albedo": ((*double, 3), np.uint8),
        "cover": (double, np.uint8),
        "facing": ((*double, 3), np.int8),
        "lamps": ((LIGHTS, 3), np.float32),
        "shadow": (double, np.uint8),
        "front": ((side, side), np.float16),
        "thickness": ((side, side), np.float16),
        "seen": ((side, side), np.bool_),
        "far": ((*double, 3), np.uint8),
        "back": ((*half, 3), np.uint8),
        "profile": ((*half, BINS), np.uint8),
        "elevation": ((), np.float32),
        "tangent": ((), np.float32),
        "done": ((), np.bool_),
    }


@dataclass(frozen=True)
class Task:
    """One variant of one object: its views fill `views` rows from `first` on."""

    path: str
    variant: int
    first: int
    views: int
    facing: float = 180.0  # largest azimuth of a view, degrees to either side of the front, +Z

    def surface(self, rng: np.random.Generator) -> Surface:
        if not self.path.endswith((".glb", ".npz")):
            # every third object, since each has three rows
            return (packages if self.first % 9 == 0 else shapes).surface(rng)
        surface = load(Path(self.path))
        if self.variant == 0:
            return surface
        return stretched(surface, rng) if self.variant % 2 else deformed(surface, rng)


def plan(glbs: list[Path], manifests: list[Path]) -> tuple[list[Task], list[dict[str, str]]]:
    """The tasks, ordered so that any prefix is a fair sample, and each row's source, kind, name and class."""
    about = {}
    for manifest in manifests:
        with manifest.open() as file:
            about |= {row["id"]: row for row in csv.DictReader(file)}
    found = (p for folder in glbs for p in folder.iterdir() if p.suffix in (".glb", ".npz"))
    paths = sorted(found, key=lambda p: zlib.crc32(p.stem.encode()))
    shares = [SHARE[about[path.stem]["kind"]] for path in paths]
    turns = [(v / count, i, v) for i, (count, _) in enumerate(shares) for v in range(count)]
    tasks, rows = [], []
    for _, i, variant in sorted(turns):
        row, (_, views) = about[paths[i].stem], shares[i]
        tasks.append(Task(str(paths[i]), variant, len(rows), views))
        rows += [
            {"source": row["source"], "kind": row["kind"], "name": row["name"], "class": row.get("klass", "")}
        ] * views
    return tasks, rows


def invent(count: int) -> tuple[list[Task], list[dict[str, str]]]:
    """As `plan`, for `count` procedural objects, every third of them a package, with three views each."""
    tasks = [Task(f"procedural {i}", 0, 3 * i, 3) for i in range(count)]
    rows = [
        {"source": "training/shapes.py", "kind": "procedural", "name": task.path, "class": ""}
        for task in tasks
        for _ in range(3)
    ]
    return tasks, rows


def create(folder: Path, rows: list[dict[str, str]], side: int) -> None:
    """Create empty arrays with a row for each of `rows`, as sparse files, which take up space only as they fill."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, (shape, dtype) in fields(side).items():
        if not (folder / f"{name}.npy").exists():
            np.lib.format.open_memmap(folder / f"{name}.npy", "w+", dtype, (len(rows), *shape))
    (folder / "rows.json").write_text(json.dumps(rows))


def opened(folder: Path, mode: str = "r") -> dict[str, NDArray[np.generic]]:
    return {name: np.load(folder / f"{name}.npy", mmap_mode=mode) for name in fields(0)}  # type: ignore[arg-type]


def fill(arrays: dict[str, NDArray[np.generic]], task: Task) -> str:
    """Write the task's views, seeded by the object's name and the variant. Returns what went wrong, or ""."""
    if arrays["done"][task.first]:
        return ""
    rng = np.random.default_rng([zlib.crc32(Path(task.path).stem.encode()), task.variant])
    try:
        surface = task.surface(rng)
        rays, inside = Rays(surface), solid(surface, rng)
    except (ValueError, IndexError) as error:
        return f"{task.path}: {error}"
    for row in range(task.first, task.first + task.views):
        try:
            view = take(surface, rays, inside, rng, arrays["front"].shape[1], task.facing)
        except ValueError as error:
            return f"{task.path}: {error}"
        for name in arrays:
            if name != "done":
                arrays[name][row] = getattr(view, name)  # type: ignore[index]
        arrays["done"][row] = True  # type: ignore[index]
    return ""


_arrays: dict[str, NDArray[np.generic]] = {}


def _start(folder: Path) -> None:
    _arrays.update(opened(folder, "r+"))


def _work(task: Task) -> str:
    return fill(_arrays, task)


def run(folder: Path, tasks: list[Task], processes: int) -> Iterator[str]:
    """Run the tasks in parallel; yields what `fill` returned for each."""
    with Pool(processes, _start, (folder,)) as pool:
        yield from pool.imap(_work, tasks, chunksize=4)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--glbs", type=Path, nargs="+", help="folders of GLBs, +Y up, or of training.carried")
    parser.add_argument(
        "--manifest", type=Path, nargs="+", help="CSV files with the id, source, kind and name of each GLB"
    )
    parser.add_argument("--procedural", type=int, help="number of procedural objects to make instead of reading GLBs")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--side", type=int, default=SIDE, help="side of the maps in pixels; pictures have twice that")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument(
        "--kinds", nargs="*", choices=list(SHARE), help="build only these kinds; the others can be added later"
    )
    parser.add_argument(
        "--classes", nargs="*", help="build only these classes of the manifest, such as character animal"
    )
    parser.add_argument(
        "--facing", type=float, default=180.0, help="largest azimuth of a view, degrees to either side of the front"
    )
    a = parser.parse_args()
    if (a.procedural is None) == (a.glbs is None or a.manifest is None):
        parser.error("give either --glbs and --manifest, or --procedural")
    tasks, rows = invent(a.procedural) if a.procedural else plan(a.glbs, a.manifest)
    create(a.out, rows, a.side)
    print(f"{len(tasks)} tasks, {len(rows)} views", flush=True)
    if a.kinds:
        tasks = [task for task in tasks if rows[task.first]["kind"] in a.kinds]
    if a.classes:
        tasks = [task for task in tasks if rows[task.first]["class"] in a.classes]
    tasks = [replace(task, facing=a.facing) for task in tasks]
    for i, problem in enumerate(run(a.out, tasks, a.processes)):
        if problem:
            print(problem, flush=True)
        if i % 100 == 99:
            print(f"{i + 1} tasks done", flush=True)


if __name__ == "__main__":
    main()
