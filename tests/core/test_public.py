"""The public API: its names, and errors in Python's terms."""

from __future__ import annotations

import base64
import html
import inspect
import io
import pydoc
import re
import subprocess
import sys
import traceback
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import spherelinks
from spherelinks import errors, pipeline
from spherelinks.formats.asset import read
from spherelinks.options import Options, OptionValues
from spherelinks.render import notebook
from spherelinks.render.images import turned

SAMPLES = Path(__file__).parent.parent.parent / "docs/samples"


@pytest.fixture(scope="module")
def asset() -> spherelinks.Asset:
    return spherelinks.generate(SAMPLES / "mug.jpg", texture_size=512, target_faces=2000)


def test_dir_shows_what_is_public_and_nothing_else() -> None:
    assert dir(spherelinks) == sorted(spherelinks.__all__)
    for name in dir(spherelinks):
        found = getattr(spherelinks, name)
        assert name == "__version__" or inspect.getdoc(found), name
    with pytest.raises(AttributeError, match="nothing_like_it"):
        spherelinks.nothing_like_it  # noqa: B018


def test_every_error_that_the_documented_functions_raise_is_public() -> None:
    for function in (spherelinks.generate, spherelinks.finish):
        raises = (inspect.getdoc(function) or "").partition("Raises\n------\n")[2]
        named = [line.partition(" : ")[0] for line in raises.splitlines() if " : " in line and not line.startswith(" ")]
        assert named
        for name in named:
            assert getattr(spherelinks, name) is getattr(errors, name)


def test_the_keywords_are_the_options() -> None:
    assert OptionValues.__annotations__.keys() == Options.model_fields.keys()


def test_a_traceback_shows_what_would_help() -> None:
    with pytest.raises(spherelinks.InvalidOption) as caught:
        spherelinks.generate(SAMPLES / "mug.jpg", texture_sise=512)
    last = traceback.format_exception(caught.value)[-2:]
    assert last == ["spherelinks.errors.InvalidOption: 'texture_sise' is not an option.\n", f"{caught.value.hint}\n"]
    assert "'texture_size'" in caught.value.hint


def test_importing_waits_for_no_heavy_library() -> None:
    code = "import spherelinks, sys; dir(spherelinks); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"numpy", "cv2", "onnxruntime", "sqlalchemy", "pydantic", "importlib.metadata", "dataclasses", "argparse"}
    assert not heavy & set(done.stdout.split())


@pytest.mark.parametrize("options", [{"textureSize": 512}, {"texture_size": 512}, Options(texture_size=512)])
def test_options_may_be_a_model_a_mapping_or_keywords(options, asset: spherelinks.Asset) -> None:
    assert spherelinks.generate(SAMPLES / "mug.jpg", options, target_faces=2000).glb == asset.glb


def test_keywords_win() -> None:
    report = spherelinks.generate(
        SAMPLES / "mug.jpg", Options(texture_size=512, target_faces=90), target_faces=600
    ).report
    assert report["textureSize"] == 512
    assert abs(report["faces"] - 600) <= 12


@pytest.mark.parametrize(
    ("values", "message", "hint"),
    [
        ({"texture_sise": 512}, "'texture_sise' is not an option", "'texture_size'"),
        ({"height": 0.3}, "'height' is not an option", 'dimensions={"height": …}'),
        ({"texture_size": 100}, "texture_size is 100", "from 512 to 2048"),
        ({"texture_size": "large"}, "texture_size is 'large'", "an integer"),
        ({"target_faces": 50, "simplify_ratio": 0.5}, "target_faces is 50 and simplify_ratio is 0.5", "simplify_ratio"),
        ({"generator": "nothing"}, "'nothing'", "lift"),
    ],
)
def test_a_wrong_option_is_named_in_pythons_words(values, message, hint) -> None:
    with pytest.raises(spherelinks.InvalidOption) as caught:
        spherelinks.generate(SAMPLES / "mug.jpg", **values)
    assert message in str(caught.value)
    assert hint in caught.value.hint
    assert "textureSize" not in caught.value.message + caught.value.hint


def test_what_is_no_picture_is_named() -> None:
    with pytest.raises(spherelinks.InvalidRequest, match="float64") as caught:
        spherelinks.generate(np.zeros((8, 8, 3)))
    assert "uint8" in caught.value.hint
    with pytest.raises(spherelinks.PictureUnreadable, match=r"missing\.png"):
        spherelinks.generate("missing.png")
    with pytest.raises(spherelinks.InvalidOption, match="options is a int"):
        spherelinks.generate(SAMPLES / "mug.jpg", 512)  # type: ignore[arg-type]


def test_an_asset_is_told_in_a_line(asset: spherelinks.Asset) -> None:
    text = repr(asset)
    assert text.startswith("<Asset mug: ")
    assert f"{asset.report['faces']} faces" in text
    assert len(text) < 100
    assert asset._repr_png_() == asset.thumbnail


def test_a_notebook_shows_a_model_to_turn(asset: spherelinks.Asset) -> None:
    """One strip of pictures that begins with the thumbnail's view; nothing is loaded, no text is taken for HTML."""
    shown = replace(asset, name="<b>mug</b>")._repr_html_()
    assert "<b>" not in shown
    assert html.escape(str(replace(asset, name="<b>mug</b>"))) in shown
    addresses = re.findall(r"url\((.*?)\)", shown)
    assert len(addresses) == 1
    kind, _, data = addresses[0].partition(",")
    assert kind == "data:image/webp;base64"
    strip = Image.open(io.BytesIO(base64.b64decode(data)))
    assert strip.size == (notebook.FRAMES * notebook.SIZE, notebook.SIZE)
    frames = np.stack(np.hsplit(np.asarray(strip.convert("RGBA"), float), notebook.FRAMES))
    first = next(turned(read(asset.glb).mesh, notebook.SIZE, notebook.FRAMES))
    covered = first[..., 3] == 255
    assert np.abs(frames[0] - first)[covered].mean() < 4  # what lossy WebP makes of it
    assert min(np.abs(frames[k] - first)[covered].mean() for k in range(1, notebook.FRAMES)) > 4


def test_help_lists_the_options_and_nothing_of_pydantic() -> None:
    for model in (spherelinks.Options, spherelinks.Dimensions, spherelinks.Report):
        text = pydoc.render_doc(model, renderer=pydoc.plaintext)
        for name in model.model_fields:
            assert re.search(rf"^ \|  {name} : \w", text, re.MULTILINE), name
            assert name in dir(model)
        assert not re.search(r"model_(dump|fields|config|validate)|__pydantic|__init__", text)
    text = inspect.getdoc(spherelinks.Options) or ""
    assert "texture_size : Side of the square base colour texture, px. From 512 to 2048; defaults to 1024." in text
    aliases = {field.alias for name, field in Options.model_fields.items() if field.alias != name}
    assert not aliases & set(re.findall(r"\w+", text))
    assert list(inspect.signature(Options).parameters) == list(Options.model_fields)
    assert "Fields" not in Options.model_json_schema()["description"]


def test_a_folder_that_is_missing_is_named(asset: spherelinks.Asset, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"folder .*nowhere does not exist"):
        asset.save(tmp_path / "nowhere" / "mug.glb")


def test_the_page_is_current() -> None:
    """docs/python.md is written by scripts/python_page.py from the docstrings."""
    root = Path(__file__).parent.parent.parent
    done = subprocess.run([sys.executable, root / "scripts/python_page.py", "--print"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout == (root / "docs/python.md").read_text(), "run: python scripts/python_page.py"
    assert pipeline.Asset.__name__ in done.stdout
