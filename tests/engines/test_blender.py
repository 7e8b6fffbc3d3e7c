"""Blender imports our GLBs as its users expect: one upright, closed, textured object of one metre."""

import json
from pathlib import Path

import pytest

# the first test of each module makes the assets and starts the engine
pytestmark = pytest.mark.timeout(900)

PROBE = Path(__file__).parent / "blender" / "probe.py"


@pytest.fixture(scope="module")
def seen(engine, run, glbs, equipped, tmp_path_factory):
    python = engine("blender", "bpy-python")
    printed = run(python, PROBE, tmp_path_factory.mktemp("blender"), *glbs.values(), equipped).stdout
    return json.loads(printed.splitlines()[-1])


def test_is_one_object_with_one_textured_material(seen, stem, texture_size):
    asset = seen[stem]
    assert asset["objects"].count("MESH") == 1
    assert asset["names"] == [stem]
    [material] = asset["materials"]
    assert material["texture"]["size"] == [texture_size, texture_size]
    assert material["texture"]["space"] == "sRGB"
    assert max(material["texture"]["spread"]) > 0.05
    assert material["metallic"] == 0
    assert 0.3 <= material["roughness"] <= 1
    assert 0 <= asset["uv"][0] < asset["uv"][1] <= 1


def test_stands_on_the_ground_centred_and_one_metre_long(seen, stem):
    low, high = seen[stem]["low"], seen[stem]["high"]
    size = [b - a for a, b in zip(low, high, strict=True)]
    assert max(size) == pytest.approx(1, abs=1e-3)
    # the samples stand: Blender's z is up, y is depth, and none is much deeper than tall
    assert size[2] > 0.8 * size[1]
    assert low[2] == pytest.approx(0, abs=1e-4)
    assert [low[0] + high[0], low[1] + high[1]] == pytest.approx([0, 0], abs=2e-3)


def test_is_closed_and_faces_outwards(seen, stem):
    solid = seen[stem]["solid"]
    assert solid["faces"] > 100
    assert (solid["open_edges"], solid["odd_edges"], solid["inconsistent_edges"]) == (0, 0, 0)
    assert 0.01 < solid["volume"] < 1


def test_render_of_the_front_shows_the_object(seen, stem, coverage):
    assert 0.1 < coverage(seen[stem]["render"]) < 0.9


def test_front_has_the_pictures_colours(seen, samples, likeness):
    # of the photographed side, that is: the others stay below 0.75
    assert likeness(seen["robot"]["render"], samples / "robot.png") > 0.8


def test_levels_of_detail_are_hidden_and_the_collider_is_not_rendered(seen, coverage, likeness):
    visible = seen["equipped"]["visible"]
    assert visible == ["robot-convcolonly", "robot_LOD0"]
    assert sorted(seen["equipped"]["names"]) == [*visible, "robot_LOD1", "robot_LOD2"]
    plain, equipped = seen["robot"]["render"], seen["equipped"]["render"]
    assert coverage(equipped) == pytest.approx(coverage(plain), rel=0.01)
    assert likeness(plain, equipped) > 0.99
