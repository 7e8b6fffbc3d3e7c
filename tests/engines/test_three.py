"""three.js, in a headless browser, loads and draws our GLBs."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

# the first test of each module makes the assets and starts the engine
pytestmark = pytest.mark.timeout(900)

HERE = Path(__file__).parent / "three"


@pytest.fixture(scope="module")
def seen(engine, run, glbs, equipped, variants, detailed, tmp_path_factory):
    engine("three", "chromium", "chromium-browser", "google-chrome")
    if not (HERE / "node_modules" / "three").is_dir():
        pytest.skip("three.js is not installed; scripts/engines.sh three installs it")
    out = tmp_path_factory.mktemp("three")
    files = [*glbs.values(), equipped, *variants.values(), detailed]
    return json.loads(run(sys.executable, HERE / "probe.py", out, *files).stdout)


def test_is_one_textured_mesh(seen, stem, texture_size):
    [mesh] = seen[stem]["meshes"]
    assert mesh["name"] == f"{stem}_LOD0"
    assert mesh["attributes"] == ["normal", "position", "uv"]
    assert mesh["material"] == "MeshStandardMaterial"
    assert mesh["texture"] == [texture_size, texture_size]
    assert mesh["triangles"] > 100


def test_stands_on_the_ground_centred_and_one_metre_long(seen, stem):
    low, high = seen[stem]["low"], seen[stem]["high"]
    assert max(b - a for a, b in zip(low, high, strict=True)) == pytest.approx(1, abs=1e-3)
    assert low[1] == pytest.approx(0, abs=1e-4)
    assert [low[0] + high[0], low[2] + high[2]] == pytest.approx([0, 0], abs=2e-3)


def test_is_drawn_from_every_side(seen, stem, coverage):
    for picture in seen[stem]["pictures"]:
        assert 0.03 < coverage(picture) < 0.9
        rgba = np.asarray(Image.open(picture))
        assert rgba[rgba[..., 3] > 127, :3].std(0).max() > 8, f"{picture} is of one colour"


def test_front_has_the_pictures_colours(seen, samples, likeness):
    # of the photographed side, that is: the others stay below 0.75
    assert likeness(seen["robot"]["pictures"][0], samples / "robot.png") > 0.8


def test_levels_of_detail_and_collider_change_nothing_that_is_drawn(seen):
    assert [mesh["name"] for mesh in seen["equipped"]["meshes"]] == ["robot_LOD0", "robot_collider-convcolonly"]
    for plain, equipped in zip(seen["robot"]["pictures"], seen["equipped"]["pictures"], strict=True):
        assert np.array_equal(np.asarray(Image.open(plain)), np.asarray(Image.open(equipped)))


def test_every_variant_is_drawn_like_the_plain_file(seen, variants):
    for name in variants:
        assert [mesh["name"] for mesh in seen[name]["meshes"]] == ["robot_LOD0", "robot_collider-convcolonly"]
        assert seen[name]["meshes"][0]["texture"] == seen["robot"]["meshes"][0]["texture"]
        assert seen[name]["high"] == pytest.approx(seen["robot"]["high"], abs=1e-4)
        for plain, other in zip(seen["robot"]["pictures"], seen[name]["pictures"], strict=True):
            difference = np.asarray(Image.open(plain)).astype(int) - np.asarray(Image.open(other))
            assert np.abs(difference).mean() < 1.5, name


def test_normal_map_and_occlusion_are_used_and_change_little(seen, likeness):
    mesh, *bodies = seen["detailed"]["meshes"]
    assert mesh["attributes"] == ["normal", "position", "tangent", "uv"]
    assert mesh["normalMap"] == mesh["texture"] == seen["robot"]["meshes"][0]["texture"]
    assert mesh["aoMap"]
    assert [body["name"] for body in bodies] == [
        f"robot_collider_{k:02}-convcolonly" for k in range(1, len(bodies) + 1)
    ]
    assert len(bodies) > 1
    for plain, detailed in zip(seen["robot"]["pictures"], seen["detailed"]["pictures"], strict=True):
        assert likeness(plain, detailed) > 0.8
