"""The zip and the index are what Blender's own tools would make, and pass its checks."""

import json
import shutil
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MANIFEST = tomllib.loads((ROOT / "blender_addon" / "blender_manifest.toml").read_text())


@pytest.fixture(scope="module")
def tool(engine, run):
    """Blender's extension tool: build, validate, server-generate."""
    python = engine("blender", "bpy-python-5.0")
    # a program without bpy, that comes with it
    site = next((python.parents[1] / "blender-5.0").glob("lib/python*/site-packages/bpy"))
    program = next(site.rglob("blender_ext.py"))
    return lambda *arguments: run(python, program, *arguments)


def test_blender_finds_nothing_wrong(tool, archive):
    assert "Success" in tool("validate", archive)


def test_it_holds_what_blender_would_put_in(tool, builder, archive, tmp_path):
    source = shutil.copytree(ROOT / "blender_addon", tmp_path / "source")
    for shared in builder.SHARED:
        shutil.copy(shared, source)
    tool("build", "--source-dir", source, "--output-filepath", tmp_path / "theirs.zip")
    contents = [
        {name: opened.read(name) for name in opened.namelist() if not name.endswith("/")}
        for opened in map(zipfile.ZipFile, (archive, tmp_path / "theirs.zip"))
    ]
    assert contents[0] == contents[1]


def test_it_has_what_all_editors_share(contract, archive):
    with zipfile.ZipFile(archive) as opened:
        for shared in ("strings.csv", "icons/mark.png"):
            assert opened.read(Path(shared).name) == contract.path(shared).read_bytes()


def test_the_index_is_blenders(tool, archive):
    index = archive.parent / "index.json"
    ours = json.loads(index.read_text())
    tool("server-generate", "--repo-dir", archive.parent)
    assert json.loads(index.read_text()) == ours


def test_the_same_sources_give_the_same_bytes(builder, archive, tmp_path):
    assert builder.build(tmp_path).read_bytes() == archive.read_bytes()


def test_versions_agree():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert MANIFEST["version"] == project["version"]


def test_permissions_have_reasons():
    assert set(MANIFEST["permissions"]) == {"network", "files", "clipboard"}
    assert all(len(reason) > 20 for reason in MANIFEST["permissions"].values())
