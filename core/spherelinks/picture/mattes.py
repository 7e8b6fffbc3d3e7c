"""The installed mattes: ways to find the object in a picture without transparency, by name.

An entry point of the group ``spherelinks.mattes`` names a :class:`Matte`. Reading one imports no network, so that a
server can check requests without loading any.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from spherelinks.errors import GeneratorFailed, InvalidOption, NoObject, SphereLinksError, shortened

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

GROUP = "spherelinks.mattes"
DEFAULT = "auto"
_OURS = "spherelinks."  # where our own are, which come before others of their names
_LEAST, _MOST = 0.0005, 0.995  # shares of the picture between which there may be an object


class Found(NamedTuple):
    """An object: its alpha, (H, W) float32 in 0..1, and the overlap (IoU) to expect of it with the true one, 0..1."""

    alpha: NDArray[np.float32]
    overlap: float = 1.0


Find: TypeAlias = "Callable[[NDArray[np.uint8], Callable[[str], None]], Found]"
"""Of a picture, (H, W, 3) uint8 sRGB, and what is called with sentences that the user should know: the object.

Raises NoObject, or any other SphereLinksError. It is called from several threads at once.
"""


@dataclass(frozen=True)
class Matte:
    """A way to find the object.

    name : the entry point's name, and the value of the option ``matte``
    version : changes whenever the same picture may give another alpha; part of the asset cache's key
    finder : where its ``Find`` is, as ``package.module:function``; imported when the first picture needs it
    modules : import names of modules that must be installed
    hint : how to install what is missing
    """

    name: str
    version: str
    finder: str
    modules: tuple[str, ...] = ()
    hint: str = ""

    @property
    def problem(self) -> str | None:
        """What this machine lacks, as a sentence; None if nothing is missing."""
        missing = next((module for module in self.modules if find_spec(module) is None), None)
        return None if missing is None else f"The module '{missing}' is not installed."

    def find(self, rgb: NDArray[np.uint8], say: Callable[[str], None]) -> Found:
        """The object in a picture, (H, W, 3) uint8.

        Raises what its finder raises, NoObject if that finds nothing or all, GeneratorFailed if it breaks.
        """
        import numpy as np

        try:
            found = Found(*_loaded(self.finder)(rgb, say))
            alpha = np.asarray(found.alpha, np.float32)
        except (SphereLinksError, MemoryError):
            raise
        except Exception as error:
            raise self._failed(f"{type(error).__name__}: {error}") from error
        if alpha.shape != rgb.shape[:2]:
            raise self._failed(f"its alpha is {alpha.shape} for a picture of {rgb.shape[:2]}.")
        if not (np.isfinite(alpha).all() and alpha.min() >= 0 and alpha.max() <= 1):
            raise self._failed("its alpha is not between 0 and 1.")
        share = float((alpha > 0.5).mean())
        if not _LEAST < share < _MOST:
            most = "nothing" if share <= _LEAST else "all"
            raise NoObject(
                f"The matte '{self.name}' takes {most} of the picture for the object.",
                hint="Use a picture of one object, shown whole, or give a mask.",
            )
        return found._replace(alpha=alpha)

    def _failed(self, why: str) -> GeneratorFailed:
        hint = "Give a mask, and report this." if self.name == DEFAULT else f"Use another matte, such as {DEFAULT}."
        return GeneratorFailed(f"The matte '{self.name}' failed: {why}", hint=hint)


AUTO = Matte(DEFAULT, "3", "spherelinks.picture.matte:looked_for")
U2NETP = Matte("u2netp", "3", "spherelinks.picture.outline:find")
REMBG = Matte(
    "rembg",
    "1",
    "spherelinks.picture.rembg:find",
    modules=("rembg",),
    hint="Install it with: pip install rembg",
)


def installed() -> dict[str, Matte | str]:
    """All that are installed, by name, sorted; why it cannot be used for one that cannot."""
    points = sorted(entry_points(group=GROUP), key=lambda point: (point.name, not point.value.startswith(_OURS)))
    found: dict[str, Matte | str] = {}
    for point in points:
        if point.name not in found:
            found[point.name] = _read(point)
    return found


def ready() -> list[str]:
    """The names of those that can be used, sorted."""
    return [name for name, each in installed().items() if isinstance(each, Matte) and each.problem is None]


def named(name: str) -> Matte:
    """The matte with that name. Raises InvalidOption for one that is missing or cannot be used."""
    if name == DEFAULT:
        return AUTO
    found = installed().get(name, "no such matte is installed.")
    if isinstance(found, Matte) and found.problem is None:
        return found
    why, hint = (f"it cannot be used. {found.problem}", found.hint) if isinstance(found, Matte) else (found, "")
    raise InvalidOption(
        f"options.matte is '{shortened(name)}': {why}",
        hint=f"Installed: {', '.join(ready())}. {hint}".rstrip(),
        field="options.matte",
    )


def _read(point: EntryPoint) -> Matte | str:
    try:
        found = point.load()
        if not isinstance(found, Matte):
            raise TypeError(f"{point.value} is of the type {type(found).__name__}, not a Matte")
        if found.name != point.name:
            raise ValueError(f"it is named '{found.name}', its entry point '{point.name}'")
    except Exception as error:  # whatever a plug-in raises counts as its failure, and hides no other
        return f"it cannot be used. {type(error).__name__}: {error}"
    return found


@cache
def _loaded(finder: str) -> Find:
    module, _, name = finder.partition(":")
    function: Find = getattr(import_module(module), name)
    return function
