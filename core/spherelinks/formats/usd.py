"""USDZ and USD, by OpenUSD: the meshes that are shown, in metres with +Y up, with UsdPreviewSurface materials."""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from spherelinks.formats.pieces import Piece, Stated, joined, picture, reflection
from spherelinks.mesh.solid import MOST
from spherelinks.shape import Finish, Map, Material, Sampler, Surface, Wrap

_WRAPS: dict[str, Wrap] = {"repeat": "repeat", "mirror": "mirror", "clamp": "clamp", "black": "clamp"}
_UPRIGHT = {"Y": np.eye(3), "Z": np.array(((1, 0, 0), (0, 0, 1), (0, -1, 0)), np.float64)}


def read(data: bytes, suffix: str) -> tuple[Surface, Stated]:
    """The meshes of a USD stage as it begins, skins posed, instances in place, hidden and guide objects left out.

    Textures come out of the package alone. Raises ValueError for what is no such file.
    """
    from pxr import Gf, Tf, Usd, UsdGeom, UsdSkel

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"scene{suffix}"
        path.write_bytes(data)
        try:
            stage = Usd.Stage.Open(str(path))
        except Tf.ErrorException as error:
            raise ValueError("OpenUSD cannot open it") from error
        if not stage:
            raise ValueError("OpenUSD cannot open it")
        notes: list[str] = []
        if stage.GetCompositionErrors():
            notes.append("What it refers to in other files was not read.")
        first = stage.GetStartTimeCode()
        start = Usd.TimeCode(first) if stage.HasAuthoredTimeCodeRange() else Usd.TimeCode.EarliestTime()
        stage.SetEditTarget(stage.GetSessionLayer())
        for prim in stage.Traverse():
            if prim.IsA(UsdSkel.Root):
                UsdSkel.BakeSkinning(UsdSkel.Root(prim), Gf.Interval(first, first))
        source = _Source(path if suffix == ".usdz" else None, start, notes)
        upright = np.eye(4)
        axis, metres = str(UsdGeom.GetStageUpAxis(stage)), UsdGeom.GetStageMetersPerUnit(stage)
        upright[:3, :3] = _UPRIGHT[axis] * metres
        places = UsdGeom.XformCache(start)
        pieces: list[Piece] = []
        corners = 0
        for prim, place in _meshes(stage.GetPseudoRoot(), places, start, notes):
            some = [*source.pieces(UsdGeom.Mesh(prim), upright @ place.T)]
            corners += sum(len(piece.points) for piece in some)
            if corners > 3 * MOST:
                raise ValueError(f"it has more than {MOST} triangles")
            pieces += some
        return joined(pieces, notes), Stated(metres, "z" if axis == "Z" else "y")


def _meshes(root: Any, places: Any, time: Any, notes: list[str]) -> Iterator[tuple[Any, NDArray[np.float64]]]:
    """The meshes below a prim that are shown, each with the matrix, of rows as USD has them, from it to the world."""
    from pxr import Usd, UsdGeom

    walk = iter(Usd.PrimRange(root, Usd.TraverseInstanceProxies()))
    for prim in walk:
        if prim.IsA(UsdGeom.Imageable):
            shown = UsdGeom.Imageable(prim)
            if shown.ComputeVisibility(time) == "invisible" or shown.ComputePurpose() in ("guide", "proxy"):
                if prim.IsA(UsdGeom.Gprim) or prim.IsA(UsdGeom.PointInstancer):
                    notes.append("Objects that the file hides were left out.")
                    walk.PruneChildren()
                continue
        if prim.IsA(UsdGeom.PointInstancer):
            walk.PruneChildren()
            yield from _instances(UsdGeom.PointInstancer(prim), places, time, notes)
        elif prim.IsA(UsdGeom.Mesh):
            yield prim, np.array(places.GetLocalToWorldTransform(prim))
        elif prim.IsA(UsdGeom.Gprim):
            notes.append("Its shapes other than meshes were left out.")


