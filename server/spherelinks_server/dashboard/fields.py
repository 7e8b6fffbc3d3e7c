"""The options of a generation as a form: drawn from their JSON Schema, and read back as the API takes them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from spherelinks.errors import InvalidOption
from spherelinks.generation.base import GENERATORS_OWN
from spherelinks.generation.card import Card
from spherelinks.options import Options
from spherelinks.presets import PRESETS
from spherelinks_server.dashboard.words import words

_CAMEL = re.compile(r"\b[a-z]+[A-Z][A-Za-z]*\b")


@dataclass(frozen=True)
class Field:
    """One option as a control.

    kind : ``choice``, ``slider`` (a number between limits), ``integer``, ``number``, ``numbers`` (a list), ``check``,
        ``line`` (of text), ``size`` (an object of one measure and its unit, in ``parts``), or ``text`` if it has no
        control of its own
    value : what the form shows; "" if the option is left out
    heeded_by : the generators that use it, unless all of them do
    """

    name: str
    kind: str
    label: str
    help: str
    value: Any = ""
    default: Any = ""
    low: float | None = None
    high: float | None = None
    step: str = "any"
    choices: tuple[str, ...] = ()
    parts: tuple[tuple[str, ...], ...] = ()
    heeded_by: tuple[str, ...] | None = None


def fields(cards: Sequence[Card], chosen: Mapping[str, Any]) -> list[Field]:
    """A control for each option that a generator uses: the shared ones in the schema's order, then each one's own.

    cards : the generators to choose from
    chosen : options by their API names; the others show their defaults
    """
    schema = Options.model_json_schema()
    found = []
    for name, outer in schema["properties"].items():
        inner = _resolved(outer, schema)
        if name == "generator":
            inner = inner | {"enum": [card.name for card in cards]}
            outer = outer | {"description": f"{outer['description']} {_prices(cards)}".rstrip()}
        field = _field(name, outer, inner, chosen.get(name))
        if name in GENERATORS_OWN:
            field = replace(field, heeded_by=tuple(card.name for card in cards if name in card.heeds))
        found.append(field)
    for card in cards:
        mine = chosen if chosen.get("generator") == card.name else {}
        found += [field for _, field in _own(card, mine)]
    return found


def _own(card: Card, chosen: Mapping[str, Any]) -> Iterator[tuple[str, Field]]:
    """The options of a generator's own by name, and their controls, which carry its name: another's may be like it."""
    for name, outer in card.own.items():
        field = _field(name, outer, _resolved(outer, {}), chosen.get(name))
        yield name, replace(field, name=f"{card.name}.{name}", heeded_by=(card.name,))


def _prices(cards: Sequence[Card]) -> str:
    """What is not one credit."""
    dear = [f"{card.name} {card.price}" for card in cards if card.price != 1]
    return f"Credits for a model: {', '.join(dear)}; the others 1." if dear else ""


def read(form: Mapping[str, str], card: Card | None = None) -> Options:
    """The options of a posted form: its preset's, overridden by those that differ from their defaults.

    card : of the generator that the form asks for; None for one that has no options of its own

    Raises InvalidOption.
    """
    preset = next((preset.options for preset in PRESETS if preset.key == form.get("preset")), {})
    values: dict[str, Any] = dict(preset)
    own = [] if card is None else [*_own(card, {})]
    for name, field in [*((field.name, field) for field in fields((), {})), *own]:
        value = _read(field, form)
        if value is None and field.kind == "check" and field.default:
            value = False
        if value is not None and value != field.default:
            values[name] = value
    if "targetFaces" in values and "simplifyRatio" in preset:
        del values["simplifyRatio"]
    return (card.options if card else Options).from_json(values)


def _field(name: str, outer: dict[str, Any], inner: dict[str, Any], chosen: Any) -> Field:
    default = outer.get("default")
    shared: dict[str, Any] = {
        "name": name,
        "label": words(name),
        "help": _CAMEL.sub(lambda found: words(found[0]).lower(), outer.get("description", "")),
        "value": default if chosen is None else _tidy(chosen),
        "default": default,
    }
    low, high = inner.get("minimum"), inner.get("maximum")
    match inner.get("type"):
        case _ if "enum" in inner:
            return Field(kind="choice", choices=tuple(inner["enum"]), **shared)
        case "number" if low is not None and high is not None:
            return Field(kind="slider", low=low, high=high, step="0.01", **shared)
        case "integer" if low is not None and high is not None and high - low <= 5000:
            step = "256" if high - low > 1000 else "1"
            return Field(kind="slider", low=low, high=high, step=step, **shared)
        case "integer":
            return Field(kind="integer", low=low, high=high, step="1", **shared)
        case "number":
            return Field(kind="number", low=low, high=high, **shared)
        case "boolean":
            return Field(kind="check", **shared)
        case "string":
            return Field(kind="line", **shared)
        case "array":
            return Field(kind="numbers", **shared)
        case "object":
            measures = tuple(part for part in inner["properties"] if part != "unit")
            units = tuple(inner["properties"]["unit"]["enum"])
            return Field(kind="size", parts=(measures, units), **shared)
        case _:
            return Field(kind="text", **shared)


def _tidy(value: Any) -> Any:
    """As people write it: 31 rather than 31.0, and only the measures of a size that were given."""
    if isinstance(value, dict):
        return {name: _tidy(part) for name, part in value.items() if part is not None}
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _read(field: Field, form: Mapping[str, str]) -> Any:
    """The option's value in the form; None if it is left out."""
    text = form.get(field.name, "").strip()
    match field.kind:
        case "size":
            measure = form.get(f"{field.name}.measure", "")
            return {measure: _number(field, text), "unit": form.get(f"{field.name}.unit", "m")} if text else None
        case "check":
            return True if text else None
        case _ if not text:
            return None
        case "numbers":
            return [_number(field, part) for part in text.replace(",", " ").split()]
        case "slider" | "integer" | "number":
            return _number(field, text)
        case _:
            return text


def _number(field: Field, text: str) -> float | int:
    try:
        value = float(text)
        return int(value) if value.is_integer() else value
    except (ValueError, OverflowError):
        raise InvalidOption(
            f"options.{field.name} is '{text}'.", hint="Give a number.", field=f"options.{field.name}"
        ) from None


def _resolved(outer: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """The part of a property's schema that constrains it: not null, references resolved."""
    inner: dict[str, Any] = next(kind for kind in outer.get("anyOf", [outer]) if kind.get("type") != "null")
    if "$ref" in inner:
        inner = schema["$defs"][inner["$ref"].rpartition("/")[2]]
    return inner
