"""The nouns: what a generator receives, and what it returns."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from spherelinks.errors import GeneratorFailed

if TYPE_CHECKING:
    from spherelinks.report import Reason

Progress = Callable[[float], None]
"""Called with the progress of the stage, 0 to 1; may raise ``Cancelled``."""


View = Literal["front", "back", "left", "right"]
"""A side of the object that a picture shows; left and right are the viewer's, who faces the front."""
SIDES: tuple[View, ...] = ("back", "left", "right")
"""Those that further pictures show, beside the front's."""
VIEWS: tuple[View, ...] = ("front", *SIDES)


@dataclass(frozen=True)
class Frame:
    """Picture and matte cropped to a square around the object: the only thing a generator sees.

    rgb : (S, S, 3) uint8, sRGB, straight (not premultiplied); colours extend past the matte's border
    matte : (S, S) float32 in 0..1, the foreground alpha
    others : of the front's frame, those of other pictures of the same object, if the generator takes several
    """

    rgb: NDArray[np.uint8]
    matte: NDArray[np.float32]
    others: Mapping[View, Frame] = dataclass_field(default_factory=dict)


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


class Colors:
    """A grid's colours, each worked out once it is asked for: a texture shows few of them.

    asked : (X, Y, Z) uint8, 1 where the colour is wanted and 2 where it is there
    """

    def __init__(
        self, shape: tuple[int, ...], work_out: Callable[[NDArray[np.uint8], NDArray[np.uint8]], None]
    ) -> None:
        """`work_out` is given `asked` and the (X, Y, Z, 3) uint8 grid: it fills in what is wanted, and says so."""
        self.asked = np.zeros(shape, np.uint8)
        self._grid = np.empty((*shape, 3), np.uint8)
        self._work_out = work_out

    def known(self) -> NDArray[np.uint8]:
        """The (X, Y, Z, 3) uint8 grid, with the colours that were asked for; the rest is undefined."""
        self._work_out(self.asked, self._grid)
        return self._grid

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        """The whole grid."""
        self.asked[self.asked == 0] = 1
        return np.array(self.known(), dtype, copy=copy)


@dataclass(frozen=True)
class Volume:
    """A shape as a regular grid, glTF axes: +Y up, the photographed side towards +Z, right-handed.

    field : (X, Y, Z) float32, signed distance (negative inside), in the same unit as ``spacing``; zero is the surface
    origin : (3,) float64, position of sample [0, 0, 0]
    spacing : distance between neighbouring samples
    color : (X, Y, Z, 3) uint8, sRGB: the generator's colour, used where the picture does not show the surface; or what
        works it out
    camera : None if the picture should not be projected
    notes : what the user should know, in plain words, for the report
    doubts : the generator's own reasons to doubt the shape, for the report's confidence
    others : the cameras of the frame's other pictures that should be projected, too
    """

    field: NDArray[np.float32]
    origin: NDArray[np.float64]
    spacing: float
    color: NDArray[np.uint8] | Colors
    camera: Camera | None = None
    notes: tuple[str, ...] = ()
    doubts: tuple[Reason, ...] = ()
    others: Mapping[View, Camera] = dataclass_field(default_factory=dict)


Wrap = Literal["repeat", "mirror", "clamp"]


class Sampler(NamedTuple):
    """How a texture continues past its border, in u and in v, and whether its texels have hard edges."""

    u: Wrap = "repeat"
    v: Wrap = "repeat"
    nearest: bool = False


class Map(NamedTuple):
    """One of a material's images, and how it is read.

    image : (H, W, 3) uint8, as stored
    uv : which texture coordinates it is read at: 0 for the surface's uv, k for uvs[k - 1]
    file : the image's own file, if it comes from one
    """

    image: NDArray[np.uint8]
    uv: int = 0
    sampler: Sampler = Sampler()
    file: bytes | None = None


AlphaMode = Literal["OPAQUE", "MASK", "BLEND"]


@dataclass(frozen=True)
class Finish:
    """What of a material holds for all of a face: how alpha is read, whether both sides are drawn, and whether light
    makes no difference to it."""

    alpha_mode: AlphaMode = "OPAQUE"
    alpha_cutoff: float = 0.5
    double_sided: bool = False
    unlit: bool = False


#: Plain paint: one picture cannot tell metal from its reflections, and a glossy guess looks wet.
METALLIC, ROUGHNESS = 0.0, 0.8


