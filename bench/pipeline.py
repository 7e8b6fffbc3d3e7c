"""Seconds and peak memory of each stage at the default options, and of the whole command, including process start.

    python bench/pipeline.py [--picture docs/samples/mug.jpg] [--runs 7] [--generator inflate] [--sides]
    python bench/pipeline.py --before PYTHON

Stages: one warm process, medians over the runs; the memory column is the highest resident size seen in the stage. The
whole also in processor time. Command: `spherelinks generate` from nothing. With --sides from four pictures: of the
back, the left and the right, too, as docs/samples/sides has them of the mug. Linux only (resets VmHWM through /proc).
With the interpreter of an environment that has another commit: all five samples, warm, in turns with that commit, see
bench/turns.py.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import arguments
import samples
import turns

from spherelinks import Options
from spherelinks.pipeline import STAGES, generate, warm_up


class Peaks:
    """A progress callback that notes each stage's highest resident size, MB."""

    def __init__(self) -> None:
        self.megabytes: dict[str, float] = {}
        self._stage = ""

    def __call__(self, stage: str, share: float) -> None:
        if stage != self._stage:
            self.close()
            self._stage = stage
            Path("/proc/self/clear_refs").write_text("5")

    def close(self) -> None:
        if self._stage:
            line = next(x for x in Path("/proc/self/status").read_text().splitlines() if x.startswith("VmHWM"))
            self.megabytes[self._stage] = max(self.megabytes.get(self._stage, 0), int(line.split()[1]) / 1024)


def main() -> None:
    parser = arguments.parser(__doc__, runs=7, before=True)
    parser.add_argument("--picture", type=Path, default=samples.MUG)
    parser.add_argument("--generator", default=Options().generator)
    parser.add_argument("--sides", action="store_true", help="with pictures of the back, the left and the right")
    a = parser.parse_args()
    if a.before:
        beside(a.before, a.runs)
        return
    options = Options(generator=a.generator)
    views = ("back", "left", "right") if a.sides else ()
    sides = {view: samples.SIDES / f"{a.picture.stem}_{view}.jpg" for view in views}

    warm_up()
    generate(a.picture, options, **sides)
    peaks = Peaks()
    seconds: dict[str, list[float]] = {stage: [] for stage in STAGES}
    whole: list[float] = []
    processor: list[float] = []
    for _ in range(a.runs):
        start, busy = time.perf_counter(), time.process_time()
        timings = generate(a.picture, options, peaks, **sides).report["timings"]
        whole.append(time.perf_counter() - start)
        processor.append(time.process_time() - busy)
        for stage in STAGES:
            value = timings[stage]
            seconds[stage].append((sum(value.values()) if isinstance(value, dict) else value) / 1000)
    peaks.close()

    given = ", ".join(each.name for each in (a.picture, *sides.values()))
    print(f"{given}, generator {options.generator}, {a.runs} runs, warm")
    print(f"{'stage':<12} {'median s':>9} {'min s':>9} {'peak MB':>9}")
    for stage in STAGES:
        row = seconds[stage]
        print(f"{stage:<12} {statistics.median(row):9.3f} {min(row):9.3f} {peaks.megabytes[stage]:9.0f}")
    print(f"{'whole':<12} {statistics.median(whole):9.3f} {min(whole):9.3f} {max(peaks.megabytes.values()):9.0f}")
    print(f"{'processor':<12} {statistics.median(processor):9.3f} {min(processor):9.3f}")

    cold = []
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "spherelinks.cli", "generate", str(a.picture)]
        command += ["-o", f"{folder}/out.glb", "--generator", options.generator]
        command += [part for view, side in sides.items() for part in (f"--{view}", str(side))]
        for _ in range(a.runs):
            start = time.perf_counter()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            cold.append(time.perf_counter() - start)
    print(f"{'command':<12} {statistics.median(cold):9.3f} {min(cold):9.3f}")


def beside(before: str, runs: int) -> None:
    """Warm pictures in turns with another commit."""
    print(turns.HEAD)
    everything: list[tuple[list[turns.Seconds], list[turns.Seconds]]] = []
    for picture in samples.pictures():
        setup = f"from spherelinks.pipeline import generate\npicture = {str(picture)!r}"
        everything.append(turns.warm(before, setup, "generate(picture)", runs))
        print(turns.row(picture.name, *everything[-1]), flush=True)
    ours, theirs = ([turns.medians(each[k]) for each in everything] for k in (0, 1))
    mine, other = (
        (statistics.mean(t for t, _ in each), statistics.mean(t for _, t in each)) for each in (ours, theirs)
    )
    print(turns.row("mean", [mine], [other]))


if __name__ == "__main__":
    main()
