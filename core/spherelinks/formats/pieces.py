"""Parts of a scene, each with one material, as one surface: what readers of other formats gather."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from spherelinks.formats.image import rgba
from spherelinks.mesh.polygon import triangulate
from spherelinks.mesh.pose import single
from spherelinks.mesh.solid import MOST
from spherelinks.pixels.srgb import encoded
from spherelinks.shape import Map, Material, Sampler, Surface


class Stated(NamedTuple):
    """What a file says of its coordinates: metres of their unit, and the axis that points upwards.

    Its surface is in metres with +Y up, of which that has been taken into account.
    """

    metres: float = 1.0
    up: Literal["y", "z"] = "y"


@dataclass(frozen=True)
class Piece:
    """Polygons with one material, in the scene's space.

    points : (N, 3) float64, one for each corner; sizes : (F,) how many corners each polygon has
    normals : (N, 3) or None; uv : (N, 2), v upwards, or None; tint : (N, 3) linear colours that multiply the material's
    flipped : whether the corners run clockwise seen from outside, as a mirrored node's do
    """

    points: NDArray[np.float64]
    sizes: NDArray[np.int64]
    material: Material
    normals: NDArray[np.float64] | None = None
    uv: NDArray[np.float64] | None = None
    tint: NDArray[np.float64] | None = None
    flipped: bool = False


def joined(pieces: Sequence[Piece], notes: Iterable[str]) -> Surface:
    """One surface of all pieces. Raises ValueError past MOST corners or for places that are not finite."""
    notes = tuple(dict.fromkeys(notes))
    total = sum(len(piece.points) for piece in pieces)
    if total > 3 * MOST:
        raise ValueError(f"it has more than {MOST} triangles")
    if not total:
        return Surface(np.zeros((0, 3), np.float32), np.zeros((0, 3), np.int32), notes=notes)
    points = np.concatenate([piece.points for piece in pieces])
    if not np.isfinite(points).all():
        raise ValueError("a vertex is not finite")
    loops, owner = triangulate(points, np.arange(total), np.concatenate([piece.sizes for piece in pieces]))
    of_polygon = np.repeat(np.arange(len(pieces)), [len(piece.sizes) for piece in pieces])
    which = of_polygon[owner]
    faces = np.where(np.array([piece.flipped for piece in pieces])[which][:, None], loops[:, ::-1], loops)
    color, uv, normals = np.ones((total, 3)), np.zeros((total, 2)), np.zeros((total, 3))
    opacity = np.ones(total)
    textures: dict[tuple[int, Sampler], NDArray[np.uint8]] = {}
    materials, texture_of = [], np.full(len(pieces), -1, np.int32)
    start = 0
    for number, piece in enumerate(pieces):
        here = slice(start, start + len(piece.points))
        start = here.stop
        material = piece.material if piece.uv is not None else without_maps(piece.material)
        color[here] = np.array(material.color[:3]) * (1.0 if piece.tint is None else piece.tint)
        opacity[here] = material.color[3]
        if piece.uv is not None:
            uv[here] = piece.uv * (1, -1) + (0, 1)
        if piece.normals is not None:
            normals[here] = piece.normals / np.maximum(np.linalg.norm(piece.normals, axis=1, keepdims=True), 1e-30)
        if material.base is not None:
            key = id(material.base.image), material.base.sampler
            textures.setdefault(key, material.base.image)
            texture_of[number] = list(textures).index(key)
        materials.append(material)
    sheer = any(material.finish.alpha_mode == "BLEND" for material in materials)
    samplers = tuple(sampler for _, sampler in textures)
    return Surface(
        single(points),
        np.ascontiguousarray(faces, np.int32),
        encoded(color),
        uv.astype(np.float32),
        tuple(textures.values()),
        texture_of[which] if textures else None,
        notes=notes,
        samplers=samplers if any(sampler != Sampler() for sampler in samplers) else (),
        materials=tuple(materials),
        material_of=which.astype(np.int32),
        opacity=(opacity * 255 + 0.5).astype(np.uint8) if sheer else None,
        normals=normals.astype(np.float32) if normals.any() else None,
    )


def without_maps(material: Material) -> Material:
    """A material as faces without texture coordinates show it."""
    return replace(
        material, base=None, opacity=None, metallic_roughness=None, normal=None, occlusion=None, emissive=None
    )


def reflection(roughness: Map | None, metalness: Map | None) -> Map | None:
    """Maps of roughness and metalness, each in all three channels, as one: roughness in green, metalness in blue."""
    known = roughness or metalness
    if known is None:
        return None
    height, width = np.max([each.image.shape[:2] for each in (roughness, metalness) if each is not None], axis=0)
    image = np.full((height, width, 3), 255, np.uint8)
    for channel, each in ((1, roughness), (2, metalness)):
        if each is not None:
            image[..., channel] = cv2.resize(each.image[..., 0], (int(width), int(height)))
    return known._replace(image=image, file=None)


def picture(data: bytes, name: str, sampler: Sampler = Sampler()) -> Map:  # noqa: B008 - a tuple of constants
    """An image file as a map."""
    return Map(np.ascontiguousarray(rgba(data, name)[..., :3]), 0, sampler, data)
