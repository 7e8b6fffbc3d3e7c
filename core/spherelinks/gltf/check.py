"""Whether a GLB is valid: our own check of the finished file, not the Khronos validator."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from spherelinks.gltf.read import GlbFile

#: How far a direction's length may be from 1: 8-bit normals are off by up to a hundredth.
UNIT = 0.01
_WIDTHS = {5120: 1, 5121: 1, 5122: 2, 5123: 2, 5125: 4, 5126: 4}


def check(glb: bytes) -> list[str]:
    """What is wrong with one of our GLBs, in plain words; empty if nothing is.

    Read from the bytes alone, as any program would: lengths of file, chunks, buffers and views, alignment, references,
    minimum and maximum positions, indices in range, distinct corners, finite positions and texture coordinates, normals
    and tangents of length 1, images that decode, declared extensions. The mesh itself is checked elsewhere.
    """
    wrong: list[str] = []
    try:
        file = GlbFile(glb)
        for look in (_structure, _geometry, _images):
            for finding in look(file):
                wrong.append(finding)
    except Exception as error:  # anything that a broken file may raise
        wrong.append(f"It cannot be read ({type(error).__name__}: {error}).")
    return wrong


def _structure(file: GlbFile) -> Iterator[str]:
    document = file.document
    if document["buffers"][0]["byteLength"] != len(file.blob):
        yield f"Buffer 0 is declared with {document['buffers'][0]['byteLength']} bytes but has {len(file.blob)}."
    ends: dict[int, int] = {}
    for number, view in enumerate(document["bufferViews"]):
        for layout in (view, *view.get("extensions", {}).values()):
            start, end = layout.get("byteOffset", 0), layout.get("byteOffset", 0) + layout["byteLength"]
            if start % 4 or layout["byteLength"] <= 0:
                yield f"View {number} starts at byte {start} and has {layout['byteLength']} bytes."
            if end > document["buffers"][layout["buffer"]]["byteLength"]:
                yield f"View {number} ends at byte {end}, beyond its buffer."
            if layout["buffer"] == 0:
                if start < ends.get(0, 0):
                    yield f"View {number} overlaps the one before it."
                ends[0] = end
    for number, accessor in enumerate(document["accessors"]):
        view = document["bufferViews"][accessor["bufferView"]]
        width = _WIDTHS[accessor["componentType"]]
        columns = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4}[accessor["type"]]
        stride = view.get("byteStride", width * columns)
        if accessor["count"] * stride - (stride - width * columns) > view["byteLength"]:
            yield f"Accessor {number} reads beyond its view."
    used = {name for part in _parts(document) for name in part.get("extensions", {})}
    if document.get("extensionsRequired"):
        used |= {"KHR_mesh_quantization"} & set(document["extensionsRequired"])
    if used != set(document.get("extensionsUsed", [])) or not used >= set(document.get("extensionsRequired", [])):
        yield f"The extensions {sorted(used)} are used, {document.get('extensionsUsed', [])} are declared."


def _parts(value: Any) -> Iterator[dict[str, Any]]:
    """All objects of a JSON document except those in extras."""
    if isinstance(value, dict):
        yield value
        for key, inner in value.items():
            if key != "extras":
                yield from _parts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _parts(inner)


def _geometry(file: GlbFile) -> Iterator[str]:
    document = file.document
    shown = set(document["scenes"][document["scene"]]["nodes"])
    for node in document["nodes"]:
        shown |= set(node.get("extensions", {}).get("MSFT_lod", {}).get("ids", []))
        for primitive in document["meshes"][node["mesh"]]["primitives"]:
            yield from (f"{node['name']}: {wrong}" for wrong in _primitive(file, primitive))
    if shown != set(range(len(document["nodes"]))):
        yield f"The scene shows the nodes {sorted(shown)} of {len(document['nodes'])}."


def _primitive(file: GlbFile, primitive: dict[str, Any]) -> Iterator[str]:
    document, attributes = file.document, primitive["attributes"]
    values = {name: file.accessor(accessor) for name, accessor in attributes.items()}
    counts = {len(rows) for rows in values.values()}
    if len(counts) != 1:
        yield f"the attributes have {sorted(counts)} vertices."
        return
    for name, rows in values.items():
        if not np.isfinite(rows).all():
            yield f"{name} is not finite."
    position = document["accessors"][attributes["POSITION"]]
    low, high = values["POSITION"].min(axis=0), values["POSITION"].max(axis=0)
    if not (np.array_equal(low, _as(position["min"], low)) and np.array_equal(high, _as(position["max"], high))):
        yield f"positions range from {low} to {high}, but {position['min']} to {position['max']} is declared."
    for name in ("NORMAL", "TANGENT"):
        if name in values and np.abs(np.linalg.norm(values[name][:, :3], axis=1) - 1).max() > UNIT:
            yield f"{name} is not of length 1."
    if "TANGENT" in values and not (np.abs(values["TANGENT"][:, 3]) == 1).all():
        yield "the tangents' signs are not 1 or -1."
    faces = file.accessor(primitive["indices"]).reshape(-1, 3)
    if faces.max() >= counts.pop():
        yield f"vertex {faces.max()} is referenced but does not exist."
    if np.any(faces == np.roll(faces, 1, axis=1)):
        yield "a face has the same vertex twice."
    if "material" in primitive and not 0 <= primitive["material"] < len(document["materials"]):
        yield "its material does not exist."


def _as(declared: list[float], like: NDArray[Any]) -> NDArray[Any]:
    return np.asarray(declared, like.dtype)


def _images(file: GlbFile) -> Iterator[str]:
    document = file.document
    for texture in document.get("textures", ()):
        source = texture.get("extensions", {}).get("EXT_texture_webp", texture)["source"]
        image = document["images"][source]
        decoded = cv2.imdecode(np.frombuffer(file.view(image["bufferView"]), np.uint8), cv2.IMREAD_COLOR)
        if decoded is None:
            yield f"The image {image['name']} cannot be decoded."
    for material in document["materials"]:
        for part in _parts(material):
            if "index" in part and not 0 <= part["index"] < len(document.get("textures", ())):
                yield f"The material {material['name']} references a texture that does not exist."
