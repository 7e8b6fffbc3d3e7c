"""Pictures of an object before busy grounds, and where in them it is: what `picture.outline` learns from.

The object is a relit view of a data set; the ground is made up: floors and walls, stripes, stains, scattered boxes and
balls and other objects, in and out of focus, with the object's shadow on it.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from spherelinks.picture.outline import SIDE, channels
from training.batches import Views
from training.light import lit

Floats = NDArray[np.float32]
Rng = np.random.Generator

EMPTY = 0.06  # share of pictures without an object


class Scenes(Views):
    """As Views, but `x` is a whole picture, (CHANNELS, SIDE, SIDE), and `mask` (SIDE, SIDE) how much of each pixel is
    the object."""

    def one(self, i: int, rng: Rng, vary: bool) -> dict[str, Any]:
        image = ground(rng)
        for _ in range(int(rng.integers(0, 4)) if rng.random() < 0.4 else 0):
            rgb, cover = self._placed(int(rng.integers(len(self))), rng, size=(0.2, 0.6), spread=1.0)
            image = image * (1 - cover) + rgb * cover
        if rng.random() < 0.6:
            image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.3, 2.5))
        rgb, cover = self._placed(i, rng, size=(0.35, 0.95), spread=0.2)
        if rng.random() < EMPTY:
            cover = np.zeros_like(cover)
        if rng.random() < 0.7:
            image = image * (1 - rng.uniform(0.1, 0.6) * _shadow(cover, rng))
        image = image * (1 - cover) + rgb * cover
        if rng.random() < 0.3:
            image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.3, 1.0))
        image = np.clip(image + _grain(rng, 0.03), 0, 1)
        return {"x": channels(image.astype(np.float32)).transpose(1, 2, 0), "mask": cover[..., 0]}

    def _placed(self, i: int, rng: Rng, size: tuple[float, float], spread: float) -> tuple[Floats, Floats]:
        """A relit object somewhere in the picture: (SIDE, SIDE, 3) and its cover (SIDE, SIDE, 1)."""
        folder, row = self.index[i]
        names = ("albedo", "facing", "shadow", "lamps", "elevation", "cover")
        a = {name: np.array(self.arrays[folder][name][row]) for name in names}
        rgb = lit(a["albedo"], a["facing"], a["shadow"], a["lamps"], float(a["elevation"]), rng)
        cover = a["cover"].astype(np.float32) / 255
        side = len(cover)
        stretch = np.exp(rng.normal(0, 0.2))  # pictures are not square
        scale = rng.uniform(*size) * SIDE / side / 0.85 * np.array([stretch, 1 / stretch])
        scale *= rng.choice([-1, 1], p=[0.5, 0.5]), 1
        turn = np.radians(rng.normal(0, 6))
        matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]) * scale
        middle = SIDE / 2 + rng.uniform(-0.5, 0.5, 2) * spread * SIDE
        warp = np.concatenate([matrix, (middle - matrix @ [side / 2, side / 2])[:, None]], 1)
        flags = cv2.INTER_AREA if abs(scale).max() < 1 else cv2.INTER_LINEAR
        both = cv2.warpAffine(np.dstack([rgb * cover[..., None], cover]), warp, (SIDE, SIDE), flags=flags)
        there = both[..., 3:]
        return both[..., :3] / np.maximum(there, 1e-3), np.clip(there, 0, 1)


def ground(rng: Rng) -> Floats:
    """(SIDE, SIDE, 3) in 0..1: a wall, perhaps a floor, perhaps things."""
    image = _surface(rng)
    if rng.random() < 0.4:
        floor, edge = _surface(rng), int(SIDE * rng.uniform(0.3, 0.8))
        image[edge:] = floor[edge:]
    kind = rng.random()
    for _ in range(0 if kind < 0.35 else int(rng.integers(1, 30))):
        colour = (np.clip(rng.uniform(-0.1, 1.1, 3), 0, 1)).tolist()
        at, half = rng.integers(0, SIDE, 2).tolist(), rng.integers(2, 32, 2).tolist()
        if rng.random() < 0.5:
            corners = cv2.boxPoints((at, (2 * half[0], 2 * half[1]), rng.uniform(0, 90)))
            cv2.fillPoly(image, [corners.astype(np.int32)], colour, cv2.LINE_AA)
        else:
            cv2.ellipse(image, at, half, rng.uniform(0, 180), 0, 360, colour, -1, cv2.LINE_AA)
    return image


def _surface(rng: Rng) -> Floats:
    """Two colours mixed by a gradient, stripes or stains of some size, and a grain."""
    y, x = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32) / SIDE
    angle, kind = rng.uniform(0, np.pi), rng.random()
    along = x * np.cos(angle) + y * np.sin(angle)
    if kind < 0.4:
        mix = along * rng.uniform(0, 1)
    elif kind < 0.65:
        mix = 0.5 + 0.5 * np.sin(along * rng.uniform(10, 90) + _stains(rng, 12) * rng.uniform(0, 6))
    else:
        mix = 0.5 + _stains(rng, float(np.exp(rng.uniform(0.3, 3.5)))) * rng.uniform(0.1, 0.6)
    one, other = rng.random((2, 3), np.float32)
    other = one + (other - one) * np.float32(rng.uniform(0, 1))
    image = one + (other - one) * mix[..., None].astype(np.float32) + _grain(rng, 0.05)
    return np.ascontiguousarray(np.clip(image, 0, 1), np.float32)


def _grain(rng: Rng, most: float) -> Floats:
    """(SIDE, SIDE, 3): noise of a random strength."""
    grain: Floats = rng.standard_normal((SIDE, SIDE, 3), np.float32) * np.float32(rng.uniform(0, most))
    return grain


def _stains(rng: Rng, size: float) -> Floats:
    """(SIDE, SIDE), about -1 to 1, smooth over `size` pixels."""
    noise = cv2.GaussianBlur(rng.standard_normal((SIDE, SIDE), np.float32), (0, 0), size)
    stains: Floats = noise / max(float(noise.std()), 1e-6) / 2
    return stains


def _shadow(cover: Floats, rng: Rng) -> Floats:
    """(SIDE, SIDE, 1) in 0..1: the object's outline squashed on to the ground at its foot, soft."""
    rows = np.flatnonzero(cover.max((1, 2)) > 0.5)
    if not len(rows):
        return np.zeros_like(cover)
    foot, flat = float(rows[-1]), rng.uniform(0.15, 0.5)
    warp = np.array([[1, rng.uniform(-0.6, 0.6), 0], [0, flat, foot * (1 - flat)]])
    warp[0, 2] = -warp[0, 1] * foot
    soft = cv2.GaussianBlur(cv2.warpAffine(cover, warp, (SIDE, SIDE)), (0, 0), rng.uniform(1, 5))
    shadow: Floats = soft[..., None]
    return shadow
