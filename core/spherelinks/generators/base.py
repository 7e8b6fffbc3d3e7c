"""What a generator is."""

from __future__ import annotations

from typing import Protocol

from spherelinks.options import Options
from spherelinks.shape import Frame, Progress, Shape

GENERATORS_OWN = ("diffusionSteps", "seed")
"""Options, by their API names, that belong to generators: finishing, which is the same for all of them, uses all
others. They have no effect on a generator that ignores them."""


class Generator(Protocol):
    """Turns a frame into a shape. Loaded once per long-lived process; must be deterministic in (frame, options).

    fallback : name of the generator that takes over, and is reported, if this one fails; None for no other
    heeds : which of ``GENERATORS_OWN`` it uses
    """

    name: str
    version: str
    fallback: str | None
    heeds: tuple[str, ...] = ()

    def generate(self, frame: Frame, options: Options, progress: Progress) -> Shape:
        """The shape of the object in the frame, standing upright in the common frame's axes.

        Position and size are free: finishing puts the asset on the ground, centred, its longest side 1 m.
        Raises GeneratorFailed if no shape can be made.
        """
        ...
