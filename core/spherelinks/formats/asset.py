"""An asset's GLB as what other files are made of, also after another program has edited it."""

from __future__ import annotations

import struct

import cv2
import numpy as np
from numpy.typing import NDArray

from spherelinks.errors import GeneratorFailed, MeshUnreadable
from spherelinks.formats.scene import surface_of
from spherelinks.formats.writing import TRAITS
from spherelinks.gltf.document import Document
from spherelinks.gltf.pack import Mesh, Paint, pack
from spherelinks.gltf.read import Model, is_coarse, own
from spherelinks.shape import Map, Surface
from spherelinks.texture.rebake import baked, weld_surface, with_materials
from spherelinks.texture.unwrap import unwrap

#: Sides of an atlas that several materials are baked into, px.
_SMALLEST, _LARGEST = 512, 4096


def read(glb: bytes) -> Model:
    """The asset itself: without coarser levels and colliders.

    Of a file that another program has edited, everything visible in place, as one mesh. Where it has several objects,
    materials that share no textures, factors, repeated textures or vertex colours, its materials are baked into one
    atlas. Raises MeshUnreadable if the file is no GLB, or damaged.
    """
    try:
        return own(glb) or _baked(glb)
    except (
        ValueError,
        LookupError,
        TypeError,
        AttributeError,
        OverflowError,
        MemoryError,
        struct.error,
        cv2.error,
        GeneratorFailed,
    ) as error:  # anything that a broken file may raise
        raise MeshUnreadable(
            f"The file is not a GLB of ours: {error}.",
            hint="Give an asset that SphereLinks made; 'spherelinks finish' takes any other mesh.",
        ) from error


#: Levels by which a map of one value may stray where it is stored as a JPEG.
_NOISE = 12


def factored(paint: Paint, channel: int) -> tuple[float, NDArray[np.uint8] | None]:
    """Roughness (channel 1) or metalness (2) as a factor and the map that it multiplies; None where it is one value."""
    factor = (paint.roughness, paint.metallic)[channel - 1]
    if paint.metallic_roughness is None:
        return factor, None
    image = paint.metallic_roughness[..., channel]
    if factor == 0 or int(image.max()) - int(image.min()) <= _NOISE:
        return factor * round(float(image.mean()) / 255, 2), None
    return factor, image


def traits(mesh: Mesh) -> list[str]:
    """Which of TRAITS a mesh shows."""
    paint = mesh.paint
    there = (
        True,
        mesh.normal_map is not None,
        mesh.occlusion is not None,
        any(factored(paint, channel)[1] is not None for channel in (1, 2)) or factored(paint, 2)[0] > 0,
        any(paint.emission),
        paint.opacity is not None,
        any(finish.double_sided for finish in mesh.finishes),
        any(finish.unlit for finish in mesh.finishes),
    )
    return [trait for trait, has in zip(TRAITS, there, strict=True) if has]


def _baked(glb: bytes) -> Model:
    """A scene as one of our files shows it, with all its materials in one atlas; triangles stay."""
    file = Document(glb, lambda name: None)
    nodes = file.json.get("nodes", [])
    names = []
    for node in nodes:
        if is_coarse(node):
            node.pop("mesh", None)
        elif "mesh" in node:
            names.append(node.get("name", ""))
    surface = with_materials(surface_of(file, whole=True))
    if not len(surface.faces):
        raise ValueError("nothing in it is visible")
    if not np.isfinite(surface.vertices).all():
        raise ValueError("a vertex is not finite")
    welded = weld_surface(surface)
    atlas = unwrap(welded.vertices, welded.faces, welded.fans)
    mesh = baked(surface, welded, atlas, _side(surface))
    name = names[0].partition("_LOD0")[0] or "asset"
    made = own(pack(mesh, name=name, software="", extras={}, texture_format="png"))
    assert made is not None
    return Model(made.name, made.mesh, made.images, surface.notes)


def _side(surface: Surface) -> int:
    """Side of an atlas with about as many texels as the images of the base colours have together, px."""
    bases = {id(each.base.image): each.base.image for each in surface.materials if each.base is not None}
    others = [each.image for material in surface.materials for each in vars(material).values() if isinstance(each, Map)]
    texels = max(
        sum(image[..., 0].size for image in bases.values()),
        max((image[..., 0].size for image in others), default=0),
        0 if surface.color is None else 16 * len(surface.faces),
    )
    return int(min(max(_SMALLEST, 2 ** int(np.ceil(np.log2(max(texels, 1)) / 2))), _LARGEST))
