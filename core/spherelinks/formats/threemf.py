"""3MF, by the 3MF Consortium's library lib3mf: what the build has, in metres with +Y up, with its colours."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any, NamedTuple
from urllib.parse import unquote
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from spherelinks.formats.pieces import Piece, Stated, joined, picture
from spherelinks.pixels.srgb import to_linear
from spherelinks.shape import Map, Material, Sampler, Surface, Wrap

#: Metres of each of the format's units, in the order of lib3mf's ModelUnit.
_UNITS = (1e-6, 1e-3, 1e-2, 0.0254, 0.3048, 1.0)
_HELPERS = "Parts that cut, modify or support others in a slicer were left out."
#: Bytes of a slicer's settings of parts.
_MOST_SETTINGS = 16 << 20
#: Triangles that PrusaSlicer, Bambu Studio or OrcaSlicer has painted, in attributes of their own.
_PAINTED = re.compile(rb"[\s:](?:paint_color|mmu_segmentation)=[\"'][0-9A-Fa-f]")
#: A triangle with properties, of the group that its object names.
_BARE = re.compile(rb"<triangle\b(?![^>]*\spid=)(?=[^>]*\sp1=)")
_GROUPED = re.compile(rb"""<object\b[^>]*\spid=["'](\d+)["'][^>]*>.*?</object>""", re.DOTALL)
_UPRIGHT = np.array(((1, 0, 0), (0, 0, 1), (0, -1, 0)), np.float64)


def read(data: bytes) -> tuple[Surface, Stated]:
    """The meshes of a 3MF's build items, components in place, with their colours and textures.

    Raises ValueError for what is no such file.
    """
    import lib3mf

    try:
        model, faults = _opened(lib3mf, data)
        source = _Source(lib3mf, model, _Slicer(data))
        items = model.GetBuildItems()
        pieces: list[Piece] = []
        while items.MoveNext():
            item = items.GetCurrent()
            place = _matrix(item.GetObjectTransform()) if item.HasObjectTransform() else np.eye(4)
            pieces += source.pieces(item.GetObjectResource(), place)
    except lib3mf.ELib3MFException as error:
        raise ValueError(str(error)) from error
    upright = np.eye(4)
    metres = _UNITS[int(model.GetUnit())]
    upright[:3, :3] = _UPRIGHT * metres
    source.notes += [f"What is not valid in it was not read: {fault}" for fault in faults]
    if source.slicer.filaments > 1:
        source.notes.append("The colours of its parts' filaments were not read.")
    if _holds(data, _PAINTED):
        source.notes.append("The colours that were painted on it in a slicer were not read.")
    return joined([_moved(piece, upright) for piece in pieces], source.notes), Stated(metres, "z")


def _opened(lib3mf: Any, data: bytes) -> tuple[Any, list[str]]:
    """The model in a file, mended if need be, and what the library found to be invalid in it and left out."""
    try:
        model, faults = _read(lib3mf, data)
    except lib3mf.ELib3MFException:
        return _read(lib3mf, _mended(data))
    return _read(lib3mf, _mended(data)) if faults or _holds(data, _BARE) else (model, faults)


def _read(lib3mf: Any, data: bytes) -> tuple[Any, list[str]]:
    model = lib3mf.get_wrapper().CreateModel()
    reader = model.QueryReader("3mf")
    reader.SetStrictModeActive(False)
    reader.ReadFromBuffer(data)
    found = [str(reader.GetWarning(number)[1]) for number in range(reader.GetWarningCount())]
    return model, [
        fault for fault in dict.fromkeys(found) if "Element" in fault
    ]  # slicers have attributes of their own


_CONTENT_TYPES = "[Content_Types].xml"
_CORE = "http://schemas.microsoft.com/3dmanufacturing/core/2015/02"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006/"
_TYPES_OF = {
    "rels": "application/vnd.openxmlformats-package.relationships+xml",
    "model": "application/vnd.ms-package.3dmanufacturing-3dmodel+xml",
}
#: Bytes of a package's files, unpacked, up to which it is written anew.
_MOST_UNPACKED = 1 << 30


def _mended(data: bytes) -> bytes:
    """A package as lib3mf reads it, of one that other programs read.

    PrusaSlicer's command line names a thumbnail that it does not write. CadQuery gives the types of files, not of their
    endings, and numbers from 0. So does JSCAD, which leaves out the namespace and writes fractions of bytes. A triangle
    may leave its group to its object (findings/lib3mf-object-pid.sh). Raises ValueError for what is no package.
    """
    buffer = io.BytesIO()
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as package, zipfile.ZipFile(buffer, "w") as mended:
            if sum(entry.file_size for entry in package.infolist()) > _MOST_UNPACKED:
                raise ValueError(f"it has more than {_MOST_UNPACKED >> 20} MB when it is unpacked")
            there = {f"/{name}".casefold() for name in package.namelist()}
            for name in dict.fromkeys(package.namelist()):
                content = package.read(name)
                if name == _CONTENT_TYPES:
                    content = _typed(content)
                elif name.endswith(".rels"):
                    content = _related(content, PurePosixPath("/") / PurePosixPath(name).parent.parent, there)
                elif name.lower().endswith(".model"):
                    content = _spelt(content)
                mended.writestr(name, content)
    except (zipfile.BadZipFile, ElementTree.ParseError) as error:
        raise ValueError(str(error)) from error
    return buffer.getvalue()


def _typed(content: bytes) -> bytes:
    root = ElementTree.fromstring(content)
    known = {each.get("Extension") for each in root}
    for ending, kind in _TYPES_OF.items():
        if ending not in known:
            ElementTree.SubElement(
                root, f"{{{_PACKAGE}content-types}}Default", {"Extension": ending, "ContentType": kind}
            )
    return bytes(ElementTree.tostring(root, "utf-8", xml_declaration=True))


def _related(content: bytes, folder: PurePosixPath, there: set[str]) -> bytes:
    root = ElementTree.fromstring(content)
    for each in list(root):
        target = str(folder / each.get("Target", "")).casefold()
        if target not in there and unquote(target) not in there:
            root.remove(each)
    return bytes(ElementTree.tostring(root, "utf-8", xml_declaration=True))


_NUMBER = re.compile(rb"""(\s(?:id|objectid|pid)=["'])(\d+)""")
_FRACTION = re.compile(rb"""(displaycolor=["']#[0-9A-Fa-f]{8})\.[0-9A-Fa-f]+""")
_MODEL = b"<model "


def _spelt(content: bytes) -> bytes:
    """A model in the format's namespace, whose resources are numbered from 1, and whose triangles name their groups."""
    if any(number == b"0" for _, number in _NUMBER.findall(content)):
        content = _NUMBER.sub(lambda found: found[1] + b"%d" % (int(found[2]) + 1), content)
    content = _GROUPED.sub(lambda found: _BARE.sub(b'<triangle pid="' + found[1] + b'"', found[0]), content)
    content = _FRACTION.sub(rb"\1", content)
    if b"xmlns=" not in content:
        content = content.replace(_MODEL, _MODEL + f'xmlns="{_CORE}" '.encode(), 1)
    return content


def _holds(data: bytes, pattern: re.Pattern[bytes]) -> bool:
    """Whether a package's models have what a pattern of a few bytes finds."""
    with zipfile.ZipFile(io.BytesIO(data)) as package:
        for name in package.namelist():
            if name.lower().endswith(".model"):
                with package.open(name) as model:
                    before = b""
                    while chunk := model.read(1 << 20):
                        if pattern.search(before + chunk):
                            return True
                        before = chunk[-512:]
    return False


#: What PrusaSlicer and its kin call parts that are of the object itself.
_SOLID = ("ModelPart", "normal_part")


class _Slicer:
    """What slicers keep beside the meshes: which parts only cut, modify or support others, and the filaments.

    triangles : of an object's mesh, those that are no part of it, first and last, by the object's number in the file
    parts : components that are none, by their group's and their own number
    filaments : how many the parts have
    """

    def __init__(self, data: bytes) -> None:
        self.triangles: dict[int, list[tuple[int, int]]] = {}
        self.parts: set[tuple[int, int]] = set()
        used: set[str] = set()
        with zipfile.ZipFile(io.BytesIO(data)) as package:
            for name in ("Metadata/Slic3r_PE_model.config", "Metadata/model_settings.config"):
                if name not in package.namelist() or package.getinfo(name).file_size > _MOST_SETTINGS:
                    continue
                for thing in ElementTree.fromstring(package.read(name)).iter("object"):
                    own = int(thing.get("id", 0))
                    default = _said(thing).get("extruder", "1")
                    for part in thing.iter("volume"):
                        said = _said(part)
                        used.add(said.get("extruder", default))
                        if said.get("volume_type", "ModelPart") not in _SOLID or said.get("modifier") == "1":
                            ends = int(part.get("firstid", 0)), int(part.get("lastid", -1))
                            self.triangles.setdefault(own, []).append(ends)
                    for part in thing.iter("part"):
                        used.add(_said(part).get("extruder", default))
                        if part.get("subtype", "normal_part") not in _SOLID:
                            self.parts.add((own, int(part.get("id", 0))))
        self.filaments = len({"1" if number == "0" else number for number in used})


def _said(thing: ElementTree.Element) -> dict[str, str]:
    """The metadata of an object or part by key."""
    return {each.get("key", ""): each.get("value", "") for each in thing.findall("metadata")}


def _matrix(transform: Any) -> NDArray[np.float64]:
    place = np.eye(4)
    place[:3] = np.array([[transform.Fields[row][k] for k in range(3)] for row in range(4)]).T
    return place


def _moved(piece: Piece, place: NDArray[np.float64]) -> Piece:
    points = piece.points @ place[:3, :3].T + place[:3, 3]
    mirrored = bool(np.linalg.det(place[:3, :3]) < 0)
    return replace(piece, points=points, flipped=piece.flipped != mirrored)


class _Group(NamedTuple):
    """What a group of a file's properties gives by their numbers: linear colours, or places in its texture."""

    values: dict[int, tuple[float, ...]]
    texture: Map | None = None


class _Source:
    def __init__(self, lib3mf: Any, model: Any, slicer: _Slicer) -> None:
        self._lib, self._model, self.slicer = lib3mf, model, slicer
        self.notes: list[str] = []
        self._groups: dict[int, _Group | None] = {}
        self._textures: dict[int, Map] = {}

    def pieces(self, thing: Any, place: NDArray[np.float64], depth: int = 0) -> Iterator[Piece]:
        """The meshes of an object and of its components."""
        if depth > 64:
            raise ValueError("its components contain each other")
        if thing.GetType() in (self._lib.ObjectType.Support, self._lib.ObjectType.SolidSupport):
            self.notes.append(_HELPERS)
            return
        if thing.IsComponentsObject():
            group = self._model.GetComponentsObjectByID(thing.GetUniqueResourceID())
            for number in range(group.GetComponentCount()):
                part = group.GetComponent(number)
                if (thing.GetModelResourceID(), part.GetObjectResource().GetModelResourceID()) in self.slicer.parts:
                    self.notes.append(_HELPERS)
                    continue
                inner = _matrix(part.GetTransform()) if part.HasTransform() else np.eye(4)
                yield from self.pieces(part.GetObjectResource(), place @ inner, depth + 1)
        elif thing.IsMeshObject():
            mesh = self._model.GetMeshObjectByID(thing.GetUniqueResourceID())
            if mesh.BeamLattice().GetBeamCount():
                self.notes.append("Its beam lattices were left out.")
            if mesh.GetTriangleCount():
                yield from (_moved(piece, place) for piece in self._mesh(mesh))
        else:
            self.notes.append("Its implicit shapes were left out.")

    def _mesh(self, mesh: Any) -> Iterator[Piece]:
        """A mesh's triangles by their textures; those without one have colours."""
        points = np.array([vertex.Coordinates[:] for vertex in mesh.GetVertices()], np.float64).reshape(-1, 3)
        corners = np.array([triangle.Indices[:] for triangle in mesh.GetTriangleIndices()], np.int64).reshape(-1, 3)
        groups, values = self._properties(mesh, len(corners))
        kept = np.ones(len(corners), np.bool_)
        if helpers := self.slicer.triangles.get(mesh.GetModelResourceID()):
            self.notes.append(_HELPERS)
            for first, last in helpers:
                kept[max(first, 0) : last + 1] = False
        textured = np.zeros(len(corners), np.bool_)
        for number in np.unique(groups[groups > 0]):
            group = self._group(int(number))
            some = (groups == number) & kept
            if group is None or group.texture is None or not some.any():
                continue
            textured |= some
            material = Material(base=group.texture)
            yield Piece(
                points[corners[some].ravel()],
                np.full(some.sum(), 3),
                material,
                uv=values[some].reshape(-1, 3)[:, :2],
            )
        plain = kept & ~textured
        if plain.any():
            tint = values[plain].reshape(-1, 3) if (groups[plain] > 0).any() else None
            yield Piece(points[corners[plain].ravel()], np.full(plain.sum(), 3), Material(), tint=tint)

    def _properties(self, mesh: Any, count: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """(count,) the group that each triangle's properties are of, 0 for none, and (count, 3, 3) its corners' values:
        linear colours, or places in a texture and 1.
        """
        properties = mesh.GetAllTriangleProperties()
        whole, number, there = mesh.GetObjectLevelProperty()
        groups, values = np.zeros(count, np.int64), np.ones((count, 3, 3))
        for k, each in zip(range(count), properties, strict=False):
            name = int(each.ResourceID) or (int(whole) if there else 0)
            group = self._group(name)
            if group is None:
                continue
            places = each.PropertyIDs[:] if each.ResourceID else [number] * 3
            values[k] = [group.values.get(int(place), (1.0, 1.0, 1.0)) for place in places]
            groups[k] = name
        return groups, values

    def _group(self, number: int) -> _Group | None:
        """A group of the file by its number; None for what is neither colours nor a texture."""
        if number and number not in self._groups:
            self._groups[number] = self._made(number)
        return self._groups.get(number)

    def _made(self, number: int) -> _Group | None:
        kind, kinds = self._model.GetPropertyTypeByID(number), self._lib.PropertyType
        if kind == kinds.BaseMaterial:
            materials = self._model.GetBaseMaterialGroupByID(number)
            shown = {int(place): materials.GetDisplayColor(place) for place in materials.GetAllPropertyIDs()}
        elif kind == kinds.Colors:
            colors = self._model.GetColorGroupByID(number)
            shown = {int(place): colors.GetColor(place) for place in colors.GetAllPropertyIDs()}
        elif kind == kinds.TexCoord:
            group = self._model.GetTexture2DGroupByID(number)
            texture = self._texture(group.GetTexture2D())
            places = ((int(place), group.GetTex2Coord(place)) for place in group.GetAllPropertyIDs())
            return texture and _Group({place: (at.U, at.V, 1.0) for place, at in places}, texture)
        else:
            self.notes.append("Its mixed materials were not read.")
            return None
        if any(color.Alpha < 255 for color in shown.values()):
            self.notes.append("The transparency of its colours was not read.")
        return _Group({place: _linear(color) for place, color in shown.items()})

    def _texture(self, texture: Any) -> Map | None:
        number = texture.GetUniqueResourceID()
        if number not in self._textures:
            attachment = texture.GetAttachment()
            name, data = attachment.GetPath(), bytes(attachment.WriteToBuffer())
            if not data:
                self.notes.append(f"Its texture {name} is not in it, and was not read.")
                return None
            styles = self._lib.TextureTileStyle
            wraps: dict[Any, Wrap] = {styles.Mirror: "mirror", styles.Clamp: "clamp", styles.NoTileStyle: "clamp"}
            u, v = (wraps.get(style, "repeat") for style in texture.GetTileStyleUV())
            nearest = texture.GetFilter() == self._lib.TextureFilter.Nearest
            self._textures[number] = picture(data, name, Sampler(u, v, nearest))
        return self._textures[number]


def _linear(color: Any) -> tuple[float, ...]:
    return tuple(float(part) for part in to_linear(np.array((color.Red, color.Green, color.Blue)) / 255))
