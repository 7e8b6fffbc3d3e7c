"""Cards: what is known about a generator before anything heavy is loaded.

An entry point of the group ``spherelinks.generators`` names a card. Reading it imports no network and no GPU library,
so a server can list generators, check requests and show prices without loading any of them.
"""

from __future__ import annotations

import pkgutil
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, create_model

from spherelinks.errors import GeneratorFailed, SphereLinksError
from spherelinks.generation import machine
from spherelinks.generation.base import GENERATORS_OWN, Generator
from spherelinks.options import Options

MAX_PRICE = 1000


@dataclass(frozen=True)
class Needs:
    """What a generator needs to run.

    modules : import names of modules that must be installed
    files : files that must exist, such as weights; nothing is downloaded at run time
    memory_mb, gpu_memory_mb : MiB of main and GPU memory; 0 if any machine has enough, or no GPU is needed
    """

    modules: tuple[str, ...] = ()
    files: tuple[Path, ...] = ()
    memory_mb: int = 0
    gpu_memory_mb: int = 0

    def missing(self, memory_limit_mb: int | None = None) -> str | None:
        """What this machine lacks, as a sentence; None if nothing is missing.

        memory_limit_mb : MiB that the process may use; None is the machine's memory
        """
        for module in self.modules:
            if not _installed(module):
                return f"The module '{module}' is not installed."
        for file in self.files:
            if not file.is_file():
                return f"The file {file} is missing."
        limit = memory_limit_mb if memory_limit_mb is not None else machine.memory_mb()
        if limit is not None and self.memory_mb > limit:
            return f"It needs {self.memory_mb} MiB of memory; {limit} MiB may be used."
        if self.gpu_memory_mb > (found := machine.gpu_memory_mb() if self.gpu_memory_mb else 0):
            has = f"the largest here has {found} MiB" if found else "there is none here"
            return f"It needs a GPU with {self.gpu_memory_mb} MiB; {has}."
        return None


def _installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):  # its package is missing, or broken
        return False


@dataclass(frozen=True)
class Card:
    """What is known of a generator.

    name : lower-case letters, digits and hyphens; the entry point's name, and the value of the option ``generator``
    version : changes whenever the same frame and options may give another shape; part of the asset cache's key
    generator : where the :class:`spherelinks.generation.base.Generator` is, as ``package.module:Class``; called
        without arguments, once a process, when the first job needs it
    licence : of its code and weights, as an SPDX expression
    fallback : name of the generator that takes over, and is reported, if this one fails; None for no other
    heeds : which of the shared options diffusionSteps and seed it uses
    options : :class:`spherelinks.options.Options`, or a model derived from it with options of its own, each a number
        with a range, a flag, a choice or a text of limited length, with a default and a description
    needs : what it needs to run
    price : credits that a job costs, 1 to 1000
    views : whether it uses the frame's other pictures, from the back, the left and the right

    Raises ValueError for an invalid card.
    """

    name: str
    version: str
    generator: str
    licence: str = ""
    fallback: str | None = None
    heeds: tuple[str, ...] = ()
    options: type[Options] = Options
    needs: Needs = field(default_factory=Needs)
    price: int = 1
    views: bool = False

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", self.name) or len(self.name) > 64:
            raise ValueError(f"name is {self.name!r}: use lower-case letters, digits and hyphens, 64 at most")
        if not self.version:
            raise ValueError("version is empty")
        if not re.fullmatch(r"[\w.]+:\w+", self.generator):
            raise ValueError(f"generator is {self.generator!r}: name it as package.module:Class")
        if self.fallback == self.name:
            raise ValueError(f"fallback is {self.fallback!r}, the generator itself")
        if unknown := set(self.heeds) - set(GENERATORS_OWN):
            raise ValueError(f"heeds has {', '.join(sorted(unknown))}: only {', '.join(GENERATORS_OWN)} belong there")
        if type(self.price) is not int or not 1 <= self.price <= MAX_PRICE:
            raise ValueError(f"price is {self.price!r}: give a whole number of credits from 1 to {MAX_PRICE}")
        if not (isinstance(self.options, type) and issubclass(self.options, Options)):
            raise ValueError(f"options is {self.options!r}: derive it from spherelinks.options.Options")
        shared, schema = Options.model_json_schema()["properties"], self.options.model_json_schema()["properties"]
        for name in shared:
            if schema.get(name) != shared[name]:
                raise ValueError(f"options.{name} is declared again: it is the same for all generators")
        for name, declared in self.own.items():
            _check_own(name, declared)

    @property
    def own(self) -> dict[str, dict[str, Any]]:
        """The JSON Schema of each of its own options, by API name."""
        return {
            name: declared
            for name, declared in self.options.model_json_schema()["properties"].items()
            if name not in _SHARED
        }

    @property
    def ignores(self) -> tuple[str, ...]:
        """Shared options that have no effect on it."""
        return tuple(name for name in GENERATORS_OWN if name not in self.heeds)

    def announced(self) -> dict[str, Any]:
        """The card as JSON values, for a machine without the generator; models of its own options are left out."""
        return {
            "name": self.name,
            "version": self.version,
            "generator": self.generator,
            "licence": self.licence,
            "fallback": self.fallback,
            "heeds": [*self.heeds],
            "own": self.own,
            "needs": {"memory_mb": self.needs.memory_mb, "gpu_memory_mb": self.needs.gpu_memory_mb},
            "price": self.price,
            "views": self.views,
        }

    @classmethod
    def of(cls, announced: Mapping[str, Any]) -> Card:
        """A card announced elsewhere: it describes and checks, but its generator cannot be loaded here.

        Raises KeyError, TypeError, ValueError for an invalid one.
        """
        return cls(
            name=announced["name"],
            version=announced["version"],
            generator=announced["generator"],
            licence=announced["licence"],
            fallback=announced["fallback"],
            heeds=tuple(announced["heeds"]),
            options=_model(announced["own"]),
            needs=Needs(memory_mb=announced["needs"]["memory_mb"], gpu_memory_mb=announced["needs"]["gpu_memory_mb"]),
            price=announced["price"],
            views=announced.get("views", False),  # a worker of before 0.3 does not say it
        )

    def load(self) -> Generator:
        """A new instance of the generator. Raises GeneratorFailed if it cannot be loaded."""
        try:
            made: Generator = pkgutil.resolve_name(self.generator)()
        except (SphereLinksError, MemoryError):  # of the latter a new process is the cure
            raise
        except (Exception, SystemExit) as error:
            raise GeneratorFailed(
                f"The generator {self.name} cannot be loaded: {type(error).__name__}: {error}.",
                hint="Ask for another generator; the operator finds more with: spherelinks doctor",
            ) from error
        return made


