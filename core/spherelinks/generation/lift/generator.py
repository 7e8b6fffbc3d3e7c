"""The generators: our own networks, run by ONNX Runtime.

`lift` gives the single answer that its network expects. `lift-flow` samples the far side: what the picture does not
show has many plausible answers, and the seed picks one.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from spherelinks import threads
from spherelinks.generation.cards import LiftOptions
from spherelinks.generation.lift import farside, patchwork
from spherelinks.generation.lift.assembly import Guess, assemble
from spherelinks.generation.lift.files import FLOW, FOLDER, GATE, LIFT
from spherelinks.generation.lift.fusion import fused
from spherelinks.generation.lift.layout import (
    COARSE,
    ELEVATIONS,
    SHARPNESS,
    STATE,
    TANGENTS,
    UNIT,
    channels,
    expected,
)
from spherelinks.onnx import session
from spherelinks.options import Options
from spherelinks.report import Reason
from spherelinks.shape import Frame, Progress, Volume

Maps = dict[str, NDArray[np.float32]]

#: Disagreements above which the shape is doubted, and doubted much: docs/report.md has the measure.
DISAGREEMENT = (0.04, 0.06)


class Lift:
    """Implements :class:`spherelinks.generation.base.Generator`; the same frame gives the same shape."""

    def __init__(self, folder: Path = FOLDER) -> None:
        """Loads graph and weights from the folder. Raises GeneratorFailed if they are missing."""
        self._session = session(LIFT, folder, threads=1)  # a picture and its mirror image are looked at side by side
        self._gate = session(GATE, folder)
        self._side: int = self._session.get_inputs()[0].shape[-1]

    def generate(self, frame: Frame, options: Options, progress: Progress) -> Volume:
        """The object in the frame, including sides and back, set upright by the camera's estimated elevation.

        Raises GeneratorFailed if the networks' result contains no shape.
        """
        guess = self.guess(frame, options, progress)
        plain = isinstance(options, LiftOptions) and options.far_side == "plain"
        painter = None if plain else self._painted
        if frame.others:
            guesses = {view: _guess(self._maps(other)) for view, other in frame.others.items()}
            volume = fused({"front": guess, **guesses}, {"front": frame, **frame.others}, painter)
        else:
            volume = assemble(guess, frame, painter)
        progress(1.0)
        return replace(volume, doubts=(*volume.doubts, *_doubts(guess.disagreement)))

    def guess(self, frame: Frame, options: Options, progress: Progress) -> Guess:
        """The network's output for the frame."""
        maps = self._maps(frame)
        progress(0.5)
        return _guess(maps)

    def _painted(self, given: farside.Sources) -> NDArray[np.float32]:
        """The far side's colours along each ray, (S, S, 3), 0..255."""
        return patchwork.painted(given, self._shares(given.x))

    def _shares(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """GATE's answer: how much of each source the far side shows."""
        shares: NDArray[np.float32] = self._gate.run(list(GATE.outputs), {"x": x[None]})[0][0]
        return shares

    def _maps(self, frame: Frame) -> Maps:
        """LIFT's input for the frame, and its outputs, averaged over the frame and its mirror image."""
        rgb, matte = (
            np.asarray(cv2.resize(field, (2 * self._side, 2 * self._side), interpolation=cv2.INTER_AREA), np.float32)
            for field in (frame.rgb, frame.matte)
        )
        rgb = rgb / np.float32(255)
        # not `mirrored`: the balloon's last digits depend on the side it was started from
        with threads.pool() as pool:
            (x, plain), (_, mirrored) = pool.map(self._seen, (rgb, rgb[:, ::-1]), (matte, matte[:, ::-1]))
        pairs = {name: np.stack([plain[name], mirrored[name]]) for name in LIFT.outputs}
        maps = {name: both.mean(0) if name == "camera" else _averaged(both) for name, both in pairs.items()}
        inside = x[3] > 0
        maps["front"] = maps["front"] - _mean(maps["front"], inside)
        return maps | {"x": x, "disagreement": np.asarray(_disagreement(pairs["front"], inside))}

    def _seen(self, rgb: NDArray[np.float32], matte: NDArray[np.float32]) -> tuple[NDArray[np.float32], Maps]:
        """LIFT's input for a picture, and its outputs."""
        x = channels(rgb, matte)
        said = self._session.run(list(LIFT.outputs), {"x": x[None]})
        return x, {name: value[0] for name, value in zip(LIFT.outputs, said, strict=True)}


class LiftFlow(Lift):
    """`lift` with the far side sampled: diffusionSteps Euler steps, from noise determined by the seed.

    One step is the mean of all answers, a fast preview; more steps converge to one of them.
    """

    def __init__(self, folder: Path = FOLDER) -> None:
        """Loads all networks from the folder. Raises GeneratorFailed if files are missing."""
        super().__init__(folder)
        self._flow = session(FLOW, folder)

    def guess(self, frame: Frame, options: Options, progress: Progress) -> Guess:
        """The network's output for the frame, its far side replaced by the sample."""
        maps = self._maps(frame)
        given = {name: maps[name][None] for name in FLOW.inputs[2:]}
        # counter-based, so the same numbers on every machine
        noise = np.random.Generator(np.random.Philox(key=options.seed))
        state = noise.standard_normal((1, STATE, self._side // COARSE, self._side // COARSE), np.float32)
        steps = options.diffusion_steps
        for i in range(steps):
            time = np.full(1, i / steps, np.float32)
            state += self._flow.run(list(FLOW.outputs), {"state": state, "time": time} | given)[0] / np.float32(steps)
            progress(0.5 * (i + 1) / steps)
        wanted = state[0].transpose(1, 2, 0) * np.float32(UNIT)
        thicker = cv2.resize(wanted[..., 0], maps["thickness"].shape, interpolation=cv2.INTER_CUBIC)
        thicker = np.maximum(thicker, -maps["thickness"])
        behind = cv2.resize(thicker, maps["profile"].shape[1:], interpolation=cv2.INTER_AREA)
        paint = cv2.resize(wanted[..., 1:], maps["back"].shape[1:], interpolation=cv2.INTER_CUBIC)
        maps["thickness"] = maps["thickness"] + thicker
        maps["profile"] = maps["profile"] + np.float32(SHARPNESS) * behind
        maps["back"] = maps["back"] + paint.transpose(2, 0, 1)
        return _guess(maps)


def _guess(maps: Maps) -> Guess:
    """The network's maps in the form that assembly expects."""
    elevation, tangent = np.split(maps["camera"], [ELEVATIONS[2]])
    return Guess(
        maps["front"],
        maps["thickness"],
        maps["profile"].transpose(1, 2, 0),
        np.clip(maps["back"].transpose(1, 2, 0), 0, 1),
        expected(elevation, ELEVATIONS),
        float(np.exp(expected(tangent, TANGENTS))),
        float(maps["disagreement"]),
    )


def _doubts(disagreement: float) -> tuple[Reason, ...]:
    some, much = DISAGREEMENT
    if disagreement <= some:
        return ()
    return (
        Reason(
            code="shape_unsure",
            level="low" if disagreement > much else "medium",
            message="The shape is uncertain: in the picture's mirror image the network sees other depths.",
            hint="A picture from the front and a little above, with soft light, may do better.",
        ),
    )


def _averaged(pair: NDArray[np.float32]) -> NDArray[np.float32]:
    """(2, ..., W), of a picture and of its mirror image -> (..., W)."""
    mean: NDArray[np.float32] = (pair[0] + pair[1][..., ::-1]) / 2
    return mean


def _disagreement(front: NDArray[np.float32], inside: NDArray[np.bool_]) -> np.float32:
    """Mean difference of the depths, (2, N, N), of a picture and of its mirror image, each from its own mean."""
    one, other = (depth - _mean(depth, inside) for depth in (front[0], front[1][..., ::-1]))
    return _mean(np.abs(one - other), inside)


def _mean(front: NDArray[np.float32], inside: NDArray[np.bool_]) -> np.float32:
    """Mean depth over the matte: the reference from which depths count."""
    return np.float32(front[inside].mean() if inside.any() else 0)
