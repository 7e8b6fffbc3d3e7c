"""USDZ and USD, by OpenUSD: the meshes that are shown, in metres with +Y up, with UsdPreviewSurface materials."""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from spherelinks.formats.image import rgba
from spherelinks.formats.pieces import Piece, Stated, joined, picture, reflection
from spherelinks.mesh.solid import MOST
from spherelinks.pixels.srgb import encoded, to_linear
from spherelinks.shape import Finish, Map, Material, Sampler, Surface, Wrap

_Beside = Callable[[str], "bytes | None"]
_WRAPS: dict[str, Wrap] = {"repeat": "repeat", "mirror": "mirror", "clamp": "clamp", "black": "clamp"}
_LAYERS = (".usd", ".usda", ".usdc", ".usdz")
#: Layers that a stage is composed of at most.
_MOST_LAYERS = 1000
#: What a normal map is scaled and moved by, from [0, 1] to [-1, 1].
_NORMAL = (np.array((2.0, 2.0, 2.0)), np.array((-1.0, -1.0, -1.0)))
#: Inputs of UsdPreviewSurface that are not kept, with what leaves a surface as it is.
_LOST = {"clearcoat": 0.0, "displacement": 0.0}
_UPRIGHT = {"Y": np.eye(3), "Z": np.array(((1, 0, 0), (0, 0, 1), (0, -1, 0)), np.float64)}


def read(data: bytes, suffix: str, beside: _Beside) -> tuple[Surface, Stated]:
    """The meshes of a USD stage as it begins, skins posed, instances in place, hidden and guide objects left out.

    Layers and textures come out of the package, or from `beside`. Raises ValueError for what is no such file.
    """
    from pxr import Gf, Tf, Usd, UsdGeom, UsdSkel

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"scene{suffix}"
        path.write_bytes(data)
        if suffix != ".usdz":
            _gather(path, beside)
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
        if not UsdGeom.StageHasAuthoredMetersPerUnit(stage):
            notes.append("It does not say its unit: cm was taken, as USD has it then. If that is wrong, give --unit.")
        source = _Source(_Files(path, beside), start, notes)
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


def _gather(path: Path, beside: _Beside) -> None:
    """Copies the layers that a layer is composed of from beside its file, each to where the others look for it."""
    from pxr import Sdf, Tf

    waiting = [path]
    while waiting:
        here = waiting.pop()
        try:
            layer = Sdf.Layer.FindOrOpen(str(here))
        except Tf.ErrorException:
            layer = None
        for name in layer.GetCompositionAssetDependencies() if layer else ():
            there = (here.parent / name).resolve()
            if not there.is_relative_to(path.parent.resolve()) or there.exists() or there.suffix not in _LAYERS:
                continue
            found = beside(there.relative_to(path.parent.resolve()).as_posix())
            if found is not None and len(list(path.parent.rglob("*.usd*"))) < _MOST_LAYERS:
                there.parent.mkdir(parents=True, exist_ok=True)
                there.write_bytes(found)
                waiting.append(there)


