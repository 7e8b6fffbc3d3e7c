"""What an alpha channel cuts out: an object, or a picture's padding, its glass and its shadow."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Box = tuple[int, int, int, int]
"""Left, top, right, bottom, px."""

CLEAR, SOLID = 8, 128
"""Alpha below, and from, which a pixel is transparent and opaque."""

_CORNER = 0.2  # of a side: as much of a frame's corners may be rounded
_WHOLE = 0.998  # share of a frame's cross, without its corners, that is full
_LEAST = 0.25  # share of the picture that a picture within it covers
_EVEN = 0.015  # of the longest side: the most by which the margins of a frame differ
_DARK = 60  # sRGB, of a shadow's colour
_SHARE = 0.004  # of the picture, of a shadow
_FADE = 24  # steps of alpha from one pixel to the next along a shadow's outer edge, at most, nine times in ten


def framed(full: Mask) -> Box | None:
    """The rectangle that is all that is full, its corners rounded or not, where it lies as padding or a frame leave it.

    Padding leaves a picture that reaches two opposite sides, or all with their corners rounded; a frame has the same
    width on every side.
    """
    rows, columns = np.flatnonzero(full.any(axis=1)), np.flatnonzero(full.any(axis=0))
    if not len(rows):
        return None
    top, bottom, left, right = int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1
    height, width = bottom - top, right - left
    if height * width < _LEAST * full.size:
        return None
    y, x = round(_CORNER * height), round(_CORNER * width)
    inside = full[top:bottom, left:right]
    if min(inside[y : height - y].mean(), inside[:, x : width - x].mean()) < _WHOLE:
        return None
    margins = (left, top, full.shape[1] - right, full.shape[0] - bottom)
    spans = max(margins[0], margins[2]) <= 1 or max(margins[1], margins[3]) <= 1
    even = max(margins) - min(margins) <= _EVEN * max(full.shape)
    return (left, top, right, bottom) if spans or even else None


def filled(alpha: Bytes) -> Bytes | None:
    """The alpha with what an opaque rim encloses made solid where that is half transparent, as glass; None for none.

    What is transparent altogether, as the inside of a ring, stays.
    """
    _, labels, stats, _ = cv2.connectedComponentsWithStats((alpha < SOLID).astype(np.uint8), connectivity=4)
    height, width = alpha.shape
    out = None
    for part, (left, top, across, down, area) in enumerate(stats.tolist()):
        if part == 0 or left == 0 or top == 0 or left + across == width or top + down == height:
            continue
        inside = labels == part
        if area >= 16 and float((alpha[inside] >= CLEAR).mean()) > 0.9:
            out = alpha.copy() if out is None else out
            out[inside] = 255
    return out


def unshadowed(rgb: Bytes, alpha: Bytes) -> Bytes | None:
    """The alpha without a soft shadow at the object's foot; None if there is none.

    A shadow is dark, half transparent, fades out softly, and lies below the middle of what is opaque.
    """
    red, green, blue = cv2.split(rgb)
    dark = (cv2.max(cv2.max(red, green), blue) < _DARK) & (alpha >= CLEAR) & (alpha < 250)
    if np.count_nonzero(dark) < _SHARE * alpha.size:
        return None
    _, labels, stats, centres = cv2.connectedComponentsWithStats(dark.astype(np.uint8))
    solid = (alpha >= SOLID) & ~dark
    if not solid.any():
        return None
    middle = float(np.flatnonzero(solid.any(axis=1)).mean())
    clear = alpha < CLEAR
    steps = np.maximum(
        np.abs(np.gradient(alpha.astype(np.float32), axis=0)), np.abs(np.gradient(alpha.astype(np.float32), axis=1))
    )
    out = None
    for part in range(1, len(stats)):
        if stats[part, cv2.CC_STAT_AREA] < _SHARE * alpha.size or centres[part][1] < middle:
            continue
        shade = labels == part
        edge = shade & (cv2.dilate(clear.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0)
        if edge.sum() > 8 and float(np.quantile(steps[edge], 0.9)) < _FADE and float(np.median(steps[shade])) < _FADE:
            out = alpha.copy() if out is None else out
            out[shade] = 0
    return out
