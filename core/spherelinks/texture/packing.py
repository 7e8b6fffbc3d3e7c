"""Packs charts on a square page: rotates them, cuts those that waste space, and nests them into each other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spherelinks.native import kernel

Corners = NDArray[np.float64]
Charts = NDArray[np.int64]
_Boxes = tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]

#: Angles from 0 to 90°; each chart takes the one with the smallest box. Packing adds right angles.
_ANGLES = (np.arange(16) * (np.pi / 32)).astype(np.float64)
#: Cells of the page's side on which charts are laid out.
_CELLS = 512
#: Share of the page that charts cover at the scale at which they are drawn on cells, and of the drawn cells that fit.
_DRAWN, _TIGHT = 0.62, 0.8
#: Sides of the page that the longest chart takes at most where it is drawn: ribbons, and what has hardly any area,
#: would otherwise take gigabytes.
_LONGEST = 32
#: Layouts that are tried: for few charts, and at least.
_TRIES, _LEAST = 6, 2
#: A layout that uses less than this share of the page is tried again with charts cut; the better one is kept.
_WANTED = 0.62
#: Charts are cut that waste more than this share of all charts' area in their box, or that are longer than this, in
#: sides of a square of that area; at first, and where that was not enough.
_CUTS = ((0.02, 0.6), (0.012, 0.5))
#: With so many charts cutting more does not help.
_MANY = 300
_split_seams = kernel(
    "packing_within", "corners: f8[F,3,2]", "chart: i8[F]", "opposite: i8[3F]* < 3F | -1", "F"
)  # fmt: skip
_find_boxes = kernel(
    "packing_boxes", "corners: f8[F,3,2]", "F", "chart: i8[F] < K", "K", "angles: f8[A]", "A",
    "turn: i8[K]*", "lowest: f8[K,2]*", "extent: f8[K,2]*",
)  # fmt: skip
_trim_charts = kernel(
    "packing_trim", "corners: f8[F,3,2]*", "chart: i8[F]*", "opposite: i8[3F] < 3F | -1", "F", "charts: int"
)  # fmt: skip
_find_pieces = kernel("packing_pieces", "label: i8[F]", "opposite: i8[3F] < 3F | -1", "F", "piece: i8[F]*")
_turn = kernel(
    "packing_laid", "corners: f8[F,3,2]", "F", "chart: i8[F] < K", "turn: i8[K] < A", "low: f8[K,2]",
    "angles: f8[A]", "A", "out: f8[F,3,2]*",
)  # fmt: skip
_place = kernel(
    "packing_placed", "local: f8[F,3,2]", "F", "chart: i8[F] < K", "size: i8[K,2]", "turns: i8[K]", "where: i8[K,2]",
    "side: int", "out: f8[F,3,2]*",
)  # fmt: skip
_draw = kernel(
    "packing_drawn", "local: f8[F,3,2]", "F", "chart: i8[F] < K", "scale: float", "half: float", "first: i8[L]",
    "size: i8[K,2]", "mask: b1[M]*",
)  # fmt: skip
_find_spans = kernel(
    "packing_spans -> int", "mask: b1[M]", "first: i8[L]", "size: i8[K,2]", "K", "spans: i4[R,3]*", "start: i8[2,L]*"
)  # fmt: skip
_fill_strip = kernel(
    "packing_strip -> int", "order: i8[K] < K", "K", "spans: i4[R,3]", "start: i8[2,L]", "size: i8[K,2]",
    "width: int", "limit: int", "where: i8[K,2]*", "turns: i8[K]*", "height: i8[1]*",
)  # fmt: skip


def lay_out(corners: Corners, chart: Charts, opposite: NDArray[np.int64], gutter: float) -> tuple[Corners, Charts]:
    """Place charts on the unit square, as large as possible, all at the same scale, never mirrored.

    corners : (F, 3, 2) float64, where each face's corners lie on its own chart's plane; one unit for all charts
    chart : (F,) int64, numbered from 0
    opposite : (3F,) int64, the mesh's twins
    gutter : minimum distance between charts, and half of that to the border, as a share of the page's side

    Returns the corners on the page and the charts, some of them cut, and some with faces moved to their neighbours.
    Charts are drawn on a grid of cells and placed at the first position that fits, largest first ("bottom-left fill":
    Chazelle 1983), in the right angle that keeps the page lowest; the order is then improved by moving charts that
    found no room to the front.
    """
    corners = corners / rounded(float(np.ptp(corners, axis=(0, 1)).max()))
    opposite = _within(corners, chart, opposite)
    corners, chart = _trimmed(corners, _pieces(chart, opposite), opposite)
    best = _packed(corners, chart, gutter)
    for waste, longest in _CUTS:
        if best.share >= _WANTED or chart.max() >= _MANY:
            break
        best = max(best, _packed(*_cut(corners, opposite, chart, waste, longest), gutter), key=lambda page: page.share)
    return best.corners, best.chart


def rounded(size: float) -> float:
    """The power of two above a size, and 1 for 0: lengths divided by it keep all their digits, and what is so small
    that it counts as nothing is really that."""
    return float(np.ldexp(1.0, int(np.frexp(size)[1])))


def _within(corners: Corners, chart: Charts, opposite: NDArray[np.int64]) -> NDArray[np.int64]:
    """The mesh's twins without those across a seam that a chart has with itself."""
    out = opposite.copy()
    _split_seams(corners, chart, out)
    return out


