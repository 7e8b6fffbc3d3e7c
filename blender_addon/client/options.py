"""The options of a generation, from the server's JSON Schema, so that the panel is always up to date."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

Kind = Literal["integer", "number", "boolean", "choice", "text", "numbers"]
Value = int | float | bool | str

MAX_INTEGER = 2**31 - 1
"""The largest integer a property of Blender holds."""


@dataclass(frozen=True)
class Field:
    """One option.

    name : as the API has it; label : for people; description : the server's own
    kind : what is entered; ``numbers`` is text such as ``0.5, 0.25``
    default : what the server takes where the option is left out; 0 or empty for an optional one, which is then not sent
    low, high : the range of integers and numbers; choices : of a choice
    """

    name: str
    label: str
    description: str
    kind: Kind
    default: Value
    low: float = 0.0
    high: float = 0.0
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Description:
    """All options that can be shown; ``excluded``: the option that has no say once the other is given, by the other."""

    fields: tuple[Field, ...] = ()
    excluded: tuple[tuple[str, str], ...] = ()
    sizes: bool = False
    """Whether a real height can be requested."""
    sides: tuple[str, ...] = ()
    """Which sides' pictures the generator uses beside the front's."""

    def request(self, values: Mapping[str, Value]) -> dict[str, Any]:
        """The options to send for values by name: those that differ from the default. Raises ValueError."""
        wanted = {}
        for field in self.fields:
            value = values.get(field.name, field.default)
            if isinstance(value, float):
                value = round(value, 6)  # Blender's numbers are of single precision
            _check(field, value)
            if value != field.default:
                wanted[field.name] = _numbers(field, str(value)) if field.kind == "numbers" else value
        for other, name in self.excluded:
            if other in wanted:
                wanted.pop(name, None)
        return wanted

    def takes(self, name: str) -> bool:
        """Whether the option can be given."""
        return any(field.name == name for field in self.fields)

    def preset(self, wanted: Mapping[str, Any]) -> dict[str, Value]:
        """The value that every field shows under a preset's options, within the server's ranges."""
        return {f.name: _shown(f, wanted[f.name]) if f.name in wanted else f.default for f in self.fields}


@dataclass(frozen=True)
class Form:
    """What a server offers.

    generators : each one's name and options, the default one first
    presets : key, name, purpose and options of each, the first where nothing is chosen
    """

    generators: tuple[tuple[str, Description], ...] = ()
    presets: tuple[tuple[str, str, str, Mapping[str, Any]], ...] = ()

    def of(self, generator: str) -> Description:
        """The options of a generator; those of the default one where there is none of that name."""
        known = dict(self.generators)
        return known.get(generator) or next(iter(known.values()), Description())

    def fields(self) -> list[Field]:
        """Every generator's options, one field for each name, wide enough for all of them."""
        found: dict[str, Field] = {}
        for _, description in self.generators:
            for field in description.fields:
                have = found.setdefault(field.name, field)
                found[field.name] = replace(
                    have,
                    low=min(have.low, field.low),
                    high=max(have.high, field.high),
                    choices=tuple(dict.fromkeys((*have.choices, *field.choices))),
                )
        return list(found.values())


def as_name(text: str) -> str:
    """A file's name or another's as the option ``name`` takes it; empty if nothing is left."""
    return "".join(each for each in text if each.isprintable())[:64].strip()


UNUSED = frozenset({"compression"})
"""Options of no use in Blender: sizes of a file that is read once, in formats it cannot read."""


def describe(schema: Mapping[str, Any], ignored: Collection[str] = ()) -> Description:
    """What can be shown of a JSON Schema of options, without those that the generator ignores; forms that are not known
    here are left out.
    """
    definitions = schema.get("$defs", {})
    found = (
        _field(name, _resolved(part, definitions))
        for name, part in schema.get("properties", {}).items()
        if name not in UNUSED and name not in ignored
    )
    both = schema.get("not", {}).get("required", ())
    return Description(
        tuple(field for field in found if field),
        ((both[1], both[0]),) if len(both) == 2 else (),
        "dimensions" in schema.get("properties", {}),
    )


def _resolved(part: Mapping[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    """A property with references resolved and without its null alternative, which sets ``optional``."""
    kinds = part.get("anyOf", [part])
    inner: Mapping[str, Any] = next((kind for kind in kinds if kind.get("type") != "null"), {})
    if "$ref" in inner:
        inner = definitions.get(inner["$ref"].rpartition("/")[2], {})
    return {**inner, **{k: v for k, v in part.items() if k != "anyOf"}, "optional": len(kinds) > 1}


def _field(name: str, part: Mapping[str, Any]) -> Field | None:
    label = re.sub("(?<=[a-z])(?=[A-Z])", " ", name).title()
    text = str(part.get("description", "")).rstrip(".")
    default = part.get("default")
    match part.get("type"):
        case "string" if part.get("enum"):
            choices = tuple(map(str, part["enum"]))
            return Field(name, label, text, "choice", str(default or choices[0]), choices=choices)
        case "string":
            return Field(name, label, text, "text", str(default or ""))
        case "boolean":
            return Field(name, label, text, "boolean", bool(default))
        case "integer" | "number":
            kind: Kind = "integer" if part["type"] == "integer" else "number"
            low = part.get("minimum", part.get("exclusiveMinimum", -MAX_INTEGER))
            high = min(part.get("maximum", part.get("exclusiveMaximum", MAX_INTEGER)), MAX_INTEGER)
            if part["optional"] and default is None:
                low, text = min(low, 0), f"{text}. 0 leaves it to the server"
            return Field(name, label, text, kind, default or 0, low, high)
        case "array" if part.get("items", {}).get("type") == "number":
            return Field(name, label, f"{text}. Numbers, separated by commas", "numbers", "")
        case _:
            return None


def _numbers(field: Field, text: str) -> list[float]:
    try:
        return [float(part) for part in text.replace(",", " ").split()]
    except ValueError:
        raise ValueError(f"{field.label} is '{text}': give numbers, separated by commas.") from None


def _check(field: Field, value: Value) -> None:
    """Check a value: a field may show one from another generator."""
    if field.kind in ("integer", "number") and not field.low <= float(value) <= field.high:
        raise ValueError(f"{field.label} is {value}: this generator takes {field.low} to {field.high}.")
    if field.kind == "choice" and value not in field.choices:
        raise ValueError(f"{field.label} is '{value}': this generator takes {', '.join(field.choices)}.")


def _shown(field: Field, value: Any) -> Value:
    match field.kind:
        case "numbers":
            return ", ".join(str(each) for each in value)
        case "integer" | "number":
            bounded = min(max(value, field.low), field.high)
            return int(bounded) if field.kind == "integer" else float(bounded)
        case _:
            return field.default if field.kind == "choice" and value not in field.choices else value
