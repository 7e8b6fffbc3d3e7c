"""What a generator is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from spherelinks.shape import Frame, Progress, Shape

GENERATORS_OWN = ("diffusionSteps", "seed")
"""Shared options, by their API names, that belong to generators: finishing, which is the same for all of them, uses all
others. They have no effect on a generator that ignores them."""


class Generator(Protocol):
    """Turns a frame into a shape. Loaded once per long-lived process; must be deterministic in (frame, options).

    What is known of it before it is loaded is on its card, see :class:`spherelinks.generation.card.Card`.
    """

    def generate(self, frame: Frame, options: Any, progress: Progress) -> Shape:
        """The shape of the object in the frame, standing upright in the common frame's axes.

        options : of the model that the card names; :class:`spherelinks.options.Options` unless it has more

        Position and size are free: finishing puts the asset on the ground, centred, its longest side 1 m.
        Raises GeneratorFailed if no shape can be made; lets pass what ``progress`` raises, such as Cancelled.
        """
        ...
