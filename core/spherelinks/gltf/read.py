"""One of our GLBs back as a mesh, also after another program has edited it."""

from __future__ import annotations

import json
import re
import struct
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from spherelinks.errors import InvalidRequest
from spherelinks.gltf import meshopt
from spherelinks.gltf.edited import is_edited, merged, moved
from spherelinks.gltf.pack import Mesh
from spherelinks.shape import METALLIC, ROUGHNESS

_COLUMNS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4}
_TYPES = {5120: "<i1", 5121: "<u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}


class ImageFile(NamedTuple):
    """An image as stored in the GLB."""

    data: bytes
    media_type: str


@dataclass(frozen=True)
class Model:
    """What a GLB shows.

    name : of its mesh, as requested
    mesh : the finest level of detail, in metres, its texture decoded
    images : the files of its textures by role: baseColor and, if present, normal and occlusion
    metallic, roughness : of the whole surface
    """

    name: str
    mesh: Mesh
    images: dict[str, ImageFile]
    metallic: float
    roughness: float


class GlbFile:
    """The two chunks of a GLB."""

    def __init__(self, glb: bytes) -> None:
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
        return memoryview(meshopt.decode_rows(data, packed["count"], packed["byteStride"]).tobytes())

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


def read(glb: bytes) -> Model:
    """The asset itself: without coarser levels and colliders.

    Of a file that another program has edited, everything visible in place, as one mesh with its base colours: see
    :func:`spherelinks.gltf.edited.merged`. Raises InvalidRequest if it is not a GLB written by
    :func:`spherelinks.gltf.pack.pack`, or was edited in a way that is not converted.
    """
    try:
        file = GlbFile(glb)
        return _edited(file, glb) if is_edited(file.document) else _read(file, _first(file.document))
    except (
        ValueError,
        LookupError,
        TypeError,
        AttributeError,
        OverflowError,
        MemoryError,
        struct.error,
        cv2.error,
    ) as error:  # anything that a broken file may raise
        raise InvalidRequest(
            f"The file is not a GLB of ours: {error}.",
            hint="Give an asset that SphereLinks made; 'spherelinks finish' takes any other mesh.",
        ) from error


def _edited(file: GlbFile, glb: bytes) -> Model:
    """Turned and scaled as its node says; with further objects, or mirrored, one mesh with one texture."""
    if (only := moved(file.document)) is not None:
        node, place = only
        model = _read(file, {"name": node.get("name", ""), "mesh": node["mesh"]})
        mesh = model.mesh
        normals = mesh.normals @ np.linalg.inv(place[:3, :3])
        mesh = replace(
            mesh,
            positions=np.asarray(mesh.positions @ place[:3, :3].T + place[:3, 3], np.float32),
            normals=np.asarray(normals / np.linalg.norm(normals, axis=1, keepdims=True), np.float32),
            tangents=None,
        )
        _check(mesh)
        return replace(model, mesh=mesh)
    name, mesh = merged(glb)
    _check(mesh)
    shown, data = cv2.imencode(".png", mesh.texture[..., ::-1])
    if not shown:
        raise ValueError("its texture cannot be written")
    return Model(name, mesh, {"baseColor": ImageFile(data.tobytes(), "image/png")}, METALLIC, ROUGHNESS)


def _check(mesh: Mesh) -> None:
    if mesh.faces.min() < 0 or mesh.faces.max() >= len(mesh.positions):
        raise ValueError("a face references a vertex that does not exist")
    for rows in (mesh.positions, mesh.normals, mesh.uv, *([] if mesh.tangents is None else [mesh.tangents])):
        if len(rows) != len(mesh.positions) or not np.isfinite(rows).all():
            raise ValueError("a vertex is not finite, or lacks an attribute")


def _first(document: dict[str, Any]) -> dict[str, Any]:
    node: dict[str, Any] = document["nodes"][document["scenes"][document["scene"]]["nodes"][0]]
    return node


def _read(file: GlbFile, node: dict[str, Any]) -> Model:
    document = file.document
    (primitive,) = document["meshes"][node["mesh"]]["primitives"]
    attributes = primitive["attributes"]
    material = document["materials"][primitive["material"]]
    surface = material["pbrMetallicRoughness"]
    scale = node.get("scale", 1)
    used = {
        "baseColor": surface["baseColorTexture"],
        "normal": material.get("normalTexture"),
        "occlusion": material.get("occlusionTexture"),
    }
    images, decoded = {}, {}
    for role, info in used.items():
        if info is not None:
            texture = document["textures"][info["index"]]
            image = document["images"][texture.get("extensions", {}).get("EXT_texture_webp", texture)["source"]]
            images[role] = ImageFile(bytes(file.view(image["bufferView"])), image["mimeType"])
            pixels = cv2.imdecode(np.frombuffer(images[role].data, np.uint8), cv2.IMREAD_COLOR_RGB)
            decoded[role] = np.asarray(pixels, np.uint8)
    mesh = Mesh(
        np.asarray(file.accessor(attributes["POSITION"]) * scale + node.get("translation", 0), np.float32),
        np.asarray(file.accessor(attributes["NORMAL"]), np.float32),
        np.asarray(file.accessor(attributes["TEXCOORD_0"]), np.float32),
        file.accessor(primitive["indices"]).astype(np.int32).reshape(-1, 3),
        decoded["baseColor"],
        np.asarray(file.accessor(attributes["TANGENT"]), np.float32) if "TANGENT" in attributes else None,
        decoded.get("normal"),
        decoded["occlusion"][..., 0] if "occlusion" in decoded else None,
    )
    _check(mesh)
    return Model(
        re.sub(r"_LOD0(\.\d+)?$", "", node["name"]),
        mesh,
        images,
        surface.get("metallicFactor", 1.0),
        surface.get("roughnessFactor", 1.0),
    )
