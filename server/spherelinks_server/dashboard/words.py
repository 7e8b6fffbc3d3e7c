"""Dates, sizes and states for people: the templates' filters."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from markupsafe import Markup
from pydantic.alias_generators import to_camel

from spherelinks.options import renamed

NOTICES = {
    "signed-out": "You are signed out.",
    "key-revoked": "The key is revoked and no longer works.",
    "password-changed": "Your password is set. Every other browser is signed out.",
    "webhook-deleted": "The webhook is deleted.",
    "secret-rotated": "There is a new secret; for a day, messages are also signed with the previous one.",
    "redelivered": "The message is queued for delivery again.",
    "others-signed-out": "Every other browser is signed out.",
    "account-deleted": "Your account and its data are deleted.",
    "model-deleted": "The model is deleted.",
    "models-deleted": "The models are deleted.",
    "renamed": "The model has its new name.",
    "cancelled": "The model is cancelled and its credit returned.",
    "key-known": "This key has been created already. It was shown once; rotate it if you did not copy it.",
    "test-sent": "A test message is on its way; its delivery is shown below.",
}
"""The notice at the top of a page, by its ``done`` parameter."""
_UNMETERED = {"cancelled": "The model is cancelled."}

FILES = {"png": "Thumbnail", "webp": "Turntable"}
"""What a file is called, by its kind, where its format says too little."""

STAGES = {
    "queued": "Waiting in the queue",
    "decode": "Reading the picture",
    "matte": "Finding the object",
    "frame": "Framing it",
    "generator": "Making the shape",
    "finishing": "Finishing mesh and texture",
}
"""The stages of a job, in order."""

_IN_WORDS = {"lods": "Levels of detail", "baseColor": "Base colour"}
"""Names of which the words are not those that they are written together of."""

_BROWSERS = (("Edg/", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari"))
_SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS", "macOS"),
    ("Linux", "Linux"),
)


def notice(done: str, *, metered: bool) -> str | None:
    """The notice at the top of a page; those who have no limit read nothing of credits."""
    return (NOTICES if metered else NOTICES | _UNMETERED).get(done)


def file(kind: str) -> str:
    """What the button calls a file of that kind."""
    return FILES.get(kind, kind.upper())


def when(moment: datetime | None) -> Markup:
    """A moment as a <time> element; the page's script shows it in the reader's time zone and language."""
    if moment is None:
        return Markup("never")
    moment = moment.astimezone(UTC)
    precise, shown = moment.isoformat(timespec="seconds"), f"{moment:%Y-%m-%d %H:%M} UTC"
    return Markup('<time datetime="{}">{}</time>').format(precise, shown)


def size(count: int | None) -> str:
    """Bytes for people, such as 1.4 MB."""
    if count is None:
        return ""
    if count == 0:
        return "0 kB"
    if count >= 9.5e8:
        return f"{count / 1e9:.1f} GB"
    return f"{count / 1e6:.1f} MB" if count >= 1e5 else f"{max(count / 1e3, 0.1):.1f} kB"


def number(value: int) -> str:
    """A whole number with separated thousands."""
    return f"{value:,}".replace(",", "\u202f")


def signed(value: int) -> str:
    """The same with a sign; empty for 0."""
    return "" if value == 0 else ("+" if value > 0 else "−") + number(abs(value))


def extents(dimensions: dict[str, Any]) -> str:
    """Width, height and depth, given in metres, in the unit that suits the largest."""
    sides = [dimensions[side] for side in ("width", "height", "depth")]
    unit, metres = next(
        ((unit, metres) for unit, metres in (("m", 1.0), ("cm", 0.01)) if max(sides) >= metres * 0.9995), ("mm", 0.001)
    )
    digits = 2 if unit == "m" else 1
    return " × ".join(f"{side / metres:.{digits}f}" for side in sides) + f" {unit}"


def seconds(milliseconds: float) -> str:
    """A duration."""
    return f"{milliseconds / 1000:.1f} s"


def browser(agent: str) -> str:
    """The browser and system a User-Agent names."""
    name = next((name for mark, name in _BROWSERS if mark in agent), "A browser")
    system = next((name for mark, name in _SYSTEMS if mark in agent), "")
    return f"{name} on {system}" if system else name


def plain(value: object) -> str:
    """An option's value as people write it."""
    match value:
        case bool():
            return "yes" if value else "no"
        case dict():
            given = {key: part for key, part in value.items() if part is not None}
            unit = given.pop("unit", "")
            return ", ".join(f"{key} {part} {unit}".strip() for key, part in given.items())
        case list():
            return ", ".join(map(str, value))
        case _:
            return str(value)


def words(name: str) -> str:
    """A camelCase name in words: textureSize is Texture size."""
    if name in _IN_WORDS:
        return _IN_WORDS[name]
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower().capitalize()


def spoken(note: str) -> str:
    """A report's note with the options as the pages call them: diffusionSteps is “Diffusion steps”."""
    return renamed(note, lambda field: f"“{words(to_camel(field))}”")


FILTERS = {f.__name__: f for f in (when, size, number, signed, extents, seconds, browser, plain, words, file, spoken)}
