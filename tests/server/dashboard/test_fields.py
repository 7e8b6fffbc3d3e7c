"""The options as a form: all of them, whatever the schema contains."""

from __future__ import annotations

from typing import Any

import pytest

from spherelinks.generation.card import Card
from spherelinks.options import Options
from spherelinks.presets import PRESETS
from spherelinks_server.dashboard import fields
from spherelinks_server.dashboard.words import spoken

GENERATORS = [Card("lift", "1", "somewhere:Lift", heeds=("seed",)), Card("inflate", "1", "somewhere:Inflate")]


def as_form(options: dict[str, Any]) -> dict[str, str]:
    """The form as a browser sends it that shows these options."""
    form: dict[str, str] = {}
    for field in fields.fields(GENERATORS, options):
        value = field.value
        match field.kind:
            case "size":
                given = {name: part for name, part in (value or {}).items() if part is not None}
                form[f"{field.name}.unit"] = given.pop("unit", "cm")
                measure, length = next(iter(given.items()), ("height", ""))
                form |= {f"{field.name}.measure": measure, field.name: str(length)}
            case "check":
                form |= {field.name: "on"} if value else {}
            case "numbers":
                form[field.name] = ", ".join(map(str, value))
            case _:
                form[field.name] = "" if value is None else str(value)
    return form


def test_every_option_has_a_control() -> None:
    controls = fields.fields(GENERATORS, {})
    assert [control.name for control in controls] == [field.alias for field in Options.model_fields.values()]
    assert all(control.label and control.help for control in controls)
    assert all(control.kind != "text" for control in controls)


def test_what_not_every_generator_heeds_says_which_do() -> None:
    heeded = {control.name: control.heeded_by for control in fields.fields(GENERATORS, {})}
    assert (heeded.pop("seed"), heeded.pop("diffusionSteps")) == (("lift",), ())
    assert set(heeded.values()) == {None}


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"textureSize": 600, "simplifyRatio": 0.5, "seed": 4294967295, "generator": "inflate"},
        {"targetFaces": 1234, "lods": [0.5, 0.1], "collider": "box", "pivot": "center", "normalMap": True},
        {"dimensions": {"longest": 2.5, "unit": "ft"}},
        {"name": "blue mug"},
        {"normalMap": True, "delight": True},
        *(preset.options for preset in PRESETS),
    ],
)
def test_what_the_form_shows_is_what_is_asked_for(options: dict[str, Any]) -> None:
    wanted = Options.from_json(options)
    assert fields.read(as_form(wanted.model_dump(by_alias=True, mode="json"))) == wanted


def test_a_preset_alone_is_enough() -> None:
    for preset in PRESETS:
        assert fields.read({"preset": preset.key}) == Options.from_json(preset.options)
        # as a browser without scripts sends it: the form shows defaults
        assert fields.read(as_form({}) | {"preset": preset.key}) == Options.from_json(preset.options)


def test_a_note_calls_the_options_what_the_form_calls_them() -> None:
    labels = {field.name: field.label for field in fields.fields((), {})}
    for name in ("diffusionSteps", "targetFaces", "simplifyRatio"):
        assert spoken(f"lift does not use {name}: 4 had no effect.") == (
            f"lift does not use “{labels[name]}”: 4 had no effect."
        )
    assert spoken("options.textureSize is large.") == f"“{labels['textureSize']}” is large."
    for path in ("maps/normalMap.png", "normal_map.png", "C:\\targetFaces"):
        assert spoken(f"Its texture {path} is not beside it.") == f"Its texture {path} is not beside it."
    plain = "The name, the seed and the dimensions stay: 12 parts were removed."
    assert spoken(plain) == plain
