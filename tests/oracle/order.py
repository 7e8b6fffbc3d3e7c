"""The kernels of spherelinks.gltf.order in their original version, compiled by numba."""

from __future__ import annotations

import numpy as np
from numba import njit

CACHE = 16


@njit(cache=True, nogil=True)
def misses(faces, vertices, cache):
    """How many vertices a GPU must transform to draw a mesh, with a first-in first-out cache of `cache` vertices.

    faces : (F, 3) int32 of `vertices` vertices. Divided by F it is the ACMR: 3 at worst, about 0.5 at best.
    """
    entered = np.full(vertices, -cache - 1, np.int64)
    count = 0
    for f in range(len(faces)):
        for k in range(3):
            if count - entered[faces[f, k]] >= cache:
                count += 1
                entered[faces[f, k]] = count
    return count


@njit(cache=True, nogil=True)
def _walk(faces, vertices):
    """(F,) int64, the order of the faces: the next is the one whose corners score highest."""
    count = len(faces)
    # the faces at each vertex: those not yet drawn come first
    start = np.zeros(vertices + 1, np.int64)
    for f in range(count):
        for k in range(3):
            start[faces[f, k] + 1] += 1
    start = np.cumsum(start)
    around = np.empty(3 * count, np.int64)
    left = np.zeros(vertices, np.int64)
    for f in range(count):
        for k in range(3):
            v = faces[f, k]
            around[start[v] + left[v]] = f
            left[v] += 1

    by_place = np.zeros(CACHE)
    for place in range(CACHE):
        # the last face's corners all count the same, or else its strip would fold back
        by_place[place] = 0.75 if place < 3 else (1 - (place - 3) / (CACHE - 3)) ** 1.5
    worth = np.empty(vertices)
    for v in range(vertices):
        worth[v] = 2 / np.sqrt(max(left[v], 1))
    value = np.empty(count)
    drawn = np.zeros(count, np.bool_)
    for f in range(count):
        value[f] = worth[faces[f, 0]] + worth[faces[f, 1]] + worth[faces[f, 2]]

    order = np.empty(count, np.int64)
    cache = np.empty(CACHE + 3, np.int64)
    fresh = np.empty(CACHE + 3, np.int64)
    held, following, best = 0, 0, -1
    for step in range(count):
        if best < 0:
            while drawn[following]:
                following += 1
            best = following
        f = best
        order[step] = f
        drawn[f] = True
        # its corners go to the front of the cache, and the face from their lists
        size = 0
        for k in range(3):
            v = faces[f, k]
            doubled = False
            for n in range(size):
                doubled = doubled or fresh[n] == v
            if not doubled:
                fresh[size] = v
                size += 1
            for n in range(start[v], start[v] + left[v]):
                if around[n] == f:
                    left[v] -= 1
                    around[n] = around[start[v] + left[v]]
                    break
        front = size
        for n in range(held):
            v = cache[n]
            again = False
            for m in range(front):
                again = again or fresh[m] == v
            if not again:
                fresh[size] = v
                size += 1
        # what each is worth now, and which face has thereby become the best
        best, most = -1, -1.0
        for n in range(size):
            v = fresh[n]
            now = 2 / np.sqrt(left[v]) + (by_place[n] if n < CACHE else 0.0) if left[v] else 0.0
            change = now - worth[v]
            worth[v] = now
            for m in range(start[v], start[v] + left[v]):
                value[around[m]] += change
        for n in range(min(size, CACHE)):
            v = fresh[n]
            for m in range(start[v], start[v] + left[v]):
                if value[around[m]] > most:
                    most, best = value[around[m]], around[m]
        held = min(size, CACHE)
        cache, fresh = fresh, cache
    return order
