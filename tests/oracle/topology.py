"""The kernels of spherelinks.mesh.topology in their original version, compiled by numba."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def _twins(faces, n_vertices):
    """Each edge is looked up at the end with fewer faces, so that hubs cost nothing."""
    width = np.zeros(n_vertices, np.int32)
    for f in range(len(faces)):
        for k in range(3):
            width[faces[f, k]] += 1
    opposite = np.full(faces.size, -1, np.int64)
    start = np.zeros(n_vertices + 1, np.int32)
    for filling in range(2):
        if filling:
            start = np.cumsum(start).astype(np.int32)
            stop = start[:-1].copy()
            other, first = np.empty(start[-1], np.int32), np.empty(start[-1], np.int32)  # -1: of more than two
        for f in range(len(faces)):
            for k in range(3):
                a, b = faces[f, k], faces[f, k + 1 if k < 2 else 0]
                if width[b] < width[a] or (width[b] == width[a] and b < a):
                    home, away = b, a
                else:
                    home, away = a, b
                if not filling:
                    start[home + 1] += 1
                    continue
                h = 3 * f + k
                at = start[home]
                while at < stop[home] and other[at] != away:
                    at += 1
                if at == stop[home]:
                    other[at], first[at] = away, h
                    stop[home] += 1
                elif first[at] >= 0:
                    one = first[at]
                    if opposite[one] < 0 and faces[one // 3, one % 3] == b and a != b:
                        opposite[one], opposite[h] = h, one
                    else:
                        if opposite[one] >= 0:
                            opposite[opposite[one]] = -1
                        opposite[one], first[at] = -1, -1
    return opposite


@njit(cache=True, nogil=True)
def fans(opposite):
    """Label the fan of faces that each corner belongs to: (3F,) labels and their number. A twin of -1 ends a fan."""
    label = np.full(len(opposite), -1, np.int32)
    count = 0
    for seed in range(len(opposite)):
        if label[seed] >= 0:
            continue
        corner = seed
        while corner >= 0 and label[corner] < 0:
            label[corner] = count
            corner = opposite[corner - 1 if corner % 3 else corner + 2]
        corner = opposite[seed]
        while corner >= 0:  # the other way, unless that was all round
            corner = corner + 1 if corner % 3 < 2 else corner - 2
            if label[corner] >= 0:
                break
            label[corner] = count
            corner = opposite[corner]
        count += 1
    return label, count


@njit(cache=True, nogil=True)
def parts(faces, n_vertices):
    """(F,) the connected part of each face, numbered in order of first appearance; union-find over vertices."""
    parent = np.arange(n_vertices, dtype=np.int32)
    for f in range(len(faces)):
        a = faces[f, 0]
        while parent[a] != a:
            parent[a] = parent[parent[a]]
            a = parent[a]
        for k in range(1, 3):
            b = faces[f, k]
            while parent[b] != b:
                parent[b] = parent[parent[b]]
                b = parent[b]
            if a < b:
                parent[b] = a
            elif b < a:
                parent[a] = b
                a = b
    number = np.full(n_vertices, -1, np.int32)
    label = np.empty(len(faces), np.int32)
    count = 0
    for f in range(len(faces)):
        a = faces[f, 0]
        while parent[a] != a:
            a = parent[a]
        if number[a] < 0:
            number[a] = count
            count += 1
        label[f] = number[a]
    return label