def _areas(corners: Corners) -> NDArray[np.float64]:
    p, q = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    return np.asarray(np.abs(p[:, 0] * q[:, 1] - p[:, 1] * q[:, 0]) / 2)


def _cut(
    corners: Corners, opposite: NDArray[np.int64], chart: Charts, waste: float, longest: float
) -> tuple[Corners, Charts]:
    """Repeatedly halve the charts that would pack badly: rings, crescents, long strips."""
    area = _areas(corners)
    total = area.sum()
    for _ in range(6):
        count = int(chart.max()) + 1
        turn, low, extent = _boxes(corners, chart, count, _ANGLES)
        bad = extent.prod(axis=1) - np.bincount(chart, area, count) > waste * total
        bad |= extent.max(axis=1) > longest * np.sqrt(total)
        bad &= np.bincount(chart, minlength=count) > 4
        if not bad.any():
            break
        along = extent.argmax(axis=1)[chart]
        middle = _laid(corners, chart, turn, low, _ANGLES).mean(axis=1)
        upper = np.take_along_axis(middle, along[:, None], axis=1)[:, 0] > extent.max(axis=1)[chart] / 2
        corners, chart = _trimmed(corners, _pieces(2 * chart + (upper & bad[chart]), opposite), opposite)
    return corners, chart


def _trimmed(corners: Corners, chart: Charts, opposite: NDArray[np.int64]) -> tuple[Corners, Charts]:
    """Charts with their teeth taken off: see :func:`_trim`."""
    corners, chart = corners.copy(), chart.copy()
    _trim(corners, chart, opposite)
    return corners, _pieces(chart, opposite)


def _boxes(corners: Corners, chart: Charts, count: int, angles: NDArray[np.float64]) -> _Boxes:
    """Of each chart's smallest box: the number of the angle, the lowest corner after turning, and the extent."""
    turn, lowest, extent = np.empty(count, np.int64), np.empty((count, 2)), np.empty((count, 2))
    _find_boxes(corners, chart, angles, turn, lowest, extent)
    return turn, lowest, extent


def _trim(corners: Corners, chart: Charts, opposite: NDArray[np.int64]) -> None:
    """Move faces that protrude into another chart to that chart, whose notch they fill; in place.

    Such a face shares two edges with it, so all its corners have a position there. It must roughly keep its area and
    the length of its third edge, and no other corner of that chart may lie in the notch.
    """
    _trim_charts(corners, chart, opposite, int(chart.max()) + 1)


def _pieces(label: Charts, opposite: NDArray[np.int64]) -> Charts:
    """(F,) the piece of each face, connected across edges within its label, in order of first appearance."""
    piece = np.empty(len(label), np.int64)
    _find_pieces(label, opposite, piece)
    return piece


@dataclass(frozen=True)
class _Page:
    """Corners on the unit square, charts, and the share of the square that is used."""

    corners: Corners
    chart: Charts
    share: float


