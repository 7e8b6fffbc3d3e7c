"""Failures and forms match contract/."""

import json

import pytest

from blender_addon import translations
from blender_addon.client.errors import ENDS_JOB, REMEDIES
from blender_addon.client.info import Info
from blender_addon.client.options import MAX_INTEGER
from contract import coverage

CASES = json.loads((coverage.HERE / "forms.json").read_text("utf-8"))["cases"]


@pytest.fixture(scope="module")
def form(contract):
    offered = contract.json("generators.json")
    ordered = sorted(offered["generators"], key=lambda each: not each["default"])
    generators = {each["name"]: {"options": each["options"], "ignores": each["ignores"]} for each in ordered}
    return Info("http://127.0.0.1", "Owner", "owner", 1, generators, offered["presets"]).form()


def test_hints_and_ends_are_the_contracts(contract):
    failures = contract.json("failures.json")
    texts = {row["key"]: row["en"] for row in translations.rows()}
    hints = {code: texts.get(f"hint_{code}") for code in failures["hints"]}  # of some, other editors have one alone
    assert {code: hint for code, hint in hints.items() if hint} == REMEDIES
    assert set(failures["endsJob"]) == ENDS_JOB


def test_each_generator_has_the_contracts_fields(contract, form):
    forms = contract.json("forms.json")["forms"]
    assert [name for name, _ in form.generators] == list(forms)
    for name, description in form.generators:
        assert [shown(field) for field in description.fields] == [limited(field) for field in forms[name]]


def shown(field):
    range_ = {"low": field.low, "high": field.high} if field.kind in ("integer", "number") else {}
    choices = {"choices": list(field.choices)} if field.choices else {}
    return {"name": field.name, "label": field.label, "kind": field.kind, "default": field.default, **range_, **choices}


def limited(field):
    return field | {"high": min(field["high"], MAX_INTEGER)} if "high" in field else field


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["about"])
def test_what_is_entered_becomes_what_is_sent(form, case):
    description = form.of(case["generator"])
    if "refused" in case:
        label = next(field.label for field in description.fields if field.name == case["refused"])
        with pytest.raises(ValueError, match=f"{label} is"):
            description.request(case["values"])
    else:
        sent = description.request(case["values"])
        # as text: 2048 and 2048.0 are two things
        assert json.dumps(sent, sort_keys=True) == json.dumps(case["sent"], sort_keys=True)


def test_presets_are_sent_as_they_are(form):
    for _, _, _, options in form.presets:
        description = form.of("")
        assert description.request(description.preset(options)) == options
