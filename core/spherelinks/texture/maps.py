"""Transfers a raw mesh's materials to a mesh made from it: all but the base colour."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from spherelinks import threads
from spherelinks.gltf.pack import Mesh, Paint
from spherelinks.mesh.nearest import Nearest
from spherelinks.mesh.topology import Faces, Vertices
from spherelinks.pixels.srgb import LIGHT, encoded
from spherelinks.shape import Finish, Map, Material, Surface
from spherelinks.texture.carry import Found, look_up
from spherelinks.texture.detail import relief
from spherelinks.texture.tangents import tangents, tangents_of_sides
from spherelinks.texture.texels import BAND, blended
from spherelinks.texture.unwrap import Atlas

#: An image with more than so many texels for one of the texture's, along a side, is shrunk before it is read: it would
#: be skipped through, not averaged.
_FINER = 1.25
#: Faces that are measured for that, spread over the surface.
_LOOKED_AT = 65_536


def fitted(surface: Surface, texels: float) -> Surface:
    """The surface with images about as fine as so many texels over all of it."""
    faces = surface.faces[:: -(-len(surface.faces) // _LOOKED_AT)]
    step = slice(None, None, -(-len(surface.faces) // _LOOKED_AT))
    area = _areas(surface.vertices, faces)
    covered = [_areas(uv, faces) for uv in (surface.uv, *surface.uvs) if uv is not None]
    made: dict[tuple[int, bool], NDArray[np.uint8]] = {}

    def image(own: NDArray[np.uint8], uv: int, here: NDArray[np.bool_], *, hard: bool) -> NDArray[np.uint8]:
        key = id(own), hard
        if key not in made:
            height, width = own.shape[:2]
            there = texels * area[here].sum() / max(area.sum(), 1e-30)
            finer = np.sqrt(covered[uv][here].sum() * height * width / max(there, 1.0))
            size = max(1, round(width / max(finer, 1))), max(1, round(height / max(finer, 1)))
            small = cv2.resize(own, size, interpolation=cv2.INTER_AREA) if finer > _FINER and not hard else own
            made[key] = np.asarray(small, np.uint8)
        return made[key]

    every = np.ones(len(faces), np.bool_)
    textures = tuple(
        image(
            texture,
            0,
            every if surface.texture_of is None else surface.texture_of[step] == number,
            hard=bool(surface.samplers) and surface.samplers[number].nearest,
        )
        for number, texture in enumerate(surface.textures if surface.uv is not None else ())
    )
    materials = []
    for number, material in enumerate(surface.materials):
        here = every if surface.material_of is None else surface.material_of[step] == number
        maps: dict[str, Any] = {
            role: each._replace(image=image(each.image, each.uv, here, hard=each.sampler.nearest))
            for role, each in vars(material).items()
            if isinstance(each, Map) and role != "base"
        }
        materials.append(replace(material, **maps))
    return replace(surface, textures=textures or surface.textures, materials=tuple(materials))


def skin(
    vertices: Vertices,
    normals: NDArray[np.float32],
    atlas: Atlas,
    texture: NDArray[np.uint8],
    surface: Surface,
    found: Found,
    source: NDArray[np.int32],
    along_surface: Tangents | None = None,
) -> Mesh:
    """A mesh with a texture of its base colours, and a surface's materials baked in its atlas.

    vertices, normals : (V, 3), (N, 3) float32, which atlas indexes by `source` and `fan`
    surface : with images about as fine as the texture, see :func:`fitted`
    source : (F,) int32, the surface's face that each face of the atlas is made from; not needed where all materials
        have the same finish
    along_surface : of :func:`tangents_ahead`, if available

    Factors that differ from face to face are baked into the maps; normal maps are of what the surface's normals and its
    own maps shade together, in MikkTSpace tangents.
    """
    points, out = vertices[atlas.source], normals[atlas.fan]
    if not surface.materials:
        return Mesh(points, out, atlas.uv, atlas.faces, texture)
    which = _materials_at(surface, found.at.face)
    read = _Reader(surface, found, which)
    used = [surface.materials[number] for number in read.used]
    color = _opacity(read) if any(each.finish.alpha_mode != "OPAQUE" for each in used) else None
    roughness, metallic = (max((getattr(each, name) for each in used), default=value) for name, value in _PLAIN)
    reflection = None
    if any(each.metallic_roughness for each in used) or len({(each.metallic, each.roughness) for each in used}) > 1:
        values = read.all("metallic_roughness")
        for here, each in read.materials():
            for channel, factor, most in ((1, each.roughness, roughness), (2, each.metallic, metallic)):
                if factor != most:
                    values[here, channel] = values[here, channel] * (factor / most) + 0.5
        values[:, 0] = 255
        reflection = found.image(values)
    emission, emissive = _emission(used, read)
    shade = None
    if any(each.occlusion for each in used):
        values = read.all("occlusion")[:, 0].astype(np.float32)
        for here, each in read.materials():
            values[here] = 255 - each.occlusion_strength * (255 - values[here])
        shade = found.image((values + 0.5).astype(np.uint8))[..., 0]
    along = bumps = None
    if any(each.normal for each in used):
        along = tangents(points, out, atlas.uv, atlas.faces)
        bumps = found.image(_relief(_true_normals(surface, found, read, along_surface), out, along, atlas, found))
    paint = Paint(metallic, roughness, emission, reflection, emissive, color)
    kinds, kind_of = _finishes(surface, source)
    return Mesh(points, out, atlas.uv, atlas.faces, texture, along, bumps, shade, paint, kinds, kind_of)


def _finishes(surface: Surface, source: NDArray[np.int32]) -> tuple[tuple[Finish, ...], NDArray[np.int32] | None]:
    """The finishes that are used, and each face's, (F,) int32; None if there is but one."""
    kinds = list(dict.fromkeys(each.finish for each in surface.materials))
    if len(kinds) == 1:
        return tuple(kinds), None
    number = np.array([kinds.index(each.finish) for each in surface.materials], np.int32)
    found, place = np.unique(number[_materials_at(surface, source)], return_inverse=True)
    return tuple(kinds[k] for k in found), place.astype(np.int32) if len(found) > 1 else None


