"""What simplification took from the surface, as a normal map, and the light that corners lose, as occlusion."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from spherelinks.mesh.nearest import nearest, tree
from spherelinks.mesh.normals import vertex_normals
from spherelinks.mesh.topology import Faces, Vertices
from spherelinks.pixels.depth import depth_buffer
from spherelinks.pixels.padding import fill
from spherelinks.texture.texels import blended, locate
from spherelinks.texture.unwrap import Atlas

#: Directions from which light may come, and the side of the depth map of each, px.
DIRECTIONS, DEPTH_SIZE = 160, 256
#: Pixels of that map by which a point may lie behind what is seen and still count as seen.
BIAS = 1.5


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
    nearest point of the full surface looks elsewhere, as it does on the far side of a thin wall, the map is flat.
    """
    texel, face, weights = locate(atlas.uv, atlas.faces, size)
    at = nearest(blended(vertices[atlas.source], atlas.faces, face, weights), tree(*full))
    true = blended(vertex_normals(*full), full[1], at.face, at.weights)
    own = blended(normals[atlas.fan], atlas.faces, face, weights)
    along = blended(tangents, atlas.faces, face, weights)
    texture, covered = np.zeros((size * size, 3), np.uint8), np.zeros(size * size, bool)
    texture[texel], covered[texel] = _encoded(true, own, along), True
    return fill(texture.reshape(size, size, 3), covered.reshape(size, size))


@njit(cache=True, nogil=True)
def _encoded(true, own, along):  # type: ignore[no-untyped-def]
    """(N, 3) uint8 of normals in the frame that an engine makes of the interpolated normal and tangent."""
    out = np.empty((len(true), 3), np.uint8)
    flat = np.array([0.0, 0.0, 1.0])
    for i in range(len(true)):
        n = own[i].astype(np.float64) / (np.sqrt((own[i].astype(np.float64) ** 2).sum()) + 1e-30)
        t = along[i, :3].astype(np.float64) / (np.sqrt((along[i, :3].astype(np.float64) ** 2).sum()) + 1e-30)
        b = np.cross(n, t) * along[i, 3]
        m = true[i].astype(np.float64)
        # m = x t + y b + z n, by Cramer's rule, for t and n need not be at right angles between vertices
        whole = (np.cross(t, b) * n).sum()
        value = flat
        if abs(whole) > 1e-9:
            solved = np.array([(np.cross(m, b) * n).sum(), (np.cross(t, m) * n).sum(), (np.cross(t, b) * m).sum()])
            solved /= whole
            length = np.sqrt((solved**2).sum())
            if solved[2] > 0.1 * length:
                value = solved / length
        for d in range(3):
            out[i, d] = np.uint8(min(value[d] * 127 + 128.5, 255.0))
    return out


def occlusion(
    vertices: Vertices, normals: NDArray[np.float32], faces: Faces, atlas: Atlas, size: int
) -> NDArray[np.uint8]:
    """(size, size) uint8: the share of an evenly lit sky, weighted by its cosine, that the body itself leaves in view.

    vertices, normals : (V, 3), (N, 3) float32, which atlas indexes by `source` and `fan`; faces : (F, 3) int32.
    255 is nothing in the way. Each direction's depth map says what is in the way; directions are spread by the golden
    angle, the same for every body.
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
        _gather(points - middle, facing, axes * scale, depth, open_, whole)
    gray = np.zeros(size * size, np.uint8)
    gray[texel] = (255 * open_ / np.maximum(whole, 1e-6) + 0.5).astype(np.uint8)
    covered = np.zeros(size * size, bool)
    covered[texel] = True
    return fill(np.repeat(gray, 3).reshape(size, size, 3), covered.reshape(size, size))[..., 0]


@njit(cache=True, nogil=True)
def _gather(points, facing, axes, depth, open_, whole):  # type: ignore[no-untyped-def]
    """Add one direction's light, -axes[2], where it comes, to open_, and everywhere in its half to whole; in place."""
    size = len(depth)
    scale = np.sqrt((axes[2] ** 2).sum())
    for i in range(len(points)):
        cosine = -(facing[i, 0] * axes[2, 0] + facing[i, 1] * axes[2, 1] + facing[i, 2] * axes[2, 2]) / scale
        if cosine <= 0.02:
            continue
        whole[i] += cosine
        x = points[i, 0] * axes[0, 0] + points[i, 1] * axes[0, 1] + points[i, 2] * axes[0, 2] + size / 2
        y = points[i, 0] * axes[1, 0] + points[i, 1] * axes[1, 1] + points[i, 2] * axes[1, 2] + size / 2
        z = points[i, 0] * axes[2, 0] + points[i, 1] * axes[2, 1] + points[i, 2] * axes[2, 2]
        # steeper surfaces span more depth within a pixel
        z -= BIAS * (1 + min(np.sqrt(1 - min(cosine, 1.0) ** 2) / cosine, 4.0))
        column, row = min(max(int(x), 0), size - 1), min(max(int(y), 0), size - 1)
        if z <= depth[row, column]:
            open_[i] += cosine
