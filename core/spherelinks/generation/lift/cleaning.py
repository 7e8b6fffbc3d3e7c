"""Makes a clean body of the field that the network's output gives: without webs, shreds, and walls full of holes."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from spherelinks import threads
from spherelinks.native import kernel

Floats = NDArray[np.float32]

#: Layers of samples across x that a thread fills at a time.
SLAB = 8
#: Columns along x that a thread blurs at a time: a multiple of all vectors' widths, so that none is reckoned otherwise.
COLUMNS = 2048
#: The field is blurred by a Gaussian of so many samples: what is finer comes from doubt between shapes, and shows as
#: webs and shreds. By the second where the picture shows a slender part.
BLURS = (1.5, 0.8)
#: Samples by which the surface is moved outwards then: a blur makes thin walls thinner.
REGROWN = 0.25
#: Handles are counted in blocks of so many samples a side, in a Gaussian window of so many blocks.
BLOCK, WINDOW = 4, 1.2
#: With more handles than these in its window, a place is riddled. Where a few surfaces meet the count reaches 1.4.
RIDDLED = 1.5
#: What is riddled is mended up to about so many blocks away, in full where this share of them is riddled.
NEAR, FULL = 1.0, 1 / 8
#: First it is filled, then, if it still is riddled, replaced: by the field blurred so much and moved outwards so far,
#: in samples.
FILLED, REPLACED = (2.2, 1.25), (3.0, 0.5)


_count = kernel(
    "cleaning_euler", "field: f4[X,Y,Z]", "X", "Y", "Z", "sums: i4[A,B,C]*", "A", "B", "C", "side: int", "first: int",
    "end: int",
)  # fmt: skip


def cleaned(field: Floats, spacing: float, slender: Floats) -> Floats:
    """The signed distances, (X, Y, Z), without what is finer than the network can say, but for slender parts.

    slender : of the field's shape, in 0..1, where the picture itself shows what is fine

    Where many handles crowd even so, they are no part of the shape: there the holes between them are closed, and what
    stays riddled gives way to a coarser shape. A handle by itself, such as a mug's, stays.
    """
    clean = _blurred_within(field, slender)
    clean -= np.float32(REGROWN * spacing)
    for (sigma, out), fills in ((FILLED, True), (REPLACED, False)):
        share = riddled(clean)
        planes = np.flatnonzero(share.any(axis=(1, 2)))
        if not len(planes):
            break
        some = slice(int(planes[0]), int(planes[-1]) + 1)
        change = blurred(field, sigma, some)
        change -= np.float32(out * spacing)
        change -= clean[some]
        if fills:
            np.minimum(change, 0, out=change)
        change *= share[some]
        clean[some] += change
    return clean


def _blurred_within(field: Floats, slender: Floats) -> Floats:
    """Blurred by the first of BLURS, where slender by the second."""
    coarse = blurred(field, BLURS[0])
    planes = np.flatnonzero(slender.any(axis=(1, 2)))
    if len(planes):
        some = slice(int(planes[0]), int(planes[-1]) + 1)
        fine = blurred(field, BLURS[1], some)
        fine -= coarse[some]
        fine *= slender[some]
        coarse[some] += fine
    return coarse


def riddled(field: Floats) -> Floats:
    """(X, Y, Z) in 0..1: where handles crowd, and round about.

    By the solid's Euler characteristic, its parts and cavities less its handles, which is a sum over places and thus
    has a density. A handle counts as 1 in the window if it lies within, a part of it as its share of the curvature.
    """
    crowded = (-blurred(euler(field).astype(np.float32), WINDOW) * _PEAK > RIDDLED).astype(np.float32)
    if not crowded.any():
        return np.zeros((1, 1, 1), np.float32)
    near = np.minimum(blurred(crowded, NEAR) / np.float32(FULL), 1)
    whole = enlarged(near, (near.shape[0] * BLOCK, near.shape[1] * BLOCK, near.shape[2] * BLOCK))
    return whole[: field.shape[0], : field.shape[1], : field.shape[2]]


#: Makes a Gaussian window 1 in its middle.
_PEAK = np.float32((WINDOW * np.sqrt(2 * np.pi)) ** 3)


def euler(field: Floats) -> NDArray[np.int32]:
    """The Euler characteristic of the samples below 0, joined along the axes, in blocks of BLOCK along each."""
    sums = np.empty([-(-n // BLOCK) for n in field.shape], np.int32)

    def count(first: int) -> None:
        _count(field, sums, BLOCK, first, min(first + SLAB, len(sums)))

    threads.each(count, range(0, len(sums), SLAB))
    return sums


def enlarged(values: Floats, shape: tuple[int, ...]) -> Floats:
    """The (A, B, C) values over a grid of another shape, linear in between."""
    size = (shape[2], shape[1])
    fine = np.stack([cv2.resize(plane, size, interpolation=cv2.INTER_LINEAR) for plane in values])
    flat = cv2.resize(fine.reshape(len(fine), -1), (size[0] * size[1], shape[0]), interpolation=cv2.INTER_LINEAR)
    return np.asarray(flat.reshape(shape), np.float32)


def blurred(field: Floats, sigma: float, planes: slice = slice(None)) -> Floats:
    """Those planes of (X, Y, Z), by a Gaussian of `sigma` samples; in threads."""
    reach = round(3 * sigma)
    first, end, _ = planes.indices(len(field))
    low, high = max(first - reach, 0), min(end + reach, len(field))
    across, out = np.empty_like(field[low:high]), np.empty_like(field[low:high])

    def blur(begin: int) -> None:
        for k in range(begin, min(begin + SLAB, len(across))):
            cv2.GaussianBlur(field[low + k], (2 * reach + 1,) * 2, sigma, dst=across[k])

    threads.each(blur, range(0, len(across), SLAB))
    rows, along = across.reshape(len(across), -1), out.reshape(len(out), -1)

    def blur_along(begin: int) -> None:
        columns = slice(begin, begin + COLUMNS)
        along[:, columns] = cv2.GaussianBlur(rows[:, columns], (1, 2 * reach + 1), sigma)

    threads.each(blur_along, range(0, rows.shape[1], COLUMNS))
    return out[first - low : end - low]