def _model(own: Mapping[str, Mapping[str, Any]]) -> type[Options]:
    """A model of options that adds these to the shared ones; the inverse of ``Card.own``."""
    if not own:
        return Options
    fields: dict[str, Any] = {}
    for name, declared in own.items():
        kinds = declared.get("anyOf", [declared])
        kind = next(each for each in kinds if each.get("type") != "null")
        choices = kind.get("enum") or ([kind["const"]] if "const" in kind else None)
        plain = Literal[tuple(choices)] if choices else _TYPES[kind["type"]]
        limits = {_LIMITS[word]: value for word, value in kind.items() if word in _LIMITS}
        plain = Annotated[plain, Field(**limits)] if limits else plain
        told = Field(default=declared["default"], alias=name, description=declared["description"])
        fields[name] = (plain | None if len(kinds) > 1 else plain, told)
    made: type[Options] = create_model("Options", __base__=Options, **fields)
    return made


_TYPES: dict[str, Any] = {"integer": int, "number": float, "boolean": bool, "string": str}
_LIMITS = {
    "minimum": "ge",
    "exclusiveMinimum": "gt",
    "maximum": "le",
    "exclusiveMaximum": "lt",
    "multipleOf": "multiple_of",
    "minLength": "min_length",
    "maxLength": "max_length",
    "pattern": "pattern",
}
_SHARED = frozenset(str(info.alias) for info in Options.model_fields.values())


def _check_own(name: str, declared: Mapping[str, Any]) -> None:
    """Raises ValueError for an option that cannot be shown in a form."""
    kinds = [kind for kind in declared.get("anyOf", [declared]) if kind.get("type") != "null"]
    kind = kinds[0] if len(kinds) == 1 else {}
    if "default" not in declared or not declared.get("description"):
        raise ValueError(f"options.{name} needs a default and a description")
    ranged = {"minimum", "exclusiveMinimum"} & kind.keys() and {"maximum", "exclusiveMaximum"} & kind.keys()
    match kind.get("type"):
        case "integer" | "number" if ranged:
            return
        case "boolean":
            return
        case "string" if {"enum", "const", "maxLength"} & kind.keys():
            return
    raise ValueError(
        f"options.{name} cannot be shown in a form: use a number with a lower and an upper limit, a bool, "
        "a Literal of texts, or a text with max_length"
    )
