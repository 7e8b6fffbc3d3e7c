"""Files that are no meshes that we read: what they are, and what to do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from spherelinks.errors import MeshUnreadable


class Known(NamedTuple):
    """A kind of file by its suffix, what it is called, and what a user does with one."""

    suffix: str
    name: str
    remedy: str


_EXPORT = "Export it from the program that made it as GLB"
_CAD = "a CAD model, which has exact surfaces and no triangles"
_CLOUD = "a cloud of points"
_SPLATS = "a cloud of Gaussian splats"

_KNOWN = (
    Known(".3ds", "3D Studio's", f"{_EXPORT}, or open it in Blender and export it there."),
    Known(".3dm", "Rhino's", f"{_EXPORT} or OBJ."),
    Known(".3mf", "3MF", "Name it so."),
    Known(".abc", "Alembic", "Open it in Blender, and export it as GLB."),
    Known(".amf", "AMF", "Open it in a slicer, such as PrusaSlicer, and export it as 3MF."),
    Known(".blend", "Blender's own", "Open it in Blender, and export it with File > Export > glTF 2.0."),
    Known(".brep", _CAD, "Export it as STL or OBJ from the CAD program, such as FreeCAD."),
    Known(".brp", _CAD, "Export it as STL or OBJ from the CAD program, such as FreeCAD."),
    Known(".c4d", "Cinema 4D's own", f"{_EXPORT}."),
    Known(".dae", "COLLADA", "Name it so."),
    Known(".dxf", "AutoCAD's DXF", "Export its meshes as OBJ or STL."),
    Known(".e57", _CLOUD, "Make a mesh of it first, for example in MeshLab or CloudCompare."),
    Known(".fbx", "Autodesk's FBX", "Open it in Blender, and export it as GLB; docs/formats.md has a command for it."),
    Known(".fcstd", "FreeCAD's own", "Export it from FreeCAD as GLB, OBJ or STL."),
    Known(".gcode", "a printer's program", "Give the STL or 3MF that it was sliced from."),
    Known(".iges", _CAD, "Export it as STL or OBJ from the CAD program, such as FreeCAD."),
    Known(".igs", _CAD, "Export it as STL or OBJ from the CAD program, such as FreeCAD."),
    Known(".las", _CLOUD, "Make a mesh of it first, for example in MeshLab or CloudCompare."),
    Known(".laz", _CLOUD, "Make a mesh of it first, for example in MeshLab or CloudCompare."),
    Known(".ma", "Maya's own", f"{_EXPORT}."),
    Known(".max", "3ds Max's own", f"{_EXPORT}."),
    Known(".mb", "Maya's own", f"{_EXPORT}."),
    Known(".mtl", "the materials of an OBJ", "Give the OBJ beside it."),
    Known(".off", "the Object File Format", "Open it in MeshLab, and export it as PLY."),
    Known(".pcd", _CLOUD, "Make a mesh of it first, for example in MeshLab or CloudCompare."),
    Known(".scad", "OpenSCAD's own", "Render it in OpenSCAD, and export it as STL."),
    Known(".skp", "SketchUp's own", f"{_EXPORT} or OBJ."),
    Known(".spz", _SPLATS, "Make a mesh of it first; splats have no surface."),
    Known(".splat", _SPLATS, "Make a mesh of it first; splats have no surface."),
    Known(".step", _CAD, "Export it as STL or OBJ from the CAD program, such as FreeCAD."),
    Known(".stp", _CAD, "Export it as STL or OBJ from the CAD program, such as FreeCAD."),
    Known(".usd", "OpenUSD", "Name it so."),
    Known(".usda", "OpenUSD", "Name it so."),
    Known(".usdc", "OpenUSD", "Name it so."),
    Known(".usdz", "OpenUSD", "Name it so."),
    Known(".wrl", "VRML", "Open it in MeshLab, and export it as OBJ."),
    Known(".x3d", "X3D", "Open it in MeshLab or Blender, and export it as OBJ or GLB."),
    *(
        Known(suffix, "a picture", "Make a model of it with: spherelinks generate PICTURE -o OUT.glb")
        for suffix in (".png", ".jpg", ".jpeg", ".webp")
    ),
    *(
        Known(suffix, "an archive", "Unpack it and give the mesh in it, or pack that as ZIP.")
        for suffix in (".7z", ".gz", ".rar", ".tar", ".tgz")
    ),
)
_BY_SUFFIX = {each.suffix: each for each in _KNOWN}

#: How files begin, whatever they are called.
_STARTS = (
    (b"glTF", Known(".glb", "a GLB", "Name it so.")),
    (b"ply\n", Known(".ply", "a PLY", "Name it so.")),
    (b"ply\r", Known(".ply", "a PLY", "Name it so.")),
    (b"Kaydara FBX Binary", _BY_SUFFIX[".fbx"]),
    (b"BLENDER", _BY_SUFFIX[".blend"]),
    (b"PXR-USDC", _BY_SUFFIX[".usdc"]),
    (b"#usda", _BY_SUFFIX[".usda"]),
    (b"ISO-10303-21", _BY_SUFFIX[".step"]),
    (b"#VRML", _BY_SUFFIX[".wrl"]),
    (b"LASF", _BY_SUFFIX[".las"]),
    (b"\x89PNG", _BY_SUFFIX[".png"]),
    (b"\xff\xd8\xff", _BY_SUFFIX[".jpg"]),
    (b"PK\x03\x04", Known(".zip", "a ZIP", "Name it so, or unpack it and give the mesh in it.")),
    (b"7z\xbc\xaf", _BY_SUFFIX[".7z"]),
    (b"Rar!", _BY_SUFFIX[".rar"]),
    (b"\x1f\x8b", _BY_SUFFIX[".gz"]),
    (b"version https://git-lfs", Known("", "a pointer of Git LFS", "Fetch the file itself with: git lfs pull")),
    (b"<!doctype html", Known("", "a web page", "Download the mesh itself: the page may ask for a login.")),
    (b"<html", Known("", "a web page", "Download the mesh itself: the page may ask for a login.")),
)


def what(start: bytes) -> Known | None:
    """The kind of file that begins so, if it can be told."""
    begun = start.lstrip(b"\xef\xbb\xbf \t\r\n")
    for mark, known in _STARTS:
        if begun[: len(mark)].lower() == mark.lower():
            return known
    return _BY_SUFFIX[".dae"] if b"<COLLADA" in start else None


def unsupported(name: str, suffix: str, start: bytes, supported: Sequence[str]) -> MeshUnreadable:
    """Why a file with another suffix than the supported ones is not read: what it is, and what to do."""
    known = what(start)
    if known is None or known.suffix == ".zip":  # many formats are ZIPs inside
        known = _BY_SUFFIX.get(suffix, known)
    return MeshUnreadable(
        f"{name} is not in a supported format" + (f": it is {_called(known)}." if known else "."),
        hint=f"Give one of {', '.join(supported)}." + (f" {known.remedy}" if known else ""),
        field="mesh",
    )


def mistaken(name: str, suffix: str, known: Known) -> MeshUnreadable:
    """Why a file is not read that begins as another kind than its suffix says."""
    return MeshUnreadable(f"{name} is {_called(known)}, not {suffix[1:].upper()}.", hint=known.remedy, field="mesh")


def _called(known: Known) -> str:
    return known.name if known.name.startswith(("a ", "an ", "the ")) else f"a file in {known.name} format"
