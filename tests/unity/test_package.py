"""The package as Unity would read it: metas, assembly definitions, manifest, UXML and USS, checked without Unity."""

import csv
import importlib.util
import json
import re
import tarfile
import tomllib
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "unity_bridge"
UI = PACKAGE / "Editor" / "UI"
CODE = "\n".join(path.read_text("utf-8") for path in sorted((PACKAGE / "Editor").glob("*.cs")))
OURS = {json.loads(path.read_text("utf-8"))["name"]: path for path in PACKAGE.rglob("*.asmdef")}
THEIRS = {"UnityEngine.TestRunner", "UnityEditor.TestRunner"}
"""Assemblies of the Unity Test Framework."""

PAGES = {
    "GenerateWindow.uxml": ["GenerateWindow.cs", "SideFields.cs"],
    "Preferences.uxml": ["SettingsPages.cs"],
    "ProjectSettings.uxml": ["SettingsPages.cs"],
}
"""The code that queries a page."""

PROPERTIES = {
    *("align-items", "background-color", "border-bottom-color", "border-bottom-width", "color", "flex-direction"),
    *("flex-grow", "flex-shrink", "flex-wrap", "height", "margin", "margin-bottom", "margin-left", "max-width"),
    *("padding", "width", "white-space", "-unity-font-style"),
}
"""Of Unity's manual, page USS properties, those in use here."""


@pytest.fixture(scope="module")
def builder():
    """scripts/unity_package.py"""
    spec = importlib.util.spec_from_file_location("unity_package", ROOT / "scripts" / "unity_package.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_file_and_folder_has_its_meta_with_a_guid_that_stays(builder):
    guids = {}
    for path in builder.assets():
        text = path.with_name(path.name + ".meta").read_text("utf-8")
        assert text == builder.meta(path)
        guids[path] = re.search("^guid: ([0-9a-f]{32})$", text, re.M)[1]
    assert len(set(guids.values())) == len(guids)
    assert len(guids) > 30


def test_no_meta_is_left_over(builder):
    beside = {path.with_name(path.name + ".meta") for path in builder.assets()}
    assert set(PACKAGE.rglob("*.meta")) == beside


def test_the_manifest_is_one_that_the_package_manager_takes():
    manifest = json.loads((PACKAGE / "package.json").read_text("utf-8"))
    assert re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9_-]+)+", manifest["name"])
    assert manifest["version"] == tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert re.fullmatch(r"\d{4}\.\d", manifest["unity"])
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in manifest["dependencies"].values())
    for sample in manifest["samples"]:
        assert (PACKAGE / sample["path"]).is_dir()
    assert f"## [{manifest['version']}]" in (PACKAGE / "CHANGELOG.md").read_text("utf-8")
    assert (PACKAGE / "LICENSE.md").read_text("utf-8") == (ROOT / "LICENSE").read_text("utf-8")
    for name in ("README.md", "Documentation~/index.md"):
        assert (PACKAGE / name).is_file()


def test_assembly_definitions_refer_to_what_there_is():
    assert set(OURS) == {"SphereLinks", "SphereLinks.Editor", "SphereLinks.Tests", "SphereLinks.Editor.Tests"}
    for name, path in OURS.items():
        definition = json.loads(path.read_text("utf-8"))
        assert path.stem == name
        assert set(definition["references"]) <= {*OURS, *THEIRS}
        assert definition["overrideReferences"] == bool(definition["precompiledReferences"])
        assert ("nunit.framework.dll" in definition["precompiledReferences"]) == name.endswith("Tests")
        assert (definition["defineConstraints"] == ["UNITY_INCLUDE_TESTS"]) == name.endswith("Tests")
        assert not (definition["includePlatforms"] and definition["excludePlatforms"])


def test_the_client_knows_no_engine():
    assert json.loads(OURS["SphereLinks"].read_text("utf-8"))["noEngineReferences"] is True
    for path in (PACKAGE / "Runtime").rglob("*.cs"):
        assert "UnityEngine" not in path.read_text("utf-8"), path.name


