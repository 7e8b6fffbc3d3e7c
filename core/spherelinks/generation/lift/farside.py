"""The far side's colours: what of the picture shows there too, and how a small network chooses.

For each ray the far surface may look like the network's guess, or like a place of the picture: the same pixel, the
pixel mirrored about the object's axis, and the two places that show the point's twins, by mirroring and by a half turn
about the upright axis. The network weighs these sources; what it weighs is as sharp as the picture.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

SOURCES = ("guess", "same", "mirrored", "twin", "turned", "twin's detail", "turned one's detail")
CELLS = 64  # side of the network's input, and of what is coarse
KNOWN = 16  # channels of the input beside the colours of the first five sources
CHANNELS = 15 + KNOWN
_SOFT = (
    CELLS / 24
)  # deviation of the blur that separates detail from coarse colour, which the guess knows better, cells
_ACROSS = 25  # the channel with the pixel's x
_REGAINED = np.float32(0.25)  # 0.5 would restore all variation that the mean of independent sources loses
_HIDDEN = np.float32(0.15)  # depth behind the visible surface at which a twin is hardly seen


class Sources(NamedTuple):
    """colors : (len(SOURCES), S, S, 3) float32, 0..255; x : (CHANNELS, CELLS, CELLS) float32, the network's input"""

    colors: Floats
    x: Floats


#: From the network's input to each source's share, (len(SOURCES), N, N), which sum to one.
Gate = Callable[[Floats], Floats]


def mixed(given: Sources, gate: Gate) -> Floats:
    """(S, S, 3) float32, 0..255: the far side's colours along each ray."""
    size = given.colors.shape[1:3]
    shares = [np.asarray(cv2.resize(m, size, interpolation=cv2.INTER_LINEAR), np.float32) for m in gate(given.x)]
    out = np.zeros(given.colors.shape[1:], np.float32)
    for share, color in zip(shares, given.colors, strict=True):
        out += share[..., None] * color
    # a mean varies less than its parts, the less the more of them share a place
    low, gain = _soft(out), np.square(np.stack(shares)).sum(0)[..., None] ** -_REGAINED
    mixed: Floats = np.clip(low + gain * (out - low), 0, 255).astype(np.float32)
    return mixed


def mirrored(x: Floats) -> Floats:
    """(CHANNELS, CELLS, CELLS): the input of the mirrored picture."""
    flipped = x[..., ::-1].copy()
    flipped[_ACROSS] *= -1
    return flipped


def sources(
    picture: Floats, matte: Floats, front: Floats, thickness: Floats, guess: Floats, elevation: float, tangent: float
) -> Sources:
    """What the far side may look like.

    picture, matte, front, thickness, guess : (S, S, ...) float32, colours in 0..255, the depths known everywhere
    elevation : of the camera, radians; tangent : of half the field of view
    """
    side = len(picture)
    at = ((np.arange(side, dtype=np.float32) + 0.5) / side * 2 - 1).astype(np.float32)
    gx, gy = np.meshgrid(at, -at)
    s, c = float(np.sin(elevation)), float(np.cos(elevation))
    inside = matte > 0.5
    x, y, z = _upright(gx, gy, front + thickness, s, c, tangent)
    near = _upright(gx, gy, front, s, c, tangent)
    axis, depth = (_middle(np.concatenate([far[inside], first[inside]])) for far, first in ((x, near[0]), (z, near[2])))

    def seen(x: Floats, z: Floats) -> tuple[Floats, Floats, Floats]:
        """Colour of the picture where it shows a point, how well it is seen there, how far behind the surface it is."""
        up, d = y * c - z * s, -(y * s + z * c)
        scale = np.maximum(1 + d * np.float32(tangent), 0.05)
        u, v = (x / scale + 1) * (side / 2) - 0.5, (1 - up / scale) * (side / 2) - 0.5
        color, over, surface = (
            np.asarray(cv2.remap(m, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32)
            for m in (picture, matte, front)
        )
        behind: Floats = d - surface
        return color, over * np.exp(-np.square(np.maximum(behind, 0) / _HIDDEN)), behind

    twin, twin_seen, twin_behind = seen(x, 2 * depth - z)
    turned, turned_seen, turned_behind = seen(2 * axis - x, 2 * depth - z)
    opposite = np.ascontiguousarray(picture[:, ::-1])
    plain, *soft = (_soft(m) for m in (guess, picture, opposite, twin, turned))
    detail = [m - low for m, low in zip((picture, opposite, twin, turned), soft, strict=True)]
    colors = np.stack([guess, picture, opposite, twin, turned, plain + detail[2], plain + detail[3]])
    rough = [np.abs(m).mean(-1) / 32 for m in detail]
    deep = cv2.distanceTransform(inside.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5).astype(np.float32) * (4 / side)
    back = front + thickness
    slope = np.hypot(*np.gradient(back, 2 / side)).clip(0, 4) / 2
    known = [
        matte * 2 - 1, matte[:, ::-1] * 2 - 1, twin_seen, turned_seen, twin_behind.clip(-1, 1),
        turned_behind.clip(-1, 1), deep.clip(0, 1), front, thickness, slope, gx, gy, *rough,
    ]  # fmt: skip
    given = [*(colors[:5] / np.float32(127.5) - 1).transpose(0, 3, 1, 2).reshape(-1, side, side), *known]
    cells = [cv2.resize(m, (CELLS, CELLS), interpolation=cv2.INTER_AREA) for m in given]
    return Sources(colors.astype(np.float32), np.stack(cells).astype(np.float32))


def _middle(values: Floats) -> np.float32:
    """The middle between low and high values, outliers aside; 0 if there are none."""
    return np.float32(np.quantile(values, (0.02, 0.98)).mean() if len(values) else 0)


def _upright(gx: Floats, gy: Floats, d: Floats, s: float, c: float, tangent: float) -> tuple[Floats, Floats, Floats]:
    """The points at depth d along the rays, in upright axes."""
    scale = 1 + d * np.float32(tangent)
    px, py = gx * scale, gy * scale
    return px, py * c - d * s, -(py * s + d * c)


def _soft(color: Floats) -> Floats:
    """The colours without detail finer than about _SOFT cells."""
    side = len(color)
    small = cv2.resize(color, (CELLS, CELLS), interpolation=cv2.INTER_AREA)
    blurred = cv2.GaussianBlur(small, (0, 0), _SOFT, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(cv2.resize(blurred, (side, side), interpolation=cv2.INTER_LINEAR), np.float32)
