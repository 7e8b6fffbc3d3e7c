"""Fills the texels between charts, so that no seam shows at any mipmap level."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from spherelinks import threads
from spherelinks.native import kernel

#: Texels by which charts are grown texel by texel; further out a blurred continuation does.
RIM = 8
#: Rows that a thread grows at a time.
BAND = 256


_grow_rings = kernel(
    "padding_grow", "texture: u1[H,W,3]*", "known: b1[H,W]*", "H", "W", "border: i8[N,2]", "N", "rings: int"
)  # fmt: skip


def fill(texture: NDArray[np.uint8], covered: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Continue the covered texels' colours over the whole texture.

    texture : (H, W, 3) uint8; covered : (H, W) bool. RIM texels round each chart take the mean of their neighbours,
    ring after ring; the rest is filled from a pyramid (push-pull: Gortler et al. 1996), which also packs small as JPEG.
    Returns a new texture; black where nothing is covered at all.
    """
    texture, known = _grown(texture, covered)
    if known.all() or not known.any():
        return texture
    small = max(1, max(texture.shape[:2]) // RIM)
    mask = known.view(np.uint8)
    coarse = _pull(
        _resized(cv2.copyTo(texture, mask).astype(np.float32), small), _resized(mask.astype(np.float32), small)
    )
    smooth = cv2.resize((coarse + 0.5).astype(np.uint8), texture.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.copyTo(texture, mask, smooth), np.uint8)


def _grown(texture: NDArray[np.uint8], covered: NDArray[np.bool_]) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """The texture with RIM texels round each chart, and what is known of it, several bands of rows at a time."""
    grown, known = np.empty_like(texture), np.empty_like(covered)

    def grow(first: int) -> None:
        low = max(first - RIM, 0)  # what grows into the band comes from no further
        rows, band = slice(low, first + BAND + RIM), slice(first, first + BAND)
        colors, there = texture[rows].copy(), covered[rows].copy()
        border = cv2.dilate(there.view(np.uint8), np.ones((3, 3), np.uint8)) > there.view(np.uint8)
        _grow(colors, there, np.argwhere(border), RIM)
        grown[band], known[band] = colors[first - low :][:BAND], there[first - low :][:BAND]

    threads.each(grow, range(0, len(texture), BAND))
    return grown, known


def _resized(image: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    how = cv2.INTER_AREA if size < len(image) else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, (size, size), interpolation=how), np.float32).reshape(
        size, size, *image.shape[2:]
    )


def _pull(mean: NDArray[np.float32], share: NDArray[np.float32]) -> NDArray[np.float32]:
    """Colours premultiplied by their share -> colours everywhere, the missing ones from coarser levels."""
    size = len(mean)
    if size == 1:
        return np.asarray(mean / np.maximum(share, 1e-6)[..., None], np.float32)
    half = -(-size // 2)
    behind = _resized(_pull(_resized(mean, half), _resized(share, half)), size)
    return mean + (1 - share)[..., None] * behind


def _grow(texture: NDArray[np.uint8], known: NDArray[np.bool_], border: NDArray[np.int64], rings: int) -> None:
    """Grow the known texels ring by ring, each new one the mean of its known neighbours; in place.

    border : (N, 2) int64 row and column of the first ring
    """
    _grow_rings(texture, known, np.ascontiguousarray(border), rings)
