"""One measurement of two commits, in turns within one run, so that their ratio holds even on a busy machine.

The other commit is named by the interpreter of an environment in which it is installed: `git worktree add ../before
COMMIT`, and there `make .venv/installed`.
"""

from __future__ import annotations

import contextlib
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

BENCH = Path(__file__).resolve().parent
_CHILD = """
import sys, time
sys.path.insert(0, {bench!r})
{setup}
{once}
print("ready", flush=True)
for line in sys.stdin:
    busy, clock = time.process_time(), time.perf_counter()
    {once}
    print(time.process_time() - busy, time.perf_counter() - clock, flush=True)
"""


Seconds = tuple[float, float]
"""Of the processor and by the clock."""


def warm(before: str, setup: str, once: str, runs: int) -> tuple[list[Seconds], list[Seconds]]:
    """What the statement `once` takes here and in the interpreter `before`, after `setup` and a first run."""
    with _process(sys.executable, setup, once) as ours, _process(before, setup, once) as theirs:
        pairs = [(_run(ours), _run(theirs)) for _ in range(runs)]
    mine, other = zip(*pairs, strict=True)
    return list(mine), list(other)


def medians(times: list[Seconds]) -> Seconds:
    busy, clock = zip(*times, strict=True)
    return statistics.median(busy), statistics.median(clock)


def row(name: str, ours: list[Seconds], theirs: list[Seconds]) -> str:
    """A line of a table: medians, and the median of the ratios, of processor time and by the clock."""
    cells = [f"{name:<28}"]
    for mine, other in zip(zip(*ours, strict=True), zip(*theirs, strict=True), strict=True):
        ratio = statistics.median(a / b for a, b in zip(mine, other, strict=True))
        cells.append(f"{statistics.median(mine):10.3f} {statistics.median(other):8.3f} {ratio:6.3f}")
    return " ".join(cells)


HEAD = f"{'seconds':<28} {'processor':>10} {'before':>8} {'ratio':>6} {'clock':>10} {'before':>8} {'ratio':>6}"


@contextlib.contextmanager
def _process(python: str, setup: str, once: str) -> Iterator[subprocess.Popen[str]]:
    code = _CHILD.format(bench=str(BENCH), setup=setup, once=once)
    with subprocess.Popen([python, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield process
        finally:
            process.terminate()


def _run(process: subprocess.Popen[str]) -> Seconds:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("\n")
    process.stdin.flush()
    busy, clock = process.stdout.readline().split()
    return float(busy), float(clock)
