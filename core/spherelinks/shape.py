"""The nouns: what a generator receives, and what it returns."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from spherelinks.errors import GeneratorFailed

Progress = Callable[[float], None]
"""Called with the progress of the stage, 0 to 1; may raise ``Cancelled``."""


@dataclass(frozen=True)
class Frame:
    """Picture and matte cropped to a square around the object: the only thing a generator sees.

    rgb : (S, S, 3) uint8, sRGB, straight (not premultiplied); colours extend past the matte's border
    matte : (S, S) float32 in 0..1, the foreground alpha
    """

    rgb: NDArray[np.uint8]
    matte: NDArray[np.float32]


@dataclass(frozen=True)
class Camera:
    """Where the picture was taken from, so that finishing can project it onto the shape.

    world_to_clip : (4, 4) float64. For a point p of the shape, ``c = world_to_clip @ (p, 1)``; the frame's pixel is
        ``u = (c.x / c.w + 1) / 2`` to the right and ``v = (1 - c.y / c.w) / 2`` downwards, both in 0..1 over the
        frame; ``c.z / c.w`` grows away from the viewer.
    eye : (4,) float64, homogeneous: the viewer's position (w = 1), or the direction towards the viewer (w = 0)
    """

    world_to_clip: NDArray[np.float64]
    eye: NDArray[np.float64]


@dataclass(frozen=True)
class Volume:
    """A shape as a regular grid, glTF axes: +Y up, the photographed side towards +Z, right-handed.

    field : (X, Y, Z) float32, signed distance (negative inside), in the same unit as ``spacing``; zero is the surface
    origin : (3,) float64, position of sample [0, 0, 0]
    spacing : distance between neighbouring samples
    color : (X, Y, Z, 3) uint8, sRGB: the generator's colour, used where the picture does not show the surface
    camera : None if the picture should not be projected
    notes : what the user should know, in plain words, for the report
    """

    field: NDArray[np.float32]
    origin: NDArray[np.float64]
    spacing: float
    color: NDArray[np.uint8]
    camera: Camera | None = None
    notes: tuple[str, ...] = ()


Wrap = Literal["repeat", "mirror", "clamp"]


class Sampler(NamedTuple):
    """How a texture continues past its border, in u and in v, and whether its texels have hard edges."""

    u: Wrap = "repeat"
    v: Wrap = "repeat"
    nearest: bool = False


@dataclass(frozen=True)
class Surface:
    """A shape as triangles in any state, glTF axes: +Y up, the photographed side towards +Z, right-handed.

    It may be open, branching, doubled, inside out or in parts: finishing turns it into one closed surface, coloured
    from the nearest point of this one. Without colour and texture it is light grey.

    vertices : (V, 3) float32, any unit
    faces : (F, 3) int32
    color : (V, 3) uint8, sRGB, of the vertices; multiplied with the texture if there are both
    uv : (V, 2) float32, as in glTF: u to the right, v downwards, repeated outside 0..1
    textures : (H, W, 3) uint8 each, sRGB
    texture_of : (F,) int32, each face's texture, -1 for none; None is the first for all
    camera : None if no picture should be projected
    notes : what the user should know, in plain words, for the report
    samplers : how each texture is read; () for all repeated and bilinear
    """

    vertices: NDArray[np.float32]
    faces: NDArray[np.int32]
    color: NDArray[np.uint8] | None = None
    uv: NDArray[np.float32] | None = None
    textures: tuple[NDArray[np.uint8], ...] = ()
    texture_of: NDArray[np.int32] | None = None
    camera: Camera | None = None
    notes: tuple[str, ...] = ()
    samplers: tuple[Sampler, ...] = ()

    def __post_init__(self) -> None:
        for field, values, rows in (
            ("color", self.color, (len(self.vertices), 3)),
            ("uv", self.uv, (len(self.vertices), 2)),
            ("texture_of", self.texture_of, (len(self.faces),)),
        ):
            if values is not None and values.shape != rows:
                raise GeneratorFailed(
                    f"The mesh's {field} is an array of {values.shape}, not {rows}.", hint="Give one row for each."
                )

    @property
    def sha256(self) -> str:
        """Of all that it shows: the same mesh, the same digest."""
        digest = hashlib.sha256()
        for values in (self.vertices, self.faces, self.color, self.uv, *self.textures, self.texture_of):
            digest.update(b"" if values is None else np.ascontiguousarray(values).tobytes())
        digest.update(repr(self.samplers).encode() if self.samplers else b"")
        return digest.hexdigest()


Shape = Volume | Surface
