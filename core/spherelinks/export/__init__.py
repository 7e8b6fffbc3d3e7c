"""The other files of an asset, each made of its GLB alone."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable
from dataclasses import dataclass

from spherelinks.errors import InvalidRequest


@dataclass(frozen=True)
class Kind:
    """One kind of file: its media type, its name's ending, what it holds, and where its writer is."""

    media_type: str
    suffix: str
    description: str
    writer: str


KINDS = {
    "png": Kind(
        "image/png",
        ".png",
        "thumbnail, 512 px, transparent ground",
        "spherelinks.render.images:thumbnail",
    ),
    "obj": Kind(
        "application/zip",
        ".obj.zip",
        "Wavefront OBJ with its MTL and texture, metres, +Y up",
        "spherelinks.export.obj:write",
    ),
    "ply": Kind(
        "application/vnd.ply",
        ".ply",
        "binary PLY with a normal and a colour at each vertex, metres, +Y up",
        "spherelinks.export.ply:write",
    ),
    "stl": Kind(
        "model/stl",
        ".stl",
        "binary STL, millimetres and +Z up, as programs that print take it",
        "spherelinks.export.stl:write",
    ),
}


def convert(glb: bytes, kind: str) -> bytes:
    """The bytes of another file of an asset.

    glb : one of our GLBs; kind : a key of KINDS

    The same GLB gives the same bytes. The writers' libraries are loaded by the first call, not by the import.
    Raises InvalidRequest for a kind that is not known or a file that is not one of ours.
    """
    if kind not in KINDS:
        raise InvalidRequest(
            f"There is no file of the kind {kind!r}.", hint=f"Ask for one of {', '.join(KINDS)}.", field="kind"
        )
    write: Callable[[bytes], bytes] = pkgutil.resolve_name(KINDS[kind].writer)
    return write(glb)
