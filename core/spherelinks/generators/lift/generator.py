"""The generator: our own network, run by ONNX Runtime, and its weights beside it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray

from spherelinks.errors import GeneratorFailed
from spherelinks.generators.base import Frame, Progress, Volume
from spherelinks.generators.lift.assembly import Guess, assemble
from spherelinks.generators.lift.layout import ELEVATIONS, SHARPNESS, SIDE, TANGENTS, channels, expected
from spherelinks.options import Options

FOLDER = Path(__file__).parent
GRAPH, WEIGHTS = "lift.onnx", "lift.safetensors"
#: The network learns the median of what the far side may be, and thickness is skewed: the less sure, the thinner. This
#: much more did best on sources that the network had not seen (docs/quality.md).
THICKER = 1.1
OUTPUTS = ("front", "thickness", "profile", "back", "camera")


class Lift:
    """Implements :class:`spherelinks.generators.base.Generator`; the same frame gives the same shape."""

    name: ClassVar[str] = "lift"
    version: ClassVar[str] = "1"
    fallback: ClassVar[str | None] = "inflate"

    def __init__(self, folder: Path = FOLDER) -> None:
        """Loads graph and weights from the folder. Raises GeneratorFailed where they are missing."""
        self._session = session(folder)

    def generate(self, frame: Frame, options: Options, progress: Progress) -> Volume:
        """The object in the frame, sides and back included, stood upright by the camera's estimated elevation.

        Raises GeneratorFailed where the network's result holds no shape.
        """
        guess = self.guess(frame)
        progress(0.5)
        volume = assemble(guess, frame)
        progress(1.0)
        return Volume(volume.field, volume.origin, volume.spacing, volume.color, volume.camera, notes=_NOTES)

    def guess(self, frame: Frame) -> Guess:
        """What the network says of the frame and of its mirror image, on average."""
        rgb, matte = (
            np.asarray(cv2.resize(field, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.float32)
            for field in (frame.rgb, frame.matte)
        )
        rgb = rgb / np.float32(255)
        both = np.stack([channels(rgb, matte), channels(rgb[:, ::-1], matte[:, ::-1])])
        front, thickness, profile, back, camera = self._session.run(list(OUTPUTS), {"x": both})
        scores = camera.mean(0)
        elevation, tangent = np.split(scores, [ELEVATIONS[2]])
        front, thickness = _averaged(front), _averaged(thickness)
        profile = _averaged(profile).transpose(1, 2, 0)
        more = (THICKER - 1) * thickness
        side = profile.shape[0]
        return Guess(
            front - _mean(front, matte),
            thickness + more,
            profile + SHARPNESS * cv2.resize(more, (side, side), interpolation=cv2.INTER_AREA)[..., None],
            np.clip(_averaged(back).transpose(1, 2, 0), 0, 1),
            expected(elevation, ELEVATIONS),
            float(np.exp(expected(tangent, TANGENTS))),
        )


_NOTES = ("lift has no diffusion steps; diffusionSteps was ignored.",)


def _averaged(pair: NDArray[np.float32]) -> NDArray[np.float32]:
    """(2, ..., W), of a picture and of its mirror image -> (..., W)."""
    mean: NDArray[np.float32] = (pair[0] + pair[1][..., ::-1]) / 2
    return mean


def _mean(front: NDArray[np.float32], matte: NDArray[np.float32]) -> np.float32:
    """Mean depth over the matte: the reference from which depths count."""
    weight = matte > 0.5
    return np.float32(front[weight].mean() if weight.any() else 0)


def session(folder: Path) -> Any:
    """An ONNX Runtime session over GRAPH, its weights out of WEIGHTS; on a GPU where ONNX Runtime has one.

    The graph's file holds no weights: they are kept as float16 in safetensors and put in here as float32.
    """
    import onnxruntime  # a tenth of a second, and only this generator wants it
    from safetensors.numpy import load_file

    for name in (GRAPH, WEIGHTS):
        if not (folder / name).is_file():
            raise GeneratorFailed(
                f"lift's {name} is missing from the installation.",
                hint="Install the package again, or train the network: training/README.md.",
            )
    weights = {name: value.astype(np.float32) for name, value in load_file(folder / WEIGHTS).items()}
    options = onnxruntime.SessionOptions()
    options.add_external_initializers(
        list(weights), [onnxruntime.OrtValue.ortvalue_from_numpy(value) for value in weights.values()]
    )
    options.intra_op_num_threads = min(4, os.cpu_count() or 1)
    wanted = ("CUDAExecutionProvider", "CPUExecutionProvider")
    providers = [p for p in wanted if p in onnxruntime.get_available_providers()]
    return onnxruntime.InferenceSession(folder / GRAPH, options, providers=providers)
