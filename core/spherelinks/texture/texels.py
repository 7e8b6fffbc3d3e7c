"""Finds the point of the surface that each texel shows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spherelinks import threads
from spherelinks.native import kernel

#: Points that a thread works on at a time.
BAND = 1 << 17

_locate = kernel(
    "texels_locate -> int", "uv: f4[W,2]", "faces: i4[F,3] < W", "F", "size: int", "texel: i8[N]*", "face: i4[N]*",
    "weights: f4[N,3]*",
)  # fmt: skip
_blend = kernel(
    "texels_blended", "values: f4[W,C]", "C", "faces: i4[F,3] < W", "face: i4[N] < F", "weights: f4[N,3]", "N",
    "out: f4[N,C]*",
)  # fmt: skip


def locate(
    uv: NDArray[np.float32], faces: NDArray[np.int32], size: int
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float32]]:
    """The texels of a square texture that faces cover.

    uv : (W, 2) float32 in 0..1; faces : (F, 3) int32 into it; size : the texture's side, px

    Returns (N,) int64 texels, counted row by row, in rising order of their faces, (N,) int32 faces, and (N, 3) float32
    barycentric weights of the faces' corners at the texels' centres. A texel that two faces share is listed once.
    """
    texel, face = np.empty(size * size, np.int64), np.empty(size * size, np.int32)
    weights = np.empty((size * size, 3), np.float32)
    count = _locate(uv, faces, size, texel, face, weights)
    return texel[:count].copy(), face[:count].copy(), weights[:count].copy()


def blended(
    values: NDArray[np.float32], faces: NDArray[np.int32], face: NDArray[np.int32], weights: NDArray[np.float32]
) -> NDArray[np.float32]:
    """(N, C) float32: (W, C) values of the vertices at N points, given by their faces and weights."""
    out = np.empty((len(face), values.shape[1]), np.float32)

    def band(first: int) -> None:
        rows = slice(first, first + BAND)
        _blend(values, faces, face[rows], weights[rows], out[rows])

    threads.each(band, range(0, len(face), BAND))
    return out
