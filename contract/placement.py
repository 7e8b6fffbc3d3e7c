"""Makes contract/files/asset.glb, a box with one corner pulled out: python -m contract.placement

The corner tells apart every mirror, turn and swap of axes: `CORNER` says where it is in the file.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path

CORNER = (0.75, 0.5, 0.25)
"""Of the file, in metres: +X, +Y (up), +Z (the photographed side). All other corners are at ±0.5, 0 or 0.25, ±0.125."""


def glb() -> bytes:
    """The box as binary glTF: origin under its middle, eight corners, no texture."""
    corners = [(x, y, z) for x in (-0.5, 0.5) for y in (0.0, 0.25) for z in (-0.125, 0.125)]
    corners[-1] = CORNER
    faces = ((0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3))
    triangles = [index for a, b, c, d in faces for index in (a, b, c, a, c, d)]
    points = b"".join(struct.pack("<3f", *corner) for corner in corners)
    indices = struct.pack(f"<{len(triangles)}H", *triangles)
    low, high = ([pick(axis) for axis in zip(*corners, strict=True)] for pick in (min, max))
    document = {
        "asset": {"version": "2.0", "generator": "SphereLinks contract", "extras": {"generator": "lift", "seed": 7}},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"name": "asset", "mesh": 0}],
        "meshes": [{"name": "asset", "primitives": [{"attributes": {"POSITION": 0}, "indices": 1, "material": 0}]}],
        "materials": [{"name": "asset", "pbrMetallicRoughness": {"metallicFactor": 0}}],
        "accessors": [
            {"bufferView": 0, "componentType": 5126, "count": 8, "type": "VEC3", "min": low, "max": high},
            {"bufferView": 1, "componentType": 5123, "count": len(triangles), "type": "SCALAR"},
        ],
        "bufferViews": [
            {"buffer": 0, "byteOffset": 0, "byteLength": len(points), "target": 34962},
            {"buffer": 0, "byteOffset": len(points), "byteLength": len(indices), "target": 34963},
        ],
        "buffers": [{"byteLength": len(points) + len(indices)}],
    }
    head = json.dumps(document).encode()
    head += b" " * (-len(head) % 4)
    body = points + indices
    body += bytes(-len(body) % 4)
    length = 12 + 8 + len(head) + 8 + len(body)
    chunks = struct.pack("<I4s", len(head), b"JSON") + head + struct.pack("<I4s", len(body), b"BIN\0") + body
    return struct.pack("<4sII", b"glTF", 2, length) + chunks


if __name__ == "__main__":
    (Path(__file__).parent / "files" / "asset.glb").write_bytes(glb())
