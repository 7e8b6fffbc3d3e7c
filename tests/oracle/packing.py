"""The kernels of spherelinks.texture.packing in their original version, compiled by numba."""

from __future__ import annotations

import numpy as np
from numba import njit

_SWEEPS = 8


@njit(cache=True, nogil=True)
def _within(corners, chart, opposite):
    """The mesh's twins without those across a seam that a chart has with itself."""
    out = opposite.copy()
    for h in range(len(opposite)):
        f, g = h // 3, opposite[h] // 3
        if opposite[h] >= 0 and chart[f] == chart[g]:
            one, other = corners[f, (h + 1) % 3], corners[g, opposite[h] % 3]
            if one[0] != other[0] or one[1] != other[1]:
                out[h] = -1
    return out


@njit(cache=True, nogil=True)
def _boxes(corners, chart, count, angles):
    """Of each chart's smallest box: the number of the angle, the lowest corner after turning, and the extent."""
    turn = np.zeros(count, np.int64)
    lowest, extent = np.zeros((count, 2)), np.full((count, 2), np.inf)
    for number in range(len(angles)):
        cosine, sine = np.cos(angles[number]), np.sin(angles[number])
        low, high = np.full((count, 2), np.inf), np.full((count, 2), -np.inf)
        for f in range(len(corners)):
            k = chart[f]
            for corner in range(3):
                x = cosine * corners[f, corner, 0] - sine * corners[f, corner, 1]
                y = sine * corners[f, corner, 0] + cosine * corners[f, corner, 1]
                low[k, 0], low[k, 1] = min(low[k, 0], x), min(low[k, 1], y)
                high[k, 0], high[k, 1] = max(high[k, 0], x), max(high[k, 1], y)
        for k in range(count):
            width, height = high[k, 0] - low[k, 0], high[k, 1] - low[k, 1]
            if number == 0 or width * height < 0.999999 * extent[k, 0] * extent[k, 1]:
                turn[k] = number
                lowest[k] = low[k]
                extent[k, 0], extent[k, 1] = width, height
    return turn, lowest, extent


