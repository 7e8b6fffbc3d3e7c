"""The table of the clients' texts is whole: every row in every language, with the same placeholders."""

import csv
import json
import re
from pathlib import Path

import pytest

CONTRACT = Path(__file__).resolve().parents[2] / "contract"
LANGUAGES = ("en", "de", "fr", "es", "ja", "zh_CN")
EDITORS = {"blender", "godot", "unity"}
with (CONTRACT / "strings.csv").open(encoding="utf-8", newline="") as file:
    ROWS = list(csv.DictReader(file))


def test_columns_are_the_ones_that_every_client_reads():
    for row in ROWS:
        assert tuple(row) == ("key", "_editors", *LANGUAGES), row["key"]  # a field too many has the name None


def test_keys_are_names_and_each_has_one_row():
    keys = [row["key"] for row in ROWS]
    assert all(re.fullmatch("[a-z][a-z0-9]*(_[a-z0-9]+)*", key) for key in keys)
    assert len(keys) == len(set(keys))


def test_editors_are_known():
    for row in ROWS:
        assert set(row["_editors"].split()) <= EDITORS, row["key"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_is_there(language):
    for row in ROWS:
        text = row[language]
        assert text, row["key"]
        assert text.strip() == text, row["key"]
        assert text.endswith((".", "。")) == row["en"].endswith("."), row["key"]
        assert placeholders(text) == placeholders(row["en"]), row["key"]


def test_placeholders_have_names():
    for row in ROWS:
        assert "{}" not in row["en"], row["key"]
        assert not re.search(r"\{\d", row["en"]), row["key"]


def placeholders(text):
    return sorted(re.findall(r"\{(\w*)\}", text))


def test_every_hint_has_its_text():
    failures = json.loads((CONTRACT / "failures.json").read_text("utf-8"))
    assert {f"hint_{code}" for code in failures["hints"]} <= {row["key"] for row in ROWS}


def test_every_preset_has_its_texts():
    texts = {row["key"]: row["en"] for row in ROWS}
    for preset in json.loads((CONTRACT / "generators.json").read_text("utf-8"))["presets"]:
        assert texts[f"preset_{preset['key']}"] == preset["name"]
        assert texts[f"preset_{preset['key']}_tip"] == preset["purpose"]
