"""Colour for the texels between charts, so that no seam shows, at any mipmap level."""

from __future__ import annotations

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray

#: Texels by which charts are grown texel by texel; further out a blurred continuation does.
RIM = 8


def fill(texture: NDArray[np.uint8], covered: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Continue the covered texels' colours over the whole texture.

    texture : (H, W, 3) uint8; covered : (H, W) bool. RIM texels round each chart take the mean of their neighbours,
    ring after ring; the rest is filled from a pyramid (push-pull: Gortler et al. 1996), which also packs small as JPEG.
    Returns a new texture; black where nothing is covered at all.
    """
    texture, known = texture.copy(), covered.copy()
    _grow(texture, known, RIM)
    if known.all() or not known.any():
        return texture
    small = max(1, max(texture.shape[:2]) // RIM)
    mask = known.view(np.uint8)
    coarse = _pull(
        _resized(cv2.copyTo(texture, mask).astype(np.float32), small), _resized(mask.astype(np.float32), small)
    )
    smooth = cv2.resize((coarse + 0.5).astype(np.uint8), texture.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.copyTo(texture, mask, smooth), np.uint8)


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


@njit(cache=True, nogil=True)
def _grow(texture, known, rings):  # type: ignore[no-untyped-def]
    """Grow the known texels ring by ring, each new one the mean of its known neighbours; in place."""
    height, width = known.shape
    rim = np.empty((known.size, 2), np.int32)
    queued = known.copy()
    found = 0
    for y in range(height):
        for x in range(width):
            if known[y, x]:
                continue
            for j in range(max(y - 1, 0), min(y + 2, height)):
                for i in range(max(x - 1, 0), min(x + 2, width)):
                    if known[j, i] and not queued[y, x]:
                        queued[y, x] = True
                        rim[found] = (y, x)
                        found += 1
    start = 0
    for _ in range(rings):
        stop = found
        for r in range(start, stop):
            y, x = rim[r]
            count = 0
            total = np.zeros(3, np.int32)
            for j in range(max(y - 1, 0), min(y + 2, height)):
                for i in range(max(x - 1, 0), min(x + 2, width)):
                    if known[j, i]:
                        count += 1
                        for d in range(3):
                            total[d] += texture[j, i, d]
                    elif not queued[j, i]:
                        queued[j, i] = True
                        rim[found] = (j, i)
                        found += 1
            for d in range(3):
                texture[y, x, d] = (total[d] + count // 2) // count
        for r in range(start, stop):
            known[rim[r, 0], rim[r, 1]] = True
        start = stop
