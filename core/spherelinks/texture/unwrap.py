"""A UV atlas: where on the texture each triangle lies."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import uvunwrap
from numba import njit
from numpy.typing import NDArray

from spherelinks.mesh.topology import Faces, Vertices, compact
from spherelinks.texture.boxes import project
from spherelinks.texture.packing import lay_out

#: The atlas is laid out once, for a texture of this side; other sizes reuse it.
PAGE = 1024
#: Texels between charts on that page.
GUTTER = 4
#: uvunwrap's time grows faster than the number of faces: 0.2 s for 20,000, 2.8 s for 100,000.
MOST_FACES = 120_000
#: uvunwrap packs, too, which nobody looks at: it takes least on a small page without gutters, and charts are the same.
_SCRATCH = 128
#: Meshes of so many faces are cut across the middle of their longest side, and both halves are charted at once: some
#: more seams, for a third of the time.
_HALVED = 10_000
#: uvunwrap 0.3.0's solver panics, now and then and not each time, on jagged meshes; when it does not, the result is
#: always the same. So often it is asked.
_PANICS = 20


@dataclass(frozen=True)
class Atlas:
    """A mesh whose vertices are doubled along the seams.

    uv : (W, 2) float32 in 0..1, glTF's: u to the right, v downwards, row 0 of the picture at v = 0
    faces : (F, 3) int32 into uv, in the order of the faces that were unwrapped
    source : (W,) int32, the vertex that each of the W came from
    fallback : whether the box projection was used
    """

    uv: NDArray[np.float32]
    faces: Faces
    source: NDArray[np.int32]
    fallback: bool = False


@dataclass(frozen=True)
class Flat:
    """A mesh cut into charts, which do not lie on a page yet.

    corners : (F, 3, 2) float64, where each face's corners lie on its chart's plane, in the vertices' unit
    chart : (F,) int64
    fallback : whether the box projection was used
    """

    corners: NDArray[np.float64]
    chart: NDArray[np.int64]
    fallback: bool


def unwrap(vertices: Vertices, faces: Faces) -> Atlas:
    """Cut a mesh into charts and pack them on a square page without overlap: :func:`flatten`, then :func:`place`."""
    return place(faces, flatten(vertices, faces))


def flatten(vertices: Vertices, faces: Faces) -> Flat:
    """Cut a mesh into flat charts; works in two threads.

    vertices (V, 3) float32, faces (F, 3) int32. uvunwrap cuts and flattens; past MOST_FACES, and where uvunwrap refuses
    a mesh, charts come from :func:`spherelinks.texture.boxes.project`. Deterministic: no clock decides.
    """
    flat = _flattened(vertices, faces) if len(faces) <= MOST_FACES else None
    return Flat(*(flat or project(vertices, faces)), fallback=flat is None)


def place(faces: Faces, flat: Flat) -> Atlas:
    """Pack the charts of a mesh of (F, 3) int32 faces on a page, by :func:`~.packing.lay_out`; in one thread."""
    corners, _ = lay_out(flat.corners, flat.chart, faces, GUTTER / PAGE)
    number, first = _numbered(faces, corners)
    uv = corners.reshape(-1, 2)[first].astype(np.float32)
    return Atlas(uv, number, faces.ravel()[first], flat.fallback)


def _flattened(vertices: Vertices, faces: Faces) -> tuple[NDArray[np.float64], NDArray[np.int64]] | None:
    """(F, 3, 2) corners, in the vertices' unit, and (F,) charts by uvunwrap; None where it refuses."""
    upper = np.zeros(len(faces), bool)
    if len(faces) >= _HALVED:
        middle = vertices[faces].mean(axis=1)[:, np.ptp(vertices, axis=0).argmax()]
        upper = middle > np.median(middle)
    groups = [group for group in (np.flatnonzero(~upper), np.flatnonzero(upper)) if len(group)]
    with ThreadPoolExecutor(len(groups)) as pool:
        found = list(pool.map(lambda group: _charted(*compact(vertices, faces[group])), groups))
    corners, chart, count = np.empty((len(faces), 3, 2)), np.empty(len(faces), np.int64), 0
    for group, part in zip(groups, found, strict=True):
        if part is None:
            return None
        corners[group], chart[group] = part[0], part[1] + count
        count = int(chart[group].max()) + 1
    return corners, chart


def _charted(vertices: Vertices, faces: Faces) -> tuple[NDArray[np.float64], NDArray[np.int64]] | None:
    """The same for one part, by one call of uvunwrap."""
    mesh = uvunwrap.Mesh(
        np.ascontiguousarray(vertices, np.float32), np.ascontiguousarray(faces, np.int32).view(np.uint32)
    )
    for _ in range(_PANICS):
        try:
            atlas = uvunwrap.generate([mesh], page_size=_SCRATCH, padding=0, packing="fast")
        except uvunwrap.UnwrapError:
            return None
        except BaseException as error:
            if type(error).__name__ != "PanicException":  # PyO3's, which cannot be imported
                raise
            continue
        out = atlas.meshes[0]
        vertex = np.frombuffer(out.indices, np.uint32).reshape(-1, 3)
        # given over the page's used part, which is not square, with v upwards
        scale = np.array((atlas.width, -atlas.height)) / atlas.texels_per_unit
        uv = np.frombuffer(out.uv, np.float32).reshape(-1, 2) * scale
        return uv[vertex], np.frombuffer(out.chart, np.int32)[vertex[:, 0]].astype(np.int64)
    return None


@njit(cache=True, nogil=True)
def _numbered(faces, corners):  # type: ignore[no-untyped-def]
    """(F, 3) int32 numbers, one for each place that a vertex has, and the first of the 3F corners that has each."""
    number = np.empty(faces.shape, np.int32)
    first = np.empty(faces.size, np.int64)
    latest, earlier = np.full(faces.max() + 1, -1, np.int32), np.empty(faces.size, np.int32)
    count = 0
    for f in range(len(faces)):
        for k in range(3):
            one = latest[faces[f, k]]
            while one >= 0 and (corners[first[one] // 3, first[one] % 3] != corners[f, k]).any():
                one = earlier[one]
            if one < 0:
                one = count
                first[one], earlier[one], latest[faces[f, k]] = 3 * f + k, latest[faces[f, k]], one
                count += 1
            number[f, k] = one
    return number, first[:count].copy()
