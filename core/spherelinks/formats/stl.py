"""STL: triangles for printing, bare or with the colours that some programs hide in them."""

from __future__ import annotations

import re
import struct

import numpy as np
from numpy.typing import NDArray

from spherelinks.gltf.read import Model
from spherelinks.mesh.pose import single
from spherelinks.mesh.solid import MOST
from spherelinks.mesh.weld import weld
from spherelinks.shape import Surface

_TRIANGLE = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])


def read(data: bytes) -> Surface:
    """The triangles of a binary or ASCII STL, in the file's own axes and unit.

    Colours are read as VisCAM and as Materialise Magics write them into a binary file's attributes. What follows the
    triangles of a binary file is left alone. Raises ValueError for what is neither, and past 3 * MOST corners.
    """
    colors: NDArray[np.uint8] | None = None
    notes: tuple[str, ...] = ()
    count = struct.unpack_from("<I", data, 80)[0] if len(data) >= 84 else -1
    whole = count >= 0 and len(data) >= 84 + 50 * count
    if _is_text(data) and not (whole and len(data) == 84 + 50 * count):
        words = [line.split()[1:4] for line in data.lower().splitlines() if line.strip()[:6] == b"vertex"]
        if 3 * data.lower().count(b"facet normal") > len(words):  # several statements in one line
            words = [each.split()[:3] for each in re.split(rb"\bvertex\b", data.lower())[1:]]
        corners = np.array(words or np.zeros((0, 3)), np.float64)
        if len(corners) % 3:
            raise ValueError(f"its {len(corners)} vertices are no triangles")
    elif whole:
        table = np.frombuffer(data, _TRIANGLE, count, 84)
        corners = table["corners"].reshape(-1, 3).astype(np.float64)
        colors, notes = _colors(data[:80], table["attribute"])
    elif count < 0:
        raise ValueError(f"it has {len(data)} bytes, too few for a header")
    else:
        raise ValueError(f"its header says {count} triangles, and {(len(data) - 84) // 50} are there")
    if len(corners) > 3 * MOST:
        raise ValueError(f"it has more than {3 * MOST} vertices")
    vertices, faces = single(corners), np.arange(len(corners), dtype=np.int32).reshape(-1, 3)
    if colors is None and len(vertices) > MOST:
        kept, welded = weld(vertices)
        return Surface(vertices[kept], welded[faces], notes=notes)
    return Surface(vertices, faces, None if colors is None else np.repeat(colors, 3, axis=0), notes=notes)


def _is_text(data: bytes) -> bool:
    """Some binary files' headers begin with "solid", too."""
    start = data[:100_000].lower().lstrip()
    return start.startswith(b"solid") and (b"facet" in start or b"endsolid" in start)


def _colors(header: bytes, attribute: NDArray[np.uint16]) -> tuple[NDArray[np.uint8] | None, tuple[str, ...]]:
    """(F, 3) uint8 colours in the triangles' attributes: five bits each, and one that says whether they count."""
    marked = (attribute & 0x8000) != 0
    fifths = (attribute[:, None] >> np.array((0, 5, 10))) & 31
    values = (fifths * 255 + 15) // 31
    at = header.find(b"COLOR=")
    if not attribute.any():  # MeshLab's header speaks of a colour even so
        return None, ()
    if 0 <= at <= 70:  # Magics: red lies lowest, and the bit says that the triangle has the header's colour
        own = np.broadcast_to(np.frombuffer(header, np.uint8, 3, at + 6), values.shape)
        if marked.all() and not np.isin(attribute, (0x8000, 0xFFFF)).all():
            return values.astype(np.uint8), ()  # MeshLab sets the bit where a triangle has a colour
        return np.where(marked[:, None], own, values).astype(np.uint8), ()
    if marked.any():  # VisCAM: blue lies lowest
        return np.where(marked[:, None], values[:, ::-1], 200).astype(np.uint8), ()
    return None, ("The triangles' attributes are no colours that are known, and were not read.",)


def write(model: Model) -> bytes:
    """A binary STL in millimetres with +Z up: the format specifies neither, and slicers assume this."""
    mesh = model.mesh
    upright = mesh.positions[:, [0, 2, 1]] * np.array((1000, -1000, 1000), np.float32)
    triangles = np.zeros(len(mesh.faces), _TRIANGLE)
    triangles["corners"] = upright[mesh.faces]
    a, b, c = (triangles["corners"][:, k].astype(np.float64) for k in range(3))
    normals = np.cross(b - a, c - a)
    triangles["normal"] = normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-300)
    header = b"SphereLinks, millimetres, +Z up".ljust(80)
    return header + struct.pack("<I", len(triangles)) + triangles.tobytes()
