"""The files of an asset, each made from its GLB alone."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from spherelinks.errors import InvalidRequest


@dataclass(frozen=True)
class Kind:
    """One kind of file: its media type, suffix, description, and writer."""

    media_type: str
    suffix: str
    description: str
    writer: str


KINDS = {
    "glb": Kind(
        "model/gltf-binary",
        ".glb",
        "the asset itself",
        "builtins:bytes",
    ),
    "png": Kind(
        "image/png",
        ".png",
        "thumbnail, 512 px, transparent background",
        "spherelinks.render.images:thumbnail",
    ),
    "webp": Kind(
        "image/webp",
        ".webp",
        "turntable: animated, 384 px, transparent background",
        "spherelinks.render.images:turntable",
    ),
    "usdz": Kind(
        "model/vnd.usdz+zip",
        ".usdz",
        "USDZ for AR Quick Look, metres, +Y up",
        "spherelinks.formats.usdz:write",
    ),
    "obj": Kind(
        "application/zip",
        ".obj.zip",
        "Wavefront OBJ with its MTL and texture, metres, +Y up",
        "spherelinks.formats.obj:write",
    ),
    "ply": Kind(
        "application/vnd.ply",
        ".ply",
        "binary PLY with a normal and a colour at each vertex, metres, +Y up",
        "spherelinks.formats.ply:write",
    ),
    "stl": Kind(
        "model/stl",
        ".stl",
        "binary STL, millimetres, +Z up, as slicers expect",
        "spherelinks.formats.stl:write",
    ),
}

ENDINGS = ", ".join(kind.suffix for kind in KINDS.values())


def convert(glb: bytes, kind: str) -> bytes:
    """Convert a GLB that this library made to another kind of file.

    Parameters
    ----------
    glb : the asset's bytes
    kind : glb, png (thumbnail), webp (turntable), usdz, obj (a ZIP with its MTL and texture), ply or stl

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
    write: Callable[[bytes], bytes] = pkgutil.resolve_name(KINDS[kind].writer)
    return write(glb)


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
