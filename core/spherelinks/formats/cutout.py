"""Triangles with an alpha texture as the shape that it cuts out of them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

#: Sides of the smaller triangles that one is cut into, at most, and triangles of a mesh, roughly.
_FINEST, _MOST = 64, 400_000


def cut(
    rows: NDArray[np.float64],
    faces: NDArray[np.int64],
    opacity: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    cutoff: float,
    texels: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """What is at least `cutoff` opaque.

    rows : (V, K) float64, all that a vertex has: place, texture coordinates, colour; faces : (F, 3)
    opacity : of (N, K) such rows, in 0..1
    texels : (V, 2) float64, where the vertices lie in the texture, in its pixels: a triangle is looked at once in
        about two pixels

    Returns rows (W, K), faces (G, 3) into them, and (G,) the face that each is a part of.
    """
    sides = texels[faces] - np.roll(texels[faces], 1, axis=1)
    count = np.ceil(np.sqrt((sides**2).sum(axis=2)).max(axis=1) / 2).clip(1, _FINEST)
    while (count**2).sum() > _MOST and count.max() > 1:
        count = np.ceil(count / 2)
    pieces, parts, owners, total = [], [], [], 0
    for n in np.unique(count).astype(int):
        which = np.flatnonzero(count == n)
        weights, small = _grid(n)
        fine = np.einsum("gc,fck->fgk", weights, rows[faces[which]])
        level = (opacity(fine.reshape(-1, fine.shape[2])) - cutoff).reshape(fine.shape[:2])
        corners = (small[None] + len(weights) * np.arange(len(which))[:, None, None]).reshape(-1, 3)
        kept, triangles, whole = _inside(fine.reshape(-1, fine.shape[2]), level.ravel(), corners)
        pieces.append(kept)
        parts.append(triangles + total)
        owners.append(np.repeat(which, len(small))[whole])
        total += len(kept)
    if not pieces:
        return rows, faces, np.arange(len(faces))
    return np.concatenate(pieces), np.concatenate(parts), np.concatenate(owners)


def _grid(n: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Weights (G, 3) of the points of a triangle cut n times along each side, and its n * n triangles, (n * n, 3)."""
    index: dict[tuple[int, int], int] = {}
    for i in range(n + 1):
        for j in range(n + 1 - i):
            index[i, j] = len(index)
    weights = np.array([(n - i - j, i, j) for i, j in index], np.float64) / n
    small = [(index[i, j], index[i + 1, j], index[i, j + 1]) for i, j in index if i + j < n]
    small += [(index[i + 1, j], index[i + 1, j + 1], index[i, j + 1]) for i, j in index if i + j < n - 1]
    return weights, np.array(small, np.int64)


def _inside(
    rows: NDArray[np.float64], level: NDArray[np.float64], faces: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """The parts of triangles where a level that runs straight along their sides is 0 or more."""
    high = level[faces] >= 0
    many = high.sum(axis=1)
    out, owners = [faces[many == 3]], [np.flatnonzero(many == 3)]
    added, total = [rows], len(rows)
    for wanted in (1, 2):
        which = np.flatnonzero(many == wanted)
        alone = (high[which] == (wanted == 1)).argmax(axis=1)  # the corner unlike the two others
        a, b, c = (faces[which, (alone + k) % 3] for k in range(3))
        crossing = []
        for end in (b, c):
            share = (level[a] / (level[a] - level[end]))[:, None]
            added.append(rows[a] * (1 - share) + rows[end] * share)
            crossing.append(total + np.arange(len(which)))
            total += len(which)
        ab, ac = crossing
        if wanted == 1:
            out.append(np.stack([a, ab, ac], axis=1))
            owners.append(which)
        else:
            out += [np.stack([ab, b, c], axis=1), np.stack([ab, c, ac], axis=1)]
            owners += [which, which]
    return np.concatenate(added), np.concatenate(out), np.concatenate(owners)
