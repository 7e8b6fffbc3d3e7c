"""model-viewer, in a headless browser, loads and draws our GLBs."""

import json
import sys
from pathlib import Path

import pytest

# the first test of each module makes the assets and starts the engine
pytestmark = pytest.mark.timeout(900)

HERE = Path(__file__).parent / "three"


@pytest.fixture(scope="module")
def seen(engine, run, glbs, equipped, variants, detailed, tmp_path_factory):
    engine("three", "chromium", "chromium-browser", "google-chrome")
    if not (HERE / "node_modules" / "@google" / "model-viewer").is_dir():
        pytest.skip("model-viewer is not installed; scripts/engines.sh three installs it")
    out = tmp_path_factory.mktemp("model-viewer")
    files = [*glbs.values(), equipped, *variants.values(), detailed]
    return json.loads(run(sys.executable, HERE / "probe.py", out, *files, "--viewer", "model_viewer").stdout)


def test_has_one_textured_material(seen, stem):
    [material] = seen[stem]["materials"]
    assert (material["name"], material["texture"]) == (stem, stem)
    assert 0.3 <= material["roughness"] <= 1


def test_stands_on_the_ground_centred_and_one_metre_long(seen, stem):
    size, middle = seen[stem]["size"], seen[stem]["middle"]
    assert max(size) == pytest.approx(1, abs=1e-3)
    assert middle == pytest.approx([0, size[1] / 2, 0], abs=1e-3)


def test_is_drawn_from_every_side_with_the_pictures_colours_in_front(seen, stem, samples, coverage, likeness):
    for picture in seen[stem]["pictures"]:
        assert 0.1 < coverage(picture) < 0.9
    if stem == "robot":
        assert likeness(seen[stem]["pictures"][0], samples / "robot.png") > 0.75


def test_levels_collider_and_every_variant_change_nothing_that_is_drawn(seen, variants, coverage, likeness):
    plain = seen["robot"]["pictures"]
    for name in ("equipped", *variants):
        for one, other in zip(plain, seen[name]["pictures"], strict=True):
            assert likeness(one, other) > 0.95
            if name != "webp":  # whose box collider, undrawn, is framed too
                assert coverage(other) == pytest.approx(coverage(one), rel=0.01)


def test_a_normal_map_and_occlusion_change_little(seen, likeness):
    for plain, detailed in zip(seen["robot"]["pictures"], seen["detailed"]["pictures"], strict=True):
        assert likeness(plain, detailed) > 0.8
