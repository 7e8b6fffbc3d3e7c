"""Whether an object is drawn in lines alone, which say little of its shape."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

NOTE = "It looks like a line drawing, which says little of a shape: a shaded or coloured picture gives a better one."

_SIDE = 400  # px, at which it is looked at
_ALIKE = 16  # levels in each channel within which pixels have the paper's colour
_INK = 90  # levels of brightness by which lines differ from the paper
_PAPER = 0.6  # share of the object that is paper
_LEAST, _MOST = 0.01, 0.4  # shares of it that are lines
_WIDTH = 0.025  # of its longest side, the most that a line is wide
_THIN = 0.9  # share of the lines that is no wider
_REST = 0.04  # share of it that may be neither, nor next to a line


def is_drawing(rgb: NDArray[np.uint8], alpha: NDArray[np.floating]) -> bool:
    """Whether an object consists of thin lines of one brightness, on paper of one colour or cut out along them.

    rgb : (H, W, 3) uint8; alpha : (H, W) of the object, 0..1
    """
    scale = _SIDE / max(alpha.shape)
    if scale < 1:
        rgb = cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA).astype(np.uint8)
        alpha = cv2.resize(alpha, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA).astype(np.float32)
    inside = np.asarray(alpha) > 0.5
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    if not len(rows):
        return False
    here = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    inside, colors = inside[here], rgb[here]
    longest = max(inside.shape)
    if _thin(inside, longest):
        bright = colors[inside].mean(axis=1)
        return bool(np.quantile(bright, 0.9) - np.quantile(bright, 0.1) < _INK)
    bins = (colors[inside] // 8).astype(np.int64) @ (1024, 32, 1)
    common = np.bincount(bins).argmax()
    paper = np.array((common >> 10, common >> 5 & 31, common & 31)) * 8 + 4
    red, green, blue = (np.abs(c.astype(np.int16) - p) for c, p in zip(cv2.split(colors), paper, strict=True))
    away = np.maximum(np.maximum(red, green), blue)
    total = inside.sum()
    if (inside & (away < _ALIKE)).sum() <= _PAPER * total:
        return False
    ink = inside & (paper.mean() - colors.mean(axis=2) > _INK)
    near = cv2.dilate(ink.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    return bool(
        _LEAST * total < ink.sum() < _MOST * total
        and (inside & (away >= _ALIKE) & ~near).sum() < _REST * total
        and _thin(ink, longest)
    )


def _thin(mask: NDArray[np.bool_], longest: int) -> bool:
    """Whether nearly all of it is in lines."""
    side = max(3, round(_WIDTH * longest)) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    thick = cv2.morphologyEx(np.pad(mask, side).astype(np.uint8), cv2.MORPH_OPEN, kernel)
    return float(thick.sum()) < (1 - _THIN) * float(mask.sum())
