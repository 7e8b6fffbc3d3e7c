"""Transfers a raw mesh's colours to the texels of a mesh made from it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spherelinks import threads
from spherelinks.mesh.nearest import Nearest, Tree, sought
from spherelinks.mesh.topology import Faces, Vertices
from spherelinks.native import kernel
from spherelinks.pixels.padding import fill
from spherelinks.pixels.srgb import LIGHT, to_srgb
from spherelinks.shape import Sampler, Surface, Wrap
from spherelinks.texture.texels import BAND, blended, locate

#: Colour of a mesh without colours and textures: light grey, sRGB.
PLAIN = 200

#: The sRGB byte of each of 4096 steps of light.
_BYTE = to_srgb(np.linspace(0, 1, 4096)) * 255 + 0.5


_look_up = kernel("carry_looked_up", "image: u1[H,W,3]", "H", "W", "uv: f4[N,2]", "N", "out: u1[N,3]*")


@dataclass(frozen=True)
class Found:
    """The points of a surface that the texels of an atlas show.

    size : the texture's side, px
    texel : (N,) int64, counted row by row; face : (N,) int32 of the atlas, and (N, 3) float32 weights there
    at : the points of the surface
    """

    size: int
    texel: NDArray[np.int64]
    face: NDArray[np.int32]
    weights: NDArray[np.float32]
    at: Nearest

    def image(self, values: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """(size, size, 3) uint8 of (N, 3) or (N,) values, continued over the texels that no face covers."""
        texture, covered = np.zeros((self.size * self.size, 3), np.uint8), np.zeros(self.size * self.size, np.bool_)
        texture[self.texel] = values.reshape(len(values), -1)
        covered[self.texel] = True
        return fill(texture.reshape(self.size, self.size, 3), covered.reshape(self.size, self.size))


def seek(points: Vertices, uv: NDArray[np.float32], faces: Faces, size: int, tree: Tree) -> Found:
    """The surface's point that is nearest to each texel that a face covers.

    points (W, 3) float32 in the surface's unit and uv (W, 2) float32 in 0..1; faces (F, 3) int32 into both;
    tree of the surface.
    """
    texel, face, weights = locate(uv, faces, size)
    places = blended(points, faces, face, weights)
    _ = tree.fours  # made once, before threads ask for them
    with threads.pool() as pool:
        starts = range(0, max(len(places), 1), BAND)
        bands = list(pool.map(lambda k: sought(places[k : k + BAND], tree), starts))
    at = Nearest(*(np.concatenate([getattr(band, name) for band in bands]) for name in ("distance", "face", "weights")))
    return Found(size, texel, face, weights, at)


def carry(found: Found, surface: Surface) -> NDArray[np.uint8]:
    """(size, size, 3) uint8 sRGB: in each texel that a face covers, the colour of the surface's nearest point."""
    texture = np.zeros((found.size * found.size, 3), np.uint8)
    texture[found.texel] = colors(surface, found.at)
    return texture.reshape(found.size, found.size, 3)


def colors(surface: Surface, at: Nearest) -> NDArray[np.uint8]:
    """(N, 3) uint8 sRGB colours of N points of a surface."""
    faces = np.ascontiguousarray(surface.faces, np.int32)
    color = np.full((len(at.face), 3), 255 if surface.textures else PLAIN, np.uint8)
    if surface.color is not None:
        corners, weights = faces[at.face], at.weights[..., None]
        color = ((surface.color[corners] * weights).sum(axis=1) + 0.5).astype(np.uint8)
    if surface.uv is None or not surface.textures:
        return color
    uv = blended(np.ascontiguousarray(surface.uv, np.float32), faces, at.face, at.weights)
    which = np.zeros(len(at.face), np.int32) if surface.texture_of is None else surface.texture_of[at.face]
    for number, image in enumerate(surface.textures):
        here = which == number
        shown = look_up(image, uv[here], surface.samplers[number] if surface.samplers else Sampler())
        if surface.color is not None and (color[here] != 255).any():
            light = LIGHT[shown] * LIGHT[color[here]]
            shown = _BYTE[(light * (len(_BYTE) - 1)).astype(np.int32)].astype(np.uint8)
        color[here] = shown
    return color


def look_up(image: NDArray[np.uint8], uv: NDArray[np.float32], sampler: Sampler) -> NDArray[np.uint8]:
    """(N, 3) uint8 colours of an (H, W, 3) uint8 image at (N, 2) float32 places, v downwards."""
    if sampler != Sampler():
        sides = zip(uv.T, image.shape[1::-1], sampler[:2], strict=True)
        uv = np.stack([_wrapped(*side, nearest=sampler.nearest) for side in sides], axis=1)
    return _looked_up(np.ascontiguousarray(image), np.ascontiguousarray(uv, np.float32))


def _looked_up(image: NDArray[np.uint8], uv: NDArray[np.float32]) -> NDArray[np.uint8]:
    """(N, 3) uint8 colours of an (H, W, 3) image at (N, 2) places, bilinear, repeated past its border."""
    out = np.empty((len(uv), 3), np.uint8)
    threads.each(lambda k: _look_up(image, uv[k : k + BAND], out[k : k + BAND]), range(0, len(uv), BAND))
    return out


def _wrapped(at: NDArray[np.float32], texels: int, wrap: Wrap, *, nearest: bool) -> NDArray[np.float64]:
    """Positions along one side of an image, wrapped as a repeated, bilinear look-up does."""
    place = at.astype(np.float64)
    if wrap == "mirror":
        place = 1 - np.abs(1 - np.mod(place, 2))
    if wrap != "repeat":
        place = place.clip(0.5 / texels, 1 - 0.5 / texels)
    return (np.floor(np.mod(place, 1) * texels) + 0.5) / texels if nearest else place