_PLAIN = (("roughness", Paint().roughness), ("metallic", Paint().metallic))


class _Reader:
    """Reads maps at the points of a surface that texels show."""

    def __init__(self, surface: Surface, found: Found, which: NDArray[np.int32]) -> None:
        self.surface, self.found, self.which = surface, found, which
        self.used: list[int] = np.unique(which).tolist()
        self._uvs: dict[int, NDArray[np.float32]] = {}

    def materials(self) -> Iterator[tuple[NDArray[np.int64] | slice, Material]]:
        """Each material, and the points that have it."""
        for number in self.used:
            here = slice(None) if len(self.used) == 1 else np.flatnonzero(self.which == number)
            yield here, self.surface.materials[number]

    def map(self, each: Map, here: NDArray[np.int64] | slice) -> NDArray[np.uint8]:
        """(n, 3) uint8 of a map at these points."""
        if each.uv not in self._uvs:
            uv = (self.surface.uv, *self.surface.uvs)[each.uv]
            assert uv is not None
            self._uvs[each.uv] = blended(uv, self.surface.faces, self.found.at.face, self.found.at.weights)
        return look_up(each.image, self._uvs[each.uv][here], each.sampler)

    def all(self, role: str) -> NDArray[np.uint8]:
        """(N, 3) uint8 of the maps of a role, 255 where a material has none."""
        values = np.full((len(self.which), 3), 255, np.uint8)
        for here, material in self.materials():
            if (each := getattr(material, role)) is not None:
                values[here] = self.map(each, here)
        return values


def _materials_at(surface: Surface, face: NDArray[np.int32]) -> NDArray[np.int32]:
    return np.zeros(len(face), np.int32) if surface.material_of is None else surface.material_of[face]


