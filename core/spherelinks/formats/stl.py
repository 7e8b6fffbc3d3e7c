"""STL: bare triangles, for printing."""

from __future__ import annotations

import struct

import numpy as np

from spherelinks.gltf.read import read

_TRIANGLE = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("unused", "<u2")])


def write(glb: bytes) -> bytes:
    """A binary STL in millimetres with +Z up: the format specifies neither, and slicers assume this.

    Raises InvalidRequest for a file that is not one of ours.
    """
    mesh = read(glb).mesh
    upright = mesh.positions[:, [0, 2, 1]] * np.array((1000, -1000, 1000), np.float32)
    triangles = np.zeros(len(mesh.faces), _TRIANGLE)
    triangles["corners"] = upright[mesh.faces]
    a, b, c = (triangles["corners"][:, k].astype(np.float64) for k in range(3))
    normals = np.cross(b - a, c - a)
    triangles["normal"] = normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-300)
    header = b"SphereLinks, millimetres, +Z up".ljust(80)
    return header + struct.pack("<I", len(triangles)) + triangles.tobytes()
