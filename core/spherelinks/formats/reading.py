"""Mesh files as raw meshes with their materials, from disk or out of a ZIP."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from spherelinks.errors import MeshUnreadable
from spherelinks.formats import collada, foreign, obj, ply, stl, threemf, usd
from spherelinks.formats.pieces import Stated
from spherelinks.formats.scene import read_scene
from spherelinks.mesh.box import sides
from spherelinks.options import METRES, Unit
from spherelinks.shape import Surface

#: Larger files are refused before they are read.
MAX_BYTES = 512 * 1024 * 1024

Beside = Callable[[str], "bytes | None"]
"""The bytes of a file that the mesh's own names, or None if there is none."""
Up = Literal["y", "z"]


@dataclass(frozen=True)
class MeshFile:
    """A mesh as its file has it.

    kind : the file's suffix, such as ".stl"
    unit : of its coordinates: the format's own, or what programs take it for
    up : the axis that points upwards, and whether the format or the file says so
    stated : what the file says of its coordinates, where the surface is no longer in them
    """

    surface: Surface
    kind: str
    unit: Unit
    up: Up
    sure: bool
    stated: Stated


def read(path: Path, *, whole: bool = False) -> Surface:
    """The surface of a mesh file: see :func:`read_file`."""
    return read_file(path, whole=whole).surface


def read_file(path: Path, *, whole: bool = False) -> MeshFile:
    """The mesh in a file of one of _READERS' suffixes, or in a ZIP with the files beside it.

    docs/formats.md says which parts of each format are read. Materials, textures and buffers in other files are read
    where these lie in the mesh's folder or below. What was not read is in the surface's notes. Raises MeshUnreadable
    for a file that has another suffix, is damaged, or exceeds MAX_BYTES or MOST vertices or triangles.

    whole : whether alpha masks are kept as such, instead of cutting the shape
    """
    suffix = path.suffix.lower()
    if suffix not in (*_READERS, ".zip"):
        raise foreign.unsupported(path.name, suffix, _start(path), tuple(_READERS))
    data = _bytes(path)
    if suffix != ".zip":
        return _read(path.name, suffix, data, beside(path.parent), whole=whole)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            inner = _mesh_in(path.name, archive)
            return _read(f"{path.name}/{inner}", inner.suffix.lower(), _member(archive, str(inner)) or b"",
                         _beside_in(archive, inner.parent), whole=whole)  # fmt: skip
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, zlib.error, EOFError) as error:
        raise MeshUnreadable(
            f"{path.name} cannot be read as ZIP: {error}.", hint="Give the mesh file itself.", field="mesh"
        ) from error


def _read(name: str, suffix: str, data: bytes, files: Beside, *, whole: bool) -> MeshFile:
    module = _MODULES.get(suffix)
    if module is not None and find_spec(module) is None:
        raise MeshUnreadable(
            f"{name} needs a library that is not installed: {module}.",
            hint="Install it with: pip install 'spherelinks[formats]'",
            field="mesh",
        )
    what = foreign.what(data[:512])
    alike = what is None or what.suffix == suffix or what.suffix in _CONTAINERS.get(suffix, ())
    other = None if alike else what
    if not data:
        raise MeshUnreadable(f"{name} is empty: 0 bytes.", hint="Export or download it again.", field="mesh")
    try:
        found = _READERS[suffix](data, files, whole)
        surface, stated = (found, Stated()) if isinstance(found, Surface) else found
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
        if other is not None:
            raise foreign.mistaken(name, suffix, other) from error
        raise MeshUnreadable(
            f"{name} cannot be read as {suffix[1:].upper()}: {_reason(error)}.",
            hint="Open it in a modelling program and export it again.",
            field="mesh",
        ) from error
    if other is not None and not len(surface.faces):
        raise foreign.mistaken(name, suffix, other)
    if not len(surface.faces) and surface.notes:
        raise MeshUnreadable(
            f"{name} has no mesh that is read. {' '.join(surface.notes)}",
            hint="Export it again with its meshes in it.",
            field="mesh",
        )
    axes = () if suffix in _MODULES else ("y", "z")  # those readers have turned it
    said = next((axis for axis in axes if f"+{axis.upper()} up".encode() in data[:512]), None)
    drawn = suffix in (".obj", ".ply") and any(program in data[:512] for program in _CAD)
    blender = suffix == ".ply" and b"Blender" in data[:512]
    usual: Up = "z" if drawn or blender else _UP.get(suffix, "y")
    up: Up = "z" if said == "z" else "y" if said else usual
    sure = said is not None or suffix in _SAID or drawn
    return MeshFile(surface, suffix, "mm" if suffix == ".stl" or drawn else "m", up, sure, stated)


