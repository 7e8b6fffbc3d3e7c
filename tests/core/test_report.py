"""The report: attributes in Python, a mapping of JSON values, and the page that explains it."""

import json
import re
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

import pytest
from pydantic import BaseModel, ValidationError

from spherelinks import report as module
from spherelinks.report import Report

OLD = json.loads((files("spherelinks.jobs") / "sample/report.json").read_text("utf-8"))
REASON = {"code": "cut_off", "level": "medium", "message": "It touches the border.", "hint": "Show it whole."}
NEW = {
    "matte": {"name": "auto", "version": "1"},
    "deviation": 0.01,
    "textures": {"baseColor": 512},
    "checks": {"passed": True, "errors": []},
    "confidence": {"level": "medium", "reasons": [REASON]},
}
STORED = {field.serialization_alias: (OLD | NEW)[field.serialization_alias] for field in Report.model_fields.values()}
PAGE = (Path(__file__).resolve().parents[2] / "docs/report.md").read_text("utf-8")


@pytest.fixture
def report() -> Report:
    return Report.model_validate(STORED)


def test_a_stored_report_comes_back_as_the_same_json(report: Report) -> None:
    assert json.dumps(dict(report)) == json.dumps(STORED)
    assert json.loads(report.model_dump_json(by_alias=True)) == STORED


def test_a_report_of_an_earlier_version_stays_as_it_is() -> None:
    assert json.dumps(dict(Report.model_validate(OLD))) == json.dumps(OLD)


def test_fields_are_attributes_under_names_of_python(report: Report) -> None:
    assert report.faces == STORED["faces"]
    assert report.texture_size == STORED["textureSize"]
    assert report.textures.base_color == STORED["textures"]["baseColor"]
    assert report.dimensions.height == STORED["dimensions"]["height"]
    assert report.generator.name == STORED["generator"]["name"]
    with pytest.raises(ValidationError):
        report.faces = 1  # type: ignore[misc]


def test_it_is_a_mapping_of_plain_values(report: Report) -> None:
    assert isinstance(report, Mapping)
    assert report["textureSize"] == report.get("textureSize") == STORED["textureSize"]
    assert "textureSize" in report
    assert "texture_size" not in report
    assert report.get("nothing", 7) == 7
    assert (list(report), len(report)) == (list(STORED), len(STORED))
    assert list(report.items()) == list(STORED.items())
    assert {**report} == STORED == report
    assert report != STORED | {"faces": 1}
    assert not any(isinstance(value, BaseModel) for value in report.values())


def test_warnings_are_in_the_words_of_python_and_as_json_in_the_apis() -> None:
    said = "lift does not use {}: 20 had no effect. Its texture normalMap.png was not read."
    for given in ("diffusion_steps", "diffusionSteps", "options.diffusionSteps"):
        report = Report.model_validate(STORED | {"warnings": [said.format(given)]})
        assert report.warnings == [said.format("diffusion_steps")]
        assert report["warnings"] == [said.format("diffusionSteps")]
        assert Report.model_validate_json(json.dumps(dict(report))) == report


def test_a_changed_copy_is_changed_as_a_mapping_too(report: Report) -> None:
    changed = report.model_copy(update={"warnings": ["new"]})
    assert changed["warnings"] == changed.warnings == ["new"]
    assert report["warnings"] == STORED["warnings"]


@pytest.mark.parametrize("kept", [set(), {"normal"}, {"normal", "occlusion"}])
def test_textures_that_were_not_asked_for_are_left_out(kept: set[str]) -> None:
    textures = {"baseColor": 512} | dict.fromkeys(sorted(kept), 512)
    assert Report.model_validate(STORED | {"textures": textures})["textures"] == textures


def test_a_report_that_lacks_a_field_is_refused() -> None:
    with pytest.raises(ValidationError, match="textureSize"):
        Report.model_validate({name: value for name, value in STORED.items() if name != "textureSize"})


def test_the_page_explains_every_field_in_the_models_order() -> None:
    assert re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE) == [
        field.serialization_alias for field in Report.model_fields.values()
    ]


def test_the_page_names_the_fields_of_every_part() -> None:
    parts = [kind for kind in vars(module).values() if isinstance(kind, type) and issubclass(kind, BaseModel)]
    named = {name for part in parts for name in (field.serialization_alias for field in part.model_fields.values())}
    assert {name for name in named if name is not None and f"`{name}`" not in PAGE} == set()
