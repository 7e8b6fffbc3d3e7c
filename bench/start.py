"""The cost of a start: the first picture of a fresh installation, the next one, --help and the import.

    python bench/start.py [--runs 5] [--before PYTHON]

Each run is a process of its own. For the first picture Python's caches are empty: a folder of their own, new for every
run. Medians; processor time (user and system, of the process and its children) says more than the clock where other
work shares the machine. With the interpreter of an environment that has another commit, that one runs in turns with
this one, see bench/turns.py.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import arguments
import turns
from samples import MUG


def main() -> None:
    parser = arguments.parser(__doc__, runs=5, before=True)
    a = parser.parse_args()
    runs, before = a.runs, a.before
    with tempfile.TemporaryDirectory() as folder:
        cli = ["-m", "spherelinks.cli"]
        generate = [*cli, "generate", str(MUG), "-o", str(Path(folder, "mug.glb"))]
        commands = {
            "first picture, empty caches": (generate, True),
            "next picture": (generate, False),
            "spherelinks --help": ([*cli, "--help"], False),
            "import spherelinks": (["-c", "import spherelinks"], False),
        }
        print(f"{runs} runs, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
        print(turns.HEAD if before else f"{'':<28} {'processor s':>12} {'clock s':>9}")
        for name, (command, fresh) in commands.items():
            pythons = [sys.executable, before] if before else [sys.executable]
            measured = [[_measured([python, *command], folder, fresh) for python in pythons] for _ in range(runs)]
            if before:
                ours, theirs = ([*each] for each in zip(*measured, strict=True))
                print(turns.row(name, ours, theirs), flush=True)
                continue
            busy, clock = (statistics.median(each[0][k] for each in measured) for k in (0, 1))
            print(f"{name:<28} {busy:12.2f} {clock:9.2f}", flush=True)


def _measured(command: list[str], folder: str, fresh: bool) -> tuple[float, float]:
    """Processor and clock seconds of one run."""
    with tempfile.TemporaryDirectory(dir=folder) as caches:
        environment = os.environ | ({"PYTHONPYCACHEPREFIX": caches, "NUMBA_CACHE_DIR": caches} if fresh else {})
        before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        clock, after = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, clock


if __name__ == "__main__":
    main()
