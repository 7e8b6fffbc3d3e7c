"""Mesh files as raw meshes with their materials: GLB, glTF, OBJ, PLY and STL."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from spherelinks.errors import InvalidRequest
from spherelinks.formats import obj, ply, stl
from spherelinks.formats.scene import read_scene
from spherelinks.options import Unit
from spherelinks.shape import Surface

#: Larger files are refused before they are read.
MAX_BYTES = 512 * 1024 * 1024

Beside = Callable[[str], "bytes | None"]
"""The bytes of a file that the mesh's own names, or None if there is none."""


def read(path: Path, *, whole: bool = False) -> Surface:
    """The triangles of a GLB, glTF, OBJ, PLY or STL file, recognised by its suffix; larger faces are triangulated.

    docs/formats.md says which parts of each format are read. Materials, textures and buffers in other files are read
    where these lie in the mesh's folder or below. What was not read is in the surface's notes. Raises InvalidRequest
    for a file that has another suffix, is damaged, or exceeds MAX_BYTES or MOST vertices or triangles.

    whole : whether alpha masks are kept as such, instead of cutting the shape
    """
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise InvalidRequest(
            f"{path.name} is not in a supported format.", hint=f"Give one of {', '.join(_READERS)}.", field="mesh"
        )
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise InvalidRequest(
                f"{path.name} has {size / 1e6:.0f} MB; {MAX_BYTES / 1e6:.0f} MB is the limit.",
                hint="Simplify it, or shrink its textures.",
                field="mesh",
            )
        data = path.read_bytes()
    except OSError as error:
        raise InvalidRequest(
            f"{path} cannot be read: {error.strerror or error}.", hint="Give the path of a mesh file.", field="mesh"
        ) from error
    try:
        if whole and reader is read_scene:
            return read_scene(data, beside(path.parent), whole=True)
        return reader(data, beside(path.parent))
    except (
        ValueError,
        KeyError,
        IndexError,
        TypeError,
        AttributeError,
        struct.error,
        zlib.error,
        OverflowError,
    ) as error:
        raise InvalidRequest(
            f"{path.name} cannot be read as {path.suffix[1:].upper()}: {error}.",
            hint="Open it in a modelling program and export it again.",
            field="mesh",
        ) from error


Up = Literal["y", "z"]

#: Which way is up where neither the format nor the file says so: printers and CAD have +Z for an STL.
_UP: dict[str, Up] = {".stl": "z"}
#: Formats that say it themselves, or that nearly every program writes alike.
_SAID = (".glb", ".gltf", ".obj")


def unit_of(path: Path) -> Unit:
    """The unit that a file's format has, or that programs take it to have: ours for STL, too."""
    return "mm" if path.suffix.lower() == ".stl" else "m"


def upright(surface: Surface, path: Path, up: Up | None = None) -> Surface:
    """A file's surface with +Y up.

    up : the file's own upward axis; None for what it says of itself, as ours do, else what its format has as a rule.
        The surface's notes say so where that was a guess and another would look different.
    """
    if up is None:
        with path.open("rb") as file:
            start = file.read(512)
        said = next((axis for axis in ("y", "z") if f"+{axis.upper()} up".encode() in start), None)
        up = "z" if said == "z" else "y" if said else _UP.get(path.suffix.lower(), "y")
        if said is None and path.suffix.lower() not in _SAID and len(surface.vertices):
            _, height, depth = np.ptp(surface.vertices, axis=0)
            if abs(height - depth) > 0.01 * max(height, depth):
                other = "z" if up == "y" else "y"
                note = (
                    f"{path.suffix[1:].upper()} does not say which way is up: +{up.upper()} was taken. "
                    f"If it lies, give --up {other}."
                )
                surface = replace(surface, notes=(*surface.notes, note))
    return turned(surface, up)


def turned(surface: Surface, up: Up) -> Surface:
    """A surface whose upward axis is +`up`, with +Y up."""
    if up == "y":
        return surface

    def turn(rows: NDArray[np.float32] | None) -> NDArray[np.float32] | None:
        if rows is None:
            return None
        return np.hstack([rows[:, [0, 2, 1]] * np.array((1, 1, -1), np.float32), rows[:, 3:]])

    return replace(
        surface,
        vertices=surface.vertices[:, [0, 2, 1]] * np.array((1, 1, -1), np.float32),
        normals=turn(surface.normals),
        tangents=turn(surface.tangents),
    )


def beside(folder: Path) -> Beside:
    """Finds files by the names that files in a folder call them: in the folder or below, whatever path they give."""

    def found(name: str) -> bytes | None:
        parts = name.replace("\\", "/")
        for path in (folder / parts, folder / parts.rpartition("/")[2]):
            try:
                inside = path.resolve().is_relative_to(folder.resolve())
                if inside and path.is_file() and path.stat().st_size <= MAX_BYTES:
                    return path.read_bytes()
            except (OSError, ValueError):  # a name that no file can have
                continue
        return None

    return found


_READERS: dict[str, Callable[[bytes, Beside], Surface]] = {
    ".glb": read_scene,
    ".gltf": read_scene,
    ".obj": obj.read,
    ".ply": ply.read,
    ".stl": lambda data, beside: stl.read(data),
}
