"""3MF, by the 3MF Consortium's library lib3mf: what the build has, in metres with +Y up, with its colours."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from spherelinks.formats.pieces import Piece, Stated, joined
from spherelinks.pixels.srgb import to_linear
from spherelinks.shape import Material, Surface

#: Metres of each of the format's units, in the order of lib3mf's ModelUnit.
_UNITS = (1e-6, 1e-3, 1e-2, 0.0254, 0.3048, 1.0)
_HELPERS = "Parts that cut, modify or support others in a slicer were left out."
#: Bytes of a slicer's settings of parts.
_MOST_SETTINGS = 16 << 20
_PAINTED = re.compile(rb"[\s:](?:paint_color|mmu_segmentation)=[\"'][0-9A-Fa-f]")
_UPRIGHT = np.array(((1, 0, 0), (0, 0, 1), (0, -1, 0)), np.float64)


def read(data: bytes) -> tuple[Surface, Stated]:
    """The meshes of a 3MF's build items, components in place, with the colours of base materials and colour groups.

    Raises ValueError for what is no such file.
    """
    import lib3mf

    model = lib3mf.get_wrapper().CreateModel()
    reader = model.QueryReader("3mf")
    reader.SetStrictModeActive(False)
    try:
        reader.ReadFromBuffer(data)
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
    if source.slicer.filaments > 1:
        source.notes.append("The colours of its parts' filaments were not read.")
    if _painted(data):
        source.notes.append("The colours that were painted on it in a slicer were not read.")
    return joined([_moved(piece, upright) for piece in pieces], source.notes), Stated(metres, "z")


def _painted(data: bytes) -> bool:
    """Whether PrusaSlicer, Bambu Studio or OrcaSlicer has painted triangles, in attributes of their own."""
    with zipfile.ZipFile(io.BytesIO(data)) as package:
        for name in package.namelist():
            if name.lower().endswith(".model"):
                with package.open(name) as model:
                    before = b""
                    while chunk := model.read(1 << 20):
                        if _PAINTED.search(before + chunk):
                            return True
                        before = chunk[-32:]
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
    return Piece(points, piece.sizes, piece.material, tint=piece.tint, flipped=piece.flipped != mirrored)


class _Source:
    def __init__(self, lib3mf: Any, model: Any, slicer: _Slicer) -> None:
        self._lib, self._model, self.slicer = lib3mf, model, slicer
        self.notes: list[str] = []
        self._groups: dict[int, dict[int, tuple[float, ...]] | None] = {}

    def pieces(self, thing: Any, place: NDArray[np.float64], depth: int = 0) -> Iterator[Piece]:
        """The meshes of an object and of its components."""
        if depth > 64:
            raise ValueError("its components contain each other")
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
                yield _moved(self._mesh(mesh), place)
        else:
            self.notes.append("Its implicit shapes were left out.")

    def _mesh(self, mesh: Any) -> Piece:
        points = np.array([vertex.Coordinates[:] for vertex in mesh.GetVertices()], np.float64).reshape(-1, 3)
        corners = np.array([triangle.Indices[:] for triangle in mesh.GetTriangleIndices()], np.int64).reshape(-1, 3)
        tint = self._tint(mesh, len(corners))
        if helpers := self.slicer.triangles.get(mesh.GetModelResourceID()):
            self.notes.append(_HELPERS)
            kept = np.ones(len(corners), np.bool_)
            for first, last in helpers:
                kept[max(first, 0) : last + 1] = False
            corners = corners[kept]
            tint = None if tint is None else tint[np.repeat(kept, 3)]
        return Piece(points[corners.ravel()], np.full(len(corners), 3), Material(), tint=tint)

    def _tint(self, mesh: Any, count: int) -> NDArray[np.float64] | None:
        """(3 count, 3) linear colours of the corners; None where there are none."""
        properties = mesh.GetAllTriangleProperties()
        whole, number, there = mesh.GetObjectLevelProperty()
        colors = np.ones((count, 3, 3))
        found = False
        for row, each in zip(colors, properties, strict=False):
            group = self._group(int(each.ResourceID) or (int(whole) if there else 0))
            if not group:
                continue
            places = each.PropertyIDs[:] if each.ResourceID else [number] * 3
            row[:] = [group.get(int(place), (1.0, 1.0, 1.0)) for place in places]
            found = True
        return colors.reshape(-1, 3) if found else None

    def _group(self, number: int) -> dict[int, tuple[float, ...]] | None:
        """Linear colours by their numbers in a group of the file; None for what are no colours."""
        if number and number not in self._groups:
            kind = self._model.GetPropertyTypeByID(number)
            kinds = self._lib.PropertyType
            if kind == kinds.BaseMaterial:
                materials = self._model.GetBaseMaterialGroupByID(number)
                self._groups[number] = {
                    int(place): _linear(materials.GetDisplayColor(place)) for place in materials.GetAllPropertyIDs()
                }
            elif kind == kinds.Colors:
                colors = self._model.GetColorGroupByID(number)
                self._groups[number] = {
                    int(place): _linear(colors.GetColor(place)) for place in colors.GetAllPropertyIDs()
                }
            else:
                self.notes.append("Its textures and mixed materials were not read.")
                self._groups[number] = None
        return self._groups.get(number)


def _linear(color: Any) -> tuple[float, ...]:
    return tuple(float(part) for part in to_linear(np.array((color.Red, color.Green, color.Blue)) / 255))
