"""Guided filter: a coarse mask takes on the edges of the picture below it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from spherelinks import threads
from spherelinks.native import kernel

Floats = NDArray[np.float32]

_multiply = kernel(
    "guided_products", "guide: f4[H,W,3]", "mask: f4[H,W]", "H", "W", "products: f4[6,H,W]*", "joint: f4[H,W,3]*"
)  # fmt: skip
_fit = kernel(
    "guided_fitted", "guide: f4[H,W,3]", "mask: f4[H,W]", "H", "W", "products: f4[6,H,W]", "joint: f4[H,W,3]",
    "epsilon: float", "slope: f4[H,W,3]*", "offset: f4[H,W]*",
)  # fmt: skip
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
    guide, mask = np.ascontiguousarray(guide), np.ascontiguousarray(mask)
    products, joint = np.empty((6, *mask.shape), np.float32), np.empty_like(guide)
    _multiply(guide, mask, products, joint)
    with threads.pool() as pool:
        mean_guide, mean_mask, joint, *pairs = pool.map(
            lambda values: _box(values, radius), (guide, mask, joint, *products)
        )
    slope, offset = np.empty_like(guide), np.empty_like(mask)
    _fit(mean_guide, mean_mask, np.stack(pairs), joint, epsilon, slope, offset)
    size = (onto.shape[1], onto.shape[0])
    slopes, offsets = (
        np.asarray(cv2.resize(_box(values, radius), size, interpolation=cv2.INTER_LINEAR), np.float32)
        for values in (slope, offset)
    )
    out = np.empty(onto.shape[:2], np.float32)
    _evaluate(np.ascontiguousarray(onto), slopes, offsets, out)
    return out


def _box(values: Floats, radius: int) -> Floats:
    return np.asarray(cv2.blur(values, (2 * radius + 1, 2 * radius + 1), borderType=cv2.BORDER_REFLECT), np.float32)