def _instances(group: Any, places: Any, time: Any, notes: list[str]) -> Iterator[tuple[Any, NDArray[np.float64]]]:
    """The same of a point instancer's."""
    from pxr import UsdGeom

    stage, world = group.GetPrim().GetStage(), np.array(places.GetLocalToWorldTransform(group.GetPrim()))
    which = group.GetProtoIndicesAttr().Get(time) or []
    moved = group.ComputeInstanceTransformsAtTime(
        time, time, UsdGeom.PointInstancer.IncludeProtoXform, UsdGeom.PointInstancer.IgnoreMask
    )
    mask = list(group.ComputeMaskAtTime(time)) or [True] * len(which)
    paths = group.GetPrototypesRel().GetForwardedTargets()
    models = []
    for path in paths:
        model = stage.GetPrimAtPath(path)
        back = np.linalg.pinv(np.array(places.GetLocalToWorldTransform(model)))
        models.append([(prim, place @ back) for prim, place in _meshes(model, places, time, notes)])
    for number, place, there in zip(which, moved or [], mask, strict=False):
        if there and 0 <= number < len(models):
            yield from ((prim, inner @ np.array(place) @ world) for prim, inner in models[number])


class _Look(NamedTuple):
    """A material, the primvar that its maps are read at, or None, and the (3, 3) matrix that moves it, v upwards."""

    material: Material
    variable: str | None = None
    place: NDArray[np.float64] = np.eye(3)