class _Files:
    """The images that a stage names, in its package or beside it."""

    def __init__(self, path: Path, beside: _Beside) -> None:
        self._path, self._beside = path, beside

    def image(self, attribute: Any) -> bytes | None:
        """What an attribute with a path names, which is relative to the layer that says so."""
        file = attribute.Get()
        name = file.resolvedPath or file.path
        if self._path.suffix != ".usdz":
            layer = Path(attribute.GetPropertyStack()[0].layer.realPath)
            folder = PurePosixPath(layer.parent.relative_to(self._path.parent.resolve()).as_posix())
            return self._beside(str(folder / file.path))
        inner = name.partition("[")[2].rstrip("]") or name
        with zipfile.ZipFile(self._path) as archive:
            known = {name.lstrip("./"): name for name in archive.namelist()}
            found = known.get(inner.lstrip("./"))
            return None if found is None else archive.read(found)


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
    def __init__(self, files: _Files, time: Any, notes: list[str]) -> None:
        self._files, self._time, self._notes = files, time, notes
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
        if shape.GetSubdivisionSchemeAttr().Get() != "none":  # as it is where the file does not say
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
        sheer = self._values(variables.GetPrimvar("displayOpacity"), corners, sizes, 1)
        double = bool(shape.GetDoubleSidedAttr().Get())
        subsets = UsdShade.MaterialBindingAPI(shape).GetMaterialBindSubsets()
        holes = np.array(shape.GetHoleIndicesAttr().Get(self._time) or [], np.int64)
        kept = ~np.isin(np.arange(len(sizes)), holes)
        rest = np.ones(len(sizes), np.bool_)
        groups: list[tuple[Any, NDArray[np.int64]]] = []
        for subset in subsets:
            some = np.array(subset.GetIndicesAttr().Get() or [], np.int64)
            groups.append((subset, some))
            rest[some] = False
        groups.append((shape, np.flatnonzero(rest)))
        for bound, faces in groups:
            some = faces[kept[faces]]
            if not len(some):
                continue
            look = self._look(_bound(bound), double)
            material = look.material
            uv = self._values(self._coordinates(variables, look.variable), corners, sizes, 2) if look.variable else None
            if uv is not None:
                uv = uv @ look.place[:2, :2].T + look.place[:2, 2]
            at = np.concatenate([np.arange(starts[face], starts[face] + sizes[face]) for face in some])
            painted = tint is not None and material == Material(finish=material.finish)
            if sheer is not None and painted and (sheer[at] < 1).any():
                self._notes.append("The transparency of its colours was not read.")
            yield Piece(
                spread[at],
                sizes[some],
                material,
                None if normals is None else normals[at],
                None if uv is None else uv[at],
                tint[at] if tint is not None and painted else None,
                flipped,
            )

    def _coordinates(self, variables: Any, name: str) -> Any:
        """The primvar ``name``; where the mesh has none of that name, its only texture coordinates.

        Blender writes them as "st", but its materials may ask for the name inside Blender
        (findings/blender-usd-uv-map.sh).
        """
        variable = variables.GetPrimvar(name)
        if variable and variable.HasValue():
            return variable
        others = [each for each in variables.GetPrimvars() if each.GetTypeName().role == "TextureCoordinate"]
        if len(others) != 1:
            return variable
        found = others[0].GetPrimvarName()
        self._notes.append(
            f"Its mesh has no texture coordinates {name}, which its material asks for: {found} were taken."
        )
        return others[0]

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
        reads = _Inputs(surface, self._files.image, self._notes)
        if lost := reads.lost():
            self._notes.append(f"Not kept of its materials: {', '.join(lost)}.")
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


class _Inputs:
    """A surface's inputs: values, or images with a channel, a scale and a bias."""

    def __init__(self, surface: Any, image: Any, notes: list[str]) -> None:
        self._surface, self._image, self._notes = surface, image, notes
        self.variable: str | None = None
        self.place: NDArray[np.float64] | None = None
        self._scales: dict[str, NDArray[np.float64]] = {}

    def number(self, name: str, otherwise: float) -> float:
        value = _input(self._surface, name)
        return otherwise if value is None else float(value)

    def lost(self) -> list[str]:
        """Inputs that make a difference and are not kept."""
        found = [name for name, plain in _LOST.items() if _source(self._surface, name).shader or
                 self.number(name, plain) != plain]  # fmt: skip
        return found + ["specular colour"] * bool(_input(self._surface, "useSpecularWorkflow"))

    def color(self, name: str, otherwise: float, image: Map | None) -> tuple[float, float, float]:
        if image is not None:
            red, green, blue = (float(part) for part in self._scales[name][:3])
            return red, green, blue
        value = _input(self._surface, name)
        red, green, blue = (otherwise,) * 3 if value is None else (float(part) for part in value)
        return red, green, blue

    def map(self, name: str) -> Map | None:
        """The image of an input; where it reads one channel, that one in all three."""
        source = _source(self._surface, name)
        shader = source.shader
        if shader is None:
            return None
        path = _source(shader, "file").attribute
        file = None if path is None else path.Get()
        if shader.GetIdAttr().Get() != "UsdUVTexture" or file is None:
            self._notes.append(f"A material's {name} comes from {shader.GetIdAttr().Get()}, which was not read.")
            return None
        data = self._image(path)
        if data is None:
            self._notes.append(f"Its texture {file.path} is not in it or beside it, and was not read.")
            return None
        u, v = (_WRAPS.get(str(_input(shader, f"wrap{axis}")), "repeat") for axis in "ST")
        sampler = Sampler(u, v)
        found = picture(data, file.path, sampler)
        scale, bias = _input(shader, "scale"), _input(shader, "bias")
        scales = np.ones(4) if scale is None else np.array(scale, np.float64)
        shift = np.zeros(4) if bias is None else np.array(bias, np.float64)
        self._scales[name] = scales
        if source.output in ("r", "g", "b", "a"):
            found = _one(found, data, "rgba".index(source.output), scales, shift)
        elif name == "normal" and scale is not None:
            found = _leaned(found, scales, shift)
        elif name != "normal" and (shift[:3].any() or _input(shader, "sourceColorSpace") == "raw"):
            found = _shifted(found, scales, shift, raw=_input(shader, "sourceColorSpace") == "raw")
            self._scales[name] = np.ones(4)
        self._find_variable(shader)
        return found

    def _find_variable(self, shader: Any) -> None:
        place = np.eye(3)
        name = "st"
        for _ in range(4):
            node = _source(shader, name).shader
            if node is None:
                return
            if node.GetIdAttr().Get() == "UsdTransform2d":
                place = place @ _moving(node)
                shader, name = node, "in"
                continue
            value = _input(node, "varname")
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


