"""Makes a clean body of the field that the network's output gives: without webs, shreds, and walls full of holes."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from spherelinks import threads
from spherelinks.mesh.components import FLOATER
from spherelinks.mesh.topology import parts
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
#: A part that is apart from the body is joined to it by moving the surface outwards between the two, by the least of so
#: many samples that does: in full where a Gaussian of so many samples has this share of both, and by less beyond, up to
#: so many samples from the part.
LINKS, ABOUT, JOINED, AWAY = (0.25, 0.5, 0.75, 1.0), 3.0, 0.02, 9


_count = kernel(
    "cleaning_euler", "field: f4[X,Y,Z]", "X", "Y", "Z", "sums: i4[A,B,C]*", "A", "B", "C", "side: int", "first: int",
    "end: int",
)  # fmt: skip
_find = kernel("cleaning_found", "share: f4[X,Y,Z]", "X", "Y", "Z", "found: u1[X,Y]*")
_mix = kernel(
    "cleaning_mixed", "clean: f4[X,Y,Z]*", "other: f4[X,Y,Z]", "X", "Y", "Z", "share: f4[A,Y,Z]", "A", "side: int",
    "out: float", "fills: int", "first: int", "end: int", "left: int", "right: int",
)  # fmt: skip


def cleaned(field: Floats, spacing: float, slender: Floats) -> Floats:
    """The signed distances, (X, Y, Z), without what is finer than the network can say, but for slender parts.

    slender : of the field's shape, in 0..1, where the picture itself shows what is fine

    Where many handles crowd even so, they are no part of the shape: there the holes between them are closed, and what
    stays riddled gives way to a coarser shape. A handle by itself, such as a mug's, stays.
    """
    clean = blurred(field, BLURS[0])
    _give_way(clean, field, BLURS[1], 0.0, slender, 1, False)
    clean -= np.float32(REGROWN * spacing)
    return mended(clean, field, spacing)


def mended(clean: Floats, field: Floats, spacing: float) -> Floats:
    """The field `clean`, changed in place: where handles crowd in it, `field` blurred more."""
    for (sigma, out), fills in ((FILLED, True), (REPLACED, False)):
        share = riddled(clean)
        if not share.any():
            break
        _give_way(clean, field, sigma, out * spacing, share, BLOCK, fills)
    return clean


def joined(field: Floats, spacing: float) -> Floats:
    """The field, changed in place: what hardly hangs apart from the largest body hangs together with it.

    Only parts as large as :func:`spherelinks.mesh.components.clean` keeps; those that stay apart are untouched.
    """
    label = _labelled(field < 0)
    count = np.bincount(label.ravel())
    if len(count) < 3:
        return field
    main = int(count[1:].argmax()) + 1
    size = np.linalg.norm(np.ptp(np.argwhere(label == main), axis=0))
    for part in range(1, len(count)):
        if part == main or count[part] <= FLOATER * size:  # too few samples to be that long, as most specks have
            continue
        own = np.argwhere(label == part)
        if np.linalg.norm(np.ptp(own, axis=0)) < FLOATER * size:
            continue
        around = tuple(
            slice(max(low - AWAY, 0), high + AWAY + 1) for low, high in zip(own.min(0), own.max(0), strict=True)
        )
        near, body = label[around] == part, label[around] == main
        between = (blurred(each.astype(np.float32), ABOUT) / np.float32(JOINED) for each in (near, body))
        share = np.minimum(np.minimum(*between), 1)
        for out in LINKS:
            moved = field[around] - np.float32(out * spacing) * share
            found = _labelled(moved < 0)
            if np.isin(found[body], found[near]).any():
                field[around] = moved
                break
    return field


def _labelled(solid: NDArray[np.bool_]) -> NDArray[np.int32]:
    """The parts of a solid's samples, joined along the axes: from 1, and 0 elsewhere."""
    count = int(np.count_nonzero(solid))
    number = np.zeros(solid.shape, np.int32)
    number[solid] = np.arange(count, dtype=np.int32)
    pairs = [np.arange(count, dtype=np.int32).repeat(2).reshape(-1, 2)]  # each with itself, for lone ones
    for axis in range(3):
        before, after = (np.moveaxis(solid, axis, 0)[part] for part in (np.s_[:-1], np.s_[1:]))
        first, second = (np.moveaxis(number, axis, 0)[part][before & after] for part in (np.s_[:-1], np.s_[1:]))
        pairs.append(np.stack([first, second], 1))
    edges = np.concatenate(pairs)
    label = np.zeros(solid.shape, np.int32)
    label[solid] = parts(edges[:, [0, 1, 1]], count)[:count] + 1
    return label


