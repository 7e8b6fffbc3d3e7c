"""Compares ONNX Runtime and torch for `lift`'s network on this machine: seconds from a process's start to the first
answer, seconds of an answer once warm, megabytes installed and resident.

    python bench/runtime.py [--runs 5]

Each starts in a process of its own, in turn, on the same input: a picture and its mirror image. torch is no part of the
installed package (training/requirements.txt has it); without it its row is left out. Linux only (/proc).
"""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import arguments

ROOT = Path(__file__).resolve().parent.parent
RUNTIMES = ("onnxruntime", "torch")


def child(which: str) -> dict[str, float]:
    """Load the network, answer once, then eleven times more; run in a fresh process."""
    import numpy as np

    from spherelinks.generation.lift.files import FOLDER, LIFT
    from spherelinks.generation.lift.layout import CHANNELS, SIDE

    x = np.random.default_rng(0).random((1, CHANNELS, SIDE, SIDE), np.float32)
    if which == "torch":
        import torch
        from safetensors.torch import load_file

        from training.networks.lift import Network

        torch.set_num_threads(min(4, os.cpu_count() or 1))
        network = Network().eval().to(memory_format=torch.channels_last)
        weights = load_file(FOLDER / LIFT.weights)
        network.load_state_dict({name.removeprefix("network."): value.float() for name, value in weights.items()})
        given = torch.from_numpy(x).contiguous(memory_format=torch.channels_last)

        def answer() -> None:
            with torch.inference_mode():
                network(given)
    else:
        from spherelinks.onnx import session

        ready = session(LIFT, FOLDER)

        def answer() -> None:
            ready.run(None, {"x": x})

    answer()
    first = time.time()
    warm = []
    for _ in range(11):
        start = time.perf_counter()
        answer()
        warm.append(time.perf_counter() - start)
    peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return {"first": first, "warm": statistics.median(warm), "resident": int(peak.split()[1]) / 1024}


def installed(name: str) -> float:
    """Megabytes of the files of a distribution."""
    files = importlib.metadata.files(name) or []
    return sum(Path(file.locate()).stat().st_size for file in files if Path(file.locate()).is_file()) / 1e6


def main() -> None:
    parser = arguments.parser(__doc__, runs=5)
    parser.add_argument("--child", choices=RUNTIMES, help=argparse.SUPPRESS)
    a = parser.parse_args()
    if a.child:
        print(json.dumps(child(a.child)))
        return
    there = [name for name in RUNTIMES if importlib.util.find_spec(name)]
    rows: dict[str, list[dict[str, float]]] = {name: [] for name in there}
    for _ in range(a.runs):
        for name in there:
            start = time.time()
            said = subprocess.run(
                [sys.executable, __file__, "--child", name],
                check=True, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": str(ROOT / "core")},
            )  # fmt: skip
            row = json.loads(said.stdout)
            rows[name].append(row | {"first": row["first"] - start})
    print("| runtime | first answer s | warm s | peak MB | installed MB |\n|---|---|---|---|---|")
    for name, some in rows.items():
        first, warm, resident = (statistics.median(row[key] for row in some) for key in ("first", "warm", "resident"))
        print(f"| {name} | {first:.2f} | {warm:.3f} | {resident:.0f} | {installed(name):.0f} |")


if __name__ == "__main__":
    main()
