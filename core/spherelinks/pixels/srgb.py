"""sRGB and linear light."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_SRGB = np.arange(256) / 255
#: Light of each sRGB byte (IEC 61966-2-1).
_LIGHT = np.where(_SRGB <= 0.04045, _SRGB / 12.92, ((_SRGB + 0.055) / 1.055) ** 2.4).astype(np.float32)


def linear(srgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Light, float32 in 0..1, of sRGB bytes; any shape."""
    return _LIGHT[srgb]


def encoded(light: NDArray[np.floating]) -> NDArray[np.uint8]:
    """sRGB bytes of light, clipped to 0..1; any shape."""
    light = np.clip(light, 0, 1)
    srgb = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.asarray(srgb * 255 + 0.5).astype(np.uint8)
