"""The plugin's zip, its versions and its texts."""

import importlib.util
import json
import re
import zipfile
from pathlib import Path

import pytest

import spherelinks

ROOT = Path(__file__).resolve().parents[2]
ADDON = ROOT / "godot_plugin" / "addons" / "spherelinks"


@pytest.fixture(scope="module")
def builder():
    """scripts/godot_plugin.py"""
    spec = importlib.util.spec_from_file_location("godot_plugin", ROOT / "scripts" / "godot_plugin.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_zip_holds_the_plugin_alone_and_is_the_same_each_time(builder, tmp_path):
    first, second = builder.build(tmp_path / "a"), builder.build(tmp_path / "b")
    assert first.read_bytes() == second.read_bytes()
    names = zipfile.ZipFile(first).namelist()
    assert all(name.startswith("addons/spherelinks/") for name in names)
    assert {f"addons/spherelinks/{name}" for name in ("plugin.cfg", "plugin.gd", "LICENSE", "icon.svg")} <= set(names)


def test_every_script_has_the_identity_that_godot_gives_it():
    for script in ADDON.rglob("*.gd"):
        assert re.fullmatch(r"uid://\w+\n?", script.with_name(script.name + ".uid").read_text()), script


def test_the_version_is_the_products(builder):
    assert builder.version() == spherelinks.__version__


def test_the_texts_are_those_of_the_contract(builder):
    assert (ADDON / "strings.json").read_text("utf-8") == builder.texts(), "run: make contract"


def test_every_text_that_the_scripts_ask_for_is_there():
    texts = json.loads((ADDON / "strings.json").read_text("utf-8"))
    known = {key.removesuffix("_godot") for key in texts}
    for script in ADDON.rglob("*.gd"):
        code = script.read_text("utf-8")
        asked = set(re.findall(r'\b(?:words|button|Section\.new)\("(\w+?)"[,)]', code))
        assert asked <= known, script.name
        for key in re.findall(r'\bbutton\("(\w+)"', code):
            assert f"{key}_tip" in known, key  # every button says what it does


def test_every_failure_of_ours_has_its_remedy():
    texts = json.loads((ADDON / "strings.json").read_text("utf-8"))
    # these say what to do in their message, or are never shown
    clear = {"invalid_option", "usage", "stopped"}
    for script in ADDON.rglob("*.gd"):
        for code in re.findall(r'Failure\.new\(\s*"(\w+)"', script.read_text("utf-8")):
            assert code in clear or f"hint_{code}" in texts, code


def test_no_class_of_later_versions_is_named_where_4_3_parses_it():
    """EditorDock is of 4.6, EditorContextMenuPlugin of 4.4: as identifiers they would break Godot 4.3."""
    for script in ADDON.rglob("*.gd"):
        code = re.sub(r'#.*|"[^"\n]*"', "", script.read_text("utf-8"))
        later = re.findall(r"\b(EditorDock|EditorContextMenuPlugin|FoldableContainer)\b", code)
        # loaded by plugin.gd only where the class is there
        assert not later or script.name == "context_menu.gd", script
