"""A soft studio: a large key light, a sky as fill light, a paler floor; the lights are fixed to the camera."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spherelinks.native import kernel
from spherelinks.pixels.srgb import LIGHT, to_srgb

#: Towards the key light, in the camera's axes: over the viewer's left shoulder.
KEY = np.array((-0.48, 0.62, 0.62)) / np.linalg.norm((-0.48, 0.62, 0.62))

#: Linear light of sRGB levels 0..255, and sRGB levels of linear light 0..1 in 1024 steps.
LINEAR = LIGHT.astype(np.float32)
ENCODED = (255 * to_srgb(np.arange(1025) / 1024)).astype(np.float32)


_shade = kernel(
    "light_shade", "image: u1[S,S,4]*", "first: int", "end: int", "ids: i4[2S,2S]", "samples: int", "points: f8[V,3]",
    "faces: i4[F,3] < V", "uv: f4[V,2]", "normals: f8[V,3]", "tangents: f8[T,4]", "T", "up: f8[3]", "key: f8[3]",
    "texture: u1[H,W,4]", "H", "W", "relief: u1[P,Q,3]", "shadow: f4[S,S]", "linear: f4[256]", "encoded: f4[1025]",
)  # fmt: skip


def shade(
    image: NDArray[np.uint8],
    first: int,
    end: int,
    ids: NDArray[np.int32],
    points: NDArray[np.float64],
    faces: NDArray[np.int32],
    uv: NDArray[np.float32],
    normals: NDArray[np.float64],
    tangents: NDArray[np.float64],
    up: NDArray[np.float64],
    key: NDArray[np.float64],
    texture: NDArray[np.uint8],
    relief: NDArray[np.uint8],
    shadow: NDArray[np.float32],
    linear: NDArray[np.float32],
    encoded: NDArray[np.float32],
) -> None:
    """Draw the rows from `first` to before `end`: each face that a pixel shows, by its share, averaged in linear light.

    image : (S, S, 4) uint8, zeros, filled: sRGB with straight alpha
    ids : (2 S, 2 S) int32, the face that each of a pixel's four samples shows; points : (V, 3) float64, the corners as
    `visible` takes them; uv : (V, 2); normals : (V, 3) in the camera's axes, as `tangents` (V, 4), empty without a
    normal map, `up`, the vertical, and `key`, towards the key light; texture : (H, W, 4) uint8, sRGB and how open each
    place is to the room's light, its texels about as large as a pixel; relief : (H, W, 3) uint8 normal map; shadow :
    (S, S) float32, how dark the ground is where nothing stands before it; linear, encoded : LINEAR and ENCODED
    """
    if len(tangents) and (len(tangents) != len(points) or relief.shape[:2] != texture.shape[:2]):
        raise ValueError(f"{len(tangents)} tangents and a relief of {relief.shape} do not fit {texture.shape}")
    _shade(
        image, first, end, ids, len(ids), points, faces, uv, normals, tangents, up, key, texture, relief, shadow,
        linear, encoded,
    )  # fmt: skip
