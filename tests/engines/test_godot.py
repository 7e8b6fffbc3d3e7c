"""Godot loads our GLBs while a game runs: one mesh, upright, of one metre, textured."""

import json
import shutil
from pathlib import Path

import pytest

# the first test of each module makes the assets and starts the engine
pytestmark = pytest.mark.timeout(900)

PROJECT = Path(__file__).parent / "godot"


@pytest.fixture(scope="module")
def seen(engine, run, glbs, tmp_path_factory):
    godot = engine("godot", "godot", "godot4")
    out = tmp_path_factory.mktemp("godot") / "facts.json"
    done = run(godot, "--headless", "--path", PROJECT, "--script", "probe.gd", "--", out, *glbs.values())
    # Godot ends with 0 even where a script broke off
    assert "ERROR" not in done.stderr, done.stderr
    return json.loads(out.read_text())


def test_is_one_mesh_with_one_surface(seen, stem):
    asset = seen[stem]
    assert asset["meshes"] == 1
    assert asset["surfaces"] == 1
    assert asset["name"] == stem
    assert asset["surface"]["uvs"] == asset["surface"]["vertices"] > 0
    assert asset["surface"]["triangles"] > 100


def test_normals_point_outwards(seen, stem):
    assert seen[stem]["surface"]["facing_along_normals"] > 0.99


def test_stands_on_the_ground_centred_and_one_metre_long(seen, stem):
    low, high = seen[stem]["low"], seen[stem]["high"]
    assert max(b - a for a, b in zip(low, high, strict=True)) == pytest.approx(1, abs=1e-3)
    assert low[1] == pytest.approx(0, abs=1e-4)
    assert [low[0] + high[0], low[2] + high[2]] == pytest.approx([0, 0], abs=2e-3)


def test_material_has_the_texture(seen, stem, texture_size):
    material = seen[stem]["material"]
    assert material["texture"]["size"] == [texture_size, texture_size]
    assert material["texture"]["colors"] > 50
    assert material["metallic"] == 0
    assert 0.3 <= material["roughness"] <= 1


def test_import_makes_static_bodies_of_the_colliders(engine, run, equipped, variants, detailed, tmp_path):
    godot = engine("godot", "godot", "godot4")
    # of the variants it knows WebP alone
    for file in (PROJECT / "project.godot", PROJECT / "imported.gd", equipped, detailed, variants["webp"]):
        shutil.copy(file, tmp_path)
    run(godot, "--headless", "--path", tmp_path, "--import")
    out = tmp_path / "facts.json"
    files = ("res://equipped.glb", "res://webp.glb", "res://detailed.glb")
    done = run(godot, "--headless", "--path", tmp_path, "--script", "imported.gd", "--", out, *files)
    assert "ERROR" not in done.stderr, done.stderr
    facts = json.loads(out.read_text())
    nodes = facts["equipped"]
    assert [node["class"] for node in facts["webp"]] == [node["class"] for node in nodes]
    # a collider of several bodies, and the normal map and occlusion of its mesh
    shapes = [node["shape"] for node in facts["detailed"] if node["class"] == "CollisionShape3D"]
    assert len(shapes) > 1
    assert set(shapes) == {"ConvexPolygonShape3D"}
    [mesh] = [node for node in facts["detailed"] if node["class"] == "MeshInstance3D"]
    assert (mesh["normal_map"], mesh["occlusion"]) == (True, True)
    assert [node["name"] for node in nodes if node["class"] == "MeshInstance3D"] == ["robot_LOD0"]
    [body] = [node for node in nodes if node["class"] == "StaticBody3D"]
    assert body["name"] == "robot"
    [shape] = [node for node in nodes if node["class"] == "CollisionShape3D"]
    assert shape["shape"] == "ConvexPolygonShape3D"
    assert 8 <= shape["corners"] <= 64