def _opacity(read: _Reader) -> NDArray[np.uint8] | None:
    """(S, S) uint8 alpha; None if nothing is to be seen through."""
    values = read.all("opacity")[:, 0].astype(np.float32)
    if (own := read.surface.opacity) is not None:
        at = read.found.at
        values *= blended(own[:, None].astype(np.float32), read.surface.faces, at.face, at.weights)[:, 0] / 255
    for here, material in read.materials():
        if material.finish.alpha_mode == "OPAQUE":
            values[here] = 255
    alpha = (values + 0.5).astype(np.uint8)
    return None if (alpha == 255).all() else read.found.image(alpha)[..., 0]


def _emission(used: list[Material], read: _Reader) -> tuple[tuple[float, float, float], NDArray[np.uint8] | None]:
    """The factor, linear, and the image; that is None where the factor alone says it."""
    red, green, blue = (max((each.emission[k] for each in used), default=0.0) for k in range(3))
    top = red, green, blue
    if not any(top) or (len({each.emission for each in used}) == 1 and not any(each.emissive for each in used)):
        return top, None
    values = read.all("emissive")
    for here, each in read.materials():
        if each.emission != top:
            values[here] = encoded(LIGHT[values[here]] * (np.array(each.emission) / np.maximum(top, 1e-30)))
    return top, read.found.image(values)


def _relief(
    true: NDArray[np.float32], normals: NDArray[np.float32], along: NDArray[np.float32], atlas: Atlas, found: Found
) -> NDArray[np.uint8]:
    """(N, 3) uint8 of the true normals in the tangent space of the atlas's vertices; several bands at a time."""
    bumps = np.empty((len(true), 3), np.uint8)

    def encode(first: int) -> None:
        rows = slice(first, first + BAND)
        face, weights = found.face[rows], found.weights[rows]
        own, shown = blended(normals, atlas.faces, face, weights), true[rows]
        shown[np.einsum("ij,ij->i", shown, own) < 0] *= -1  # of a mesh whose faces are turned inwards
        bumps[rows] = relief(shown, own, blended(along, atlas.faces, face, weights))

    threads.each(encode, range(0, len(true), BAND))
    return bumps


def _true_normals(surface: Surface, found: Found, read: _Reader, known: Tangents | None) -> NDArray[np.float32]:
    """(N, 3) float32 unit normals of the surface as its own normals and normal maps shade it; several bands at a
    time."""
    at, faces = found.at, surface.faces
    true = np.empty((len(at.face), 3), np.float32)

    def start(first: int) -> None:
        rows = slice(first, first + BAND)
        true[rows] = _unit(_flat_or(surface.normals, surface.vertices, faces, at.face[rows], at.weights[rows]))

    threads.each(start, range(0, len(true), BAND))
    for here, material in read.materials():
        each = material.normal
        if each is None:
            continue
        _bend(true, here, read.map(each, here), material, known or _tangents(surface, material, at, here), at)
    return true


def _bend(
    true: NDArray[np.float32],
    here: NDArray[np.int64] | slice,
    image: NDArray[np.uint8],
    material: Material,
    along: Tangents,
    at: Nearest,
) -> None:
    """Turn the normals of the points `here` as (n, 3) uint8 of the material's normal map say; in place."""

    def bend(first: int) -> None:
        rows = slice(first, first + BAND)
        points = rows if isinstance(here, slice) else here[rows]
        value = image[rows].astype(np.float32) / np.float32(127.5) - 1
        value[:, :2] *= material.normal_scale
        n, t = true[points], along.at(at.face[points], at.weights[points])
        sign = np.sign(t[:, 3:])
        t = _unit(t[:, :3] - np.einsum("ij,ij->i", t[:, :3], n)[:, None] * n)
        true[points] = _unit(value[:, :1] * t + value[:, 1:2] * sign * np.cross(n, t) + value[:, 2:] * n)

    threads.each(bend, range(0, len(image), BAND))


