"""PLY: a closed mesh with vertex colours."""

from __future__ import annotations

import numpy as np

from spherelinks.formats.weld import weld
from spherelinks.gltf.read import read

_VERTEX = np.dtype([("position", "<f4", 3), ("normal", "<f4", 3), ("color", "u1", 3)])
_FACE = np.dtype([("corners", "u1"), ("vertices", "<i4", 3)])


def write(glb: bytes) -> bytes:
    """A binary PLY in metres with +Y up; a vertex on a texture seam is written once, with one of its colours.

    Raises InvalidRequest for a file that is not one of ours.
    """
    mesh = read(glb).mesh
    kept, welded = weld(mesh.positions)
    height, width = mesh.texture.shape[:2]
    column, row = np.clip((mesh.uv[kept] * (width, height)).astype(int), 0, (width - 1, height - 1)).T
    vertices = np.empty(len(kept), _VERTEX)
    vertices["position"], vertices["normal"] = mesh.positions[kept], mesh.normals[kept]
    vertices["color"] = mesh.texture[row, column]
    faces = np.empty(len(mesh.faces), _FACE)
    faces["corners"], faces["vertices"] = 3, welded[mesh.faces]
    header = [
        "ply",
        "format binary_little_endian 1.0",
        "comment SphereLinks, metres, +Y up",
        f"element vertex {len(vertices)}",
        *(f"property float {name}" for name in ("x", "y", "z", "nx", "ny", "nz")),
        *(f"property uchar {name}" for name in ("red", "green", "blue")),
        f"element face {len(faces)}",
        "property list uchar int vertex_indices",
        "end_header\n",
    ]
    return "\n".join(header).encode() + vertices.tobytes() + faces.tobytes()
