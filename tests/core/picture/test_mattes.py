"""Mattes by entry point: ours hold what all must, plug-ins are used and named, and what is wrong with one is said."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import plugins
import pytest

import spherelinks
from spherelinks.conformance import MatteConformance
from spherelinks.errors import GeneratorFailed, InvalidOption, NoObject
from spherelinks.generation import registry
from spherelinks.jobs import cache
from spherelinks.options import Options
from spherelinks.picture import mattes


class TestAuto(MatteConformance):
    matte = mattes.AUTO


class TestU2netp(MatteConformance):
    matte = mattes.U2NETP


Y, X = np.mgrid[-1:1:400j, -1:1:400j]
TRUTH = np.hypot(X, Y) < 0.6
PICTURE = np.where(TRUTH[..., None], (210, 60, 40), (235, 235, 235)).astype(np.uint8)

PLUGIN = """
import numpy as np
from spherelinks.picture.mattes import Found, Matte

def left(rgb, say):
    say("The left half was taken.")
    alpha = np.zeros(rgb.shape[:2], np.float32)
    alpha[20:-20, 20 : rgb.shape[1] // 2] = 1
    return Found(alpha, 0.5)

def breaks(rgb, say):
    raise RuntimeError("out of paint")

def small(rgb, say):
    return Found(np.ones((2, 2), np.float32))

def bright(rgb, say):
    return Found(np.full(rgb.shape[:2], 255, np.float32))

def blind(rgb, say):
    return Found(np.zeros(rgb.shape[:2], np.float32))

LEFT, BREAKS, SMALL, BRIGHT, BLIND = (
    Matte(name, "7", f"matte_plugin:{name}") for name in ("left", "breaks", "small", "bright", "blind")
)
LACKS = Matte("lacks", "1", "matte_plugin:left", modules=("no_such_module",), hint="Install no-such-package.")
MISNAMED = Matte("other", "1", "matte_plugin:left")
"""


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("left", "breaks", "small", "bright", "blind", "lacks", "misnamed")
    points = {name: f"matte_plugin:{name.upper()}" for name in names}
    plugins.install(tmp_path, monkeypatch, "matte_plugin", PLUGIN, points, group=mattes.GROUP)
    mattes._loaded.cache_clear()
    sys.modules.pop("matte_plugin", None)


@pytest.mark.usefixtures("plugin")
def test_a_plug_in_says_where_the_object_is() -> None:
    made = spherelinks.generate(PICTURE, matte="left", generator="inflate", texture_size=512).report
    assert made.matte is not None
    assert (made.matte.name, made.matte.version) == ("left", "7")
    assert "The left half was taken." in made.warnings
    assert {"matte_unsure"} <= {reason.code for reason in made.confidence.reasons}
    assert made["matte"] == {"name": "left", "version": "7"}
    assert made.dimensions.width < 0.6 < made.dimensions.height == 1


@pytest.mark.usefixtures("plugin")
def test_what_is_wrong_with_a_plug_in_is_said() -> None:
    for name, error, message in (
        ("breaks", GeneratorFailed, "The matte 'breaks' failed: RuntimeError: out of paint"),
        ("small", GeneratorFailed, r"its alpha is \(2, 2\) for a picture of \(400, 400\)"),
        ("bright", GeneratorFailed, "not between 0 and 1"),
        ("blind", NoObject, "'blind' takes nothing of the picture"),
    ):
        with pytest.raises(error, match=message):
            mattes.named(name).find(PICTURE, print)
    for name, message in (
        ("lacks", "options.matte is 'lacks': it cannot be used. The module 'no_such_module' is not installed."),
        ("misnamed", "options.matte is 'misnamed': it cannot be used. ValueError: it is named 'other'"),
        ("absent", "options.matte is 'absent': no such matte is installed."),
    ):
        with pytest.raises(InvalidOption) as caught:
            Options.from_json({"matte": name})
        assert caught.value.message.startswith(message)
        assert caught.value.field == "options.matte"
        named = re.match(r"Installed: ([\w, ]+)\.", caught.value.hint)
        assert named is not None
        assert set(named[1].split(", ")) - {"rembg"} == {"auto", "blind", "breaks", "bright", "left", "small", "u2netp"}
        assert ("Install no-such-package." in caught.value.hint) == (name == "lacks")


@pytest.mark.usefixtures("plugin")
def test_only_another_matte_than_the_usual_counts_for_the_cache() -> None:
    card = registry.card("inflate")
    usual, other, network = (cache.content_key(b"", Options(matte=name), card) for name in ("auto", "left", "u2netp"))
    assert usual == cache.content_key(b"", Options(), card)
    assert len({usual, other, network}) == 3


def test_transparency_and_masks_come_before_any_matte() -> None:
    alpha = (255 * TRUTH).astype(np.uint8)
    values = {"matte": "u2netp", "generator": "inflate", "texture_size": 512}
    cut = spherelinks.generate(np.dstack([PICTURE, alpha]), **values).report
    masked = spherelinks.generate(PICTURE, mask=alpha, **values).report
    assert cut.matte is masked.matte is None
    assert "The matte u2netp had no effect: transparency decided." in cut.warnings
    assert "The matte u2netp had no effect: the mask decided." in masked.warnings


def test_the_pages_matte_holds_what_it_must(tmp_path: Path) -> None:
    page = (Path(__file__).parents[3] / "docs/mattes.md").read_text()
    files = dict(re.findall(r"^```\w+\n# (\S+)\n(.*?)^```", page, re.M | re.S))
    assert files.keys() == {"pyproject.toml", "spherelinks_corner.py", "test_corner.py"}
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    points = tomllib.loads(files["pyproject.toml"])["project"]["entry-points"][mattes.GROUP]
    plugins.describe(tmp_path, "spherelinks-corner", points, "1.0", group=mattes.GROUP)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_corner.py"]
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=250)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 passed" in done.stdout
