"""The installed generators, by name: first their cards, the generators themselves on demand."""

from __future__ import annotations

import logging
import sys
import threading
import time
from dataclasses import dataclass, field
from functools import cache, lru_cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from spherelinks.errors import InvalidOption, shortened
from spherelinks.generation.base import Generator
from spherelinks.generation.card import Card

GROUP = "spherelinks.generators"
_OURS = "spherelinks."  # where our own cards are, which come before others of their names
PATIENCE_S = 5.0
"""Seconds that reading a card may take. One that takes longer is left out until it is ready."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Installed:
    """Generators by name, sorted.

    cards : of the generators whose cards can be read
    problems : why a generator cannot be used, by name
    absent, label : what messages say of one that is missing, and of those available
    """

    cards: dict[str, Card] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)
    absent: str = "no such generator is installed."
    label: str = "Installed"

    def card(self, name: str) -> Card:
        """The card with that name. Raises InvalidOption for a generator that is missing or cannot be used."""
        problem = self.problems.get(name)
        if name in self.cards and problem is None:
            return self.cards[name]
        ready = [other for other in self.cards if other not in self.problems]
        raise InvalidOption(
            f"options.generator is '{shortened(name)}': "
            + (f"it cannot be used. {problem}" if problem else self.absent),
            hint=f"{self.label}: {', '.join(ready)}."
            if self.cards
            else "Reinstall the package: its entry points are those of another version.",
            field="options.generator",
        )


def look() -> Installed:
    """All installed generators. A broken or slow plug-in is listed under problems and hides no other."""
    readings = [(point, _reading(point)) for point in _points(tuple((path, _changed(path)) for path in sys.path))]
    found = Installed()
    for point, reading in readings:
        reading.join(max(0.0, reading.until - time.monotonic()))
        if point.name in found.cards:
            by = point.dist.name if point.dist else point.value
            found.problems[f"{point.name} ({by})"] = "Another generator of that name is installed."
        elif reading.card is not None:
            found.cards[point.name] = reading.card
        else:
            slow = f"Its card was not read within {PATIENCE_S:g} s: {point.value} must import nothing heavy."
            found.problems[point.name] = reading.problem or slow
    return found


def available() -> tuple[str, ...]:
    """The names of the installed generators, sorted."""
    return tuple(look().cards)


def card(name: str) -> Card:
    """The card with that name. Raises InvalidOption for a generator that is missing or broken."""
    return look().card(name)


def load(name: str) -> Generator:
    """The generator with that name. Raises InvalidOption, and GeneratorFailed if it cannot be loaded."""
    return instance(card(name))


@cache
def instance(card: Card) -> Generator:
    """The card's generator, created once per process. Raises GeneratorFailed if it cannot be loaded."""
    return card.load()


@lru_cache(maxsize=1)
def _points(where: tuple[tuple[str, int], ...]) -> tuple[EntryPoint, ...]:
    """What the folders of sys.path, each with the time of its last change, offer; ours first among those of a name.

    Looking through all that is installed takes as long as several stages of a picture.
    """
    points = entry_points(group=GROUP)
    return tuple(sorted(points, key=lambda point: (point.name, not point.value.startswith(_OURS))))


def _changed(path: str) -> int:
    """When something was last installed in a folder; 0 if it does not exist."""
    try:
        return Path(path or ".").stat().st_mtime_ns
    except OSError:
        return 0


class _Reading(threading.Thread):
    """Reads a card in its own thread, since its imports are beyond our control."""

    def __init__(self, point: EntryPoint) -> None:
        super().__init__(name=f"card-{point.name}", daemon=True)
        self.until = time.monotonic() + PATIENCE_S
        self.card: Card | None = None
        self.problem: str | None = None
        self._point = point

    def run(self) -> None:
        try:
            found = self._point.load()
            if not isinstance(found, Card):
                raise TypeError(f"{self._point.value} is of the type {type(found).__name__}, not a Card")
            if found.name != self._point.name:
                raise ValueError(f"its card is named '{found.name}', its entry point '{self._point.name}'")
            self.card = found
        except BaseException as error:  # whatever a plug-in raises counts as its failure
            self.problem = f"{type(error).__name__}: {error}"
            logger.warning("the generator %s cannot be used: %s", self._point.name, self.problem)


_readings: dict[tuple[str, str], _Reading] = {}
_lock = threading.Lock()


def _reading(point: EntryPoint) -> _Reading:
    """The reader of the entry point's card, started by the first call."""
    with _lock:
        key = point.name, point.value
        if key not in _readings:
            _readings[key] = _Reading(point)
            _readings[key].start()
        return _readings[key]
