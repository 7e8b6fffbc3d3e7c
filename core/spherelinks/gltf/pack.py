"""A textured mesh as the bytes of a GLB: core glTF 2.0, unless a smaller file is requested."""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import pygltflib as gl
from numpy.typing import NDArray

from spherelinks.gltf import meshopt
from spherelinks.gltf.image import encoded
from spherelinks.gltf.order import optimized
from spherelinks.options import Compression, TextureFormat
from spherelinks.shape import METALLIC, ROUGHNESS, Finish


@dataclass(frozen=True)
class Paint:
    """How a surface looks beyond its base colour, as glTF's metallic-roughness model has it; maps are as large as that.

    metallic, roughness, emission : factors, linear; emission may exceed 1
    metallic_roughness : (S, S, 3) uint8, roughness in green, metalness in blue
    emissive : (S, S, 3) uint8 sRGB; opacity : (S, S) uint8
    """

    metallic: float = METALLIC
    roughness: float = ROUGHNESS
    emission: tuple[float, float, float] = (0.0, 0.0, 0.0)
    metallic_roughness: NDArray[np.uint8] | None = None
    emissive: NDArray[np.uint8] | None = None
    opacity: NDArray[np.uint8] | None = None


@dataclass(frozen=True)
class Mesh:
    """What is packed.

    positions : (V, 3) float32, metres; normals : (V, 3) float32, length 1; uv : (V, 2) float32, v downwards
    faces : (F, 3) int32, counter-clockwise seen from outside
    texture : (S, S, 3) uint8 sRGB base colour
    tangents : (V, 4) float32, unit tangents and the bitangents' signs; only with a normal map
    normal_map : (S, S, 3) uint8, tangent space, green up
    occlusion : (T, T) uint8, 255 is unoccluded
    finishes, finish_of : of the faces, each of which has the one that its number in (F,) int32 says; None is the first
    """

    positions: NDArray[np.float32]
    normals: NDArray[np.float32]
    uv: NDArray[np.float32]
    faces: NDArray[np.int32]
    texture: NDArray[np.uint8]
    tangents: NDArray[np.float32] | None = None
    normal_map: NDArray[np.uint8] | None = None
    occlusion: NDArray[np.uint8] | None = None
    paint: Paint = Paint()
    finishes: tuple[Finish, ...] = (Finish(),)
    finish_of: NDArray[np.int32] | None = None


@dataclass(frozen=True)
class Collider:
    """A convex body that represents the mesh in collisions.

    kind : "box", "convex", or "decomposed" for one of several
    positions : (V, 3) float32, metres; faces : (F, 3) int32, counter-clockwise seen from outside
    """

    kind: str
    positions: NDArray[np.float32]
    faces: NDArray[np.int32]


#: What the extras of an asset are called among those of its first node.
PROVENANCE = "spherelinks"
#: Prefixes by which Unreal recognises a box or a convex hull.
_UNREAL = {"box": "UBX_", "convex": "UCX_", "decomposed": "UCX_"}


