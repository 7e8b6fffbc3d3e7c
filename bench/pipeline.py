"""Seconds and peak memory of each stage at the default options, and of the whole command, including process start.

    python bench/pipeline.py [--picture docs/samples/mug.jpg] [--runs 7] [--generator inflate]
    python bench/pipeline.py --before PYTHON

Stages: one warm process, medians over the runs; the memory column is the highest resident size seen in the stage.
Command: `spherelinks generate` from nothing. Linux only (resets VmHWM through /proc). With the interpreter of an
environment that has another commit: the processor time of all five samples, warm, in turns with that commit, see
bench/turns.py.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import turns

from spherelinks import Options
from spherelinks.pipeline import STAGES, generate, warm_up

ROOT = Path(__file__).resolve().parent.parent


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
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--picture", type=Path, default=ROOT / "docs/samples/mug.jpg")
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--generator", default=Options().generator)
    parser.add_argument("--before", metavar="PYTHON", help="an interpreter that has another commit")
    arguments = parser.parse_args()
    if arguments.before:
        beside(arguments.before, arguments.runs)
        return
    options = Options(generator=arguments.generator)

    warm_up()
    generate(arguments.picture, options)
    peaks = Peaks()
    seconds: dict[str, list[float]] = {stage: [] for stage in STAGES}
    whole: list[float] = []
    for _ in range(arguments.runs):
        start = time.perf_counter()
        timings = generate(arguments.picture, options, peaks).report["timings"]
        whole.append(time.perf_counter() - start)
        for stage in STAGES:
            value = timings[stage]
            seconds[stage].append((sum(value.values()) if isinstance(value, dict) else value) / 1000)
    peaks.close()

    print(f"{arguments.picture.name}, generator {options.generator}, {arguments.runs} runs, warm")
    print(f"{'stage':<12} {'median s':>9} {'min s':>9} {'peak MB':>9}")
    for stage in STAGES:
        row = seconds[stage]
        print(f"{stage:<12} {statistics.median(row):9.3f} {min(row):9.3f} {peaks.megabytes[stage]:9.0f}")
    print(f"{'whole':<12} {statistics.median(whole):9.3f} {min(whole):9.3f} {max(peaks.megabytes.values()):9.0f}")

    cold = []
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "spherelinks.cli", "generate", str(arguments.picture)]
        command += ["-o", f"{folder}/out.glb", "--generator", options.generator]
        for _ in range(arguments.runs):
            start = time.perf_counter()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            cold.append(time.perf_counter() - start)
    print(f"{'command':<12} {statistics.median(cold):9.3f} {min(cold):9.3f}")


def beside(before: str, runs: int) -> None:
    """Warm pictures in turns with another commit."""
    print(turns.HEAD)
    everything: list[tuple[list[float], list[float]]] = []
    for picture in sorted(
        path for path in (ROOT / "docs/samples").iterdir() if path.suffix in {".jpg", ".png", ".webp"}
    ):
        setup = f"from spherelinks.pipeline import generate\npicture = {str(picture)!r}"
        everything.append(turns.warm(before, setup, "generate(picture)", runs))
        print(turns.told(picture.name, *everything[-1]), flush=True)
    ours, theirs = ([statistics.median(each[k]) for each in everything] for k in (0, 1))
    print(turns.told("mean", [statistics.mean(ours)], [statistics.mean(theirs)]))


if __name__ == "__main__":
    main()
