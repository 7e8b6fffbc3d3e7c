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
    begun = time.process_time()
    {once}
    print(time.process_time() - begun, flush=True)
"""


def warm(before: str, setup: str, once: str, runs: int) -> tuple[list[float], list[float]]:
    """Processor seconds of the statement `once` here and in the interpreter `before`, after `setup` and a first run."""
    with _process(sys.executable, setup, once) as ours, _process(before, setup, once) as theirs:
        pairs = [(_run(ours), _run(theirs)) for _ in range(runs)]
    mine, other = zip(*pairs, strict=True)
    return list(mine), list(other)


def row(name: str, ours: list[float], theirs: list[float]) -> str:
    """A line of a table: medians, and the median of the ratios."""
    ratio = statistics.median(a / b for a, b in zip(ours, theirs, strict=True))
    return f"{name:<28} {statistics.median(ours):9.2f} {statistics.median(theirs):9.2f} {ratio:9.3f}"


HEAD = f"{'processor s':<28} {'now':>9} {'before':>9} {'ratio':>9}"


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


def _run(process: subprocess.Popen[str]) -> float:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("\n")
    process.stdin.flush()
    return float(process.stdout.readline())
