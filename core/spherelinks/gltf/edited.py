"""A GLB of ours that another program has edited: its objects in place, as one mesh with one texture."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from spherelinks.gltf.document import Document, Matrix, matrix
from spherelinks.gltf.pack import Mesh
from spherelinks.mesh.normals import vertex_normals
from spherelinks.pixels.srgb import encoded, linear

#: What would have to be honoured and is not: such a file is refused.
_REFUSED = ("EXT_mesh_gpu_instancing", "KHR_draco_mesh_compression", "KHR_texture_transform")
_LEVEL = re.compile(r"_LOD([1-9])(\.\d+)?$")
_TILE, _MARGIN, _MOST = 8, 4, 16_384


@dataclass(frozen=True)
class _Part:
    """One visible primitive in the scene's space; uv within `tile`, an (H, W, 3) uint8 sRGB image."""

    positions: NDArray[np.float64]
    normals: NDArray[np.float64]
    uv: NDArray[np.float64]
    faces: NDArray[np.int64]
    tile: NDArray[np.uint8]


def is_edited(document: dict[str, Any]) -> bool:
    """Whether the scene is other than one mesh where its node's scale and translation put it, and its colliders."""
    nodes = document["nodes"]
    first, *others = (nodes[number] for number in document["scenes"][document["scene"]]["nodes"])
    scale = first.get("scale", (1, 1, 1))
    plain = "mesh" in first and not first.keys() & {"rotation", "matrix", "children", "skin"}
    plain = plain and scale[0] > 0 and len({*scale}) == 1 and len(document["meshes"][first["mesh"]]["primitives"]) == 1
    unseen = (
        "mesh" in node
        and "children" not in node
        and all(_is_invisible(document, each) for each in document["meshes"][node["mesh"]]["primitives"])
        for node in others
    )
    return not (plain and all(unseen))


def moved(document: dict[str, Any]) -> tuple[dict[str, Any], Matrix] | None:
    """The one object that is visible, as ours are, and its way to the scene; None if there are others, or it is
    mirrored or has no texture.
    """
    if (document.get("extensionsUsed") and {*document["extensionsUsed"]} & {*_REFUSED}) or document.get("skins"):
        return None
    seen = [
        (node, place, primitive)
        for node, place in _visible(document)
        for primitive in document["meshes"][node["mesh"]]["primitives"]
        if not _is_invisible(document, primitive)
    ]
    if len(seen) != 1 or len(document["meshes"][seen[0][0]["mesh"]]["primitives"]) != 1:
        return None
    node, place, primitive = seen[0]
    base = document["materials"][primitive.get("material", 0)].get("pbrMetallicRoughness", {})
    ours = "baseColorTexture" in base and base.get("baseColorFactor", [1, 1, 1, 1]) == [1, 1, 1, 1]
    ours = (
        ours and {"NORMAL", "TEXCOORD_0", "POSITION"} <= primitive["attributes"].keys() and "targets" not in primitive
    )
    return (node, place) if ours and np.linalg.det(place[:3, :3]) > 0 else None


def merged(glb: bytes) -> tuple[str, Mesh]:
    """The name of the first object, and everything visible as one mesh.

    Coarser levels of detail are left out; base colours of several objects lie side by side in the texture. Raises
    ValueError for what is not converted: skins, morphs, instances, vertex colours, textures that were moved or repeat.
    """
    file = Document(glb, lambda name: None)
    document = file.json
    used = [name for name in _REFUSED if name in document.get("extensionsUsed", ())]
    if used or document.get("skins"):
        raise ValueError(f"{used[0] if used else 'a skin'} was added to it, which is not converted")
    names, parts = [], []
    for node, place in _visible(document):
        for primitive in document["meshes"][node["mesh"]]["primitives"]:
            if not _is_invisible(document, primitive):
                parts.append(_part(file, primitive, place))
                names.append(node.get("name", ""))
    if not parts:
        raise ValueError("nothing in it is visible")
    texture, uvs = _side_by_side(parts)
    starts = np.cumsum([0, *(len(part.positions) for part in parts)])
    mesh = Mesh(
        np.concatenate([part.positions for part in parts]).astype(np.float32),
        np.concatenate([part.normals for part in parts]).astype(np.float32),
        np.concatenate(uvs).astype(np.float32),
        np.concatenate([part.faces + start for part, start in zip(parts, starts, strict=False)]).astype(np.int32),
        texture,
    )
    return re.sub(r"_LOD0(\.\d+)?$", "", names[0]) or "asset", mesh


