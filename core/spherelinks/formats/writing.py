"""The files of an asset, each made from its GLB alone."""

from __future__ import annotations

import pkgutil
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from spherelinks.errors import InvalidRequest

if TYPE_CHECKING:
    from spherelinks.gltf.read import Model


#: What a GLB may show beyond the shape, as notes call it.
TRAITS = (
    "base colour",
    "normal map",
    "occlusion map",
    "metalness and roughness",
    "emission",
    "transparency",
    "double-sided faces",
    "unlit shading",
)


@dataclass(frozen=True)
class Kind:
    """One kind of file: its media type, suffix, description, a model's writer, and which TRAITS it has a place for.

    Without a writer it is the GLB itself.
    """

    media_type: str
    suffix: str
    description: str
    writer: str | None
    keeps: frozenset[str]


KINDS = {
    "glb": Kind(
        "model/gltf-binary",
        ".glb",
        "the asset itself",
        None,
        frozenset(TRAITS),
    ),
    "png": Kind(
        "image/png",
        ".png",
        "thumbnail, 512 px, transparent background",
        "spherelinks.render.images:thumbnail",
        frozenset({"base colour", "normal map", "occlusion map", "emission"}),
    ),
    "webp": Kind(
        "image/webp",
        ".webp",
        "turntable: animated, 384 px, transparent background",
        "spherelinks.render.images:turntable",
        frozenset({"base colour", "normal map", "occlusion map", "emission"}),
    ),
    "usdz": Kind(
        "model/vnd.usdz+zip",
        ".usdz",
        "USDZ for AR Quick Look, metres, +Y up",
        "spherelinks.formats.usdz:write",
        frozenset(TRAITS) - {"unlit shading"},
    ),
    "obj": Kind(
        "application/zip",
        ".obj.zip",
        "Wavefront OBJ with its MTL and textures, metres, +Y up",
        "spherelinks.formats.obj:write",
        frozenset({"base colour", "normal map", "metalness and roughness", "emission", "transparency"}),
    ),
    "ply": Kind(
        "application/vnd.ply",
        ".ply",
        "binary PLY with a normal and a colour at each vertex, metres, +Y up",
        "spherelinks.formats.ply:write",
        frozenset({"base colour"}),
    ),
    "stl": Kind(
        "model/stl",
        ".stl",
        "binary STL, millimetres, +Z up, as slicers expect",
        "spherelinks.formats.stl:write",
        frozenset(),
    ),
}

ENDINGS = ", ".join(kind.suffix for kind in KINDS.values())


def convert(glb: bytes, kind: str, note: Callable[[str], object] | None = None) -> bytes:
    """Convert a GLB that this library made to another kind of file.

    Parameters
    ----------
    glb : the asset's bytes; another program may have edited it
    kind : glb, png (thumbnail), webp (turntable), usdz, obj (a ZIP with its MTL and textures), ply or stl
    note : called with a sentence for what the asset shows and the file has no place for; by default a Python warning

    Returns
    -------
    The file's bytes; the same GLB always gives the same bytes.

    Raises
    ------
    InvalidRequest : the kind is unknown, or the GLB is not one of ours
    """
    if kind not in KINDS:
        raise InvalidRequest(
            f"There is no file of kind {kind!r}.", hint=f"Ask for one of {', '.join(KINDS)}.", field="kind"
        )
    wanted = KINDS[kind]
    if wanted.writer is None:
        return glb
    from spherelinks.formats.asset import read, traits  # with numpy and OpenCV, which the names of files do not need

    note = note or partial(warnings.warn, stacklevel=3)
    model = read(glb)
    for each in model.notes:
        note(each)
    if lost := [trait for trait in traits(model.mesh) if trait not in wanted.keeps]:
        note(f"Left out, as {kind.upper()} has no place for it: {', '.join(lost)}.")
    write: Callable[[Model], bytes] = pkgutil.resolve_name(wanted.writer)
    return write(model)


def kind_of(path: Path) -> str:
    """The kind of file for a path's suffix. Raises InvalidRequest for an unknown one."""
    for kind, each in KINDS.items():
        if path.name.lower().endswith(each.suffix):
            return kind
    if path.name.lower().endswith(".obj"):
        raise InvalidRequest(
            f"{path}: an OBJ comes with its MTL and texture, in a ZIP.", hint=f"Name it {path.name}.zip."
        )
    raise InvalidRequest(f"{path} has an extension that is not supported.", hint=f"Use one of {ENDINGS}.")


def check_folder(path: Path) -> None:
    """Raises FileNotFoundError if the file's folder does not exist."""
    if not path.parent.is_dir():
        raise FileNotFoundError(f"The folder {path.parent} does not exist")


def save(data: bytes, path: Path) -> None:
    """Write a file atomically, even when interrupted. Raises OSError if it cannot be written."""
    check_folder(path)
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_bytes(data)
        part.replace(path)
    except OSError as error:
        raise type(error)(error.errno, error.strerror, str(path)) from error  # nobody asked for the other file
    finally:
        part.unlink(missing_ok=True)
