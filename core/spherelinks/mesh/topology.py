"""How a mesh hangs together: half-edges, fans, parts, genus."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

Vertices = NDArray[np.float32]
Faces = NDArray[np.int32]


@dataclass(frozen=True)
class Topology:
    """What :func:`examine` finds.

    closed : every edge joins exactly two faces that run along it in opposite directions
    manifold : closed, and the faces round every vertex form one fan
    parts : connected bodies
    genus : handles over all parts; -1 where the mesh is not manifold and the word means nothing
    volume, area : in the vertices' unit, cubed and squared; volume is positive for outward-facing faces
    """

    closed: bool
    manifold: bool
    parts: int
    genus: int
    volume: float
    area: float


def examine(vertices: Vertices, faces: Faces) -> Topology:
    """The topology of (V, 3) vertices and (F, 3) faces."""
    opposite = twins(faces)
    closed = len(faces) > 0 and bool((opposite >= 0).all())
    used = len(np.unique(faces))
    manifold = closed and fans(opposite)[1] == used
    labels = parts(faces, len(vertices))
    count = int(labels.max()) + 1 if len(labels) else 0
    genus = (2 * count - (used - 3 * len(faces) // 2 + len(faces))) // 2 if manifold else -1
    a, b, c = (vertices[faces[:, k]].astype(np.float64) for k in range(3))
    volume = float(np.einsum("ij,ij->", a, np.cross(b, c))) / 6
    area = float(np.linalg.norm(np.cross(b - a, c - a), axis=1).sum()) / 2
    return Topology(closed, manifold, count, genus, volume, area)


def half_edges(faces: Faces) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Start and end vertex of each half-edge, (3F,) each; half-edge 3f + k runs from corner k of face f to the next."""
    return faces.ravel().astype(np.int64), faces[:, [1, 2, 0]].ravel().astype(np.int64)


def twins(faces: Faces) -> NDArray[np.int64]:
    """(3F,) the half-edge that runs the other way; -1 where there is not exactly one of each direction."""
    return _twins(np.ascontiguousarray(faces), int(faces.max(initial=-1)) + 1)  # type: ignore[no-any-return]


@njit(cache=True, nogil=True)
def _twins(faces, n_vertices):  # type: ignore[no-untyped-def]
    """Each edge is looked up among those of its end that has the fewer faces, so that hubs cost nothing."""
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
def fans(opposite):  # type: ignore[no-untyped-def]
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
def parts(faces, n_vertices):  # type: ignore[no-untyped-def]
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


def compact(vertices: Vertices, faces: Faces) -> tuple[Vertices, Faces]:
    """The same mesh without vertices that no face uses; order is kept."""
    used = np.zeros(len(vertices), bool)
    used[faces] = True
    number = np.cumsum(used, dtype=np.int32) - np.int32(1)
    return vertices[used], number[faces]
