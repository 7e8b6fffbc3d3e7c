"""The detail lost in simplification as a normal map, and ambient occlusion."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spherelinks.mesh.nearest import nearest, tree
from spherelinks.mesh.normals import vertex_normals
from spherelinks.mesh.topology import Faces, Vertices
from spherelinks.native import kernel
from spherelinks.pixels.depth import depth_buffer
from spherelinks.pixels.padding import fill
from spherelinks.texture.texels import blended, locate
from spherelinks.texture.unwrap import Atlas

#: Directions from which light may come, and the side of the depth map of each, px.
DIRECTIONS, DEPTH_SIZE = 160, 256


_encode = kernel(
    "detail_encoded", "true: f4[N,3]", "own: f4[N,3]", "along: f4[N,4]", "N", "out: u1[N,3]*"
)  # fmt: skip
_gather = kernel(
    "detail_gather", "points: f4[N,3]", "facing: f4[N,3]", "N", "axes: f4[3,3]", "depth: f4[S,S]", "S", "open: f4[N]*",
    "whole: f4[N]*",
)  # fmt: skip


def normal_map(
    vertices: Vertices,
    normals: NDArray[np.float32],
    tangents: NDArray[np.float32],
    atlas: Atlas,
    size: int,
    full: tuple[Vertices, Faces],
) -> NDArray[np.uint8]:
    """(size, size, 3) uint8: the full surface's normals in the simplified one's tangent space.

    vertices, normals : (V, 3), (N, 3) float32 of the simplified mesh, unit normals, which atlas indexes by `source` and
        `fan`; tangents : (W, 4) of the atlas's vertices
    full : vertices and faces of the surface before simplification, in the same frame

    Red grows along the tangent, green along the bitangent, up in the texture, blue outwards; 128 is zero. Where the
    nearest point of the full surface faces another way, as on the far side of a thin wall, the map is flat.
    """
    texel, face, weights = locate(atlas.uv, atlas.faces, size)
    at = nearest(blended(vertices[atlas.source], atlas.faces, face, weights), tree(*full))
    true = blended(vertex_normals(*full), full[1], at.face, at.weights)
    own = blended(normals[atlas.fan], atlas.faces, face, weights)
    along = blended(tangents, atlas.faces, face, weights)
    texture, covered = np.zeros((size * size, 3), np.uint8), np.zeros(size * size, bool)
    texture[texel], covered[texel] = relief(true, own, along), True
    return fill(texture.reshape(size, size, 3), covered.reshape(size, size))


def relief(true: NDArray[np.float32], own: NDArray[np.float32], along: NDArray[np.float32]) -> NDArray[np.uint8]:
    """(N, 3) uint8 of normals in the frame that an engine makes of the interpolated normal and tangent."""
    out = np.empty((len(true), 3), np.uint8)
    _encode(true, own, along, out)
    return out


def occlusion(
    vertices: Vertices, normals: NDArray[np.float32], faces: Faces, atlas: Atlas, size: int
) -> NDArray[np.uint8]:
    """(size, size) uint8: the cosine-weighted share of an evenly lit sky that the body itself leaves visible.

    vertices, normals : (V, 3), (N, 3) float32, which atlas indexes by `source` and `fan`; faces : (F, 3) int32.
    255 is unoccluded. Each direction's depth map gives the occlusion; directions are spread by the golden angle, the
    same for every body.
    """
    texel, face, weights = locate(atlas.uv, atlas.faces, size)
    points = blended(vertices[atlas.source], atlas.faces, face, weights)
    facing = blended(normals[atlas.fan], atlas.faces, face, weights)
    facing /= np.maximum(np.linalg.norm(facing, axis=1, keepdims=True), 1e-30)
    middle = (vertices.min(axis=0) + vertices.max(axis=0)) / 2
    reach = float(np.linalg.norm(vertices - middle, axis=1).max()) * 1.01
    open_, whole = np.zeros(len(points), np.float32), np.zeros(len(points), np.float32)
    for number in range(DIRECTIONS):
        height, turn = 1 - (2 * number + 1) / DIRECTIONS, number * np.pi * (3 - np.sqrt(5))
        flat = np.sqrt(1 - height * height)
        towards = np.array([flat * np.cos(turn), height, flat * np.sin(turn)])
        right = np.cross(towards, np.eye(3)[np.abs(towards).argmin()])
        right /= np.linalg.norm(right)
        axes = np.stack([right, np.cross(towards, right), -towards]).astype(np.float32)
        scale = np.float32(DEPTH_SIZE / (2 * reach))
        seen = (vertices - middle) @ axes.T * scale + np.array([DEPTH_SIZE / 2, DEPTH_SIZE / 2, 0], np.float32)
        depth = depth_buffer(seen.astype(np.float64), faces, DEPTH_SIZE)
        # adds this direction's light where it comes, and to the whole in its half
        _gather(points - middle, facing, axes * scale, depth, open_, whole)
    gray = np.zeros(size * size, np.uint8)
    gray[texel] = (255 * open_ / np.maximum(whole, 1e-6) + 0.5).astype(np.uint8)
    covered = np.zeros(size * size, bool)
    covered[texel] = True
    return fill(np.repeat(gray, 3).reshape(size, size, 3), covered.reshape(size, size))[..., 0]