def _give_way(clean: Floats, field: Floats, sigma: float, out: float, share: Floats, side: int, fills: bool) -> None:
    """`clean`, to the field blurred and moved outwards by `out`, by the share, whose planes are `side` samples apart.

    One that fills only adds to the solid.
    """
    scratch = np.empty_like(field)

    def mix(planes: slice, columns: slice) -> None:
        _mix(clean, scratch, share, side, out, fills, planes.start, planes.stop, columns.start, columns.stop)

    found = np.empty(share.shape[:2], np.bool_)
    _find(share, found.view(np.uint8))
    before = (np.arange(len(field)) - side // 2) // side
    blur(field, sigma, found[np.maximum(before, 0)] | found[np.minimum(before + 1, len(found) - 1)], scratch, mix)


def riddled(field: Floats) -> Floats:
    """Where handles crowd, and round about: (A, Y, Z) in 0..1, a plane for each of blocks, and linear in between.

    By the solid's Euler characteristic, its parts and cavities less its handles, which is a sum over places and thus
    has a density. A handle counts as 1 in the window if it lies within, a part of it as its share of the curvature.
    """
    crowded = (-blurred(euler(field).astype(np.float32), WINDOW) * _PEAK > RIDDLED).astype(np.float32)
    if not crowded.any():
        return np.zeros((1, *field.shape[1:]), np.float32)
    near = np.minimum(blurred(crowded, NEAR) / np.float32(FULL), 1)
    share = np.zeros((len(near), *field.shape[1:]), np.float32)
    size = near.shape[2] * BLOCK, near.shape[1] * BLOCK
    for plane, blocks in zip(share, near, strict=True):
        if blocks.any():
            plane[:] = cv2.resize(blocks, size, interpolation=cv2.INTER_LINEAR)[: plane.shape[0], : plane.shape[1]]
    return share


def _span(wanted: NDArray[np.bool_], around: int) -> slice:
    """From the first that is wanted to the last, and so many around them as there are."""
    some = np.flatnonzero(wanted)
    return slice(max(int(some[0]) - around, 0), min(int(some[-1]) + 1 + around, len(wanted)))


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


def blurred(field: Floats, sigma: float) -> Floats:
    """The (X, Y, Z) field, by a Gaussian of `sigma` samples; in threads."""
    out = np.empty_like(field)
    blur(field, sigma, np.ones(field.shape[:2], np.bool_), out, lambda planes, columns: None)
    return out


def blur(
    field: Floats, sigma: float, wanted: NDArray[np.bool_], out: Floats, use: Callable[[slice, slice], None]
) -> None:
    """The field by a Gaussian, in the rows along z that are `wanted`, (X, Y); the rest of `out` is left undefined.

    use : called in threads with the planes, and the columns along x, of each part when it is done
    """
    count, height, width = field.shape
    reach = round(3 * sigma)
    size = 2 * reach + 1
    parts = []
    lows, highs = np.full(count, height), np.zeros(count, np.int64)  # of each plane, the rows that parts are made of
    for left in range(0, height * width, COLUMNS):
        right = min(left + COLUMNS, height * width)
        low, high = left // width, -(-right // width)
        some = np.asarray(wanted[:, low:high].any(axis=1))
        if some.any():
            parts.append((_span(some, 0), slice(left, right)))
            around = _span(some, reach)
            lows[around], highs[around] = np.minimum(lows[around], low), high
    lows, highs = np.maximum(lows - reach, 0), np.minimum(highs + reach, height)

    def blur_across(begin: int) -> None:
        for k in range(begin, min(begin + SLAB, count)):
            if lows[k] < highs[k]:
                rows = slice(lows[k], highs[k])
                cv2.GaussianBlur(field[k, rows], (size, size), sigma, dst=out[k, rows])

    threads.each(blur_across, range(0, count, SLAB))
    flat = out.reshape(count, -1)

    def blur_along(part: int) -> None:
        planes, columns = parts[part]
        place = flat[max(planes.start - reach, 0) : planes.stop + reach, columns]
        cv2.GaussianBlur(place, (1, size), sigma, dst=place)
        use(planes, columns)

    threads.each(blur_along, range(len(parts)))
