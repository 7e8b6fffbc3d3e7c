"""COLLADA, by the library pycollada: meshes in place, in metres with +Y up, with their materials and textures."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

import numpy as np
from numpy.typing import NDArray

from spherelinks.formats.pieces import Piece, Stated, joined, picture
from spherelinks.pixels.srgb import to_linear
from spherelinks.shape import Finish, Map, Material, Sampler, Surface, Wrap

_WRAPS: dict[str, Wrap] = {"MIRROR": "mirror", "CLAMP": "clamp", "BORDER": "clamp", "NONE": "clamp"}
_Beside = Callable[[str], "bytes | None"]
#: From the file's axes to +Y up.
_UPRIGHT = {
    "X_UP": np.array(((0, -1, 0), (1, 0, 0), (0, 0, 1)), np.float64),
    "Y_UP": np.eye(3),
    "Z_UP": np.array(((1, 0, 0), (0, 0, 1), (0, -1, 0)), np.float64),
}


def read(data: bytes, beside: _Beside) -> tuple[Surface, Stated]:
    """The triangles and polygons of a COLLADA scene, with the colours and diffuse textures of its materials.

    Skins are read as they rest. Raises ValueError for what is no such file.
    """
    import collada

    try:
        ignored = [collada.common.DaeUnsupportedError, collada.common.DaeBrokenRefError]
        document = collada.Collada(io.BytesIO(data), ignore=ignored)
    except collada.common.DaeError as error:
        raise ValueError(str(error)) from error
    if document.scene is None:
        raise ValueError("it has no scene")
    axis, metres = document.assetInfo.upaxis or "Y_UP", float(document.assetInfo.unitmeter or 1)
    turn = _UPRIGHT[axis] * metres
    notes: list[str] = []
    tools = [str(each.authoring_tool) for each in document.assetInfo.contributors]
    materials = _Materials(beside, notes, in_light=any("Blender" in tool for tool in tools))
    pieces = []
    shapes = list(document.scene.objects("geometry"))
    for controller in document.scene.objects("controller"):
        notes.append("Its skins are read as they rest, not as they are posed.")
        if isinstance(controller, collada.controller.BoundMorph):
            shapes.append(controller.original.source_geometry.bind(controller.matrix, controller.materialnodebysymbol))
        else:
            shapes.append(controller.geometry)
    for shape in shapes:
        for primitive in shape.primitives():
            pieces += list(_pieces(primitive, shape.matrix, turn, materials))
    if any(
        isinstance(error, collada.common.DaeBrokenRefError) or "geometry" in str(error) for error in document.errors
    ):
        notes.append("Its splines, and what it refers to without having it, were left out.")
    if any("profile_COMMON" in str(error) for error in document.errors):
        notes.append("Its materials in other profiles than the common one were not read.")
    if document.animations:
        notes.append("Its animations are not kept: it is as the file poses it.")
    return joined(pieces, notes), Stated(metres, "z" if axis == "Z_UP" else "y")


def _pieces(
    primitive: Any, matrix: NDArray[np.float64], turn: NDArray[np.float64], materials: _Materials
) -> Iterator[Piece]:
    """matrix : (4, 4), from the primitive's own places to those that it has"""
    if hasattr(primitive, "polyindex"):
        lengths = np.diff(primitive.polyindex, axis=1)[:, 0]
    elif np.ndim(primitive.vertex_index) == 2 and primitive.vertex_index.shape[1] == 3:
        lengths = np.full(len(primitive.vertex_index), 3)
    else:
        materials.notes.append("Its points and lines were left out.")
        return
    if not len(lengths):
        return
    corners = np.asarray(primitive.vertex_index).ravel()
    points = np.asarray(primitive.vertex, np.float64)[corners] @ turn.T
    place = np.asarray(matrix, np.float64)[:3, :3]
    normals = uv = None
    if primitive.normal is not None and primitive.normal_index is not None and len(primitive.normal):
        own = np.asarray(primitive.original.normal, np.float64)[np.asarray(primitive.normal_index).ravel()]
        normals = own @ np.linalg.pinv(turn @ place)
    material = materials.material(primitive.material)
    if len(primitive.texcoordset):
        which = _coordinates(primitive, materials.symbol(primitive.material))
        rows = np.asarray(primitive.texcoordset[which], np.float64)
        uv = rows[np.asarray(primitive.texcoord_indexset[which]).ravel()][:, :2]
    tint = _tint(primitive)
    if tint is not None and material.base is None:
        material = replace(material, color=(1.0, 1.0, 1.0, material.color[3]))
    elif tint is not None:
        materials.notes.append("It has textures, and colours at its vertices, which were not read.")
        tint = None
    yield Piece(points, lengths.astype(np.int64), material, normals, uv, tint, flipped=bool(np.linalg.det(place) < 0))


