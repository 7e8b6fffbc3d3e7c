"""Coloured triangle soups, and ray casting against them.

Axes are glTF's: +Y up, right-handed. Colours are sRGB in 0..1. Lengths are relative to the object's longest side.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import trimesh
from embreex.mesh_construction import TriangleMesh
from embreex.rtcore_scene import EmbreeScene
from numpy.typing import NDArray
from PIL import Image

from spherelinks.pixels import srgb

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Surface:
    """
    corners : (F, 3, 3); uv : (F, 3, 2), v down
    tint : (F, 3, 3), colour of each corner, multiplies the texture
    texture : (F,) int, index into `textures`, -1 for none; textures : (H, W, 3) each
    """

    corners: Floats
    uv: Floats
    tint: Floats
    texture: NDArray[np.int32]
    textures: list[Floats]

    @cached_property
    def points(self) -> Floats:
        """(V, 3): the corners without repeats."""
        return np.unique(self.corners.reshape(-1, 3), axis=0)

    def normalized(self) -> Surface:
        """Bounding box centred on the origin, longest side 1. Raises ValueError for a surface without extent."""
        points = self.corners.reshape(-1, 3)
        low, high = points.min(0), points.max(0)
        side = float((high - low).max())
        if not np.isfinite(side) or side <= 0:
            raise ValueError("the surface has no extent")
        return self.moved((self.corners - (low + high) / 2) / side)

    def moved(self, corners: Floats) -> Surface:
        return Surface(corners.astype(np.float32), self.uv, self.tint, self.texture, self.textures)

    def color(self, face: NDArray[np.int32], u: Floats, v: Floats) -> Floats:
        """(N,) faces and barycentric coordinates of their second and third corners -> (N, 3) sRGB, nearest texel."""
        weight = np.stack([1 - u - v, u, v], 1)[..., None]
        color: Floats = (self.tint[face] * weight).sum(1)
        at = (self.uv[face] * weight).sum(1)
        texture = self.texture[face]
        for i, image in enumerate(self.textures):
            m = texture == i
            if m.any():
                h, w = image.shape[:2]
                x = np.floor(at[m, 0] * w).astype(np.int64) % w
                y = np.floor(at[m, 1] * h).astype(np.int64) % h
                color[m] *= image[y, x]
        return color

    def sample(self, count: int, rng: np.random.Generator) -> Floats:
        """(count, 3) points, uniformly distributed over the area."""
        a, b, c = self.corners[:, 0], self.corners[:, 1], self.corners[:, 2]
        area = np.linalg.norm(np.cross(b - a, c - a), axis=1).astype(np.float64)
        face = rng.choice(len(area), count, p=area / area.sum())
        u, v = rng.random((2, count, 1), np.float32)
        flip = u + v > 1
        u, v = np.where(flip, 1 - u, u), np.where(flip, 1 - v, v)
        points: Floats = a[face] + u * (b - a)[face] + v * (c - a)[face]
        return points


def parts(scene: trimesh.Scene) -> list[trimesh.Trimesh]:
    """The meshes of a scene with their transforms applied; those without triangles are left out."""
    return [part for part in scene.dump() if isinstance(part, trimesh.Trimesh) and len(part.faces)]


def load(path: Path) -> Surface:
    """A GLB, or an NPZ of `training.carried`, as one normalised surface. Raises ValueError if it has no triangles."""
    if path.suffix == ".npz":
        return _unpacked(path)
    scene = trimesh.load_scene(path, process=False)
    meshes = parts(scene)
    if not meshes:
        raise ValueError(f"{path}: no triangles")
    uvs, tints, ids, textures = [], [], [], []
    for part in meshes:
        faces, visual = part.faces, part.visual
        uv, tint, texture = np.zeros((len(faces), 3, 2), np.float32), np.ones((len(faces), 3, 3), np.float32), -1
        if visual.kind == "texture":
            if visual.material.baseColorFactor is not None:  # uint8 in trimesh, linear in glTF
                tint *= to_srgb(np.asarray(visual.material.baseColorFactor[:3], np.float32) / 255)
            if visual.material.baseColorTexture is not None and visual.uv is not None:
                uv = np.asarray(visual.uv, np.float32)[faces] * (1, -1) + (0, 1)  # trimesh counts v upwards
                texture = len(textures)
                textures.append(np.asarray(visual.material.baseColorTexture.convert("RGB"), np.float32) / 255)
        elif visual.kind is not None:
            tint = np.asarray(visual.vertex_colors, np.float32)[faces][..., :3] / 255
        uvs.append(uv)
        tints.append(tint)
        ids.append(np.full(len(faces), texture, np.int32))
    corners = np.concatenate([np.asarray(part.triangles, np.float32) for part in meshes])
    return Surface(
        corners,
        np.concatenate(uvs).astype(np.float32),
        np.concatenate(tints).astype(np.float32),
        np.concatenate(ids),
        textures,
    ).normalized()


def _unpacked(path: Path) -> Surface:
    with np.load(path) as file:
        position, uv, tint, faces, texture, images, lengths = (
            file[name] for name in ("position", "uv", "tint", "faces", "texture", "images", "lengths")
        )
    if not len(faces):
        raise ValueError(f"{path}: no triangles")
    ends = np.cumsum(lengths)
    files = [images[end - length : end].tobytes() for end, length in zip(ends, lengths, strict=True)]
    return Surface(
        position[faces].astype(np.float32) / 65535 - 0.5,
        uv[faces].astype(np.float32),
        tint[faces].astype(np.float32) / 255,
        texture.astype(np.int32),
        [np.asarray(Image.open(io.BytesIO(each)).convert("RGB"), np.float32) / 255 for each in files],
    ).normalized()


@dataclass(frozen=True)
class Hits:
    """The first hits of N rays; face is -1 where a ray hits nothing, and the other fields are undefined there."""

    face: NDArray[np.int32]
    distance: Floats
    u: Floats
    v: Floats


class Rays:
    """Casts rays against one surface (Embree)."""

    def __init__(self, surface: Surface) -> None:
        self.scene = EmbreeScene()
        TriangleMesh(self.scene, np.ascontiguousarray(surface.corners, np.float32))
        cross = np.cross(surface.corners[:, 1] - surface.corners[:, 0], surface.corners[:, 2] - surface.corners[:, 0])
        self.normals: Floats = cross / np.maximum(np.linalg.norm(cross, axis=1, keepdims=True), 1e-20)

    def first(self, origins: Floats, directions: Floats) -> Hits:
        """(N, 3) origins and directions; distances are multiples of the direction's length."""
        found = self.scene.run(
            np.ascontiguousarray(origins, np.float32), np.ascontiguousarray(directions, np.float32), output=1
        )
        return Hits(found["primID"], found["tfar"], found["u"], found["v"])

    def blocked(self, origins: Floats, directions: Floats) -> NDArray[np.bool_]:
        found = self.scene.run(
            np.ascontiguousarray(origins, np.float32), np.ascontiguousarray(directions, np.float32), query="OCCLUDED"
        )
        return np.asarray(found) == 0  # Embree's occlusion query returns 0 for a hit


def to_srgb(linear: Floats) -> Floats:
    """Linear light, clipped to 0..1, as sRGB."""
    return srgb.to_srgb(np.clip(linear, 0, 1))
