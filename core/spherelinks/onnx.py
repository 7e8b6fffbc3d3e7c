"""Our networks' files, and ONNX Runtime sessions over them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from spherelinks.errors import GeneratorFailed

THREADS = 2
"""Of a session, unless it says otherwise, however many cores there are: a mean over a middle axis depends on it.

See findings/onnxruntime-reduce-threads.sh.
"""


@dataclass(frozen=True)
class Files:
    """Names of a network's graph and weights, of its inputs and of its outputs."""

    graph: str
    weights: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


def session(files: Files, folder: Path, threads: int = THREADS) -> Any:
    """An ONNX Runtime session over the files in the folder; on a GPU if ONNX Runtime supports one.

    The graph's file contains no weights: they are stored as float16 in safetensors and added here as float32.
    """
    import onnxruntime  # importing takes a tenth of a second, and not every request needs it
    from safetensors.numpy import load_file

    for name in (files.graph, files.weights):
        if not (folder / name).is_file():
            raise GeneratorFailed(
                f"The network's {name} is missing from the installation.",
                hint="Reinstall the package, or train the network: training/README.md.",
            )
    weights = {name: value.astype(np.float32) for name, value in load_file(folder / files.weights).items()}
    options = onnxruntime.SessionOptions()
    options.add_external_initializers(
        list(weights), [onnxruntime.OrtValue.ortvalue_from_numpy(value) for value in weights.values()]
    )
    options.log_severity_level = 3  # it warns of constants that it cannot fold, which nobody can change
    options.intra_op_num_threads = threads
    # waiting in a loop for the next operation would take a third more of the processor, and from other jobs
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    wanted = ("CUDAExecutionProvider", "CPUExecutionProvider")
    providers = [p for p in wanted if p in onnxruntime.get_available_providers()]
    return onnxruntime.InferenceSession(folder / files.graph, options, providers=providers)
