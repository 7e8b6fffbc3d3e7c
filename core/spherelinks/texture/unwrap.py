"""A UV atlas: where on the texture each triangle lies."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import uvunwrap
from numpy.typing import NDArray

from spherelinks.mesh.topology import Faces, Vertices
from spherelinks.texture.boxes import project

#: The atlas is laid out once, for a texture of this side; other sizes reuse it.
PAGE = 1024
#: Texels between charts on that page.
GUTTER = 4
#: uvunwrap's time grows faster than the number of faces: 0.2 s for 20,000, 2.8 s for 100,000.
MOST_FACES = 120_000


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


def unwrap(vertices: Vertices, faces: Faces) -> Atlas:
    """Cut a mesh into charts and pack them on a square page without overlap.

    vertices (V, 3) float32, faces (F, 3) int32. uvunwrap does it; past MOST_FACES, and where uvunwrap refuses a mesh,
    charts come from :func:`spherelinks.texture.boxes.project`. Deterministic: no clock decides.
    """
    if len(faces) > MOST_FACES:
        return Atlas(*project(vertices, faces, PAGE, GUTTER), fallback=True)
    mesh = uvunwrap.Mesh(
        np.ascontiguousarray(vertices, np.float32), np.ascontiguousarray(faces, np.int32).view(np.uint32)
    )
    try:
        atlas = uvunwrap.generate([mesh], page_size=PAGE, padding=GUTTER)
    except uvunwrap.UnwrapError:
        return Atlas(*project(vertices, faces, PAGE, GUTTER), fallback=True)
    out = atlas.meshes[0]
    uv = np.frombuffer(out.uv, np.float32).reshape(-1, 2)
    # given over the page's used part, which is not square; the texture is
    uv = uv * np.array([atlas.width, atlas.height], np.float32) / np.float32(max(atlas.width, atlas.height))
    uv[:, 1] = 1 - uv[:, 1]  # its v grows upwards
    placed = np.frombuffer(out.indices, np.uint32).reshape(-1, 3).astype(np.int32)
    return Atlas(uv, placed, np.frombuffer(out.xref, np.uint32).astype(np.int32))
