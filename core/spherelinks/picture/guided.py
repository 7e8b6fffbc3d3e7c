"""Guided filter: a coarse mask takes on the edges of the picture below it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from spherelinks.native import kernel

Floats = NDArray[np.float32]

_evaluate = kernel(
    "guided_evaluated", "onto: f4[H,W,3]", "slope: f4[H,W,3]", "offset: f4[H,W]", "H", "W", "out: f4[H,W]*"
)


def guided_filter(guide: Floats, mask: Floats, *, radius: int, epsilon: float, onto: Floats | None = None) -> Floats:
    """The mask as a locally linear function of the guide's colours, fitted over boxes.

    guide : (H, W, 3) float32 in 0..1
    mask : (H, W) float32 in 0..1
    radius : of the boxes, px of the guide
    epsilon : variance of colour below which an edge is smoothed over rather than followed
    onto : (H', W', 3) float32, the same picture at another resolution, on which the fitted function is evaluated;
        None is the guide itself

    Returns (H', W') float32, not clipped. He, Sun, Tang: "Guided Image Filtering" (2010), §3.4 for colour guides;
    He, Sun: "Fast Guided Filter" (2015) for fitting at low resolution.
    """
    onto = guide if onto is None else onto
    mean_guide, mean_mask = _box(guide, radius), _box(mask, radius)
    red, green, blue = (guide[..., channel] for channel in range(3))
    pairs = (red * red, red * green, red * blue, green * green, green * blue, blue * blue)
    rr, rg, rb, gg, gb, bb = (_box(np.asarray(pair, np.float32), radius) for pair in pairs)
    joint = _box(guide * mask[..., None], radius) - mean_guide * mean_mask[..., None]
    r, g, b = (mean_guide[..., channel] for channel in range(3))
    floor = np.float32(epsilon)
    rr, gg, bb = rr - r * r + floor, gg - g * g + floor, bb - b * b + floor
    rg, rb, gb = rg - r * g, rb - r * b, gb - g * b
    # The inverse of the symmetric 3 × 3 covariance by its adjugate.
    a00, a01, a02 = gg * bb - gb * gb, gb * rb - rg * bb, rg * gb - gg * rb
    a11, a12, a22 = rr * bb - rb * rb, rb * rg - rr * gb, rr * gg - rg * rg
    determinant = rr * a00 + rg * a01 + rb * a02
    jr, jg, jb = (joint[..., channel] for channel in range(3))
    slope = np.stack(
        [a00 * jr + a01 * jg + a02 * jb, a01 * jr + a11 * jg + a12 * jb, a02 * jr + a12 * jg + a22 * jb], axis=-1
    )
    slope /= determinant[..., None]
    offset = mean_mask - (slope * mean_guide).sum(axis=-1)
    size = (onto.shape[1], onto.shape[0])
    slope = cv2.resize(_box(slope, radius), size, interpolation=cv2.INTER_LINEAR)
    offset = cv2.resize(_box(offset, radius), size, interpolation=cv2.INTER_LINEAR)
    out = np.empty(onto.shape[:2], np.float32)
    _evaluate(np.ascontiguousarray(onto), np.asarray(slope, np.float32), np.asarray(offset, np.float32), out)
    return out


def _box(values: Floats, radius: int) -> Floats:
    return np.asarray(cv2.blur(values, (2 * radius + 1, 2 * radius + 1), borderType=cv2.BORDER_REFLECT), np.float32)
