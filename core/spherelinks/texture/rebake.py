"""A mesh's materials as one, in an atlas of its own triangles."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from spherelinks.errors import GeneratorFailed
from spherelinks.gltf.pack import Mesh
from spherelinks.mesh.nearest import Nearest
from spherelinks.mesh.normals import fan_normals
from spherelinks.mesh.repair import three_cornered
from spherelinks.mesh.topology import Faces, Vertices, twins
from spherelinks.mesh.weld import weld
from spherelinks.pixels.padding import fill
from spherelinks.pixels.srgb import linear
from spherelinks.shape import Map, Material, Sampler, Surface
from spherelinks.texture import carry as base
from spherelinks.texture.carry import PLAIN, Found
from spherelinks.texture.maps import fitted, skin
from spherelinks.texture.texels import locate
from spherelinks.texture.unwrap import Atlas


@dataclass(frozen=True)
class Welded:
    """A surface's faces that have three corners, over its distinct places and over its distinct normals.

    vertices : (W, 3), faces : (G, 3) into them, fans : (G, 3) into normals, (N, 3); face : (G,), which of the
    surface's faces each is
    """

    vertices: Vertices
    faces: Faces
    fans: Faces
    normals: NDArray[np.float32]
    face: NDArray[np.int64]


def with_materials(surface: Surface) -> Surface:
    """The surface with a material for each of its textures, where it has no materials yet."""
    if surface.materials:
        return surface
    samplers = surface.samplers or (Sampler(),) * len(surface.textures)
    maps = zip(surface.textures, samplers, strict=True) if surface.uv is not None else ()
    textured = tuple(Material(base=Map(image, 0, sampler)) for image, sampler in maps)
    grey = float(linear(np.array(PLAIN, np.uint8)))
    plain = Material() if textured or surface.color is not None else Material(color=(grey, grey, grey, 1.0))
    which = np.zeros(len(surface.faces), np.int32) if surface.texture_of is None else surface.texture_of
    which = np.where((which < 0) | (which >= len(textured)), len(textured), which)
    return replace(surface, materials=(*textured, plain), material_of=which.astype(np.int32))


def weld_surface(surface: Surface) -> Welded:
    """A surface as its distinct places and normals. Raises GeneratorFailed if it has no triangle."""
    first, place = weld(surface.vertices)
    faces = place[surface.faces]
    face = np.flatnonzero(three_cornered(faces))
    if not len(face):
        raise GeneratorFailed("The mesh is empty: it has no triangles.", hint="Export it again.")
    faces = faces[face]
    used = np.unique(faces)
    number = np.zeros(len(first), np.int32)
    number[used] = np.arange(len(used), dtype=np.int32)
    vertices, faces = surface.vertices[first[used]], number[faces]
    known = surface.normals is not None and surface.normals[np.unique(surface.faces[face])].any(axis=1).all()
    if surface.normals is None or not known:
        fans, normals = fan_normals(vertices, faces, twins(faces))
    else:
        apart, group = weld(np.hstack([surface.vertices, surface.normals]))
        fans, normals = group[surface.faces[face]], surface.normals[apart]
    return Welded(vertices, faces, np.ascontiguousarray(fans), normals, face)


def baked(surface: Surface, welded: Welded, atlas: Atlas, size: int) -> Mesh:
    """The welded mesh with the surface's materials in an atlas; each texel shows its own face's point."""
    texel, face, weights = locate(atlas.uv, atlas.faces, size)
    source = welded.face.astype(np.int32)
    found = Found(size, texel, face, weights, Nearest(np.zeros(len(face), np.float32), source[face], weights))
    surface = fitted(surface, len(texel))
    texture, covered = base.carry(found, surface), np.zeros(size * size, np.bool_)
    covered[texel] = True
    return skin(
        welded.vertices, welded.normals, atlas, fill(texture, covered.reshape(size, size)), surface, found, source
    )
