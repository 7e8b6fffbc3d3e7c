"""A textured mesh as the bytes of a GLB: core glTF 2.0, no extension that a program must know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import pygltflib as gl
from numpy.typing import NDArray

from spherelinks.errors import GeneratorFailed

JPEG_QUALITY = 92
#: Plain paint: nothing in one picture tells metal from its reflections, and a glossy guess looks wet.
METALLIC, ROUGHNESS = 0.0, 0.8


@dataclass(frozen=True)
class Mesh:
    """What is packed.

    positions : (V, 3) float32, metres; normals : (V, 3) float32, length 1; uv : (V, 2) float32, v downwards
    faces : (F, 3) int32, counter-clockwise seen from outside
    texture : (S, S, 3) uint8 sRGB base colour
    """

    positions: NDArray[np.float32]
    normals: NDArray[np.float32]
    uv: NDArray[np.float32]
    faces: NDArray[np.int32]
    texture: NDArray[np.uint8]


@dataclass(frozen=True)
class Collider:
    """A convex body that stands in for the mesh in collisions.

    kind : "box" or "convex"
    positions : (V, 3) float32, metres; faces : (F, 3) int32, counter-clockwise seen from outside
    """

    kind: str
    positions: NDArray[np.float32]
    faces: NDArray[np.int32]


#: What Unreal takes for a box or a convex hull, by the start of the mesh's name.
_UNREAL = {"box": "UBX_", "convex": "UCX_"}


def pack(
    mesh: Mesh,
    *,
    name: str,
    software: str,
    extras: dict[str, Any],
    lods: Sequence[Mesh] = (),
    collider: Collider | None = None,
) -> bytes:
    """One node with one mesh, one metallic-roughness material and one JPEG, all called `name`.

    software goes to asset.generator, extras (JSON values) to asset.extras. The same input gives the same bytes.

    lods : coarser versions of the mesh, each with its own texture. Everything is then called name_LOD0 for the mesh
        itself, name_LOD1 for the first of these and so on. The lower levels' nodes are not in the scene: programs that
        know MSFT_lod find them through that extension on the first node, others by name or not at all, and then show
        the first level alone.
    collider : a second node of the scene, which each engine is to know by its name: the node is name-convcolonly, of
        which Godot's import makes a static body with a convex shape and no mesh, and the mesh is UBX_name or UCX_name
        (UCX_name_LOD0 beside levels of detail), as Unreal names boxes and hulls. Its material is cut out entirely, so
        that a program that knows neither draws nothing.

    Raises GeneratorFailed where a texture cannot be encoded.
    """
    document = gl.GLTF2(
        asset=gl.Asset(generator=software, extras=extras),
        scene=0,
        scenes=[gl.Scene(nodes=[0])],
        samplers=[
            gl.Sampler(
                magFilter=gl.LINEAR, minFilter=gl.LINEAR_MIPMAP_LINEAR, wrapS=gl.CLAMP_TO_EDGE, wrapT=gl.CLAMP_TO_EDGE
            )
        ],
    )
    blob = bytearray()
    for level, each in enumerate((mesh, *lods)):
        _add_textured(document, blob, each, f"{name}_LOD{level}" if lods else name)
    if lods:
        document.extensionsUsed = ["MSFT_lod"]
        document.nodes[0].extensions = {"MSFT_lod": {"ids": list(range(1, len(lods) + 1))}}
    if collider:
        _add_collider(document, blob, collider, f"{name}-convcolonly", _UNREAL[collider.kind] + document.meshes[0].name)
    document.buffers = [gl.Buffer(byteLength=len(blob))]
    document.set_binary_blob(bytes(blob))
    return b"".join(document.save_to_bytes())


def _add_textured(document: gl.GLTF2, blob: bytearray, mesh: Mesh, name: str) -> None:
    """A node with a mesh, its material and its texture, all called `name`."""
    indices = _add_indices(document, blob, mesh.faces, len(mesh.positions))
    attributes = gl.Attributes(
        POSITION=_add_vectors(document, blob, mesh.positions, bounded=True),
        NORMAL=_add_vectors(document, blob, mesh.normals),
        TEXCOORD_0=_add_vectors(document, blob, mesh.uv),
    )
    document.images.append(
        gl.Image(name=name, bufferView=_add_view(document, blob, _jpeg(mesh.texture)), mimeType="image/jpeg")
    )
    document.textures.append(gl.Texture(name=name, source=len(document.images) - 1, sampler=0))
    document.materials.append(
        gl.Material(
            name=name,
            pbrMetallicRoughness=gl.PbrMetallicRoughness(
                baseColorTexture=gl.TextureInfo(index=len(document.textures) - 1),
                metallicFactor=METALLIC,
                roughnessFactor=ROUGHNESS,
            ),
            alphaCutoff=None,
        )
    )
    primitive = gl.Primitive(
        attributes=attributes, indices=indices, material=len(document.materials) - 1, mode=gl.TRIANGLES
    )
    document.meshes.append(gl.Mesh(name=name, primitives=[primitive]))
    document.nodes.append(gl.Node(name=name, mesh=len(document.meshes) - 1))


def _add_collider(document: gl.GLTF2, blob: bytearray, collider: Collider, name: str, mesh_name: str) -> None:
    indices = _add_indices(document, blob, collider.faces, len(collider.positions))
    attributes = gl.Attributes(POSITION=_add_vectors(document, blob, collider.positions, bounded=True))
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


def _add_indices(document: gl.GLTF2, blob: bytearray, faces: NDArray[np.int32], vertices: int) -> int:
    """The accessor of a mesh's indices: 16-bit where they fit (65,535 means restart and is left out)."""
    small = vertices < 65_535
    data = faces.astype("<u2" if small else "<u4").tobytes()
    document.accessors.append(
        gl.Accessor(
            bufferView=_add_view(document, blob, data, gl.ELEMENT_ARRAY_BUFFER),
            componentType=gl.UNSIGNED_SHORT if small else gl.UNSIGNED_INT,
            count=faces.size,
            type=gl.SCALAR,
        )
    )
    return len(document.accessors) - 1


