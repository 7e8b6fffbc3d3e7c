"""What the tests here share: the engines, the assets they open and how their renders are judged.

``scripts/engines.sh`` installs the engines; the tests of one that is missing are skipped and say so. Each engine is a
program of its own that is handed GLBs of ours and prints what it found in them as JSON.
"""

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import spherelinks

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = ROOT / "docs" / "samples"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
ENGINES = Path(os.environ.get("SPHERELINKS_ENGINES") or CACHE / "spherelinks-engines")

TEXTURE_SIZES = {"robot.png": 512, "mug.jpg": 1024, "duck.webp": 2048}


@pytest.fixture(scope="session")
def engine():
    """The path of an engine's program, from our cache or the PATH; skips the test where there is none."""

    def find(name, *programs):
        path = os.pathsep.join([str(ENGINES / "bin"), os.environ["PATH"]])
        found = next(filter(None, (shutil.which(program, path=path) for program in programs)), None)
        if not found:
            pytest.skip(f"{programs[0]} is not installed; scripts/engines.sh {name} installs it")
        return found

    return find


@pytest.fixture(scope="session")
def run(tmp_path_factory):
    """Runs an engine with a home of its own and a time limit, and asserts that it ended well."""

    def run(*command):
        home = tmp_path_factory.mktemp("home")
        hermetic = {k: v for k, v in os.environ.items() if not k.startswith(("XDG_", "PYTHON", "BLENDER_"))}
        done = subprocess.run(
            [str(part) for part in command],
            env=hermetic | {"HOME": str(home)},
            capture_output=True,
            text=True,
            timeout=800,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done

    return run


def generate(path, picture, **options):
    """A GLB of a sample picture."""
    path.write_bytes(spherelinks.generate(SAMPLES / picture, **options).glb)
    return path


@pytest.fixture(scope="session")
def glbs(tmp_path_factory):
    """GLBs of sample pictures, each with a texture of another size: paths by stem."""
    out = tmp_path_factory.mktemp("glbs")
    paths = (generate(out / f"{Path(name).stem}.glb", name, texture_size=size) for name, size in TEXTURE_SIZES.items())
    return {path.stem: path for path in paths}


@pytest.fixture(scope="session")
def equipped(tmp_path_factory):
    """The robot's GLB once more, with two coarser levels of detail and a collider."""
    path = tmp_path_factory.mktemp("equipped") / "equipped.glb"
    return generate(path, "robot.png", texture_size=TEXTURE_SIZES["robot.png"], lods=(0.5, 0.25), collider="convex")


@pytest.fixture(scope="session")
def variants(tmp_path_factory):
    """The robot's GLB in other than core glTF, paths by what they are."""
    out = tmp_path_factory.mktemp("variants")
    wanted = {
        "webp": {"texture_format": "webp", "collider": "box"},
        "quantized": {"texture_format": "webp", "compression": "quantized", "collider": "convex"},
        "meshopt": {"texture_format": "png", "compression": "meshopt", "collider": "convex"},
    }
    size = TEXTURE_SIZES["robot.png"]
    return {
        name: generate(out / f"{name}.glb", "robot.png", texture_size=size, lods=(0.5,), **options)
        for name, options in wanted.items()
    }


@pytest.fixture(scope="session")
def detailed(tmp_path_factory):
    """The robot's GLB with a normal map, occlusion and a collider of several bodies."""
    path = tmp_path_factory.mktemp("detailed") / "detailed.glb"
    size = TEXTURE_SIZES["robot.png"]
    return generate(path, "robot.png", texture_size=size, normal_map=True, occlusion=True, collider="decomposed")


@pytest.fixture(scope="session")
def samples():
    return SAMPLES


@pytest.fixture(params=[Path(name).stem for name in TEXTURE_SIZES])
def stem(request):
    return request.param


@pytest.fixture
def texture_size(stem):
    return next(size for name, size in TEXTURE_SIZES.items() if Path(name).stem == stem)


@pytest.fixture(scope="session")
def coverage():
    """The share of a picture with alpha that is opaque."""
    return lambda path: float((alpha(path) > 127).mean())


@pytest.fixture(scope="session")
def likeness():
    """How alike the colours of two pictures with alpha are, 0..1: the overlap of their palettes."""
    return lambda a, b: float(np.minimum(palette(a), palette(b)).sum())


def alpha(path):
    return np.asarray(Image.open(path).getchannel("A"))


def palette(path):
    """Shares of the opaque pixels that are dark, grey, light or of one of 8 hues, (11,) float."""
    hue, saturation, value = np.asarray(Image.open(path).convert("RGB").convert("HSV"))[alpha(path) > 127].T
    plain = np.digitize(value, [70, 170])
    # reds, on both ends of the circle, share a bin
    colored = 3 + (hue.astype(int) + 16) // 32 % 8
    bins = np.where((saturation < 60) | (value < 70), plain, colored)
    return np.bincount(bins, minlength=11) / bins.size
