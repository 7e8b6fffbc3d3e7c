"""docs/generators.md: the generator that it builds is built, and every block of code does what the page says."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import plugins
import pytest

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs/generators.md").read_text()
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", PAGE, re.M | re.S)


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files of the page, and beside it what ``pip install --editable .`` would note down."""
    folder = tmp_path_factory.mktemp("relief")
    for _, code in BLOCKS:
        if named := re.match(r"# ([\w/]+\.(?:py|toml))\n", code):
            path = folder / named[1]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(code)
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    plugins.describe(folder, project["name"], project["entry-points"]["spherelinks.generators"], project["version"])
    shutil.copy(ROOT / "docs/samples/mug.jpg", folder / "mug.jpg")
    return folder


def run(package: Path, *command: str) -> str:
    environment = os.environ | {"PYTHONPATH": str(package), "SPHERELINKS_HOME": str(package / "home")}
    done = subprocess.run(command, cwd=package, env=environment, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def test_every_block_is_a_file_or_is_run() -> None:
    kinds = {"file" if code.startswith("# ") else kind for kind, code in BLOCKS}
    assert kinds == {"file", "sh", "python"}
    assert len([code for kind, code in BLOCKS if kind == "sh"]) == 1


def test_the_commands_of_the_page(package: Path) -> None:
    (commands,) = (code for kind, code in BLOCKS if kind == "sh")
    install, *lines = commands.splitlines()
    assert install == "pip install --editable .", "the fixture has done that"
    modules = {"pytest": "pytest", "spherelinks": "spherelinks.cli"}
    told = {}
    for line in lines:
        program, *arguments = shlex.split(line)
        extra = ["-p", "no:cacheprovider"] if program == "pytest" else []
        told[line] = run(package, sys.executable, "-m", modules[program], *arguments, *extra)
    tested, doctor, made = told.values()
    assert re.search(r"\b1[0-9] passed", tested), tested
    assert "'relief' version 1, ready" in doctor
    assert made.startswith("mug.glb: ")
    assert (package / "mug.glb").read_bytes()[:4] == b"glTF"


def test_the_python_of_the_page(package: Path) -> None:
    (use,) = (code for kind, code in BLOCKS if kind == "python" and not code.startswith("# "))
    run(package, sys.executable, "-c", use)


def test_the_page_tells_every_field_of_a_card() -> None:
    from dataclasses import fields

    from spherelinks.generation.card import Card, Needs

    table = PAGE.partition("| field | meaning |")[2].partition("\n\n")[0]
    assert re.findall(r"^\| `(\w+)` \|", table, re.M) == [field.name for field in fields(Card)]
    for field in fields(Needs):
        assert f"`{field.name}`" in table
