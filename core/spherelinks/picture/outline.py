"""Finds the object in a picture with our own network, for backgrounds that no simple model fits."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from spherelinks.onnx import Files, session

SIDE = 128  # of the picture as the network sees it, whatever its aspect ratio
CHANNELS = 5
OUTLINE = Files("outline.onnx", "outline.safetensors", ("x",), ("odds",))
FOLDER = Path(__file__).parent


def channels(rgb: NDArray[np.float32]) -> NDArray[np.float32]:
    """The network's input, (CHANNELS, SIDE, SIDE): colour over grey, x and y. rgb: (SIDE, SIDE, 3) in 0..1, sRGB."""
    at = ((np.arange(SIDE, dtype=np.float32) + 0.5) / SIDE * 2 - 1).astype(np.float32)
    gx, gy = np.meshgrid(at, -at)
    return np.concatenate([(rgb * 2 - 1).transpose(2, 0, 1), np.stack([gx, gy])]).astype(np.float32)


def likely(rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(SIDE, SIDE) in 0..1: how likely each place of the picture, (H, W, 3) uint8, is object.

    The mean of the network's outputs for the picture and its mirror image.
    """
    small = np.asarray(cv2.resize(rgb, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.float32) / np.float32(255)
    x = np.stack([channels(small), channels(small[:, ::-1])])
    (odds,) = _network().run(list(OUTLINE.outputs), {"x": x})
    mean = (odds[0] + odds[1][:, ::-1]) / 2
    share: NDArray[np.float32] = 1 / (1 + np.exp(-mean))
    return share


@cache
def _network() -> Any:
    return session(OUTLINE, FOLDER)