class _Given(NamedTuple):
    """Where an input comes from, through groups of nodes: an attribute with its value, or a shader's output."""

    attribute: Any = None
    shader: Any = None
    output: str = ""


def _source(shader: Any, name: str) -> _Given:
    from pxr import UsdShade

    given = shader.GetInput(name)
    found = given.GetValueProducingAttributes() if given else ()
    if not found:
        return _Given()
    if UsdShade.Output.IsOutput(found[0]):
        return _Given(None, UsdShade.Shader(found[0].GetPrim()), str(UsdShade.Output(found[0]).GetBaseName()))
    return _Given(found[0])


def _input(shader: Any, name: str) -> Any:
    """An input's value, None where it has none or a shader's output."""
    attribute = _source(shader, name).attribute
    return None if attribute is None else attribute.Get()


def _bound(shape: Any) -> Any:
    """The material of a mesh or a part of one: for previews, as UsdPreviewSurface is meant, else for renderings."""
    from pxr import UsdShade

    binding = UsdShade.MaterialBindingAPI(shape)
    for purpose in ("preview", "full"):  # each stands in for those that have no purpose
        material = binding.ComputeBoundMaterial(purpose)[0]
        if material:
            return material
    return None


def _one(found: Map, data: bytes, channel: int, scale: NDArray[np.float64], bias: NDArray[np.float64]) -> Map:
    """One channel of an image in all three, with its scale and bias."""
    values = rgba(data, "texture")[..., channel].astype(np.float64) / 255 * scale[channel] + bias[channel]
    image = (values.clip(0, 1) * 255 + 0.5).astype(np.uint8)
    return found._replace(image=np.repeat(image[..., None], 3, axis=2), file=None)


def _leaned(found: Map, scale: NDArray[np.float64], bias: NDArray[np.float64]) -> Map:
    """A normal map that is scaled and moved otherwise than most are, such as one with y downwards."""
    if np.allclose(scale[:3], _NORMAL[0]) and np.allclose(bias[:3], _NORMAL[1]):
        return found
    values = (found.image / 255 * scale[:3] + bias[:3] - _NORMAL[1]) / _NORMAL[0]
    return found._replace(image=(values.clip(0, 1) * 255 + 0.5).astype(np.uint8), file=None)


def _shifted(found: Map, scale: NDArray[np.float64], bias: NDArray[np.float64], *, raw: bool) -> Map:
    """An image of colours, in sRGB or `raw` light, scaled and moved as light, in sRGB."""
    light = found.image / 255 if raw else to_linear(found.image / 255)
    image = encoded((light * scale[:3] + bias[:3]).clip(0, 1).reshape(-1, 3)).reshape(found.image.shape)
    return found._replace(image=image, file=None)


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