@njit(cache=True, nogil=True)
def _trim(corners, chart, opposite):
    """Move faces that protrude into another chart to that chart, whose notch they fill; in place.

    Such a face shares two edges with it, so all its corners have a position there. It must roughly keep its area and
    the length of its third edge, and no other corner of that chart may lie in the notch.
    """
    doubled = np.empty(len(chart))
    for f in range(len(chart)):
        doubled[f] = _double(corners[f])
    place = np.empty((3, 2))
    for _ in range(_SWEEPS):
        border, start = _borders(corners, chart, opposite)
        moved = False
        for f in range(len(chart)):
            for k in range(3):
                one, two, three = opposite[3 * f + k], opposite[3 * f + (k + 1) % 3], opposite[3 * f + (k + 2) % 3]
                if one < 0 or two < 0 or chart[one // 3] == chart[f] or chart[one // 3] != chart[two // 3]:
                    continue
                a, b = one // 3, two // 3
                place[k], place[(k + 1) % 3], place[(k + 2) % 3] = (
                    corners[a, (one + 1) % 3], corners[a, one % 3], corners[b, two % 3],
                )  # fmt: skip
                if (corners[a, one % 3] != corners[b, (two + 1) % 3]).any():
                    continue
                if three >= 0 and chart[three // 3] == chart[a]:  # a hole: its last edge must meet too
                    c = three // 3
                    if (corners[c, three % 3] != place[k]).any() or (corners[c, (three + 1) % 3] != place[k - 1]).any():
                        continue
                new = _double(place)
                old_edge = np.sqrt(((corners[f, k] - corners[f, k - 1]) ** 2).sum())
                new_edge = np.sqrt(((place[k] - place[k - 1]) ** 2).sum())
                if not (0.8 * old_edge <= new_edge <= 1.25 * old_edge and 0.8 <= new / doubled[f] <= 1.25):
                    continue
                if _holds(place, new, border[start[chart[a]] : start[chart[a] + 1]]):
                    continue
                corners[f], chart[f], moved = place, chart[a], True
                break
        if not moved:
            break


@njit(cache=True, nogil=True)
def _double(p):
    """Twice the signed area of a triangle; never 0."""
    area = (p[1, 0] - p[0, 0]) * (p[2, 1] - p[0, 1]) - (p[1, 1] - p[0, 1]) * (p[2, 0] - p[0, 0])
    return area if area != 0 else 1e-300


@njit(cache=True, nogil=True)
def _borders(corners, chart, opposite):
    """Points on the borders of chart k, from start[k] to start[k + 1]."""
    start = np.zeros(chart.max() + 2, np.int64)
    for h in range(len(opposite)):
        if opposite[h] < 0 or chart[opposite[h] // 3] != chart[h // 3]:
            start[chart[h // 3] + 1] += 1
    start = np.cumsum(start)
    border, filled = np.empty((start[-1], 2)), start.copy()
    for h in range(len(opposite)):
        if opposite[h] < 0 or chart[opposite[h] // 3] != chart[h // 3]:
            border[filled[chart[h // 3]]] = corners[h // 3, h % 3]
            filled[chart[h // 3]] += 1
    return border, start


@njit(cache=True, nogil=True)
def _holds(p, doubled, points):
    """Whether a triangle has a point strictly inside."""
    for q in points:
        a = (p[1, 0] - q[0]) * (p[2, 1] - q[1]) - (p[1, 1] - q[1]) * (p[2, 0] - q[0])
        b = (p[2, 0] - q[0]) * (p[0, 1] - q[1]) - (p[2, 1] - q[1]) * (p[0, 0] - q[0])
        if a / doubled > 1e-9 and b / doubled > 1e-9 and (a + b) / doubled < 1 - 1e-9:
            return True
    return False


@njit(cache=True, nogil=True)
def _pieces(label, opposite):
    """(F,) the piece of each face, connected across edges within its label, in order of first appearance."""
    piece = np.full(len(label), -1, np.int64)
    stack = np.empty(3 * len(label), np.int64)
    count = 0
    for seed in range(len(label)):
        if piece[seed] >= 0:
            continue
        piece[seed], stack[0], top = count, seed, 1
        while top:
            top -= 1
            f = stack[top]
            for k in range(3):
                other = opposite[3 * f + k] // 3
                if opposite[3 * f + k] >= 0 and piece[other] < 0 and label[other] == label[f]:
                    piece[other], stack[top] = count, other
                    top += 1
        count += 1
    return piece


@njit(cache=True, nogil=True)
def _laid(corners, chart, turn, low, angles):
    """The corners, each chart rotated by its angle, its smallest box starting at 0."""
    cosine, sine, out = np.cos(angles), np.sin(angles), np.empty_like(corners)
    for f in range(len(corners)):
        k = chart[f]
        c, s = cosine[turn[k]], sine[turn[k]]
        for corner in range(3):
            x, y = corners[f, corner, 0], corners[f, corner, 1]
            out[f, corner, 0], out[f, corner, 1] = c * x - s * y - low[k, 0], s * x + c * y - low[k, 1]
    return out


@njit(cache=True, nogil=True)
def _placed(local, chart, size, turns, where, side):
    """The corners on the unit square: in cells of their chart's box, turned by right angles, moved to its place."""
    out = np.empty_like(local)
    for f in range(len(local)):
        k = chart[f]
        width, height = float(size[k, 0]), float(size[k, 1])
        for corner in range(3):
            x, y = local[f, corner, 0], local[f, corner, 1]
            if turns[k] == 1:
                x, y = y, width - x
            elif turns[k] == 2:
                x, y = width - x, height - y
            elif turns[k] == 3:
                x, y = height - y, x
            out[f, corner, 0], out[f, corner, 1] = (x + where[k, 0]) / side, (y + where[k, 1]) / side
    return out


@njit(cache=True, nogil=True)
def _drawn(local, chart, scale, half, first, size):
    """Bitmaps of all charts, one after the other: the cells that come within `half` of a face, along x or y."""
    mask, p = np.zeros(first[-1], np.bool_), np.empty((3, 2))
    for f in range(len(local)):
        k = chart[f]
        for a in range(3):
            p[a, 0], p[a, 1] = local[f, a, 0] * scale + half, local[f, a, 1] * scale + half
        lowest, highest = min(p[0, 1], p[1, 1], p[2, 1]), max(p[0, 1], p[1, 1], p[2, 1])
        for y in range(int(lowest - half), int(highest + half) + 1):
            low, high = y - half, y + 1 + half
            left, right = np.inf, -np.inf
            for a in range(3):
                b = (a + 1) % 3
                if p[a, 1] > p[b, 1]:
                    a, b = b, a
                if p[b, 1] < low or p[a, 1] > high:
                    continue
                rise = max(p[b, 1] - p[a, 1], 1e-30)
                for t in (max((low - p[a, 1]) / rise, 0.0), min((high - p[a, 1]) / rise, 1.0)):
                    x = p[a, 0] + t * (p[b, 0] - p[a, 0])
                    left, right = min(left, x), max(right, x)
            if left <= right:
                row = first[k] + y * size[k, 0]
                for x in range(int(left - half), int(right + half) + 1):
                    mask[row + x] = True
    return mask


@njit(cache=True, nogil=True)
def _spans(mask, first, size):
    """Runs of marked cells, as (line, from, to): along the rows of chart k from start[0, k], the columns' start[1, k].

    start has one more entry than there are charts, where the last one's runs end.
    """
    count = len(size)
    spans = np.empty((2 * len(mask) + 1, 3), np.int32)
    start = np.empty((2, count + 1), np.int64)
    found = 0
    for across in range(2):
        for k in range(count):
            start[across, k] = found
            width = size[k, 0]
            step, leap = (width, 1) if across else (1, width)
            for line in range(size[k, 0] if across else size[k, 1]):
                inside = False
                for at in range(size[k, 1] if across else width):
                    marked = mask[first[k] + line * leap + at * step]
                    if marked and not inside:
                        spans[found, 0], spans[found, 1] = line, at
                        found += 1
                    if marked:
                        spans[found - 1, 2] = at
                    inside = marked
        start[across, count] = found
    return spans[:found].copy(), start


@njit(cache=True, nogil=True)
def _strip(order, spans, start, size, width, limit):
    """Place the charts in that order on a strip `width` cells wide and at most `limit` high.

    Returns the height, the chart that found no room (-1 if all did), each chart's lowest cell and right angles.
    """
    count = len(size)
    where, turns = np.zeros((count, 2), np.int64), np.zeros(count, np.int64)
    taken = np.zeros((limit, width), np.bool_)
    # of each cell: the next one in its row that is taken, and the next one that is free; of each row: the longest gap
    next_taken, next_free = np.full((limit, width + 1), width, np.int32), np.empty((limit, width + 1), np.int32)
    next_free[:] = np.arange(width + 1)
    gap = np.full(limit, width, np.int32)
    height = 0
    for k in order:
        top = limit + 1
        for turn in range(4):
            columns, rows = (size[k, 1], size[k, 0]) if turn & 1 else (size[k, 0], size[k, 1])
            own = _oriented(spans[start[turn & 1, k] : start[turn & 1, k + 1]], turn, columns, rows)
            y, x = _first_fit(own, columns, next_taken, next_free, gap, width, min(top - 1, limit) - rows)
            if y >= 0:
                top = y + rows
                where[k, 0], where[k, 1], turns[k] = x, y, turn
        if top > limit:
            return height, k, where, turns
        height = max(height, top)
        columns, rows = (size[k, 1], size[k, 0]) if turns[k] & 1 else (size[k, 0], size[k, 1])
        for line, begin, end in _oriented(
            spans[start[turns[k] & 1, k] : start[turns[k] & 1, k + 1]], turns[k], columns, rows
        ):
            taken[where[k, 1] + line, where[k, 0] + begin : where[k, 0] + end + 1] = True
        for y in range(where[k, 1], top):
            a = b = width
            longest = 0
            for x in range(width - 1, -1, -1):
                if taken[y, x]:
                    a = x
                else:
                    b = x
                    longest = max(longest, a - x)
                next_taken[y, x], next_free[y, x] = a, b
            gap[y] = longest
    return height, -1, where, turns


@njit(cache=True, nogil=True)
def _oriented(spans, turn, columns, rows):
    """The runs of a chart that was turned by so many right angles; by an odd number, `spans` are its columns."""
    out = spans.copy()
    for i in range(len(spans)):
        if turn == 1 or turn == 2:
            out[i, 0] = rows - 1 - spans[i, 0]
        if turn >= 2:
            out[i, 1], out[i, 2] = columns - 1 - spans[i, 2], columns - 1 - spans[i, 1]
    return out


@njit(cache=True, nogil=True)
def _first_fit(spans, columns, next_taken, next_free, gap, width, highest):
    """The lowest, then leftmost place where a chart's runs are free: y up to `highest`, x. -1 if there is none."""
    hint = 0  # the run that failed last fails again soonest
    for y in range(highest + 1):
        x = 0
        for line, begin, end in spans:
            if gap[y + line] <= end - begin:
                x = width
                break
        while x + columns <= width:
            free = True
            for i in range(len(spans)):
                j = i + hint if i + hint < len(spans) else i + hint - len(spans)
                hit = next_taken[y + spans[j, 0], x + spans[j, 1]]
                if hit <= x + spans[j, 2]:
                    x = next_free[y + spans[j, 0], hit] - spans[j, 1]
                    hint, free = j, False
                    break
            if free:
                return y, x
    return -1, -1
