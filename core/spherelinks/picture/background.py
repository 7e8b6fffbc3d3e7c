"""The background behind an object: a model of the picture's border, and how far each pixel is from it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from spherelinks.native import kernel

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]
Box = tuple[float, float, float, float]
"""Left, top, right, bottom as shares of the picture's width and height."""

WHOLE: Box = (0.0, 0.0, 1.0, 1.0)

_RING = 0.04  # width of the border that is taken for background, as a share of the longest side
_STEPS = 4
_RIDGE = 1e-6 * np.eye(6)  # keeps the fit solvable where the ring is no more than two lines
_CORE = 0.6  # minimum share of the ring that is background
_TIGHTER = 0.25  # how much tighter a fit must be to leave out a side of the picture
_SUPPORT = 0.75  # share of the ring explained by a uniform background
_CORE_SCALE = 1.43  # of a normal distribution's deviation to that of its innermost 60 %, in three dimensions
_OUTLIER = 3.0
_FLOOR = np.eye(3)  # variance that sensor noise and JPEG leave on a flat background, Lab units squared
_DARKEST_SHADOW = 0.45
_SHADOW_TINT = 4.0
_SOFT_EDGE = 3.0
_NEAR = 1.5  # distance that noise keeps to
_PIECE = 0.01  # share of the picture from which an enclosed patch of background colour is a view through the object


_measure = kernel("background_distances", "residual: f8[N,3]", "N", "inverse: f8[3,3]", "distance: f8[N]*")
_compare = kernel(
    "background_compared", "lab: f4[H,W,3]", "expected: f8[H,W,3]", "H", "W", "inverse: f8[3,3]", "darkest: float",
    "tint: float", "distance: f8[H,W]*", "darker: b1[H,W]*",
)  # fmt: skip


@dataclass(frozen=True)
class Ground:
    """Lab colour of the background as a quadratic over the picture, and its scatter.

    coefficients : (6, 3) float64, for the terms 1, x, y, x², xy, y² with x, y in -1..1 over the whole picture
    covariance : (3, 3) float64, of the residuals in Lab
    """

    coefficients: NDArray[np.float64]
    covariance: NDArray[np.float64]

    @property
    def scatter(self) -> float:
        """The mean deviation of the background from its model, Lab units: 1 if flat, 2 on wood, 8 and more if it shows
        other objects."""
        return float(np.linalg.det(self.covariance) ** (1 / 6))

    def compare(self, lab: Floats, box: Box = WHOLE) -> tuple[Floats, Mask]:
        """How far each pixel is from the background, and which of the far ones may be shadow.

        lab : (H, W, 3) float32, the part of the picture inside ``box``
        distance : (H, W) float32, Mahalanobis distance to the background's colour at that position
        shadow : (H, W) bool: darker than the background at about the same tint, and connected to it only by soft
            edges. A shaded side of the object is as dark, but behind the object's sharp outline.
        """
        expected = _terms(lab.shape[0], lab.shape[1], box) @ self.coefficients
        scatter = np.sqrt(np.diag(self.covariance))
        distance, darker = np.empty(lab.shape[:2]), np.empty(lab.shape[:2], np.bool_)
        _compare(
            np.ascontiguousarray(lab), expected, np.linalg.inv(self.covariance), _DARKEST_SHADOW,
            _SHADOW_TINT + 2 * np.hypot(scatter[1], scatter[2]), distance, darker,
        )  # fmt: skip

        slope = np.hypot(
            cv2.Sobel(lab[..., 0], cv2.CV_32F, 1, 0, scale=1 / 8), cv2.Sobel(lab[..., 0], cv2.CV_32F, 0, 1, scale=1 / 8)
        )
        soft = (darker | (distance < _OUTLIER)) & (slope < _SOFT_EDGE + scatter[0])
        outside = _reached(soft, distance < _NEAR)
        reached = cv2.dilate(outside.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
        return distance.astype(np.float32), darker & reached


def fit(lab: Floats) -> Ground:
    """The background of a whole picture, (H, W, 3) float32 in Lab, from a ring along its border.

    Least trimmed squares by concentration (Rousseeuw, Van Driessen 1999): from the whole ring, and from the ring
    without one of its sides, each step fits what the last one explained best; the tightest result is used and extended
    to all inliers. So an object cut by the border is not taken for background. If that leaves too little of the ring,
    as with a table in front of a wall, the whole ring is background, with the wider scatter that this implies.
    """
    height, width = lab.shape[:2]
    depth = ring_depth(height, width)
    ring = np.add.outer(np.arange(height), np.arange(width)) % 3 == 0  # a third of it is plenty
    ring[depth:-depth, depth:-depth] = False
    rows, columns = np.nonzero(ring)
    sides = (rows < depth, rows >= height - depth, columns < depth, columns >= width - depth)
    terms, colours = _terms(height, width, WHOLE)[rows, columns], lab[rows, columns].astype(np.float64)
    best = np.inf
    for side in (np.zeros(len(rows), bool), *sides):
        kept = ~side
        for _ in range(_STEPS):
            model, distance = _regressed(terms, colours, kept)
            kept = distance <= np.quantile(distance, _CORE)
        if (spread := float(np.linalg.det(model.covariance))) < _TIGHTER * best:
            best, core = spread, kept
    kept, scale = core, _CORE_SCALE
    for _ in range(_STEPS):
        model, distance = _regressed(terms, colours, kept)
        kept = distance < max(_OUTLIER * scale, float(np.quantile(distance, _CORE)))
        scale = 1.0
    if float((distance < _OUTLIER).mean()) < _SUPPORT:
        return _regressed(terms, colours, np.ones(len(terms), bool))[0]
    return model


def _regressed(
    terms: NDArray[np.float64], colours: NDArray[np.float64], kept: Mask
) -> tuple[Ground, NDArray[np.float64]]:
    """The background that fits the kept ones of (N, 6) terms and (N, 3) colours, and the distance of all N to it."""
    chosen = terms[kept]
    coefficients = np.linalg.solve(chosen.T @ chosen + _RIDGE, chosen.T @ colours[kept])
    residual = colours - terms @ coefficients
    covariance = np.cov(residual[kept].T) + _FLOOR
    distance = np.empty(len(residual))
    _measure(residual, np.linalg.inv(covariance), distance)
    return Ground(coefficients.astype(np.float64), covariance.astype(np.float64)), distance


def ring_depth(height: int, width: int) -> int:
    """Width, px, of the border of a picture of that size that is taken for background."""
    return max(2, round(_RING * max(height, width)))


def _terms(height: int, width: int, box: Box) -> NDArray[np.float64]:
    """(height, width, 6): the quadratic's terms at the pixels' centres."""
    left, top, right, bottom = box
    x = 2 * (left + (np.arange(width) + 0.5) / width * (right - left)) - 1
    y = 2 * (top + (np.arange(height) + 0.5) / height * (bottom - top)) - 1
    x, y = np.meshgrid(x, y)
    return np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=-1)


def _reached(passable: Mask, ground: Mask) -> Mask:
    """The passable pixels that are 4-connected to the border or to a large piece of background."""
    framed = np.pad(passable, 1, constant_values=True).astype(np.uint8)
    count, labels = cv2.connectedComponents(framed, connectivity=4)
    seeds = np.bincount(labels[1:-1, 1:-1][passable & ground], minlength=count) > _PIECE * passable.size
    seeds[labels[0, 0]] = True
    return np.asarray(seeds[labels[1:-1, 1:-1]] & passable)
