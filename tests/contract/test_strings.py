"""The table of the clients' texts is whole: every row in every language, with the same placeholders."""

import csv
import json
import re
from pathlib import Path

import pytest

CONTRACT = Path(__file__).resolve().parents[2] / "contract"
LANGUAGES = ("en", "de", "fr", "es", "ja", "zh_CN")
EDITORS = {"blender", "godot", "unity"}
PRESETS = json.loads((CONTRACT / "generators.json").read_text("utf-8"))["presets"]
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


SOURCES = {"godot": "godot_plugin", "unity": "unity_bridge"}
"""The folders of the editors that look texts up by key. Blender's is looked through by tests/blender."""


def sources(editor):
    """An editor's code as one text, empty if it is not here."""
    paths = sorted((CONTRACT.parent / SOURCES[editor]).rglob("*"))
    return "\n".join(path.read_text("utf-8") for path in paths if path.suffix in (".gd", ".tscn", ".cs", ".uxml"))


def rows_of(editor):
    return {row["key"] for row in ROWS if editor in (row["_editors"] or editor).split()}


@pytest.mark.parametrize("editor", SOURCES)
def test_every_key_that_is_looked_up_has_a_row(editor):
    asked = set(re.findall(r"\b(?:words|Of)\(\s*\"([a-z0-9_]+)\"[,)]", sources(editor)))
    known = rows_of(editor)
    assert not {key for key in asked if key not in known and f"{key}_{editor}" not in known}


def test_every_row_is_shown_by_an_editor():
    texts = {editor: set(re.findall(r"\"#?([a-z0-9_]+)\"", sources(editor))) for editor in SOURCES}
    blender = "".join(path.read_text("utf-8") for path in sorted((CONTRACT.parent / "blender_addon").rglob("*.py")))
    said = {text for preset in PRESETS for text in (preset["name"], preset["purpose"])}
    for row in ROWS:
        editors = set(row["_editors"].split()) or EDITORS
        in_blender = "blender" in editors and (row["en"] in said or row["en"] in blender)
        assert in_blender or any(looked_up(row["key"], editor, texts[editor]) for editor in editors - {"blender"}), row


def looked_up(key, editor, literals):
    """Whether a key is among these, or is put together of one that ends with _ or goes with a tip."""
    key = key.removesuffix(f"_{editor}")
    stem = key.removesuffix("_tip")
    return bool({key, stem} & literals) or any(each.endswith("_") and key.startswith(each) for each in literals)


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
    for preset in PRESETS:
        assert texts[f"preset_{preset['key']}"] == preset["name"]
        assert texts[f"preset_{preset['key']}_tip"] == preset["purpose"]
