"""This machine's resources, found without loading GPU libraries."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess

_LIMIT_S = 10


def memory_mb() -> int | None:
    """MiB of main memory; None if unknown."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") >> 20
    except (AttributeError, ValueError, OSError):
        return None


@functools.cache
def gpu_memory_mb() -> int:
    """MiB of the largest NVIDIA GPU that this process may use; 0 without one."""
    program = shutil.which("nvidia-smi")
    if program is None or os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1"):
        return 0
    query = [program, "--query-gpu=memory.total", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(query, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_LIMIT_S)
    except (OSError, subprocess.SubprocessError):
        return 0
    sizes = [int(line) for line in done.stdout.split() if line.isdecimal()]
    return max(sizes, default=0) if done.returncode == 0 else 0