def _packed(corners: Corners, chart: Charts, gutter: float) -> _Page:
    count = int(chart.max()) + 1
    turn, low, extent = _boxes(corners, chart, count, _ANGLES)
    local = _laid(corners, chart, turn, low, _ANGLES)
    area = max(float(_areas(corners).sum()), 1e-30)
    half = gutter * _CELLS / 2
    # drawn once, at a scale near the one that will fit: the page's side is sought in cells
    share = _DRAWN
    for _ in range(2):
        scale = min(np.sqrt(share / area), _LONGEST / max(extent.max(), 1e-30)) * _CELLS
        size = (extent * scale + 2 * half).astype(np.int64) + 1
        first = np.concatenate([[0], np.cumsum(size.prod(axis=1))])
        mask = _drawn(local, chart, scale, half, first, size)
        fitting = share * _TIGHT * _CELLS**2 / np.count_nonzero(mask)
        if 0.97 < fitting / share < 1.1:
            break
        share = fitting
    spans, start = _spans(mask, first, size)
    order = np.argsort(-(extent.max(axis=1) + extent.min(axis=1) / 2), kind="stable")
    side, where, turns = _smallest(order, spans, start, size, int(np.count_nonzero(mask)))
    share = area * (scale / side) ** 2
    return _Page(_placed(local * scale + half, chart, size, turns, where, side), chart, share)


def _laid(
    corners: Corners, chart: Charts, turn: NDArray[np.int64], low: NDArray[np.float64], angles: NDArray[np.float64]
) -> Corners:
    """The corners, each chart rotated by its angle, its smallest box starting at 0."""
    out = np.empty_like(corners)
    _turn(corners, chart, turn, low, angles, out)
    return out


def _placed(
    local: Corners,
    chart: Charts,
    size: NDArray[np.int64],
    turns: NDArray[np.int64],
    where: NDArray[np.int64],
    side: int,
) -> Corners:
    """The corners on the unit square: in cells of their chart's box, turned by right angles, moved to its place."""
    out = np.empty_like(local)
    _place(local, chart, size, turns, where, side, out)
    return out


def _smallest(
    order: NDArray[np.int64], spans: NDArray[np.int32], start: NDArray[np.int64], size: NDArray[np.int64], cells: int
) -> tuple[int, NDArray[np.int64], NDArray[np.int64]]:
    """The smallest square found that holds the charts: its side in cells, each chart's corner and right angles."""
    width = max(int(np.sqrt(cells / _TIGHT)), int(size.max()))
    height, failed, where, turns = _strip(order, spans, start, size, width, 2 * width)
    while failed >= 0:
        width = width * 5 // 4
        height, failed, where, turns = _strip(order, spans, start, size, width, 2 * width)
    best = (max(width, height), where, turns)
    width = int(np.sqrt(width * height))
    for _ in range(max(_LEAST, min(_TRIES, 1000 // len(size))) - 1):
        if best[0] <= size.max():  # which no smaller square holds
            break
        width = min(width, best[0] - 1)
        height, failed, where, turns = _strip(order, spans, start, size, width, best[0] - 1)
        if failed < 0:
            best = (max(width, height), where, turns)
            width = int(best[0] * 0.985)
        else:
            place = int(np.flatnonzero(order == failed)[0])
            order = np.insert(np.delete(order, place), place // 2, failed)
            width = int(best[0] * 0.992)
    return best


def _drawn(
    local: Corners, chart: Charts, scale: float, half: float, first: NDArray[np.int64], size: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Bitmaps of all charts, one after the other: the cells that come within `half` of a face, along x or y."""
    mask = np.zeros(first[-1], np.bool_)
    _draw(local, chart, scale, half, first, size, mask)
    return mask


def _spans(
    mask: NDArray[np.bool_], first: NDArray[np.int64], size: NDArray[np.int64]
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Runs of marked cells, as (line, from, to): along the rows of chart k from start[0, k], the columns' start[1, k].

    start has one more entry than there are charts, where the last one's runs end.
    """
    spans, start = np.empty((2 * len(mask) + 1, 3), np.int32), np.empty((2, len(size) + 1), np.int64)
    found = _find_spans(mask, first, size, spans, start)
    return spans[:found].copy(), start


def _strip(
    order: NDArray[np.int64],
    spans: NDArray[np.int32],
    start: NDArray[np.int64],
    size: NDArray[np.int64],
    width: int,
    limit: int,
) -> tuple[int, int, NDArray[np.int64], NDArray[np.int64]]:
    """Place the charts in that order on a strip `width` cells wide and at most `limit` high.

    Returns the height, the chart that found no room (-1 if all did), each chart's lowest cell and right angles.
    """
    where, turns, height = np.zeros((len(size), 2), np.int64), np.zeros(len(size), np.int64), np.zeros(1, np.int64)
    limit = min(limit, int(size.max(axis=1).sum()))  # of all charts on top of each other
    failed = _fill_strip(order, spans, start, size, width, limit, where, turns, height)
    return int(height[0]), failed, where, turns
