"""The kernels of spherelinks.gltf.meshopt in their original version, compiled by numba."""

from __future__ import annotations

import numpy as np
from numba import njit

_GROUP = 16
_TAIL = 32
_EDGES = 16


@njit(cache=True, nogil=True)
def _block_size(stride):
    return min((8192 // stride) & ~15, 256)


@njit(cache=True, nogil=True)
def _pack_rows(rows):
    count, stride = rows.shape
    block = _block_size(stride)
    # at worst every group is stored as it is
    blocks = (count + block - 1) // block
    out = np.zeros(1 + blocks * stride * (block // _GROUP + block // _GROUP // 4 + 1) * _GROUP + 256, np.uint8)
    out[0] = 0xA0
    at = 1
    last = rows[0].copy()
    deltas = np.zeros(256, np.uint8)
    for begin in range(0, count, block):
        size = min(block, count - begin)
        groups = (size + _GROUP - 1) // _GROUP
        for k in range(stride):
            deltas[:] = 0
            before = last[k]
            for n in range(size):
                delta = np.uint8(rows[begin + n, k] - before)
                before = rows[begin + n, k]
                deltas[n] = np.uint8(~(delta << 1)) if delta & 0x80 else np.uint8(delta << 1)
            last[k] = before
            header = at
            at += (groups + 3) // 4
            for g in range(groups):
                greatest, over_two, over_four = 0, 0, 0
                for n in range(g * _GROUP, (g + 1) * _GROUP):
                    greatest = max(greatest, deltas[n])
                    over_two += deltas[n] >= 3
                    over_four += deltas[n] >= 15
                mode, least = 3, 16
                if 8 + over_four < least:
                    mode, least = 2, 8 + over_four
                if 4 + over_two < least:
                    mode = 1
                if greatest == 0:
                    mode = 0
                out[header + g // 4] |= np.uint8(mode << (g % 4 * 2))
                at = _pack_group(deltas, g * _GROUP, mode, out, at)
    tail = max(stride, _TAIL)
    out[at + tail - stride : at + tail] = rows[0]
    return out[: at + tail]


@njit(cache=True, nogil=True)
def _pack_group(deltas, begin, mode, out, at):
    if mode == 0:
        return at
    if mode == 3:
        out[at : at + _GROUP] = deltas[begin : begin + _GROUP]
        return at + _GROUP
    bits = 2 * mode
    each, top = 8 // bits, (1 << bits) - 1
    literal = at + _GROUP // each
    for n in range(_GROUP):
        delta = deltas[begin + n]
        out[at + n // each] |= np.uint8(min(delta, top) << (8 - bits - n % each * bits))
        if delta >= top:
            out[literal] = delta
            literal += 1
    return literal


@njit(cache=True, nogil=True, boundscheck=True)  # a broken stream is an IndexError
def _unpack_rows(stream, count, stride):
    rows = np.empty((count, stride), np.uint8)
    block = _block_size(stride)
    last = stream[len(stream) - stride :].copy()
    at = 1
    for begin in range(0, count, block):
        size = min(block, count - begin)
        groups = (size + _GROUP - 1) // _GROUP
        for k in range(stride):
            header = at
            at += (groups + 3) // 4
            value = last[k]
            for g in range(groups):
                mode = stream[header + g // 4] >> (g % 4 * 2) & 3
                bits = 2 * mode if mode < 3 else 8
                literal = at + _GROUP * bits // 8
                for n in range(g * _GROUP, (g + 1) * _GROUP):
                    delta = np.uint8(0)
                    if mode == 3:
                        delta = stream[at + n % _GROUP]
                    elif mode:
                        each, top = 8 // bits, (1 << bits) - 1
                        delta = stream[at + n % _GROUP // each] >> (8 - bits - n % each * bits) & top
                        if delta == top:
                            delta = stream[literal]
                            literal += 1
                    value = np.uint8(value + (~(delta >> 1) if delta & 1 else delta >> 1))
                    if n < size:
                        rows[begin + n, k] = value
                at = literal
            last[k] = rows[begin + size - 1, k]
    return rows


@njit(cache=True, nogil=True)
def _pack_faces(faces, codes):
    """Codes, data, and how often each pair of nibbles began a face without a known edge; codes[pair] or -1."""
    count = len(faces)
    code, data = np.empty(count, np.uint8), np.empty(1 + 16 * count, np.uint8)
    wanted = np.zeros(256, np.int64)
    edges, recent = np.full((_EDGES, 2), -1), np.full(_EDGES, -1)
    edge_at, recent_at, at = 0, 0, 0
    following, last = 0, 0
    for f in range(count):
        a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
        known = -1
        for n in range(_EDGES - 1):
            e = edges[(edge_at - 1 - n) % _EDGES]
            if e[0] < 0:
                break
            if e[0] == a and e[1] == b:
                known = n
            elif e[0] == b and e[1] == c:
                a, b, c, known = b, c, a, n
            elif e[0] == c and e[1] == a:
                a, b, c, known = c, a, b, n
            if known >= 0:
                break
        if known >= 0:
            place = _place(recent, recent_at, c)
            push = True
            if c == following:
                low = 0
                following += 1
            elif 0 < place < 13:
                low, push = place, False
            elif c == last - 1:
                low, last = 13, c
            elif c == last + 1:
                low, last = 14, c
            else:
                low = 15
                at, last = _pack_index(data, at, c, last)
            code[f] = known << 4 | low
        else:
            if b == following:
                a, b, c = b, c, a
            elif c == following:
                a, b, c = c, a, b
            new = a == following
            following += new
            high = _nibble(recent, recent_at, b, following)
            following += high == 0
            low = _nibble(recent, recent_at, c, following)
            following += low == 0
            pair = high << 4 | low
            if new and high < 15 and low < 15:
                wanted[pair] += 1
            if new and codes[pair] >= 0:
                code[f] = 0xF0 | codes[pair]
            else:
                code[f] = 0xFE if new else 0xFF
                data[at] = pair
                at += 1
                if not new:
                    at, last = _pack_index(data, at, a, last)
                if high == 15:
                    at, last = _pack_index(data, at, b, last)
                if low == 15:
                    at, last = _pack_index(data, at, c, last)
            edge_at = _push_edge(edges, edge_at, b, a)
            recent_at = _push(recent, recent_at, a)
            if high in (0, 15):
                recent_at = _push(recent, recent_at, b)
            push = low in (0, 15)
        if push:
            recent_at = _push(recent, recent_at, c)
        edge_at = _push_edge(edges, edge_at, c, b)
        edge_at = _push_edge(edges, edge_at, a, c)
    return code, data[:at], wanted


@njit(cache=True, nogil=True, boundscheck=True)  # a broken stream is an IndexError
def _unpack_faces(stream, count):
    faces = np.empty((count, 3), np.int32)
    table = stream[len(stream) - 16 :]
    edges, recent = np.zeros((_EDGES, 2), np.int64), np.zeros(_EDGES, np.int64)
    edge_at, recent_at, at = 0, 0, 1 + count
    following, last = 0, 0
    for f in range(count):
        high, low = stream[1 + f] >> 4, stream[1 + f] & 15
        if high < 15:
            a, b = edges[(edge_at - 1 - high) % _EDGES]
            push = True
            if low == 0:
                c = following
                following += 1
            elif low < 13:
                c, push = recent[(recent_at - 1 - low) % _EDGES], False
            elif low < 15:
                c = last = last + 2 * low - 27
            else:
                at, c = _unpack_index(stream, at, last)
                last = c
        else:
            new, pair = low < 15, table[low]
            if low >= 14:
                pair = stream[at]
                at += 1
                if pair == 0:
                    following = 0
            high, low = pair >> 4, pair & 15
            at, a, following, last = _corner(0 if new else 15, stream, at, recent, recent_at, following, last)
            at, b, following, last = _corner(high, stream, at, recent, recent_at, following, last)
            at, c, following, last = _corner(low, stream, at, recent, recent_at, following, last)
            edge_at = _push_edge(edges, edge_at, b, a)
            recent_at = _push(recent, recent_at, a)
            if high in (0, 15):
                recent_at = _push(recent, recent_at, b)
            push = low in (0, 15)
        if push:
            recent_at = _push(recent, recent_at, c)
        edge_at = _push_edge(edges, edge_at, c, b)
        edge_at = _push_edge(edges, edge_at, a, c)
        faces[f, 0], faces[f, 1], faces[f, 2] = a, b, c
    return faces


@njit(cache=True, nogil=True, boundscheck=True)
def _corner(nibble, stream, at, recent, recent_at, following, last):
    """A corner of a face without a known edge, as :func:`_nibble` writes it: where its bytes end, the vertex, the next
    new one, and the last one written in full."""
    if nibble == 0:
        return at, following, following + 1, last
    if nibble < 15:
        return at, recent[(recent_at - nibble) % _EDGES], following, last
    at, vertex = _unpack_index(stream, at, last)
    return at, vertex, following, vertex


@njit(cache=True, nogil=True)
def _place(recent, at, vertex):
    """How many vertices were pushed since this one; -1 for one that is not held."""
    for n in range(len(recent)):
        if recent[(at - 1 - n) % len(recent)] == vertex:
            return n
    return -1


@njit(cache=True, nogil=True)
def _nibble(recent, at, vertex, following):
    """How a corner of a face without a known edge is written: 0 the next, 1 to 14 a recent one, 15 in full."""
    if vertex == following:
        return 0
    place = _place(recent, at, vertex)
    return place + 1 if 0 <= place < 14 else 15


@njit(cache=True, nogil=True)
def _push(recent, at, vertex):
    recent[at % len(recent)] = vertex
    return at + 1


@njit(cache=True, nogil=True)
def _push_edge(edges, at, a, b):
    edges[at % len(edges), 0], edges[at % len(edges), 1] = a, b
    return at + 1


@njit(cache=True, nogil=True)
def _pack_index(data, at, index, last):
    """Append the zigzag difference to the last index in groups of seven bits; where it ends, and the index."""
    delta = index - last
    value = ~(delta << 1) if delta < 0 else delta << 1
    while value > 127:
        data[at] = value & 127 | 128
        value >>= 7
        at += 1
    data[at] = value
    return at + 1, index


@njit(cache=True, nogil=True, boundscheck=True)  # a broken stream is an IndexError
def _unpack_index(stream, at, last):
    value, shift = np.int64(0), 0
    while True:
        value |= np.int64(stream[at] & 127) << shift
        shift += 7
        at += 1
        if stream[at - 1] < 128:
            break
    return at, last + (~(value >> 1) if value & 1 else value >> 1)
