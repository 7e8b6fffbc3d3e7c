"""The frame: picture and matte cropped to a square around the object, at a size for generators and texture."""

from __future__ import annotations

from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from spherelinks import threads
from spherelinks.errors import NoObject
from spherelinks.native import kernel
from spherelinks.picture.decode import Picture
from spherelinks.shape import Frame

Floats = NDArray[np.float32]
T = TypeVar("T", np.uint8, np.float32)

FILL = 0.85  # of the frame's side, by the object's longest side
MIN_SIDE, MAX_SIDE, STEP = 512, 1024, 64

#: Pixels of an object's longest side in its picture below which its colours are blurred, and small parts missed.
FEW = 128

_CUT = 0.1

#: Rows that a thread works on at a time.
BAND = 256

_weigh = kernel(
    "frame_weighted", "colour: f4[H,W,3]", "H", "W", "alpha: f4[H,W]", "inner: f4[H,W]", "out: f4[R,C,4]*", "R", "C"
)
_sum_up = kernel("frame_summed", "mean: f4[H,W,4]", "H", "W", "out: f4[R,C,4]*", "R", "C")
_mix = kernel("frame_mix", "weighted: f4[H,W,4]", "H", "W", "colour: f4[H,W,3]*")


def frame(picture: Picture, matte: Floats) -> Frame:
    """The object centred in a square, its bounding box's longest side (matte > 0.5) over ``FILL`` of it.

    matte : (H, W) float32 in 0..1, of the picture's size

    The frame's side follows the object's own resolution, a multiple of ``STEP`` from ``MIN_SIDE`` to ``MAX_SIDE``.
    Colours come from pixels that show only the object and are extended past the matte's border, so the background's
    colour appears nowhere, not even as a fringe. Pixels outside the picture, and the frame's outermost ring of pixels,
    have matte 0. Raises NoObject if the matte is nowhere above 0.5.
    """
    left, top, crop = _square(matte)
    side = int(np.clip(STEP * np.ceil(crop / STEP), MIN_SIDE, MAX_SIDE))
    alpha = _cropped(matte, left, top, crop)
    colour = _cropped(picture.rgb, left, top, crop).astype(np.float32)
    weighted = _trusted(colour, alpha)
    if crop > side:
        weighted = _resized(weighted[:crop, :crop], (side, side), cv2.INTER_AREA)
        alpha = _resized(alpha, (side, side), cv2.INTER_AREA)
    colour = _continued(weighted, *alpha.shape)
    if crop < side:
        most = alpha.max()
        colour = _resized(colour, (side, side), cv2.INTER_CUBIC)
        alpha = np.clip(_resized(alpha, (side, side), cv2.INTER_CUBIC), 0, most)
    alpha[[0, -1]] = alpha[:, [0, -1]] = 0
    rgb = np.asarray(cv2.convertScaleAbs(np.maximum(colour, 0)), np.uint8)  # rounded, and at most 255
    return Frame(rgb=rgb, matte=alpha)


def continued(colour: Floats, matte: Floats) -> Floats:
    """(H, W, 3) float32: the object's colours, those that only it shows, extended smoothly over the whole picture."""
    return np.ascontiguousarray(_continued(_trusted(colour, matte), *matte.shape))


def touches_border(matte: Floats) -> bool:
    """Whether the object seems cut by the picture's border: matte > 0.5 along much of one side.

    Relative to the object's extent along that side, since a cut-out trimmed to its object also touches, but only at
    points.
    """
    solid = matte > 0.5
    for lines, along in ((solid[[0, -1]], 0), (solid[:, [0, -1]].T, 1)):
        extent = np.count_nonzero(solid.any(axis=along))
        if extent and np.count_nonzero(lines, axis=1).max() > max(1, _CUT * extent):
            return True
    return False


def few_pixels(matte: Floats) -> str | None:
    """What is to be said of an object that has few pixels in its picture."""
    low, high = _box(matte)
    width, height = (high - low).tolist()
    if max(width, height) >= FEW:
        return None
    return f"The object has only {width} × {height} pixels in the picture: a larger picture gives a sharper texture."


def _box(matte: Floats) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The object's first column and row, and those after its last."""
    solid = matte > 0.5
    rows, columns = np.flatnonzero(solid.any(axis=1)), np.flatnonzero(solid.any(axis=0))
    if not len(rows):
        raise NoObject("The picture shows no object.", hint="Use a picture of one object on a plain background.")
    return np.array([columns[0], rows[0]]), np.array([columns[-1], rows[-1]]) + 1


def _square(matte: Floats) -> tuple[int, int, int]:
    """Left, top and side, px, of the square around the object; it may extend beyond the picture."""
    low, high = _box(matte)
    side = max(1, round(float((high - low).max()) / FILL))
    left, top = np.floor((low + high - side) / 2).astype(int).tolist()
    return left, top, side


def _cropped(values: NDArray[T], left: int, top: int, side: int) -> NDArray[T]:
    """A square part of (H, W) or (H, W, C) values, zero outside them."""
    height, width = values.shape[:2]
    part = np.zeros((side, side, *values.shape[2:]), values.dtype)
    rows = slice(max(0, top), min(height, top + side))
    columns = slice(max(0, left), min(width, left + side))
    part[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left] = values[rows, columns]
    return part


def _trusted(colour: Floats, alpha: Floats) -> Floats:
    """(H, W, 4): colours times the trust in them, and the trust; whole where the pixel and those round it are solid.

    H and W are even, with zeros beyond the picture.
    """
    weighted = _even(alpha)
    colour, alpha = np.ascontiguousarray(colour), np.ascontiguousarray(alpha)
    inner = np.asarray(cv2.erode(alpha, np.ones((3, 3), np.uint8)), np.float32)

    def weigh(first: int) -> None:
        rows = slice(first, first + BAND)
        _weigh(colour[rows], alpha[rows], inner[rows], weighted[rows])

    threads.each(weigh, range(0, len(alpha), BAND))
    return weighted


def _even(values: Floats) -> Floats:
    """(H, W, 4) zeros for (H', W', ...) values, H and W even."""
    height, width = values.shape[:2]
    return np.zeros((height + height % 2, width + width % 2, 4), np.float32)


def _continued(weighted: Floats, height: int, width: int) -> Floats:
    """Extend trusted colours smoothly over the whole picture, the nearest first.

    weighted : (H, W, 4) float32, H and W even, colours times trust, and the trust in 0..1
    height, width : of the picture in it. Returns (height, width, 3) float32.

    Pull-push (Gortler et al., "The Lumigraph", 1996, §3.4): averages over ever larger cells, then back down, each
    cell mixed with the coarser one by how little trust it has gathered.
    """
    if max(height, width) == 1:
        one = weighted[:1, :1]
        return np.asarray(one[..., :3] / np.maximum(one[..., 3:], 1e-12), np.float32)
    size = (weighted.shape[1], weighted.shape[0])
    means = _resized(weighted, (size[0] // 2, size[1] // 2), cv2.INTER_AREA)
    coarse = _even(means)
    _sum_up(means, coarse)
    colour = _resized(_continued(coarse, *means.shape[:2]), size, cv2.INTER_LINEAR)

    def mix(first: int) -> None:
        rows = slice(first, first + BAND)
        _mix(weighted[rows], colour[rows])

    threads.each(mix, range(0, len(colour), BAND))
    return colour[:height, :width]


def _resized(values: Floats, size: tuple[int, int], interpolation: int) -> Floats:
    return np.asarray(cv2.resize(values, size, interpolation=interpolation), np.float32)
