"""Any GLB as a raw mesh with its colours."""

from __future__ import annotations

import io
import json
import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from spherelinks.mesh.solid import MOST
from spherelinks.picture.limits import MAX_PIXELS, MAX_SIDE
from spherelinks.pixels.srgb import encoded
from spherelinks.shape import Surface

_COLUMNS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4}
_TYPES = {5120: "<i1", 5121: "<u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
#: A file that requires any other extension is refused: its triangles or colours would be wrong.
_KNOWN = ("KHR_mesh_quantization", "EXT_texture_webp", "KHR_texture_transform", "KHR_materials_", "KHR_lights_punctual")
#: Total pixels of all textures, each first shrunk to MAX_SIDE.
MOST_TEXELS = 64_000_000


def read_scene(glb: bytes) -> Surface:
    """The triangles of the scene, transformed, with base colours: factor, vertex colours and texture.

    Meshes with an invisible material (opacity 0), such as colliders, are left out; skins and morphs stay at rest.
    Raises ValueError, KeyError, IndexError, TypeError or struct.error if it is not such a file or requires an unknown
    extension, and ValueError above MOST vertices or triangles or MOST_TEXELS.
    """
    return _Scene(glb).surface()


class _Scene:
    def __init__(self, glb: bytes) -> None:
        magic, version, _ = struct.unpack_from("<4sII", glb)
        if (magic, version) != (b"glTF", 2):
            raise ValueError("it has no glTF 2.0 header")
        size = struct.unpack_from("<I", glb, 12)[0]
        self.document: dict[str, Any] = json.loads(glb[20 : 20 + size])
        self.blob = memoryview(glb)[28 + size :]
        for name in self.document.get("extensionsRequired", ()):
            if not name.startswith(_KNOWN):
                raise ValueError(f"it requires the extension {name}, which is not supported")
        self.images: dict[int, NDArray[np.uint8]] = {}
        self.numbers: dict[int, int] = {}
        self.places: list[NDArray[np.float32]] = []
        self.faces: list[NDArray[np.int32]] = []
        self.colors: list[NDArray[np.uint8]] = []
        self.uvs: list[NDArray[np.float32]] = []
        self.which: list[NDArray[np.int32]] = []
        self.vertices = self.triangles = 0

    def surface(self) -> Surface:
        nodes = self.document.get("nodes", [])
        scenes = self.document.get("scenes")
        roots = scenes[self.document.get("scene", 0)].get("nodes", []) if scenes else range(len(nodes))
        waiting = [(int(root), np.eye(4)) for root in roots]
        seen: set[int] = set()
        while waiting:
            number, above = waiting.pop()
            if number in seen:
                raise ValueError(f"node {number} has two parents")
            seen.add(number)
            place = above @ _matrix(nodes[number])
            waiting += [(int(child), place) for child in nodes[number].get("children", ())]
            if "mesh" in nodes[number]:
                for primitive in self.document["meshes"][nodes[number]["mesh"]]["primitives"]:
                    self._add(primitive, place)
        if not self.places:
            return Surface(np.zeros((0, 3), np.float32), np.zeros((0, 3), np.int32))
        plain = not self.images and all((color == 255).all() for color in self.colors)
        return Surface(
            np.concatenate(self.places),
            np.concatenate(self.faces),
            None if plain and "materials" not in self.document else np.concatenate(self.colors),
            np.concatenate(self.uvs) if self.images else None,
            tuple(self.images[number] for number in self.numbers),
            np.concatenate(self.which) if self.images else None,
        )

    def _add(self, primitive: dict[str, Any], place: NDArray[np.float64]) -> None:
        attributes = primitive["attributes"]
        mode = primitive.get("mode", 4)
        if mode < 4 or "POSITION" not in attributes:
            return
        material = self.document["materials"][primitive["material"]] if "material" in primitive else {}
        paint = material.get("pbrMetallicRoughness", {})
        factor = np.array(paint.get("baseColorFactor", (1, 1, 1, 1)), np.float32)
        if factor[3] == 0 and material.get("alphaMode", "OPAQUE") != "OPAQUE":
            return
        count = self.document["accessors"][attributes["POSITION"]]["count"]
        many = self.document["accessors"][primitive["indices"]]["count"] if "indices" in primitive else count
        self.triangles += many if mode > 4 else many // 3
        if max(self.vertices + count, self.triangles) > MOST:
            raise ValueError(f"it has more than {MOST} vertices or triangles")
        points = self._accessor(attributes["POSITION"]).astype(np.float64)
        corners = self._accessor(primitive["indices"]).astype(np.int64) if "indices" in primitive else np.arange(count)
        faces = _triangles(corners, mode)
        if len(faces) and faces.max() >= count:
            raise ValueError(f"a triangle names vertex {faces.max()} of {count}")
        color = np.ones((count, 3), np.float32) * factor[:3]
        if "COLOR_0" in attributes:
            color = color * self._accessor(attributes["COLOR_0"])[:, :3]
        uv, which = np.zeros((count, 2), np.float32), -1
        if "baseColorTexture" in paint:
            info = paint["baseColorTexture"]
            name = f"TEXCOORD_{info.get('texCoord', 0)}"
            if name in attributes:
                uv, which = self._accessor(attributes[name]).astype(np.float32), self._texture(info["index"])
                moved = info.get("extensions", {}).get("KHR_texture_transform", {})
                uv = uv * np.float32(moved.get("scale", (1, 1))) + np.float32(moved.get("offset", (0, 0)))
        self.places.append((points @ place[:3, :3].T + place[:3, 3]).astype(np.float32))
        self.faces.append((faces + self.vertices).astype(np.int32))
        self.colors.append(encoded(color))
        self.uvs.append(uv)
        self.which.append(np.full(len(faces), which, np.int32))
        self.vertices += count

    def _accessor(self, index: int) -> NDArray[Any]:
        """(count,) or (count, columns) values; normalised integers as float32."""
        accessor = self.document["accessors"][index]
        if "sparse" in accessor or "bufferView" not in accessor:
            raise ValueError(f"accessor {index} is sparse, which is not supported")
        kind, columns = np.dtype(_TYPES[accessor["componentType"]]), _COLUMNS[accessor["type"]]
        view = self.document["bufferViews"][accessor["bufferView"]]
        rows = np.ndarray(
            (accessor["count"], columns),
            kind,
            self._view(accessor["bufferView"]),
            accessor.get("byteOffset", 0),
            (view.get("byteStride", columns * kind.itemsize), kind.itemsize),
        )
        values = np.array(rows[:, 0] if columns == 1 else rows)
        if accessor.get("normalized"):
            return np.maximum(values / np.float32(np.iinfo(kind).max), np.float32(-1))
        return values

    def _view(self, index: int) -> memoryview:
        view = self.document["bufferViews"][index]
        if view.get("buffer", 0) != 0 or "uri" in self.document["buffers"][0]:
            raise ValueError("it stores data in other files")
        start, length = view.get("byteOffset", 0), view["byteLength"]
        if start < 0 or length < 0 or start + length > len(self.blob):
            raise ValueError(f"buffer view {index} reaches past the end of the file")
        return self.blob[start : start + length]

    def _texture(self, index: int) -> int:
        """The index of a texture's image among the images used."""
        texture = self.document["textures"][index]
        source = texture.get("extensions", {}).get("EXT_texture_webp", texture)["source"]
        if source not in self.images:
            image = self.document["images"][source]
            if "bufferView" not in image:
                raise ValueError(f"image {source} is in another file")
            self.images[source] = _decoded(self._view(image["bufferView"]), source)
            self.numbers[source] = len(self.numbers)
            if sum(each.size // 3 for each in self.images.values()) > MOST_TEXELS:
                raise ValueError(f"its textures have more than {MOST_TEXELS} pixels")
        return self.numbers[source]


def _decoded(data: memoryview, number: int) -> NDArray[np.uint8]:
    try:
        with Image.open(io.BytesIO(data), formats=("JPEG", "PNG", "WEBP")) as image:
            if image.width * image.height > MAX_PIXELS:
                raise ValueError(f"image {number} has {image.width} × {image.height} pixels")
            image.draft("RGB", (MAX_SIDE, MAX_SIDE))
            picture = image.convert("RGB")
            picture.thumbnail((MAX_SIDE, MAX_SIDE))
            return np.asarray(picture)
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError(f"image {number} is damaged or too large") from error


def _matrix(node: dict[str, Any]) -> NDArray[np.float64]:
    """(4, 4) from the node's space to its parent's."""
    if "matrix" in node:
        return np.array(node["matrix"], np.float64).reshape(4, 4).T
    x, y, z, w = node.get("rotation", (0, 0, 0, 1))
    turn = np.array(
        [
            (1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)),
            (2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)),
            (2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)),
        ]
    )
    matrix = np.eye(4)
    matrix[:3, :3] = turn * np.array(node.get("scale", (1, 1, 1)))
    matrix[:3, 3] = node.get("translation", (0, 0, 0))
    return matrix


def _triangles(corners: NDArray[np.int64], mode: int) -> NDArray[np.int64]:
    """(F, 3) triangles of a list (4), a strip (5) or a fan (6)."""
    if mode == 4:
        return corners[: len(corners) // 3 * 3].reshape(-1, 3)
    if mode == 5:
        faces = np.stack([corners[:-2], corners[1:-1], corners[2:]], axis=1)
        faces[1::2] = faces[1::2, ::-1]
        return faces
    return np.stack([np.repeat(corners[:1], max(len(corners) - 2, 0)), corners[1:-1], corners[2:]], axis=1)