def pack(
    mesh: Mesh,
    *,
    name: str,
    software: str,
    extras: dict[str, Any],
    lods: Sequence[Mesh] = (),
    colliders: Sequence[Collider] = (),
    texture_format: TextureFormat = "jpeg",
    compression: Compression = "none",
) -> bytes:
    """A scene called `name` with the node name_LOD0, whose mesh, metallic-roughness material and image are `name`.

    software goes to asset.generator, extras (JSON values) to asset.extras, and once more to the first node's extras by
    the name PROVENANCE, since Blender and trimesh keep those alone. The same input gives the same bytes.
    Faces and vertices are ordered for fast drawing.

    name : as :func:`spherelinks.gltf.names.safe` gives it. No node has it for itself: Godot's root does, after the
        scene, and no two of its nodes may be called the same
    lods : coarser versions of the mesh, each with its own texture. Node, mesh, material and image are then called
        name_LOD0 for the mesh itself, name_LOD1 for the first of these and so on. The lower levels' nodes are not in
        the scene: programs that know MSFT_lod find them through that extension on the first node, others by name or
        not at all, and then show the first level alone.
    colliders : further nodes of the scene, which each engine is to know by their names: the node is
        name_collider-convcolonly, of which Godot's import makes name_collider, a static body with a convex shape and no
        mesh, and the mesh is UBX_name or UCX_name (UCX_name_LOD0 beside levels of detail), as Unreal names boxes and
        hulls. Where there are several, they are name_collider_01-convcolonly and UCX_name_01 and so on. Their material
        is cut out entirely, so that a program that knows neither draws nothing. They are never quantised: engines do
        not scale bodies.
    texture_format : "webp" needs EXT_texture_webp. It is for colours alone, and what else a mesh has stays JPEG: its
        halved chroma bends normals by some degrees (JPEG's full one by a hundredth)
    compression : "quantized" needs KHR_mesh_quantization: positions in 16 bits of the longest side, which the node's
        scale and translation bring back to metres, normals in 8 bits and texture coordinates in 16. "meshopt" needs
        EXT_meshopt_compression as well, which packs the same numbers without loss.

    Raises GeneratorFailed if a texture cannot be encoded.
    """
    file = File(name, software, extras, compression)
    document = file.document
    document.samplers.append(
        gl.Sampler(
            magFilter=gl.LINEAR, minFilter=gl.LINEAR_MIPMAP_LINEAR, wrapS=gl.CLAMP_TO_EDGE, wrapT=gl.CLAMP_TO_EDGE
        )
    )
    for level, each in enumerate((mesh, *lods)):
        node_name = f"{name}_LOD{level}"
        _add_textured(file, each, node_name, node_name if lods else name, texture_format)
    add_colliders(file, name, colliders)
    document.nodes[0].extras = remembered(extras)
    if lods:
        document.nodes[0].extensions = {"MSFT_lod": {"ids": list(range(1, len(lods) + 1))}}
    return file.finished()


def remembered(extras: dict[str, Any]) -> dict[str, str]:
    """Extras of the first node: those of the asset as JSON in a text, which every program keeps as it is."""
    return {PROVENANCE: json.dumps(extras, separators=(",", ":"), sort_keys=True)}


def add_colliders(file: File, name: str, colliders: Sequence[Collider]) -> None:
    """Nodes for the colliders of an asset called `name`, whose first mesh is in the file."""
    for number, collider in enumerate(colliders, 1):
        which = f"_{number:02d}" if len(colliders) > 1 else ""
        mesh_name = f"{_UNREAL[collider.kind]}{file.document.meshes[0].name}{which}"
        _add_collider(file, collider, f"{name}_collider{which}-convcolonly", mesh_name)


#: The extensions required to read a file with this compression.
_NEEDED: dict[Compression, list[str]] = {
    "none": [],
    "quantized": ["KHR_mesh_quantization"],
    "meshopt": ["KHR_mesh_quantization", "EXT_meshopt_compression"],
}


def _add_textured(file: File, mesh: Mesh, node_name: str, name: str, texture_format: TextureFormat) -> None:
    """A node with a mesh, its material and its textures, these called `name`; a material for each of its finishes."""
    document = file.document
    vertices, faces = mesh.positions, mesh.faces
    primitives: list[gl.Primitive] = []
    place: dict[str, list[float]] = {}
    for number, finish in enumerate(mesh.finishes):
        some = faces if mesh.finish_of is None else faces[mesh.finish_of == number]
        some, kept = optimized(some, len(vertices))
        indices = file.indices(some, len(kept))
        position, place = file.positions(vertices[kept], vertices)
        attributes = gl.Attributes(
            POSITION=position,
            NORMAL=file.directions(mesh.normals[kept]),
            TANGENT=None if mesh.tangents is None else file.directions(mesh.tangents[kept]),
            TEXCOORD_0=file.coordinates(mesh.uv[kept]),
        )
        which = name if len(mesh.finishes) == 1 else f"{name}_{number + 1:02d}"
        if number == 0:
            material = _material(file, mesh, name, texture_format)
        document.materials.append(_finished(material, which, finish))
        primitives.append(
            gl.Primitive(
                attributes=attributes, indices=indices, material=len(document.materials) - 1, mode=gl.TRIANGLES
            )
        )
    document.meshes.append(gl.Mesh(name=name, primitives=primitives))
    document.nodes.append(gl.Node(name=node_name, mesh=len(document.meshes) - 1, **place))


