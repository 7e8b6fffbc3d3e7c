"""Guided filter: a coarse mask takes on the edges of the picture below it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from spherelinks import threads
from spherelinks.native import kernel

Floats = NDArray[np.float32]

_multiply = kernel("guided_products", "guide: f4[H,W,3]", "H", "W", "products: f4[6,H,W]*")
_join = kernel("guided_joint", "guide: f4[H,W,3]", "mask: f4[H,W]", "H", "W", "joint: f4[H,W,3]*")
_fit = kernel(
    "guided_fitted", "guide: f4[H,W,3]", "mask: f4[H,W]", "H", "W", "products: f4[6,H,W]", "joint: f4[H,W,3]",
    "epsilon: float", "slope: f4[H,W,3]*", "offset: f4[H,W]*",
)  # fmt: skip
_evaluate = kernel(
    "guided_evaluated", "onto: f4[H,W,3]", "slope: f4[H,W,3]", "offset: f4[H,W]", "H", "W", "out: f4[H,W]*"
)


@dataclass(frozen=True)
class Guide:
    """A picture, and what a filter needs of it alone, whatever the mask.

    colors : (H, W, 3) float32 in 0..1; mean : of the same shape, their means over boxes
    products : (6, H, W) float32, the means of their products
    radius : of the boxes, px
    """

    colors: Floats
    mean: Floats
    products: Floats
    radius: int


def guide_of(colors: Floats, radius: int) -> Guide:
    """A guide of (H, W, 3) float32 colours in 0..1, with boxes of that radius, px."""
    colors = np.ascontiguousarray(colors)
    products = np.empty((6, *colors.shape[:2]), np.float32)
    _multiply(colors, products)
    with threads.pool() as pool:
        mean, *means = pool.map(lambda values: _box(values, radius), (colors, *products))
    return Guide(colors, mean, np.stack(means), radius)


def guided_filter(guide: Guide, mask: Floats, *, epsilon: float, onto: Floats | None = None) -> Floats:
    """The mask as a locally linear function of the guide's colours, fitted over boxes.

    mask : (H, W) float32 in 0..1, of the guide's size
    epsilon : variance of colour below which an edge is smoothed over rather than followed
    onto : (H', W', 3) float32, the same picture at another resolution, on which the fitted function is evaluated;
        None is the guide's own

    Returns (H', W') float32, not clipped. He, Sun, Tang: "Guided Image Filtering" (2010), §3.4 for colour guides;
    He, Sun: "Fast Guided Filter" (2015) for fitting at low resolution.
    """
    onto = guide.colors if onto is None else onto
    mask, joint = np.ascontiguousarray(mask), np.empty_like(guide.colors)
    _join(guide.colors, mask, joint)
    slope, offset = np.empty_like(joint), np.empty_like(mask)
    size = (onto.shape[1], onto.shape[0])

    def spread(values: Floats) -> Floats:
        fitted = _box(values, guide.radius)
        return np.asarray(cv2.resize(fitted, size, interpolation=cv2.INTER_LINEAR), np.float32)

    with threads.pool() as pool:
        mean_mask, mean_joint = pool.map(lambda values: _box(values, guide.radius), (mask, joint))
        _fit(guide.mean, mean_mask, guide.products, mean_joint, epsilon, slope, offset)
        slopes, offsets = pool.map(spread, (slope, offset))
    out = np.empty(onto.shape[:2], np.float32)
    _evaluate(np.ascontiguousarray(onto), slopes, offsets, out)
    return out


def _box(values: Floats, radius: int) -> Floats:
    return np.asarray(cv2.blur(values, (2 * radius + 1, 2 * radius + 1), borderType=cv2.BORDER_REFLECT), np.float32)
