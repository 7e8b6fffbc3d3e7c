"""Meshes without the duplicate vertices that texture seams need."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def weld(rows: NDArray[np.float32]) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """The vertices to keep, one per position (or whatever a row says), and for each vertex its index among these.

    rows : (V, K) float32. Returns (W,) ascending indices, and (V,) numbers from 0 to W - 1 that map a closed
    surface that was cut open along its seams to a closed one: welded[faces].
    """
    keys = np.ascontiguousarray(rows, np.float32).view(np.dtype((np.void, 4 * rows.shape[1]))).ravel()
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty(len(first), np.int32)
    rank[order] = np.arange(len(first), dtype=np.int32)
    return first[order], rank[inverse]