def _material(file: File, mesh: Mesh, name: str, texture_format: TextureFormat) -> gl.Material:
    """A mesh's material, with its textures."""
    paint = mesh.paint
    if paint.opacity is None:
        color = _add_texture(file, mesh.texture, name, texture_format)
    else:
        color = _add_texture(
            file, np.dstack([mesh.texture, paint.opacity]), name, "png" if texture_format == "jpeg" else texture_format
        )
    material = gl.Material(
        name=name,
        pbrMetallicRoughness=gl.PbrMetallicRoughness(
            baseColorTexture=gl.TextureInfo(index=color),
            metallicFactor=paint.metallic,
            roughnessFactor=paint.roughness,
        ),
        alphaCutoff=None,
    )
    exact: TextureFormat = "jpeg" if texture_format == "webp" else texture_format
    if mesh.normal_map is not None:
        normal = _add_texture(file, mesh.normal_map, f"{name}_normal", exact)
        material.normalTexture = gl.NormalMaterialTexture(index=normal)
    if mesh.occlusion is not None or paint.metallic_roughness is not None:
        # one texture for both, as engines expect: occlusion in red, roughness in green, metalness in blue
        packed = paint.metallic_roughness
        if packed is None:
            assert mesh.occlusion is not None
            packed = np.full((*mesh.occlusion.shape, 3), 255, np.uint8)
            packed[..., 2] *= paint.metallic > 0
        if mesh.occlusion is not None:
            packed = packed.copy()
            packed[..., 0] = cv2.resize(mesh.occlusion, packed.shape[1::-1], interpolation=cv2.INTER_LINEAR)
        orm = _add_texture(file, packed, f"{name}_orm", exact)
        if mesh.occlusion is not None:
            material.occlusionTexture = gl.OcclusionTextureInfo(index=orm)
        material.pbrMetallicRoughness.metallicRoughnessTexture = gl.TextureInfo(index=orm)
    if any(paint.emission):
        strength = max(1.0, *paint.emission)
        material.emissiveFactor = [part / strength for part in paint.emission]
        if strength > 1:
            material.extensions = {"KHR_materials_emissive_strength": {"emissiveStrength": strength}}
        if paint.emissive is not None:
            index = _add_texture(file, paint.emissive, f"{name}_emissive", texture_format)
            material.emissiveTexture = gl.TextureInfo(index=index)
    return material


def _finished(material: gl.Material, name: str, finish: Finish) -> gl.Material:
    """The material, called `name`, with a finish."""
    made = copy(material)
    made.name = name
    made.alphaMode = finish.alpha_mode
    made.alphaCutoff = finish.alpha_cutoff if finish.alpha_mode == "MASK" else None
    made.doubleSided = finish.double_sided
    made.extensions = {**(material.extensions or {}), **({"KHR_materials_unlit": {}} if finish.unlit else {})}
    return made


def _add_texture(file: File, texture: NDArray[np.uint8], name: str, texture_format: TextureFormat) -> int:
    """Add an image and its texture, both called `name`; returns the texture's index."""
    document = file.document
    view = file.view(encoded(texture, texture_format))
    document.images.append(gl.Image(name=name, bufferView=view, mimeType=f"image/{texture_format}"))
    source = len(document.images) - 1
    if texture_format == "webp":
        added = gl.Texture(name=name, sampler=0, extensions={"EXT_texture_webp": {"source": source}})
    else:
        added = gl.Texture(name=name, sampler=0, source=source)
    document.textures.append(added)
    return len(document.textures) - 1