@dataclass(frozen=True)
class Material:
    """A metallic-roughness material, as glTF defines it. Factors are linear and multiply what the maps say.

    color : base colour and opacity, which the surface's color and opacity contain already
    base, opacity : base colour, sRGB, and, if it is read at all, its alpha in all three channels
    metallic_roughness : roughness in green, metalness in blue
    normal : in tangent space, green up; normal_scale : of its x and y
    occlusion : in red; occlusion_strength : how far it is applied, 0..1
    emission : beyond 1 for what outshines a white surface; emissive : sRGB
    """

    name: str = ""
    color: tuple[float, float, float, float] = (1.0, 1.0, 1.0, 1.0)
    base: Map | None = None
    opacity: Map | None = None
    metallic: float = METALLIC
    roughness: float = ROUGHNESS
    metallic_roughness: Map | None = None
    normal: Map | None = None
    normal_scale: float = 1.0
    occlusion: Map | None = None
    occlusion_strength: float = 1.0
    emission: tuple[float, float, float] = (0.0, 0.0, 0.0)
    emissive: Map | None = None
    finish: Finish = Finish()


@dataclass(frozen=True)
class Surface:
    """A shape as triangles in any state, glTF axes: +Y up, the photographed side towards +Z, right-handed.

    It may be open, branching, doubled, inside out or in parts: finishing turns it into one closed surface, coloured
    from the nearest point of this one. Without colour and texture it is light grey, without materials plain paint.

    vertices : (V, 3) float32, any unit
    faces : (F, 3) int32
    color : (V, 3) uint8, sRGB, of the vertices; multiplied with the texture if there are both
    uv : (V, 2) float32, as in glTF: u to the right, v downwards, repeated outside 0..1
    textures : (H, W, 3) uint8 each, sRGB
    texture_of : (F,) int32, each face's texture, -1 for none; None is the first for all
    camera : None if no picture should be projected
    notes : what the user should know, in plain words, for the report
    samplers : how each texture is read; () for all repeated and bilinear
    materials : for all but base colours, which are read from color and textures
    material_of : (F,) int32, each face's material; None is the first for all
    uvs : further texture coordinates, (V, 2) float32 each, for maps that are not read at uv
    opacity : (V,) uint8; None is opaque
    normals : (V, 3) float32, and tangents : (V, 4) float32 with the bitangents' signs, as normal maps need them; rows
        of zeros are not known, and faces then flat, tangents MikkTSpace's
    doubts : the generator's own reasons to doubt the shape, for the report's confidence
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
    materials: tuple[Material, ...] = ()
    material_of: NDArray[np.int32] | None = None
    uvs: tuple[NDArray[np.float32], ...] = ()
    opacity: NDArray[np.uint8] | None = None
    normals: NDArray[np.float32] | None = None
    tangents: NDArray[np.float32] | None = None
    doubts: tuple[Reason, ...] = ()

    def __post_init__(self) -> None:
        for field, values, rows in (
            ("color", self.color, (len(self.vertices), 3)),
            ("uv", self.uv, (len(self.vertices), 2)),
            ("texture_of", self.texture_of, (len(self.faces),)),
            ("material_of", self.material_of, (len(self.faces),)),
            ("opacity", self.opacity, (len(self.vertices),)),
            ("normals", self.normals, (len(self.vertices), 3)),
            ("tangents", self.tangents, (len(self.vertices), 4)),
            *(("uvs", each, (len(self.vertices), 2)) for each in self.uvs),
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
            digest.update(b"" if values is None else _bytes(values))
        digest.update(repr(self.samplers).encode() if self.samplers else b"")
        if self.materials:
            further = (self.material_of, self.opacity, self.normals, self.tangents, *self.uvs)
            for rows in further:
                digest.update(b"" if rows is None else _bytes(rows))
            for material in self.materials:
                for value in vars(material).values():
                    if isinstance(value, Map):
                        digest.update(_bytes(value.image))
                        value = value[1:3]
                    digest.update(repr(value).encode())
        return digest.hexdigest()


Shape = Volume | Surface


def _bytes(values: NDArray[Any]) -> memoryview:
    """An array's bytes in C order, without a copy where it has that."""
    return np.ascontiguousarray(values).reshape(-1).view(np.uint8).data
