"""Blender, old and new, imports our GLBs as its users expect: one upright, closed, textured object of one metre."""

import json
from pathlib import Path

import pytest

# the first test of each module makes the assets and starts the engine
pytestmark = pytest.mark.timeout(900)

PROBE = Path(__file__).parent / "blender" / "probe.py"
READ = ("webp", "quantized")  # not meshopt: no version knows it


@pytest.fixture(scope="module", params=["4.2", "4.5", "5.0"])
def series(request):
    return request.param


@pytest.fixture(scope="module")
def seen(series, engine, run, glbs, equipped, variants, detailed, tmp_path_factory):
    python = engine("blender", f"bpy-python-{series}")
    files = [*glbs.values(), equipped, *(variants[name] for name in READ), detailed]
    printed = run(python, PROBE, tmp_path_factory.mktemp("blender"), *files).stdout
    return json.loads(printed.splitlines()[-1])


def test_is_one_object_with_one_textured_material(seen, stem, texture_size):
    asset = seen[stem]
    assert asset["objects"].count("MESH") == 1
    assert asset["names"] == [f"{stem}_LOD0"]
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


def test_levels_of_detail_are_hidden_and_the_collider_is_not_rendered(series, seen, coverage, likeness):
    names, visible = sorted(seen["equipped"]["names"]), seen["equipped"]["visible"]
    assert names == ["robot_LOD0", "robot_LOD1", "robot_LOD2", "robot_collider-convcolonly"]
    if series == "4.2":
        assert visible == names  # it shows what is in no scene, too
        return
    assert visible == [names[0], names[3]]
    plain, equipped = seen["robot"]["render"], seen["equipped"]["render"]
    assert coverage(equipped) == pytest.approx(coverage(plain), rel=0.01)
    assert likeness(plain, equipped) > 0.99


def test_webp_and_quantised_files_are_the_same_asset(seen):
    plain = seen["robot"]
    for name in READ:
        asset = seen[name]
        assert sorted(asset["names"]) == ["robot_LOD0", "robot_LOD1", "robot_collider-convcolonly"]
        assert asset["low"] == pytest.approx(plain["low"], abs=1e-4)
        assert asset["high"] == pytest.approx(plain["high"], abs=1e-4)
        [textured] = [material for material in asset["materials"] if material["name"] == "robot_LOD0"]
        assert textured["texture"]["size"] == plain["materials"][0]["texture"]["size"]


def test_a_normal_map_is_in_the_material(seen, likeness):
    [textured] = [material for material in seen["detailed"]["materials"] if material["name"] == "robot"]
    assert textured["normal"] == "NORMAL_MAP"
    assert sum(name.endswith("-convcolonly") for name in seen["detailed"]["names"]) > 1
    assert likeness(seen["robot"]["render"], seen["detailed"]["render"]) > 0.8
