"""The cost of a start: the first picture of a fresh installation, the next one, --help and the import.

    python bench/start.py [--runs 5]

Each run is a process of its own. For the first picture Python's caches are empty: a folder of their own, new for every
run. Medians; processor time (user and system, of the process and its children) says more than the clock where other
work shares the machine.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PICTURE = ROOT / "docs/samples/mug.jpg"
CLI = [sys.executable, "-m", "spherelinks.cli"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as folder:
        generate = [*CLI, "generate", str(PICTURE), "-o", str(Path(folder, "mug.glb"))]
        commands = {
            "first picture, empty caches": (generate, True),
            "next picture": (generate, False),
            "spherelinks --help": ([*CLI, "--help"], False),
            "import spherelinks": ([sys.executable, "-c", "import spherelinks"], False),
        }
        print(f"{runs} runs, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
        print(f"{'':<28} {'processor s':>12} {'clock s':>9}")
        for name, (command, fresh) in commands.items():
            measured = [_measured(command, folder, fresh) for _ in range(runs)]
            busy, clock = (statistics.median(values) for values in zip(*measured, strict=True))
            print(f"{name:<28} {busy:12.2f} {clock:9.2f}")


def _measured(command: list[str], folder: str, fresh: bool) -> tuple[float, float]:
    """Processor and clock seconds of one run."""
    with tempfile.TemporaryDirectory(dir=folder) as caches:
        environment = os.environ | ({"PYTHONPYCACHEPREFIX": caches} if fresh else {})
        before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        clock, after = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, clock


if __name__ == "__main__":
    main()
