"""The UV atlas: the position of each triangle on the texture."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from spherelinks import threads
from spherelinks.mesh.topology import Faces, Vertices, twins
from spherelinks.native import kernel
from spherelinks.texture.charts import BEND, CONE, grow, normals
from spherelinks.texture.flattening import cut, lay
from spherelinks.texture.packing import lay_out, rounded

#: The atlas is laid out once, for a texture of this side; other sizes reuse it.
PAGE = 1024
#: Texels between charts on that page; and where a jagged mesh falls into many, whose gutters would eat the page.
GUTTER, NARROW, MANY = 4, 2, 600
#: Parts in which charts are laid flat, so that no thread waits long for the other.
_PARTS = 8


_number = kernel(
    "unwrap_numbered -> int", "faces: i4[F,3] < V", "corners: f8[F,3,2]", "F", "latest: i4[V]*", "number: i4[F,3]*",
    "first: i8[3F]*",
)  # fmt: skip


@dataclass(frozen=True)
class Atlas:
    """A mesh whose vertices are duplicated along seams, and where fans of faces with different normals meet.

    uv : (W, 2) float32 in 0..1, glTF's: u to the right, v downwards, row 0 of the picture at v = 0
    faces : (F, 3) int32 into uv, in the order of the faces that were unwrapped
    source : (W,) int32, the vertex that each of the W came from
    fan : (W,) int32, the fan that each belongs to, the same as the vertex where there are none
    """

    uv: NDArray[np.float32]
    faces: Faces
    source: NDArray[np.int32]
    fan: NDArray[np.int32]


@dataclass(frozen=True)
class Flat:
    """A mesh cut into charts that are not packed yet.

    corners : (F, 3, 2) float64, each face's corners on its chart's plane, v downwards, in the vertices' unit
    chart : (F,) int64, from 0
    """

    corners: NDArray[np.float64]
    chart: NDArray[np.int64]


def unwrap(
    vertices: Vertices, faces: Faces, fans: Faces | None = None, opposite: NDArray[np.int64] | None = None
) -> Atlas:
    """Cut a mesh into charts and pack them on a square page without overlap: :func:`flatten`, then :func:`place`.

    fans : (F, 3) int32 of :func:`spherelinks.mesh.normals.fan_normals`, where there are any
    opposite : (3F,) int64, the faces' twins, where they are known
    """
    if opposite is None:
        opposite = twins(faces)
    return place(faces, flatten(vertices, faces, opposite), faces if fans is None else fans, opposite)


def flatten(vertices: Vertices, faces: Faces, opposite: NDArray[np.int64] | None = None) -> Flat:
    """Cut a mesh into flat charts; works in several threads.

    vertices (V, 3) float32, faces (F, 3) int32, which need not be closed or manifold; opposite (3F,) int64, their
    twins, where they are known. Charts are grown, then flattened.
    The faces of charts that come out folded, overlapping or distorted are grown again, within stricter limits, into
    charts of at most half as many faces, down to one, which is always flat. No two faces of a chart overlap, and none
    is mirrored. Deterministic, on any number of processors, and the same at any scale.
    """
    points = vertices.astype(np.float64)
    scale = rounded(float(np.ptp(points[faces], axis=(0, 1)).max()))
    points /= scale
    corners, chart = np.empty((len(faces), 3, 2)), np.empty(len(faces), np.int64)
    left, most = np.arange(len(faces)), np.full(len(faces), len(faces))
    bend, cone, done = BEND, CONE, 0
    with threads.pool() as pool:
        own, opposite = faces, twins(faces) if opposite is None else opposite
        while len(left):
            normal, area = normals(points, own, opposite)
            label, count = grow(points, own, opposite, normal, area, most, bend, cone)
            pieces = cut(opposite, label, count)
            first = pieces[1]
            size = np.diff(first)
            flat, good = np.empty((len(left), 3, 2)), np.empty(count, bool)
            ends = np.searchsorted(first, np.linspace(0, len(left), _PARTS + 1)).tolist()
            parts = [
                pool.submit(lay, points, own, normal, area, *pieces, flat, good, begin, end)
                for begin, end in pairwise(ends)
            ]
            for part in parts:
                part.result()
            good |= size == 1
            kept = good[label]
            corners[left[kept]] = flat[kept] * (1, -1)
            chart[left[kept]] = (np.cumsum(good) - 1)[label[kept]] + done
            done += int(good.sum())
            left, most = left[~kept], size[label[~kept]] // 2
            bend, cone = bend / 4, (1 + cone) / 2
            own = faces[left]
            opposite = twins(own)
    return Flat(corners * scale, chart)


def place(faces: Faces, flat: Flat, fans: Faces, opposite: NDArray[np.int64]) -> Atlas:
    """Pack the charts of a mesh of (F, 3) int32 faces and their twins on a page, by :func:`~.packing.lay_out`; in one
    thread."""
    gutter = GUTTER if flat.chart.max() < MANY else NARROW
    corners, _ = lay_out(flat.corners, flat.chart, opposite, gutter / PAGE)
    number, first = _numbered(fans, corners)
    uv = corners.reshape(-1, 2)[first].astype(np.float32)
    return Atlas(uv, number, faces.ravel()[first], fans.ravel()[first])


def _numbered(faces: Faces, corners: NDArray[np.float64]) -> tuple[Faces, NDArray[np.int64]]:
    """(F, 3) int32 numbers, one for each place that a vertex (or a fan) has, and the first of the 3F corners there."""
    number, first = np.empty_like(faces), np.empty(faces.size, np.int64)
    count = _number(faces, corners, np.full(faces.max() + 1, -1, np.int32), number, first)
    return number, first[:count].copy()