def _visible(document: dict[str, Any]) -> Iterator[tuple[dict[str, Any], Matrix]]:
    """Without coarser levels of detail, which some programs write back into the scene."""
    return ((node, place) for node, place in _nodes(document) if not _LEVEL.search(node.get("name", "")))


def _nodes(document: dict[str, Any]) -> Iterator[tuple[dict[str, Any], Matrix]]:
    """The nodes with a mesh, each with the way from its space to the scene's."""
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


def _part(file: Document, primitive: dict[str, Any], place: Matrix) -> _Part:
    document, attributes = file.json, primitive["attributes"]
    if primitive.get("mode", 4) != 4 or primitive.get("targets") or "COLOR_0" in attributes:
        raise ValueError("lines, morphs or vertex colours were added to it, which are not converted")
    points = file.accessor(attributes["POSITION"]).astype(np.float64) @ place[:3, :3].T + place[:3, 3]
    faces = (
        file.accessor(primitive["indices"]).astype(np.int64) if "indices" in primitive else np.arange(len(points))
    ).reshape(-1, 3)
    if len(faces) and (faces.min() < 0 or faces.max() >= len(points)):
        raise ValueError("a face has a vertex that is not there")
    if np.linalg.det(place[:3, :3]) < 0:  # mirrored
        faces = faces[:, ::-1]
    if "NORMAL" in attributes:
        normals = file.accessor(attributes["NORMAL"]) @ np.linalg.inv(place[:3, :3])
        normals = normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-30)
    else:
        normals = vertex_normals(points.astype(np.float32), faces.astype(np.int32)).astype(np.float64)
    material = document["materials"][primitive["material"]] if "material" in primitive else {}
    base = material.get("pbrMetallicRoughness", {})
    factor = np.array(base.get("baseColorFactor", (1, 1, 1, 1))[:3])
    if "baseColorTexture" not in base:
        tile = np.full((_TILE, _TILE, 3), encoded(factor), np.uint8)
        return _Part(points, normals, np.full((len(points), 2), 0.5), faces, tile)
    info = base["baseColorTexture"]
    uv = file.accessor(attributes[f"TEXCOORD_{info.get('texCoord', 0)}"]).astype(np.float64)
    if not np.isfinite(uv).all() or uv.min() < -1e-3 or uv.max() > 1 + 1e-3:
        raise ValueError("a texture in it repeats, which is not converted")
    texture = document["textures"][info["index"]]
    source = texture.get("extensions", {}).get("EXT_texture_webp", texture)["source"]
    tile = np.asarray(cv2.imdecode(np.frombuffer(file.image(source), np.uint8), cv2.IMREAD_COLOR_RGB), np.uint8)
    if (factor != 1).any():
        tile = encoded(linear(tile) * factor)
    return _Part(points, normals, uv.clip(0, 1), faces, tile)


def _side_by_side(parts: list[_Part]) -> tuple[NDArray[np.uint8], list[NDArray[np.float64]]]:
    """One texture of all the parts' tiles, each once, and every part's place in it."""
    tiles: dict[bytes, tuple[NDArray[np.uint8], int]] = {}
    width = 0
    for part in parts:
        key = part.tile.tobytes()
        if key not in tiles:
            tiles[key] = part.tile, width
            width += part.tile.shape[1] + 2 * _MARGIN
    if len(tiles) == 1:
        return parts[0].tile, [part.uv for part in parts]
    height = max(tile.shape[0] for tile, _ in tiles.values()) + 2 * _MARGIN
    if max(width, height) > _MOST:
        raise ValueError(f"its textures do not fit into one of {_MOST} pixels")
    texture = np.zeros((height, width, 3), np.uint8)
    for tile, left in tiles.values():
        rows, columns = tile.shape[:2]
        padded = np.pad(tile, ((_MARGIN, height - rows - _MARGIN), (_MARGIN, _MARGIN), (0, 0)), mode="edge")
        texture[:, left : left + columns + 2 * _MARGIN] = padded
    uvs = []
    for part in parts:
        tile, left = tiles[part.tile.tobytes()]
        uvs.append((part.uv * tile.shape[1::-1] + (left + _MARGIN, _MARGIN)) / (width, height))
    return texture, uvs