def _reason(error: Exception) -> str:
    return f"it has no {error}" if isinstance(error, KeyError) else str(error)


#: Which way is up where neither the format nor the file says so: printers and CAD have +Z for an STL, and Blender, if
#: nobody changes it, for a PLY, too.
_UP: dict[str, Up] = {".stl": "z"}
#: Programs whose OBJ and PLY files are in millimetres with +Z up, by what their comments say.
_CAD = (b"FreeCAD", b"JSCAD")
#: Formats that say it themselves, or that nearly every program writes alike.
_SAID = (".glb", ".gltf", ".obj", ".dae", ".3mf", ".usd", ".usda", ".usdc", ".usdz")
#: The libraries of the extra "formats" that read them.
_MODULES = {".dae": "collada", ".3mf": "lib3mf", ".usd": "pxr", ".usda": "pxr", ".usdc": "pxr", ".usdz": "pxr"}
#: What files of a format are inside.
_CONTAINERS = {".3mf": (".zip",), ".usdz": (".zip",), ".usd": (".usda", ".usdc")}


def upright(file: MeshFile, up: Up | None = None) -> Surface:
    """A file's surface with +Y up.

    up : the file's own upward axis, whatever it says; None for what it says of itself, as ours do, else what its format
        has as a rule. The surface's notes say so where that was a guess and another would look different.
    """
    surface = file.surface
    if up is not None:
        return turned(surface, up, file.stated.up)
    if not file.sure and len(surface.vertices):
        _, height, depth = np.ptp(surface.vertices, axis=0)
        if abs(height - depth) > 0.01 * max(height, depth):
            note = (
                f"{file.kind[1:].upper()} does not say which way is up: +{file.up.upper()} was taken. "
                f"If it lies, give --up {'z' if file.up == 'y' else 'y'}."
            )
            surface = replace(surface, notes=(*surface.notes, note))
    return turned(surface, file.up)


#: Formats whose files have a unit, or, as glTF, always the same.
_UNITS = (".glb", ".gltf", ".dae", ".3mf", ".usd", ".usda", ".usdc", ".usdz")
#: Sides of objects, m, beyond which a unit that was guessed is likely another.
_SMALL, _LARGE = 0.01, 10.0


def measured(surface: Surface, file: MeshFile) -> Surface:
    """The surface, with a note where its unit is a guess that makes it very small or very large."""
    longest = float(sides(surface.vertices).max()) * METRES[file.unit] if len(surface.vertices) else 0.0
    if file.kind in _UNITS or not longest or _SMALL <= longest <= _LARGE:
        return surface
    about = float(f"{longest:.3g}")
    note = (
        f"{file.kind[1:].upper()} does not say its unit: {file.unit} was taken, which makes it {about:,.10g} m long. "
        "If that is wrong, give --unit."
    )
    return replace(surface, notes=(*surface.notes, note))


def unscaled(surface: Surface, file: MeshFile) -> Surface:
    """A file's surface in the numbers that the file has, whatever it says their unit is."""
    if file.stated.metres in (0, 1):
        return surface
    return replace(surface, vertices=(surface.vertices / file.stated.metres).astype(np.float32))


def turned(surface: Surface, up: Up, taken: Up = "y") -> Surface:
    """A surface whose upward axis is +`up`, with +Y up; `taken` is the one for which it has been turned already."""
    if up == taken:
        return surface
    signs = np.array((1, 1, -1) if up == "z" else (1, -1, 1), np.float32)

    def turn(rows: NDArray[np.float32] | None) -> NDArray[np.float32] | None:
        if rows is None:
            return None
        return np.hstack([rows[:, [0, 2, 1]] * signs, rows[:, 3:]])

    return replace(
        surface,
        vertices=surface.vertices[:, [0, 2, 1]] * signs,
        normals=turn(surface.normals),
        tangents=turn(surface.tangents),
    )