class _Source:
    def __init__(self, package: Path | None, time: Any, notes: list[str]) -> None:
        self._package, self._time, self._notes = package, time, notes
        self._materials: dict[str, _Look] = {}

    def pieces(self, shape: Any, place: NDArray[np.float64]) -> Iterator[Piece]:
        """One piece for each material of a mesh."""
        from pxr import UsdGeom, UsdShade

        there = shape.GetPointsAttr().Get(self._time)
        points = np.array([] if there is None else there, np.float64).reshape(-1, 3)
        sizes = np.array(shape.GetFaceVertexCountsAttr().Get(self._time) or [], np.int64)
        corners = np.array(shape.GetFaceVertexIndicesAttr().Get(self._time) or [], np.int64)
        if not len(sizes) or sizes.sum() != len(corners):
            return
        if len(corners) and (corners.min() < 0 or corners.max() >= len(points)):
            raise ValueError(f"a face of {shape.GetPath()} has a vertex that is not there")
        scheme = shape.GetSubdivisionSchemeAttr().Get()
        if scheme != "none" and shape.GetSubdivisionSchemeAttr().HasAuthoredValue():
            self._notes.append("Its subdivision surfaces were read as their cages.")
        starts = np.cumsum(sizes) - sizes
        spread = points[corners] @ place[:3, :3].T + place[:3, 3]
        mirrored = bool(np.linalg.det(place[:3, :3]) < 0)
        flipped = mirrored != (shape.GetOrientationAttr().Get() == "leftHanded")
        normals = _spread(shape.GetNormalsAttr().Get(self._time), shape.GetNormalsInterpolation(), corners, sizes, 3)
        if normals is not None:
            normals = normals @ np.linalg.pinv(place[:3, :3])
        variables = UsdGeom.PrimvarsAPI(shape)
        tint = self._values(variables.GetPrimvar("displayColor"), corners, sizes, 3)
        double = bool(shape.GetDoubleSidedAttr().Get())
        subsets = UsdShade.MaterialBindingAPI(shape).GetMaterialBindSubsets()
        rest = np.ones(len(sizes), np.bool_)
        groups: list[tuple[Any, NDArray[np.int64]]] = []
        for subset in subsets:
            some = np.array(subset.GetIndicesAttr().Get() or [], np.int64)
            groups.append((subset, some))
            rest[some] = False
        groups.append((shape, np.flatnonzero(rest)))
        for bound, some in groups:
            if not len(some):
                continue
            look = self._look(UsdShade.MaterialBindingAPI(bound).ComputeBoundMaterial()[0], double)
            material = look.material
            uv = self._values(variables.GetPrimvar(look.variable), corners, sizes, 2) if look.variable else None
            if uv is not None:
                uv = uv @ look.place[:2, :2].T + look.place[:2, 2]
            at = np.concatenate([np.arange(starts[face], starts[face] + sizes[face]) for face in some])
            yield Piece(
                spread[at],
                sizes[some],
                material,
                None if normals is None else normals[at],
                None if uv is None else uv[at],
                tint[at] if tint is not None and material == Material(finish=material.finish) else None,
                flipped,
            )

    def _values(
        self, variable: Any, corners: NDArray[np.int64], sizes: NDArray[np.int64], columns: int
    ) -> NDArray[np.float64] | None:
        if not variable or not variable.HasValue():
            return None
        return _spread(variable.ComputeFlattened(self._time), variable.GetInterpolation(), corners, sizes, columns)

    def _look(self, material: Any, double: bool) -> _Look:
        key = f"{material.GetPath() if material else ''} {double}"
        if key not in self._materials:
            self._materials[key] = self._made(material, double)
        return self._materials[key]

    def _made(self, material: Any, double: bool) -> _Look:
        surface = material.ComputeSurfaceSource()[0] if material else None
        plain = Material(finish=Finish(double_sided=double))
        if not surface or surface.GetIdAttr().Get() != "UsdPreviewSurface":
            if material:
                self._notes.append(f"Its material {material.GetPrim().GetName()} is no UsdPreviewSurface: not read.")
            return _Look(plain)
        reads = _Inputs(surface, self._image, self._notes)
        base, roughness, metalness = reads.map("diffuseColor"), reads.map("roughness"), reads.map("metallic")
        normal, occlusion, emissive = reads.map("normal"), reads.map("occlusion"), reads.map("emissiveColor")
        through = reads.map("opacity")
        cutoff = reads.number("opacityThreshold", 0.0)
        opacity = reads.number("opacity", 1.0)
        if cutoff > 0:
            self._notes.append("Its alpha masks were read as transparency.")
        made = Material(
            str(material.GetPrim().GetName()),
            (*reads.color("diffuseColor", 0.18, base), opacity if through is None else 1.0),
            base,
            through,
            reads.number("metallic", 0.0) if metalness is None else 1.0,
            reads.number("roughness", 0.5) if roughness is None else 1.0,
            reflection(roughness, metalness),
            normal,
            1.0,
            occlusion,
            1.0,
            reads.color("emissiveColor", 0.0, emissive),
            emissive,
            Finish("BLEND" if through is not None or opacity < 1 else "OPAQUE", double_sided=double),
        )
        return _Look(made, reads.variable, np.eye(3) if reads.place is None else reads.place)

    def _image(self, path: str) -> bytes | None:
        """A file in the package."""
        inner = path.partition("[")[2].rstrip("]") or path
        if self._package is None:
            return None
        with zipfile.ZipFile(self._package) as archive:
            known = {name.lstrip("./"): name for name in archive.namelist()}
            name = known.get(inner.lstrip("./"))
            return None if name is None else archive.read(name)