def _coordinates(primitive: Any, symbol: str) -> int:
    """Which of a primitive's texture coordinates a material's symbol is bound to; 0 if the file does not say."""
    bound = (primitive.inputmap or {}).get(symbol)
    original = getattr(primitive, "original", primitive)
    sets = [str(each[3] or 0) for each in original.sources.get("TEXCOORD", ())]
    wanted = str(bound[1] or 0) if bound else ""
    return sets.index(wanted) if wanted in sets else 0


def _tint(primitive: Any) -> NDArray[np.float64] | None:
    """(N, 3) linear colours of the corners; None where there are none."""
    original = getattr(primitive, "original", primitive)
    inputs = original.sources.get("COLOR")
    if not inputs:
        return None
    offset, source = inputs[0][0], inputs[0][4]
    rows = np.asarray(source.data, np.float64).reshape(-1, len(source.components))[:, :3]
    at = np.asarray(original.index).reshape(-1, original.nindices)[:, offset]
    return np.asarray(to_linear(rows.clip(0, 1))[at], np.float64)


class _Materials:
    def __init__(self, beside: _Beside, notes: list[str], *, in_light: bool) -> None:
        self._beside, self.notes, self._in_light = beside, notes, in_light
        self._known: dict[int, Material] = {}
        self._pictures: dict[tuple[str, Sampler], Map] = {}

    def material(self, material: Any) -> Material:
        if material is None or getattr(material, "effect", None) is None:
            return Material()
        if id(material) not in self._known:
            self._known[id(material)] = self._made(material.effect, str(material.name or ""))
        return self._known[id(material)]

    def symbol(self, material: Any) -> str:
        """What its diffuse texture calls its coordinates, else its emissive one; "" for none."""
        effect = getattr(material, "effect", None)
        named = (getattr(getattr(effect, name, None), "texcoord", None) for name in ("diffuse", "emission"))
        return next((str(name) for name in named if name), "")

    def _made(self, effect: Any, name: str) -> Material:
        color, base = self._read(effect.diffuse)
        light, emissive = self._read(effect.emission)
        opacity = self._opacity(effect)
        if getattr(effect, "bumpmap", None) is not None:
            self.notes.append("Its bump maps were not read.")
        return Material(
            name,
            (*((1.0, 1.0, 1.0) if color is None else color), opacity),
            base,
            emission=(1.0, 1.0, 1.0) if emissive is not None else light or (0.0, 0.0, 0.0),
            emissive=emissive,
            finish=Finish("BLEND" if opacity < 1 else "OPAQUE", double_sided=bool(effect.double_sided)),
        )

    def _read(self, value: Any) -> tuple[tuple[float, float, float] | None, Map | None]:
        """A colour, linear, or an image; programs write colours as they show them, in sRGB, and Blender as light."""
        if value is None:
            return None, None
        if isinstance(value, tuple | list | np.ndarray):
            shown = np.array(value[:3], np.float64).clip(0, 1)
            red, green, blue = (float(part) for part in (shown if self._in_light else to_linear(shown)))
            return (red, green, blue), None
        path = unquote(str(value.sampler.surface.image.path)).removeprefix("file://")
        data = self._beside(path)
        if data is None:
            self.notes.append(f"Its texture {path} is not beside it, and was not read.")
            return None, None
        key = path, _sampler(value.sampler.xmlnode)
        if key not in self._pictures:
            self._pictures[key] = picture(data, *key)
        return None, self._pictures[key]

    def _opacity(self, effect: Any) -> float:
        """By the two ways that COLLADA has: where the alpha of a colour counts, or its brightness against it."""
        amount, color = effect.transparency, effect.transparent
        if color is not None and not isinstance(color, tuple | list | np.ndarray):
            self.notes.append("Its transparency maps were not read.")
            return 1.0
        if amount is None or color is None:
            return 1.0
        if not isinstance(amount, int | float):
            return 1.0
        if getattr(effect, "opaque_mode", "A_ONE") == "RGB_ZERO":
            return float(np.clip(1 - np.mean(color[:3]) * amount, 0, 1))
        return float(np.clip((color[3] if len(color) > 3 else 1.0) * amount, 0, 1))


def _sampler(node: Any) -> Sampler:
    """How a sampler2D goes on past the image's border: repeated, unless it says so otherwise."""
    said = {
        each.tag.rpartition("}")[2]: str(each.text or "").strip() for each in node.iter() if isinstance(each.tag, str)
    }
    return Sampler(_WRAPS.get(said.get("wrap_s", ""), "repeat"), _WRAPS.get(said.get("wrap_t", ""), "repeat"))
