"""A surface as the bytes of a GLB as it is: its triangles, texture coordinates, materials and image files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pygltflib as gl
from numpy.typing import NDArray

from spherelinks.gltf.image import encoded
from spherelinks.gltf.pack import Collider, File, add_colliders, remembered
from spherelinks.options import Compression
from spherelinks.picture.png import SIGNATURE, SRGB_GAMMA, chunks
from spherelinks.pixels.srgb import encoded as to_bytes
from spherelinks.pixels.srgb import linear
from spherelinks.shape import Map, Material, Sampler, Surface

_KINDS = ((b"\x89PNG", "png"), (b"\xff\xd8", "jpeg"), (b"RIFF", "webp"))
_WRAPS = {"repeat": gl.REPEAT, "mirror": gl.MIRRORED_REPEAT, "clamp": gl.CLAMP_TO_EDGE}


def carry(
    surface: Surface,
    *,
    name: str,
    software: str,
    extras: dict[str, Any],
    colliders: Sequence[Collider] = (),
    compression: Compression = "none",
) -> bytes:
    """A scene with one mesh, which has a primitive and a material for each of the surface's materials.

    surface : in metres, with normals of length 1 where it has any
    name, software, extras, colliders, compression : as :func:`spherelinks.gltf.pack.pack` takes them

    Images are the files that the surface's materials come from, byte for byte, but for a PNG's gamma other than sRGB's
    (PNG for those without a file of their own), and texture coordinates stay what they are in single precision,
    whatever the compression.
    """
    file = File(name, software, extras, compression)
    writer = _Writer(file, surface)
    which = np.zeros(len(surface.faces), np.int32) if surface.material_of is None else surface.material_of
    place: dict[str, list[float]] = {}
    primitives: list[gl.Primitive] = []
    for number in np.unique(which):
        faces = surface.faces[which == number]
        used, corners = np.unique(faces, return_inverse=True)
        material = surface.materials[number] if surface.materials else Material()
        position, place = file.positions(surface.vertices[used], surface.vertices)
        attributes = gl.Attributes(POSITION=position, **writer.attributes(material, used))
        indices = file.indices(corners.reshape(-1, 3).astype(np.int32), len(used))
        file.document.materials.append(writer.material(material, used, f"{name}_{len(primitives) + 1:02d}"))
        primitives.append(
            gl.Primitive(attributes=attributes, indices=indices, material=len(primitives), mode=gl.TRIANGLES)
        )
    file.document.meshes.append(gl.Mesh(name=name, primitives=primitives))
    file.document.nodes.append(gl.Node(name=f"{name}_LOD0", mesh=0, extras=remembered(extras), **place))
    add_colliders(file, name, colliders)
    return file.finished()


class _Writer:
    def __init__(self, file: File, surface: Surface) -> None:
        self.file, self.surface = file, surface
        self._views: dict[bytes, int] = {}
        self._images: dict[tuple[int, bool], int] = {}
        self._textures: dict[tuple[int, Sampler], int] = {}

    def attributes(self, material: Material, used: NDArray[np.int64]) -> dict[str, Any]:
        """Accessors of all but the positions."""
        surface, file = self.surface, self.file
        found: dict[str, Any] = {}
        for attribute, rows in (("NORMAL", surface.normals), ("TANGENT", surface.tangents)):
            if rows is not None and rows[used].any(axis=1).all():
                found[attribute] = file.directions(rows[used])
        sets = [uv for uv in (surface.uv, *surface.uvs) if uv is not None]
        last = max((each.uv for each in _maps(material).values()), default=-1)
        for number, uv in enumerate(sets[: last + 1]):
            found[f"TEXCOORD_{number}"] = file.vectors(uv[used])
        if self._tinted(material, used):
            found["COLOR_0"] = file.vectors(self._tint(used))
        return found

    def material(self, material: Material, used: NDArray[np.int64], name: str) -> gl.Material:
        finish, maps = material.finish, _maps(material)
        info = {
            role: {"index": self._texture(each, role in ("base", "emissive")), "texCoord": each.uv}
            for role, each in maps.items()
        }
        made = gl.Material(
            name=material.name or name,
            pbrMetallicRoughness=gl.PbrMetallicRoughness(
                baseColorFactor=[1.0] * 4 if self._tinted(material, used) else list(material.color),
                metallicFactor=material.metallic,
                roughnessFactor=material.roughness,
            ),
            alphaMode=finish.alpha_mode,
            alphaCutoff=finish.alpha_cutoff if finish.alpha_mode == "MASK" else None,
            doubleSided=finish.double_sided,
            extensions={"KHR_materials_unlit": {}} if finish.unlit else {},
        )
        base = made.pbrMetallicRoughness
        base.baseColorTexture = gl.TextureInfo(**info["base"]) if "base" in info else None
        if "metallic_roughness" in info:
            base.metallicRoughnessTexture = gl.TextureInfo(**info["metallic_roughness"])
        if "normal" in info:
            made.normalTexture = gl.NormalMaterialTexture(**info["normal"], scale=material.normal_scale)
        if "occlusion" in info:
            strength = material.occlusion_strength
            made.occlusionTexture = gl.OcclusionTextureInfo(**info["occlusion"], strength=strength)
        if any(material.emission):
            strength = max(1.0, *material.emission)
            made.emissiveFactor = [part / strength for part in material.emission]
            if strength > 1:
                made.extensions["KHR_materials_emissive_strength"] = {"emissiveStrength": strength}
        made.emissiveTexture = gl.TextureInfo(**info["emissive"]) if "emissive" in info else None
        return made

    def _tint(self, used: NDArray[np.int64]) -> NDArray[np.float32]:
        """(n, 4) float32 linear colours of vertices."""
        surface = self.surface
        rows = np.ones((len(used), 4), np.float32)
        if surface.color is not None:
            rows[:, :3] = linear(surface.color[used])
        if surface.opacity is not None:
            rows[:, 3] = surface.opacity[used] / np.float32(255)
        return rows

    def _tinted(self, material: Material, used: NDArray[np.int64]) -> bool:
        """Whether the vertices have colours that the material's factor does not say."""
        surface = self.surface
        if surface.color is not None and (surface.color[used] != to_bytes(np.array(material.color[:3]))).any():
            return True
        opacity = 255 if material.finish.alpha_mode == "OPAQUE" else int(material.color[3] * 255 + 0.5)
        return bool(surface.opacity is not None and (surface.opacity[used] != opacity).any())

    def _texture(self, each: Map, colors: bool) -> int:
        """The texture of a map, of its own for colours and for numbers even where the files are equal.

        Blender and three.js give an image one colour space, whatever refers to it (findings/gltf-shared-texture.sh).
        """
        document = self.file.document
        data = _without_gamma(each.file)
        kind = next((kind for start, kind in _KINDS if data and data.startswith(start)), None)
        if kind is None or data is None:
            data, kind = encoded(each.image, "png"), "png"
        if data not in self._views:
            self._views[data] = self.file.view(data)
        view = self._views[data]
        if (view, colors) not in self._images:
            self._images[view, colors] = len(document.images)
            name = f"image_{len(document.images) + 1:02d}"
            document.images.append(gl.Image(name=name, bufferView=view, mimeType=f"image/{kind}"))
        source = self._images[view, colors]
        key = source, each.sampler
        if key not in self._textures:
            self._textures[key] = len(document.textures)
            hard = each.sampler.nearest
            document.samplers.append(
                gl.Sampler(
                    magFilter=gl.NEAREST if hard else gl.LINEAR,
                    minFilter=gl.NEAREST if hard else gl.LINEAR_MIPMAP_LINEAR,
                    wrapS=_WRAPS[each.sampler.u],
                    wrapT=_WRAPS[each.sampler.v],
                )
            )
            sampler = len(document.samplers) - 1
            if kind == "webp":
                texture = gl.Texture(sampler=sampler, extensions={"EXT_texture_webp": {"source": source}})
            else:
                texture = gl.Texture(sampler=sampler, source=source)
            document.textures.append(texture)
        return self._textures[key]


def _without_gamma(data: bytes | None) -> bytes | None:
    """The file; of a PNG that names another gamma than sRGB's, what decides its pixels alone.

    glTF ignores it, but Godot 4.6 brightens colours and normals by it (findings/godot-png-gamma.sh).
    """
    if data is None or not data.startswith(SIGNATURE) or b"gAMA" not in data:
        return data
    found = chunks(data)
    return data if found is None or found.gamma in (None, SRGB_GAMMA) else found.pixels


def _maps(material: Material) -> dict[str, Map]:
    """The maps to be written; opacity is in the base colour's file."""
    return {role: each for role, each in vars(material).items() if isinstance(each, Map) and role != "opacity"}