def beside(folder: Path) -> Beside:
    """Finds files by the names that files in a folder call them: in the folder or below, whatever path they give."""

    def found(name: str) -> bytes | None:
        parts = name.replace("\\", "/")
        for path in (folder / parts, folder / parts.rpartition("/")[2], *_alike(folder, parts)):
            try:
                inside = path.resolve().is_relative_to(folder.resolve())
                if inside and path.is_file() and path.stat().st_size <= MAX_BYTES:
                    return path.read_bytes()
            except (OSError, ValueError):  # a name that no file can have
                continue
        return None

    return found


def _alike(folder: Path, name: str) -> Iterator[Path]:
    """Files in a folder that programs on Windows take for one of that name: capitals make no difference there."""
    wanted = name.rpartition("/")[2].casefold()
    try:
        yield from (path for path in sorted(folder.iterdir()) if path.name.casefold() == wanted)
    except OSError:
        return


def _bytes(path: Path) -> bytes:
    """A file's bytes. Raises MeshUnreadable for one that is too large, or cannot be read."""
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise MeshUnreadable(
                f"{path.name} has {size / 1e6:.0f} MB; {MAX_BYTES / 1e6:.0f} MB is the limit.",
                hint="Simplify it, or shrink its textures.",
                field="mesh",
            )
        return path.read_bytes()
    except OSError as error:
        raise MeshUnreadable(
            f"{path} cannot be read: {error.strerror or error}.", hint="Give the path of a mesh file.", field="mesh"
        ) from error


def _start(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(512)
    except OSError:
        return b""


def _mesh_in(name: str, archive: zipfile.ZipFile) -> PurePosixPath:
    """The one mesh in a ZIP."""
    paths = [PurePosixPath(each) for each in archive.namelist()]
    meshes = [
        path
        for path in paths
        if path.suffix.lower() in _READERS and "__MACOSX" not in path.parts and not path.name.startswith(".")
    ]
    if len(meshes) != 1:
        listed = ", ".join(map(str, meshes[:5])) or "none"
        raise MeshUnreadable(
            f"{name} should hold one mesh, and has {len(meshes)}: {listed}.",
            hint=f"Pack one of {', '.join(_READERS)} with the files that it needs.",
            field="mesh",
        )
    return meshes[0]


def _beside_in(archive: zipfile.ZipFile, folder: PurePosixPath) -> Beside:
    """Finds files in a ZIP by the names that a file in a folder of it calls them."""

    alike = {name.casefold(): name for name in archive.namelist()}

    def found(name: str) -> bytes | None:
        parts = name.replace("\\", "/")
        places = [str(folder / parts), str(folder / parts.rpartition("/")[2])]
        places += [alike.get(place.casefold(), place) for place in places]
        return next((data for place in places if (data := _member(archive, place))), None)

    return found


def _member(archive: zipfile.ZipFile, name: str) -> bytes | None:
    """A file's bytes; None if there is none of that name, or it is too large."""
    try:
        entry = archive.getinfo(name)
    except KeyError:
        return None
    if entry.file_size > MAX_BYTES:
        return None
    with archive.open(entry) as file:
        return file.read(MAX_BYTES)


#: Those of formats that state unit and axis give these, too.
_READERS: dict[str, Callable[[bytes, Beside, bool], Surface | tuple[Surface, Stated]]] = {
    ".glb": lambda data, files, whole: read_scene(data, files, whole=whole),
    ".gltf": lambda data, files, whole: read_scene(data, files, whole=whole),
    ".obj": lambda data, files, whole: obj.read(data, files),
    ".ply": lambda data, files, whole: ply.read(data, files),
    ".stl": lambda data, files, whole: stl.read(data),
    ".dae": lambda data, files, whole: collada.read(data, files),
    ".3mf": lambda data, files, whole: threemf.read(data),
    ".usdz": lambda data, files, whole: usd.read(data, ".usdz", files),
    ".usda": lambda data, files, whole: usd.read(data, ".usda", files),
    ".usdc": lambda data, files, whole: usd.read(data, ".usdc", files),
    ".usd": lambda data, files, whole: usd.read(data, ".usd", files),
}
