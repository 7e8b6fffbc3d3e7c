"""Relights stored views: random lamps and exposure make many pictures of one view.

Lambertian shading under a sky and one to three lamps, with the view's own shadows and sometimes a gloss (Blinn 1977).
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from spherelinks.pixels.srgb import to_linear
from training.surface import Floats, to_srgb

STEPS = 2048  # of the table from linear light to sRGB; light above 1 is clipped, as by a sensor
_LINEAR: Floats = to_linear(np.arange(256, dtype=np.float32) / 255).astype(np.float32)
_SRGB: Floats = to_srgb(np.linspace(0, 1, STEPS, dtype=np.float32)).astype(np.float32)


def lit(
    albedo: NDArray[np.uint8],
    facing: NDArray[np.int8],
    shadow: NDArray[np.uint8],
    lamps: Floats,
    elevation: float,
    rng: np.random.Generator | None,
) -> Floats:
    """(P, P, 3) in 0..1, sRGB: a `training.view.View` in random light, or in plain light if `rng` is None.

    elevation: of the camera, degrees; it decides where up, and so the sky, is.
    """
    count, plain = len(lamps), rng is None
    power = np.zeros(count, np.float32)
    ambient, sky, gloss, sharp = 0.45, 0.0, 0.0, 1.0
    tone = np.broadcast_to(_SRGB, (3, STEPS))
    if rng is None:
        power[0] = 0.6
    else:
        some = rng.permutation(count)[: rng.integers(1, 4)]
        power[some] = rng.uniform(0.25, 0.9, len(some))
        ambient = rng.uniform(0.25, 0.65)
        sky = rng.uniform(0, 0.4) if rng.random() < 0.3 else 0.0
        if rng.random() < 0.25:
            gloss, sharp = rng.uniform(0.05, 0.5), np.exp(rng.uniform(1.5, 5))
        gain, gamma = np.exp(rng.normal(0, 0.12, 3) + rng.normal(0, 0.15)), np.exp(rng.normal(0, 0.2))
        tone = np.clip(np.maximum(_SRGB, 1e-4) ** gamma * gain[:, None], 0, 1)
    up = np.array([0, np.cos(np.radians(elevation)), np.sin(np.radians(elevation))], np.float32)
    halfway = lamps + np.array([0, 0, 1], np.float32)
    halfway /= np.linalg.norm(halfway, axis=1, keepdims=True)
    rgb = np.empty(albedo.shape, np.float32)
    _light(
        albedo, facing, shadow, lamps, power, halfway.astype(np.float32), up, np.float32(ambient), np.float32(sky),
        np.float32(gloss), np.float32(sharp), _LINEAR, np.ascontiguousarray(tone, np.float32), rgb,
    )  # fmt: skip
    if not plain and rng.random() < 0.5:
        rgb += rng.standard_normal(rgb.shape, np.float32) * np.float32(rng.uniform(0, 0.03))
        np.clip(rgb, 0, 1, out=rgb)
    return rgb


def shone(
    albedo: NDArray[np.uint8],
    facing: NDArray[np.int8],
    shadow: NDArray[np.uint8],
    lamps: Floats,
    power: Floats,
    ambient: float,
) -> Floats:
    """(P, P, 3) in 0..1, sRGB: as `lit`, with the power of each lamp given, no gloss and no change of exposure."""
    rgb = np.empty(albedo.shape, np.float32)
    zero, tone = np.float32(0), np.ascontiguousarray(np.broadcast_to(_SRGB, (3, STEPS)))
    _light(
        albedo, facing, shadow, lamps, power, lamps, np.array([0, 1, 0], np.float32), np.float32(ambient), zero, zero,
        np.float32(1), _LINEAR, tone, rgb,
    )  # fmt: skip
    return rgb


@njit(cache=True, nogil=True)
def _light(  # type: ignore[no-untyped-def]
    albedo, facing, shadow, lamps, power, halfway, up, ambient, sky, gloss, sharp, linear, tone, rgb
):  # fmt: skip
    height, width = shadow.shape
    last = tone.shape[1] - 1
    for y in range(height):
        for x in range(width):
            a = facing[y, x, 0] / np.float32(127)
            b = facing[y, x, 1] / np.float32(127)
            c = facing[y, x, 2] / np.float32(127)
            shade = ambient * (1 + sky * (b * up[1] + c * up[2]))
            shine = np.float32(0)
            for k in range(len(power)):
                if power[k] > 0 and not (shadow[y, x] >> k) & 1:
                    facing_it = a * lamps[k, 0] + b * lamps[k, 1] + c * lamps[k, 2]
                    if facing_it > 0:
                        shade += power[k] * facing_it
                        if gloss > 0:
                            half = a * halfway[k, 0] + b * halfway[k, 1] + c * halfway[k, 2]
                            if half > 0:
                                shine += power[k] * gloss * half**sharp
            for k in range(3):
                light = linear[albedo[y, x, k]] * shade + shine
                rgb[y, x, k] = tone[k, int(min(max(light, np.float32(0)), np.float32(1)) * last + np.float32(0.5))]