def _add_collider(file: File, collider: Collider, name: str, mesh_name: str) -> None:
    document = file.document
    indices = file.indices(collider.faces, len(collider.positions))
    attributes = gl.Attributes(POSITION=file.vectors(collider.positions, bounded=True))
    document.materials.append(
        gl.Material(
            name="collider",
            pbrMetallicRoughness=gl.PbrMetallicRoughness(baseColorFactor=[1.0, 1.0, 1.0, 0.0], metallicFactor=0.0),
            alphaMode=gl.MASK,
        )
    )
    primitive = gl.Primitive(
        attributes=attributes, indices=indices, material=len(document.materials) - 1, mode=gl.TRIANGLES
    )
    document.meshes.append(gl.Mesh(name=mesh_name, primitives=[primitive]))
    document.nodes.append(gl.Node(name=name, mesh=len(document.meshes) - 1))
    document.scenes[0].nodes.append(len(document.nodes) - 1)


class File:
    """A document and its binary chunk under construction; methods that add an accessor return its index.

    Its scene, called `name`, shows node 0.
    """

    def __init__(self, name: str, software: str, extras: dict[str, Any], compression: Compression) -> None:
        self.document = gl.GLTF2(
            asset=gl.Asset(generator=software, extras=extras), scene=0, scenes=[gl.Scene(name=name, nodes=[0])]
        )
        self._needed = _NEEDED[compression]
        self._quantized = compression != "none"
        self._compressed = compression == "meshopt"
        self._blob = bytearray()
        self._unpacked = 0

    def indices(self, faces: NDArray[np.int32], vertices: int) -> int:
        """(F, 3) corners: 16-bit if they fit (65,535 means primitive restart and is not used)."""
        small = vertices < 65_535
        rows = faces.astype("<u2" if small else "<u4").reshape(-1, 1)
        stream = meshopt.encode_faces(faces) if self._compressed else None
        return self._accessor(rows, gl.UNSIGNED_SHORT if small else gl.UNSIGNED_INT, gl.ELEMENT_ARRAY_BUFFER, stream)

    def positions(self, rows: NDArray[np.float32], every: NDArray[np.float32]) -> tuple[int, dict[str, list[float]]]:
        """(V, 3) positions, and the node's scale and translation that bring `every` one of its to metres."""
        if not self._quantized:
            return self.vectors(rows, bounded=True), {}
        low = every.min(axis=0).astype(float)
        scale = max(float(np.ptp(every, axis=0).max()), 1e-9) / 65_535
        steps = np.round((rows - low) / scale).astype("<u2")
        place = {"translation": low.tolist(), "scale": [scale] * 3}
        return self._attribute(steps, gl.UNSIGNED_SHORT, bounded=True), place

    def directions(self, rows: NDArray[np.float32]) -> int:
        """(V, 3) or (V, 4) values from -1 to 1: normals, or tangents with their sign."""
        if not self._quantized:
            return self.vectors(rows)
        return self._attribute(np.round(rows * 127).astype(np.int8), gl.BYTE, normalized=True)

    def coordinates(self, rows: NDArray[np.float32]) -> int:
        """(V, 2) texture coordinates from 0 to 1."""
        if not self._quantized:
            return self.vectors(rows)
        steps = np.round(np.clip(rows, 0, 1) * 65_535).astype("<u2")
        return self._attribute(steps, gl.UNSIGNED_SHORT, normalized=True)

    def vectors(self, rows: NDArray[np.float32], *, bounded: bool = False) -> int:
        """(V, 2) or wider values as they are, with minimum and maximum if `bounded`."""
        rows = np.ascontiguousarray(rows, "<f4")
        accessor = self._accessor(rows, gl.FLOAT, gl.ARRAY_BUFFER, None)
        return self._bounded(accessor, rows) if bounded else accessor

    def view(self, data: bytes, **values: Any) -> int:
        """A buffer view of bytes, written on a multiple of four."""
        view = gl.BufferView(buffer=0, byteOffset=len(self._blob), byteLength=len(data), **values)
        self._blob += data + bytes(-len(data) % 4)
        self.document.bufferViews.append(view)
        return len(self.document.bufferViews) - 1

    def finished(self) -> bytes:
        """The file's bytes."""
        document = self.document
        webp = any("EXT_texture_webp" in (texture.extensions or {}) for texture in document.textures)
        levels = any("MSFT_lod" in (node.extensions or {}) for node in document.nodes)
        further = sorted({name for material in document.materials for name in material.extensions or ()})
        document.extensionsRequired = ["EXT_texture_webp"] * webp + self._needed
        document.extensionsUsed = ["MSFT_lod"] * levels + document.extensionsRequired + further
        self.document.buffers = [gl.Buffer(byteLength=len(self._blob))]
        if self._unpacked:
            # an empty buffer, which stands for the uncompressed bytes
            fallback = {"EXT_meshopt_compression": {"fallback": True}}
            self.document.buffers.append(gl.Buffer(byteLength=self._unpacked, extensions=fallback))
        # not pygltflib's own container, which would merge the two buffers
        text = self.document.gltf_to_json(separators=(",", ":")).encode()
        text += b" " * (-len(text) % 4)
        parts = [(b"JSON", text), (b"BIN\0", bytes(self._blob))]
        chunks = b"".join(struct.pack("<I4s", len(data), kind) + data for kind, data in parts)
        return struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks

    def _attribute(
        self, rows: NDArray[np.integer], kind: int, *, normalized: bool = False, bounded: bool = False
    ) -> int:
        """(V, columns) integers, each row on a multiple of four bytes."""
        columns = -(-rows.shape[1] * rows.itemsize // 4) * 4 // rows.itemsize
        padded = np.zeros((len(rows), columns), rows.dtype)
        padded[:, : rows.shape[1]] = rows
        stride = columns * rows.itemsize
        stream = meshopt.encode_rows(padded.view(np.uint8)) if self._compressed else None
        accessor = self._accessor(padded, kind, gl.ARRAY_BUFFER, stream, columns=rows.shape[1], byteStride=stride)
        self.document.accessors[accessor].normalized = normalized
        return self._bounded(accessor, rows) if bounded else accessor

    def _accessor(
        self,
        rows: NDArray[Any],
        kind: int,
        target: int,
        stream: bytes | None,
        columns: int = 0,
        **layout: int,
    ) -> int:
        """An accessor of rows, of which the first `columns` are used, and its view: plain, or a meshopt stream."""
        data = rows.tobytes()
        if stream is None:
            view = self.view(data, target=target, **layout)
        else:
            view = self._packed(stream, len(rows), len(data), target, **layout)
        accessor = gl.Accessor(
            bufferView=view, componentType=kind, count=len(rows), type=_TYPES[columns or rows.shape[1]]
        )
        self.document.accessors.append(accessor)
        return len(self.document.accessors) - 1

    def _packed(self, stream: bytes, count: int, size: int, target: int, **layout: int) -> int:
        number = self.view(stream)
        view = self.document.bufferViews[number]
        view.extensions = {
            "EXT_meshopt_compression": {
                "buffer": 0,
                "byteOffset": view.byteOffset,
                "byteLength": view.byteLength,
                "byteStride": size // count,
                "count": count,
                "mode": "ATTRIBUTES" if target == gl.ARRAY_BUFFER else "TRIANGLES",
            }
        }
        view.buffer, view.byteOffset, view.byteLength, view.target = 1, self._unpacked, size, target
        view.byteStride = layout.get("byteStride")
        self._unpacked += size + -size % 4
        return number

    def _bounded(self, accessor: int, rows: NDArray[Any]) -> int:
        ends = self.document.accessors[accessor]
        ends.min, ends.max = rows.min(axis=0).tolist(), rows.max(axis=0).tolist()
        return accessor


_TYPES = {1: gl.SCALAR, 2: gl.VEC2, 3: gl.VEC3, 4: gl.VEC4}