class Tangents(NamedTuple):
    """(T, 4) float32 tangents, (F, 3) faces into them, and which of these each of the surface's faces is."""

    values: NDArray[np.float32]
    faces: Faces
    number: NDArray[np.int32] | None

    def at(self, face: NDArray[np.int32], weights: NDArray[np.float32]) -> NDArray[np.float32]:
        """(n, 4) float32: those at points of the surface."""
        return blended(self.values, self.faces, face if self.number is None else self.number[face], weights)


def tangents_ahead(surface: Surface) -> Tangents | None:
    """The tangents that :func:`skin` will need, which takes them; None where it depends on what texels show."""
    bumpy = [material for material in surface.materials if material.normal is not None]
    if len(bumpy) != 1 or surface.tangents is not None:
        return None
    return _made(surface, bumpy[0])


def _tangents(surface: Surface, material: Material, at: Nearest, here: NDArray[np.int64] | slice) -> Tangents:
    """Tangents for points of the surface: its own, or MikkTSpace's of the map's coordinates."""
    if (
        surface.tangents is not None
        and blended(surface.tangents, surface.faces, at.face[here], at.weights[here])[:, 3].all()
    ):
        return Tangents(surface.tangents, surface.faces, None)
    return _made(surface, material)


def _made(surface: Surface, material: Material) -> Tangents:
    """MikkTSpace's tangents of the coordinates of a material's normal map, on the faces that have it."""
    assert material.normal is not None
    uv = (surface.uv, *surface.uvs)[material.normal.uv]
    assert uv is not None
    faces, number = surface.faces, None
    if surface.material_of is not None:
        own = np.array([other is material for other in surface.materials])[surface.material_of]
        if not own.all():
            number = np.cumsum(own, dtype=np.int32) - np.int32(1)
            faces = np.ascontiguousarray(faces[own])
    normals = surface.normals
    if normals is None or not _known(normals, faces):
        flat = _face_normals(surface.vertices, faces)
        split = np.arange(faces.size, dtype=np.int32).reshape(-1, 3)  # no two faces share a normal
        corners = faces.ravel()
        along, faces = tangents_of_sides(surface.vertices[corners], np.repeat(flat, 3, axis=0), uv[corners], split)
    else:
        along, faces = tangents_of_sides(surface.vertices, normals, uv, faces)
    return Tangents(along, np.ascontiguousarray(faces, np.int32), number)


def _known(normals: NDArray[np.float32], faces: Faces) -> bool:
    """Whether each face's first corner has a normal."""
    known = np.asarray(normals.any(axis=1))
    return bool(known[faces[:, 0]].all())


def _flat_or(
    normals: NDArray[np.float32] | None,
    points: Vertices,
    faces: Faces,
    face: NDArray[np.int32],
    weights: NDArray[np.float32],
) -> NDArray[np.float32]:
    """(n, 3) float32: the normals of the vertices, or of the face where those are not known."""
    if normals is None:
        return _face_normals(points, faces[face])
    own = blended(normals, faces, face, weights)
    unknown = np.flatnonzero(~own.any(axis=1))
    if len(unknown):
        own[unknown] = _face_normals(points, faces[face[unknown]])
    return own


def _face_normals(points: Vertices, faces: Faces) -> NDArray[np.float32]:
    a, b, c = (points[faces[:, k]] for k in range(3))
    return _unit(np.cross(b - a, c - a))


def _unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    length = np.sqrt(np.einsum("ij,ij->i", rows, rows))
    return np.asarray(rows / np.maximum(length, 1e-30)[:, None], np.float32)


def _areas(points: NDArray[np.float32], faces: Faces) -> NDArray[np.float64]:
    """(F,) areas of faces in space or in a texture."""
    a, b, c = (points[faces[:, k]].astype(np.float64) for k in range(3))
    p, q = b - a, c - a
    gram = (p * p).sum(axis=1) * (q * q).sum(axis=1) - (p * q).sum(axis=1) ** 2
    return np.asarray(np.sqrt(np.maximum(gram, 0)) / 2)