class _Inputs:
    """A surface's inputs: values, or images with a channel, a scale and a bias."""

    def __init__(self, surface: Any, image: Any, notes: list[str]) -> None:
        self._surface, self._image, self._notes = surface, image, notes
        self.variable: str | None = None
        self.place: NDArray[np.float64] | None = None
        self._scales: dict[str, NDArray[np.float64]] = {}

    def number(self, name: str, otherwise: float) -> float:
        given = self._surface.GetInput(name)
        value = given.Get() if given and not given.HasConnectedSource() else None
        return otherwise if value is None else float(value)

    def color(self, name: str, otherwise: float, image: Map | None) -> tuple[float, float, float]:
        if image is not None:
            red, green, blue = (float(part) for part in self._scales[name][:3])
            return red, green, blue
        given = self._surface.GetInput(name)
        value = given.Get() if given and not given.HasConnectedSource() else None
        red, green, blue = (otherwise,) * 3 if value is None else (float(part) for part in value)
        return red, green, blue

    def map(self, name: str) -> Map | None:
        """The image of an input; where it reads one channel, that one in all three."""
        from pxr import UsdShade

        given = self._surface.GetInput(name)
        sources = given.GetConnectedSources()[0] if given else []
        if not sources:
            return None
        shader = UsdShade.Shader(sources[0].source)
        file = shader.GetInput("file").Get() if shader.GetInput("file") else None
        if shader.GetIdAttr().Get() != "UsdUVTexture" or file is None:
            self._notes.append(f"A material's {name} comes from {shader.GetIdAttr().Get()}, which was not read.")
            return None
        data = self._image(file.resolvedPath or file.path)
        if data is None:
            self._notes.append(f"Its texture {file.path} is not in it, and was not read.")
            return None
        u, v = (_WRAPS.get(str(_input(shader, f"wrap{axis}")), "repeat") for axis in "ST")
        sampler = Sampler(u, v)
        found = picture(data, file.path, sampler)
        scale, bias = _input(shader, "scale"), _input(shader, "bias")
        scales = np.ones(4) if scale is None else np.array(scale, np.float64)
        shift = np.zeros(4) if bias is None else np.array(bias, np.float64)
        self._scales[name] = scales
        channel = str(sources[0].sourceName)
        if channel in ("r", "g", "b", "a"):
            found = _one(found, data, "rgba".index(channel), scales, shift)
        self._find_variable(shader)
        return found

    def _find_variable(self, shader: Any) -> None:
        from pxr import UsdShade

        st = shader.GetInput("st")
        place = np.eye(3)
        for _ in range(4):
            sources = st.GetConnectedSources()[0] if st else []
            if not sources:
                return
            node = UsdShade.Shader(sources[0].source)
            if node.GetIdAttr().Get() == "UsdTransform2d":
                place = place @ _moving(node)
                st = node.GetInput("in")
                continue
            named = node.GetInput("varname")
            value = named.GetAttr().Get() if named else None
            if named and named.HasConnectedSource():
                producer = named.GetValueProducingAttributes()
                value = producer[0].Get() if producer else None
            self.variable = self.variable or (str(value) if value else "st")
            if self.place is not None and not np.allclose(place, self.place):
                self._notes.append("A material moves the coordinates of its maps differently: all were moved alike.")
            self.place = place if self.place is None else self.place
            return


def _moving(node: Any) -> NDArray[np.float64]:
    """(3, 3): what a UsdTransform2d does to coordinates: it scales, turns and shifts them."""
    scale, turn, shift = _input(node, "scale"), np.radians(_input(node, "rotation") or 0.0), _input(node, "translation")
    place = np.eye(3)
    place[:2, :2] = [(np.cos(turn), -np.sin(turn)), (np.sin(turn), np.cos(turn))]
    place[:2, :2] *= (1, 1) if scale is None else np.array(scale, np.float64)
    place[:2, 2] = (0, 0) if shift is None else np.array(shift, np.float64)
    return place


def _input(shader: Any, name: str) -> Any:
    given = shader.GetInput(name)
    return given.Get() if given else None


def _one(found: Map, data: bytes, channel: int, scale: NDArray[np.float64], bias: NDArray[np.float64]) -> Map:
    """One channel of an image in all three, with its scale and bias."""
    from spherelinks.formats.image import rgba

    values = rgba(data, "texture")[..., channel].astype(np.float64) / 255 * scale[channel] + bias[channel]
    image = (values.clip(0, 1) * 255 + 0.5).astype(np.uint8)
    return found._replace(image=np.repeat(image[..., None], 3, axis=2), file=None)


def _spread(
    values: Any, interpolation: str, corners: NDArray[np.int64], sizes: NDArray[np.int64], columns: int
) -> NDArray[np.float64] | None:
    """Values of a mesh, one row for each corner."""
    if values is None or not len(values):
        return None
    rows = np.array(values, np.float64).reshape(len(values), -1)[:, :columns]
    index = {
        "constant": np.zeros(len(corners), np.int64),
        "uniform": np.repeat(np.arange(len(sizes)), sizes),
        "vertex": corners,
        "varying": corners,
        "faceVarying": np.arange(len(corners)),
    }.get(str(interpolation))
    if index is None or (len(index) and index.max() >= len(rows)):
        return None
    spread: NDArray[np.float64] = rows[index]
    return spread