@pytest.mark.parametrize("page", PAGES)
def test_what_code_asks_of_a_page_is_there(page):
    tree = ElementTree.parse(UI / page)
    named = {}
    for element in tree.iter():
        if "name" in element.attrib:
            assert element.attrib["name"] not in named
            named[element.attrib["name"]] = element.tag.rpartition("}")[2]
    code = "\n".join((PACKAGE / "Editor" / name).read_text("utf-8") for name in PAGES[page])
    if page == "Preferences.uxml":
        code = code[code.index("class PreferencesPage") :]
    elif page == "ProjectSettings.uxml":
        code = code[: code.index("class PreferencesPage")]
    asked = re.findall(r'\.Q<(\w+)>\("([\w-]+)"\)', code)
    assert asked
    for kind, name in asked:
        assert named.get(name) == kind or kind == "VisualElement", f"{page} has no {kind} {name}"
        assert name in named
    for name in re.findall(r'Clicked\("([\w-]+)"', code):
        assert named[name] == "Button"
    for name in re.findall(r'Show\("([\w-]+)"', code):
        assert name in named
    assert set(named) <= {name for _, name in asked} | set(re.findall(r'(?:Clicked|Show)\("([\w-]+)"', code))


def test_pages_use_styles_that_there_are():
    rules = {path.name: {name[1:] for name in parsed(path)} for path in UI.glob("*.uss")}
    used = {name: set() for name in rules}
    for page in PAGES:
        tree = ElementTree.parse(UI / page)
        [sheet] = [element.attrib["src"] for element in tree.iter() if element.tag.endswith("Style")]
        used[sheet] |= {name for element in tree.iter() for name in element.attrib.get("class", "").split()}
    used["GenerateWindow.uss"] |= set(re.findall(r'AddToClassList\("([\w-]+)"\)', CODE))
    assert used == rules


def test_style_sheets_hold_nothing_but_known_properties():
    for path in UI.glob("*.uss"):
        for selector, rule in parsed(path).items():
            assert re.fullmatch(r"\.[\w-]+", selector)
            assert set(rule) <= PROPERTIES, path.name
            assert all(re.fullmatch(r"[\w.% -]+|var\(--unity-colors-[a-z-]+\)", value) for value in rule.values())


def parsed(path):
    """A style sheet's properties by selector."""
    text = path.read_text("utf-8")
    rules = re.findall(r"([^{}]+)\{([^{}]*)\}", text)
    assert re.sub(r"([^{}]+)\{([^{}]*)\}", "", text).strip() == ""
    return {
        selector.strip(): dict(
            re.fullmatch(r"\s*([\w-]+):\s*(.+)", line).groups() for line in body.split(";") if line.strip()
        )
        for selector, body in rules
    }


def test_every_text_that_is_shown_is_in_the_table():
    with (UI / "strings.csv").open(encoding="utf-8", newline="") as file:
        keys = {row["key"].removesuffix("_unity") for row in csv.DictReader(file)}
    asked = set(re.findall(r'Texts\.Of\(\s*"(\w+)"[,)]', CODE)) | set(re.findall(r'[^.]Button\("(\w+)"', CODE))
    asked |= {key for path in UI.glob("*.uxml") for key in re.findall(r'"#(\w+)"', path.read_text("utf-8"))}
    assert len(asked) > 50
    assert asked <= keys
    for state in ("waiting", "sending", "working", "fetching", "ready", "placed", "failed", "cancelled"):
        assert f"state_{state}" in keys


def test_menus_are_where_they_are_said_to_be():
    items = set(re.findall(r'\[MenuItem\("([^"]+)"', CODE)) | set(re.findall(r'Item = "([^"]+)"', CODE))
    assert {"Tools/SphereLinks/Generate 3D Model…", "GameObject/3D Object/From Picture…"} <= items
    assert "Assets/SphereLinks/Generate 3D Model" in items


def test_the_tarball_holds_the_package_and_is_the_same_every_time(builder, tmp_path):
    archive = builder.build(tmp_path / "one")
    assert archive.read_bytes() == builder.build(tmp_path / "two").read_bytes()
    with tarfile.open(archive) as file:
        names = {name.removeprefix("package/") for name in file.getnames()}
    assert names == {path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*") if path.is_file()}
