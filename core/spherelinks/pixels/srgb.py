"""sRGB and linear light: the one place of the curve (IEC 61966-2-1)."""

from __future__ import annotations

from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

F = TypeVar("F", bound=np.floating)


def to_linear(srgb: NDArray[F]) -> NDArray[F]:
    """Light in 0..1 of sRGB values in 0..1; any shape."""
    light: NDArray[F] = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    return light


def to_srgb(light: NDArray[F]) -> NDArray[F]:
    """sRGB values in 0..1 of light in 0..1; any shape."""
    srgb: NDArray[F] = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    return srgb


#: Light of each sRGB byte, float64.
LIGHT = to_linear(np.arange(256) / 255)
_LIGHT = LIGHT.astype(np.float32)


def linear(srgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Light, float32 in 0..1, of sRGB bytes; any shape."""
    rows = np.ascontiguousarray(srgb).reshape(1, -1)
    return np.asarray(cv2.LUT(rows, _LIGHT), np.float32).reshape(srgb.shape) if srgb.size else _LIGHT[srgb]


def encoded(light: NDArray[np.floating]) -> NDArray[np.uint8]:
    """sRGB bytes of light, clipped to 0..1; any shape."""
    return np.asarray(to_srgb(np.clip(light, 0, 1)) * 255 + 0.5).astype(np.uint8)
