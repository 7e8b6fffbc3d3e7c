"""The installed generators, by name."""

from __future__ import annotations

from functools import cache
from importlib.metadata import entry_points

from spherelinks.errors import InvalidOption
from spherelinks.generators.base import Generator

GROUP = "spherelinks.generators"


def available() -> tuple[str, ...]:
    """The names of the installed generators, sorted."""
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
