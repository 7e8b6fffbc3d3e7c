"""What a generator is given, what it returns, and how it is found by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from spherelinks.errors import InvalidOption
from spherelinks.options import Options

Progress = Callable[[float], None]
"""Called with the share of the stage that is done, 0 to 1; may raise ``Cancelled``."""


@dataclass(frozen=True)
class Frame:
    """Picture and matte cropped square round the object: the only thing a generator sees.

    rgb : (S, S, 3) uint8, sRGB, straight (not premultiplied); colours reach past the matte's border
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
    color : (X, Y, Z, 3) uint8, sRGB: the generator's colour, read where the picture does not show the surface
    camera : None where the picture should not be projected
    notes : what the user should know, in plain words, for the report
    """

    field: NDArray[np.float32]
    origin: NDArray[np.float64]
    spacing: float
    color: NDArray[np.uint8]
    camera: Camera | None = None
    notes: tuple[str, ...] = ()


class Generator(Protocol):
    """Turns a frame into a shape. Loaded once in a lasting process; must be deterministic in (frame, options).

    fallback : name of the generator that stands in, and is reported, where this one fails; None for no other
    """

    name: str
    version: str
    fallback: str | None

    def generate(self, frame: Frame, options: Options, progress: Progress) -> Volume:
        """The shape of the object in the frame, standing upright in the common frame's axes.

        Position and size are free: finishing puts the asset on the ground, centred, its longest side 1 m.
        Raises GeneratorFailed where no shape can be made.
        """
        ...


GROUP = "spherelinks.generators"


def available() -> tuple[str, ...]:
    """Names of the installed generators, sorted."""
    return tuple(sorted({point.name for point in entry_points(group=GROUP)}))


@cache
def load(name: str) -> Generator:
    """The generator of that name, made once for the process. Raises InvalidOption for an unknown name."""
    for point in entry_points(group=GROUP):
        if point.name == name:
            generator: Generator = point.load()()
            return generator
    raise not_installed(name)


def not_installed(name: str) -> InvalidOption:
    """The answer to a request for a generator that there is not."""
    return InvalidOption(
        f"options.generator is '{name}': no such generator is installed.",
        hint=f"Installed: {', '.join(available())}.",
        field="options.generator",
    )
