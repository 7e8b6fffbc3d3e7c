"""One of our GLBs back as a mesh, also after another program has moved it."""

from __future__ import annotations

import io
import json
import re
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from spherelinks.gltf import meshopt
from spherelinks.gltf.document import Matrix, matrix
from spherelinks.gltf.extensions import beyond, lost, unknown
from spherelinks.gltf.pack import Mesh, Paint
from spherelinks.shape import Finish

_COLUMNS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4}
_TYPES = {5120: "<i1", 5121: "<u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}

#: Where a material says which texture has a role. Occlusion comes first: its file may have the others' channels, too.
_ROLES = {
    "baseColor": ("pbrMetallicRoughness", "baseColorTexture"),
    "normal": ("normalTexture",),
    "occlusion": ("occlusionTexture",),
    "metallicRoughness": ("pbrMetallicRoughness", "metallicRoughnessTexture"),
    "emissive": ("emissiveTexture",),
}
#: What materials of one mesh of ours may differ in.
_OF_FACES = ("name", "alphaMode", "alphaCutoff", "doubleSided")
_ATTRIBUTES = {"POSITION", "NORMAL", "TEXCOORD_0"}
#: In a file with one of these, what is shown is not what stands in the nodes and accessors.
_ELSEWHERE = {
    "EXT_mesh_gpu_instancing",
    "KHR_draco_mesh_compression",
    "KHR_meshopt_compression",
    "KHR_node_visibility",
    "KHR_texture_transform",
}
_LEVEL = re.compile(r"_LOD([1-9])(\.\d+)?$")


class ImageFile(NamedTuple):
    """An image as stored in the GLB."""

    data: bytes
    media_type: str


@dataclass(frozen=True)
class Model:
    """What a GLB shows.

    name : of its mesh, as requested
    mesh : the finest level of detail, in metres, its textures decoded
    images : the files of its textures by role: baseColor and, if present, normal, occlusion, metallicRoughness and
        emissive
    notes : what of it was not read
    """

    name: str
    mesh: Mesh
    images: dict[str, ImageFile]
    notes: tuple[str, ...] = ()


class GlbFile:
    """The two chunks of a GLB."""

    def __init__(self, glb: bytes) -> None:
        if len(glb) < 20:
            raise ValueError(f"{len(glb)} bytes are there, fewer than a GLB's header has")
        magic, version, length = struct.unpack_from("<4sII", glb)
        if (magic, version, length) != (b"glTF", 2, len(glb)):
            raise ValueError("it does not begin as a GLB of glTF 2.0 does")
        size = struct.unpack_from("<I", glb, 12)[0]
        # text, and a multiple of four bytes, in both chunks
        if (glb[16:20], glb[24 + size : 28 + size]) != (b"JSON", b"BIN\0") or size % 4:
            raise ValueError("its chunks are not a JSON document and a buffer")
        self.document: dict[str, Any] = json.loads(glb[20 : 20 + size])
        self.blob = memoryview(glb)[28 + size :]
        if struct.unpack_from("<I", glb, 20 + size)[0] != len(self.blob):
            raise ValueError("its buffer is truncated")

    def view(self, index: int) -> memoryview:
        """A view's bytes, decompressed if necessary."""
        view = self.document["bufferViews"][index]
        packed = view.get("extensions", {}).get("EXT_meshopt_compression")
        layout = packed or view
        start = layout.get("byteOffset", 0)
        data = self.blob[start : start + layout["byteLength"]]
        if not packed:
            return data
        if packed["mode"] == "TRIANGLES":
            faces = meshopt.decode_faces(data, packed["count"] // 3)
            return memoryview(faces.astype(f"<u{packed['byteStride']}").tobytes())
        rows = meshopt.decode_rows(data, packed["count"], packed["byteStride"])
        return memoryview(meshopt.unfiltered(rows, packed.get("filter", "NONE")).tobytes())

    def accessor(self, index: int) -> NDArray[Any]:
        """(count,) or (count, columns) values; normalised integers as float32 in -1..1."""
        accessor = self.document["accessors"][index]
        kind = np.dtype(_TYPES[accessor["componentType"]])
        columns = _COLUMNS[accessor["type"]]
        stride = self.document["bufferViews"][accessor["bufferView"]].get("byteStride", columns * kind.itemsize)
        rows = np.ndarray(
            (accessor["count"], columns),
            kind,
            self.view(accessor["bufferView"]),
            accessor.get("byteOffset", 0),
            (stride, kind.itemsize),
        )
        values = rows[:, 0] if columns == 1 else rows
        if accessor.get("normalized"):
            return np.maximum(values / np.float32(np.iinfo(kind).max), np.float32(-1))
        return np.array(values)


def own(glb: bytes) -> Model | None:
    """The asset itself: without coarser levels and colliders, where its node puts it.

    None if the file shows other than what :func:`spherelinks.gltf.pack.pack` writes: one mesh whose materials share
    their textures. :func:`spherelinks.formats.asset.read` reads those, too. Raises ValueError, LookupError, TypeError,
    AttributeError, OverflowError, MemoryError, struct.error or cv2.error for a damaged file.
    """
    file = GlbFile(glb)
    document = file.document
    shown = [
        (node, place)
        for node, place in _placed(document)
        if not is_coarse(node)
        and not all(_is_invisible(document, each) for each in document["meshes"][node["mesh"]]["primitives"])
    ]
    used, required = document.get("extensionsUsed", ()), document.get("extensionsRequired", ())
    if len(shown) != 1 or _ELSEWHERE & {*used} or beyond(required):
        return None
    node, place = shown[0]
    primitives = document["meshes"][node["mesh"]]["primitives"]
    if "skin" in node or not _as_packed(document, primitives):
        return None
    mesh, images = _mesh(file, primitives, place)
    if mesh.uv.min() < -1e-3 or mesh.uv.max() > 1 + 1e-3:
        return None
    of_materials = sorted({name for each in _looks(document, primitives) for name in each.get("extensions", ())})
    dropped = lost(of_materials)
    notes = [*unknown(of_materials), *([f"Not kept of its materials: {', '.join(dropped)}."] if dropped else [])]
    return Model(re.sub(r"_LOD0(\.\d+)?$", "", node.get("name", "")) or "asset", mesh, images, tuple(notes))


def is_coarse(node: dict[str, Any]) -> bool:
    """Whether a node is a coarser level of detail, which some programs write back into the scene."""
    return bool(_LEVEL.search(node.get("name", "")))


def _placed(document: dict[str, Any]) -> Iterator[tuple[dict[str, Any], Matrix]]:
    """The scene's nodes with a mesh, each with the way from its space to the scene's."""
    waiting = [(number, np.eye(4)) for number in reversed(document["scenes"][document.get("scene", 0)]["nodes"])]
    seen: set[int] = set()
    while waiting:
        number, above = waiting.pop()
        if number in seen:
            raise ValueError(f"node {number} has two parents")
        seen.add(number)
        node = document["nodes"][number]
        place = above @ matrix(node)
        waiting += [(child, place) for child in reversed(node.get("children", ()))]
        if "mesh" in node:
            yield node, place


def _is_invisible(document: dict[str, Any], primitive: dict[str, Any]) -> bool:
    """Whether its material is cut out entirely, as a collider's."""
    material = document["materials"][primitive["material"]] if "material" in primitive else {}
    factor = material.get("pbrMetallicRoughness", {}).get("baseColorFactor", (1, 1, 1, 1))
    return bool(factor[3] == 0) and material.get("alphaMode", "OPAQUE") != "OPAQUE"


def _as_packed(document: dict[str, Any], primitives: Sequence[dict[str, Any]]) -> bool:
    """Whether primitives have the attributes of ours, and materials that differ in their finish alone."""
    for each in primitives:
        attributes = each["attributes"].keys()
        strange = any(name.startswith(("COLOR_", "JOINTS_")) for name in attributes) or "targets" in each
        if (
            strange
            or each.get("mode", 4) != 4
            or not attributes >= _ATTRIBUTES
            or not {"indices", "material"} <= {*each}
        ):
            return False
    first, *others = _looks(document, primitives)
    base = first.get("pbrMetallicRoughness", {})
    plain = "baseColorTexture" in base and [*base.get("baseColorFactor", (1, 1, 1, 1))] == [1, 1, 1, 1]
    moved = any(
        info.get("texCoord", 0) or info.get("scale", 1) != 1 or info.get("strength", 1) != 1 or "extensions" in info
        for info in _infos(first).values()
    )
    return plain and not moved and all(other == first for other in others)


def _looks(document: dict[str, Any], primitives: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """What materials of one mesh of ours have in common."""
    looks = []
    for each in primitives:
        look = {name: value for name, value in document["materials"][each["material"]].items() if name not in _OF_FACES}
        look["extensions"] = {
            name: value for name, value in look.get("extensions", {}).items() if name != "KHR_materials_unlit"
        }
        looks.append(look)
    return looks


def _infos(material: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What a material says of its textures, by role."""
    infos = {}
    for role, way in _ROLES.items():
        found: Any = material
        for name in way:
            found = found.get(name, {})
        if found:
            infos[role] = found
    return infos


def _mesh(file: GlbFile, primitives: Sequence[dict[str, Any]], place: Matrix) -> tuple[Mesh, dict[str, ImageFile]]:
    """Primitives as one mesh in the scene, and the files of its images."""
    document = file.document
    rows: dict[str, list[NDArray[Any]]] = {}
    faces, finishes, finish_of = [], list[Finish](), []
    along = all("TANGENT" in each["attributes"] for each in primitives)
    start = 0
    for each in primitives:
        for name in sorted(_ATTRIBUTES | ({"TANGENT"} if along else set())):
            rows.setdefault(name, []).append(file.accessor(each["attributes"][name]))
        corners = file.accessor(each["indices"]).astype(np.int64).reshape(-1, 3)
        faces.append(corners + start)
        start += len(rows["POSITION"][-1])
        if len(corners) and (corners.min() < 0 or corners.max() >= len(rows["POSITION"][-1])):
            raise ValueError("a face references a vertex that does not exist")
        finish = _finish(document["materials"][each["material"]])
        if finish not in finishes:
            finishes.append(finish)
        finish_of.append(np.full(len(corners), finishes.index(finish), np.int32))
    values = {name: np.concatenate(some) for name, some in rows.items()}
    material = document["materials"][primitives[0]["material"]]
    images = {role: _image(file, info["index"]) for role, info in _infos(material).items()}
    decoded = {role: _decoded(image) for role, image in images.items()}
    see_through = any(finish.alpha_mode != "OPAQUE" for finish in finishes)
    mesh = Mesh(
        np.asarray(values["POSITION"], np.float32),
        np.asarray(values["NORMAL"], np.float32),
        np.asarray(values["TEXCOORD_0"], np.float32),
        np.concatenate(faces).astype(np.int32),
        decoded["baseColor"],
        np.asarray(values["TANGENT"], np.float32) if along else None,
        decoded.get("normal"),
        decoded["occlusion"][..., 0] if "occlusion" in decoded else None,
        _paint(material, decoded, _alpha(images["baseColor"]) if see_through else None),
        tuple(finishes),
        np.concatenate(finish_of) if len(finishes) > 1 else None,
    )
    if (place != np.eye(4)).any():
        mesh = _moved(mesh, values["POSITION"], place)
    for known in (mesh.positions, mesh.normals, mesh.uv, *([] if mesh.tangents is None else [mesh.tangents])):
        if len(known) != len(mesh.positions) or not np.isfinite(known).all():
            raise ValueError("a vertex is not finite, or lacks an attribute")
    return mesh, images


def _moved(mesh: Mesh, positions: NDArray[Any], place: Matrix) -> Mesh:
    """A mesh where a node puts it; `positions` in full precision."""
    turn, mirrored = place[:3, :3], bool(np.linalg.det(place[:3, :3]) < 0)
    tangents = mesh.tangents
    if tangents is not None:
        sign = tangents[:, 3:] * (-1 if mirrored else 1)
        tangents = np.hstack([_unit(tangents[:, :3] @ turn.T), sign]).astype(np.float32)
    return replace(
        mesh,
        positions=np.asarray(positions @ turn.T + place[:3, 3], np.float32),
        normals=_unit(mesh.normals @ np.linalg.inv(turn)),
        tangents=tangents,
        faces=np.ascontiguousarray(mesh.faces[:, ::-1]) if mirrored else mesh.faces,
    )


def _unit(rows: NDArray[np.floating]) -> NDArray[np.float32]:
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-30), np.float32)


def _finish(material: dict[str, Any]) -> Finish:
    mode = material.get("alphaMode", "OPAQUE")
    return Finish(
        mode,
        material.get("alphaCutoff", 0.5) if mode == "MASK" else 0.5,
        material.get("doubleSided", False),
        "KHR_materials_unlit" in material.get("extensions", {}),
    )


def _paint(material: dict[str, Any], decoded: dict[str, NDArray[np.uint8]], opacity: NDArray[np.uint8] | None) -> Paint:
    base = material["pbrMetallicRoughness"]
    bright = material.get("extensions", {}).get("KHR_materials_emissive_strength", {}).get("emissiveStrength", 1.0)
    red, green, blue = (bright * float(part) for part in material.get("emissiveFactor", (0, 0, 0)))
    return Paint(
        base.get("metallicFactor", 1.0),
        base.get("roughnessFactor", 1.0),
        (red, green, blue),
        decoded.get("metallicRoughness"),
        decoded.get("emissive") if red or green or blue else None,
        opacity,
    )


def _image(file: GlbFile, index: int) -> ImageFile:
    texture = file.document["textures"][index]
    image = file.document["images"][texture.get("extensions", {}).get("EXT_texture_webp", texture)["source"]]
    return ImageFile(bytes(file.view(image["bufferView"])), image["mimeType"])


def _decoded(image: ImageFile) -> NDArray[np.uint8]:
    pixels = cv2.imdecode(np.frombuffer(image.data, np.uint8), cv2.IMREAD_COLOR_RGB)
    if pixels is None:
        raise ValueError("an image of it is damaged")
    return np.asarray(pixels, np.uint8)


def _alpha(image: ImageFile) -> NDArray[np.uint8] | None:
    """(H, W) uint8; None if the image is opaque."""
    try:
        with Image.open(io.BytesIO(image.data), formats=("PNG", "WEBP", "JPEG")) as picture:
            if not picture.has_transparency_data:
                return None
            return np.asarray(picture.convert("RGBA").getchannel("A"))
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError("an image of it is damaged") from error