def _add_vectors(document: gl.GLTF2, blob: bytearray, rows: NDArray[np.float32], *, bounded: bool = False) -> int:
    """The accessor of (V, 2) or (V, 3) values, with their least and greatest where `bounded`."""
    rows = np.ascontiguousarray(rows, "<f4")
    accessor = gl.Accessor(
        bufferView=_add_view(document, blob, rows.tobytes(), gl.ARRAY_BUFFER),
        componentType=gl.FLOAT,
        count=len(rows),
        type=gl.VEC3 if rows.shape[1] == 3 else gl.VEC2,
    )
    if bounded:
        accessor.min = rows.min(axis=0).astype(float).tolist()
        accessor.max = rows.max(axis=0).astype(float).tolist()
    document.accessors.append(accessor)
    return len(document.accessors) - 1


def _add_view(document: gl.GLTF2, blob: bytearray, data: bytes, target: int | None = None) -> int:
    document.bufferViews.append(gl.BufferView(buffer=0, byteOffset=len(blob), byteLength=len(data), target=target))
    blob += data + bytes(-len(data) % 4)
    return len(document.bufferViews) - 1


def _jpeg(texture: NDArray[np.uint8]) -> bytes:
    # chroma at full resolution: charts meet in single texels, and halved chroma bleeds across their borders
    flags = [
        cv2.IMWRITE_JPEG_QUALITY,
        JPEG_QUALITY,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
    ]
    done, data = cv2.imencode(".jpg", cv2.cvtColor(texture, cv2.COLOR_RGB2BGR), flags)
    if not done:
        raise GeneratorFailed(f"The {len(texture)} px texture could not be encoded as JPEG.")
    return bytes(data)
