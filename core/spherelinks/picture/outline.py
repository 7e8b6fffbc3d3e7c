"""Finds the object in a picture with a network: U²-Net's small one (Qin et al. 2020, Apache-2.0, u2netp.LICENSE)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from spherelinks.onnx import Files, session
from spherelinks.picture.mattes import Found
from spherelinks.threads import once

SIDE = 320  # of the picture as the network sees it, whatever its aspect ratio
OUTLINE = Files("u2netp.onnx", "u2netp.safetensors", ("x",), ("likely",))
FOLDER = Path(__file__).parent

# Mean and deviation of colours, 0..1, that the network was trained with: ImageNet's.
_MEAN = np.array([0.485, 0.456, 0.406], np.float32)
_DEVIATION = np.array([0.229, 0.224, 0.225], np.float32)
_DOUBT = 0.9  # expected overlap below which the network looks again
_SPLIT = 0.15  # how much lower the mean of two looks may expect it to be than the better one does


def channels(rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The network's input, (3, SIDE, SIDE): colours over those it was trained with. rgb: (H, W, 3) uint8, sRGB."""
    small = np.asarray(cv2.resize(rgb, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.float32)
    bright = small / np.float32(max(1, small.max()))
    return np.ascontiguousarray(((bright - _MEAN) / _DEVIATION).transpose(2, 0, 1), np.float32)


def likely(rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(SIDE, SIDE) float32 in 0..1: how likely each place of the picture, (H, W, 3) uint8, is object.

    Where that leaves doubt, the network looks at the mirrored picture, too, and the mean counts; or the surer of the
    two alone if the mean is much less sure, as where only one of them sees the object.
    """
    seen = glanced(rgb)
    if (expected := overlap(seen > 0.5, seen)) >= _DOUBT:
        return seen
    mirrored = glanced(np.ascontiguousarray(rgb[:, ::-1]))[:, ::-1]
    mean = np.asarray((seen + mirrored) / 2, np.float32)
    sure, surer = max((expected, seen), (overlap(mirrored > 0.5, mirrored), mirrored), key=lambda look: look[0])
    return surer if overlap(mean > 0.5, mean) < sure - _SPLIT else mean


def glanced(rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    """As ``likely``, with one look only."""
    (found,) = _network().run(list(OUTLINE.outputs), {OUTLINE.inputs[0]: channels(rgb)[None]})
    return np.asarray(found[0, 0], np.float32)


def overlap(inside: NDArray[np.bool_], likely: NDArray[np.float32]) -> float:
    """The overlap (IoU) to be expected of an object, (H, W), with the true one, if each place is as likely, (H, W)."""
    shared = float(likely[inside].sum())
    return shared / max(1.0, int(inside.sum()) + float(likely[~inside].sum()))


def find(rgb: NDArray[np.uint8], say: Callable[[str], None]) -> Found:
    """What the network alone says, as ``mattes.Find``; the overlap to be expected is what its likelihoods say."""
    seen = likely(rgb)
    size = (rgb.shape[1], rgb.shape[0])
    alpha = np.clip(cv2.resize(seen, size, interpolation=cv2.INTER_CUBIC), 0, 1).astype(np.float32)
    return Found(alpha, overlap(seen > 0.5, seen))


@once
def _network() -> Any:
    return session(OUTLINE, FOLDER)
