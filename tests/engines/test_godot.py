"""Godot loads our GLBs while a game runs: one mesh, upright, of one metre, textured."""

import json
import shutil
from pathlib import Path

import pytest
from meshes import box

import spherelinks
from spherelinks.gltf.names import RESERVED

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
    assert (asset["root"], asset["name"]) == (stem, f"{stem}_LOD0")
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
    assert body["name"] == "robot_collider"
    [shape] = [node for node in nodes if node["class"] == "CollisionShape3D"]
    assert shape["shape"] == "ConvexPolygonShape3D"
    assert 8 <= shape["corners"] <= 64


@pytest.fixture(scope="module")
def imported(engine, run, tmp_path_factory):
    """imported({path: bytes}) puts GLBs into a project and gives what Godot's editor made of each, by its stem."""
    godot = engine("godot", "godot", "godot4")
    project = tmp_path_factory.mktemp("project")
    for file in ("project.godot", "imported.gd"):
        shutil.copy(PROJECT / file, project)

    def made(files, *others):
        for path, glb in files.items():
            (project / path).write_bytes(glb)
        done = run(godot, "--headless", "--path", project, "--import")
        assert "vanished" not in done.stdout + done.stderr
        out = project / "facts.json"
        scenes = [f"res://{path}" for path in (*files, *others)]
        done = run(godot, "--headless", "--path", project, "--script", "imported.gd", "--", out, *scenes)
        assert "ERROR" not in done.stderr, done.stderr
        assert "vanished" not in done.stdout + done.stderr
        return json.loads(out.read_text())

    made.project = project
    return made


def crate(name, **options):
    """The bytes of a finished box, and what it is called."""
    asset = spherelinks.finish(box(), texture_size=512, name=name, **options)
    return asset.name, asset.glb


def named(nodes, kind):
    return [node["name"] for node in nodes if node["class"] == kind]


LODS = {"plain": (), "levels": (0.9, 0.8)}
COLLIDERS = ("none", "box", "convex", "decomposed")


@pytest.fixture(scope="module")
def combined(imported):
    """What became of an asset in each combination of levels and colliders."""
    crates = dict(
        crate(f"mug {collider} {key}", lods=lods, collider=collider)
        for key, lods in LODS.items()
        for collider in COLLIDERS
    )
    return imported({f"{name}.glb": glb for name, glb in crates.items()}), imported.project


@pytest.mark.parametrize("lods", LODS)
@pytest.mark.parametrize("collider", COLLIDERS)
def test_names_are_the_same_whatever_was_asked_for(combined, lods, collider):
    name = f"mug {collider} {lods}"
    nodes = combined[0][name]
    assert (nodes[0]["name"], nodes[0]["class"]) == (name, "Node3D")
    assert named(nodes, "MeshInstance3D") == [f"{name}_LOD0"]
    bodies = named(nodes, "StaticBody3D")
    # a box is convex: one hull is all of it
    assert bodies == [] if collider == "none" else [f"{name}_collider"]


def test_one_texture_is_written_for_godot_where_there_are_no_levels(combined):
    name = "mug convex plain"
    assert [path.name for path in combined[1].glob(f"{name}_*.jpg")] == [f"{name}_{name}.jpg"]


LEVEL = """[gd_scene format=3]

[ext_resource type="PackedScene" path="res://hero.glb" id="1"]

[node name="Level" type="Node3D"]

[node name="Hero" parent="." instance=ExtResource("1")]

[node name="hero_collider" parent="Hero" index="1"]
collision_layer = 4

[node name="hero_LOD0" parent="Hero" index="0"]
layers = 2

[editable path="Hero"]
"""


def test_what_a_level_set_is_kept_when_the_asset_is_made_anew(imported):
    (imported.project / "level.tscn").write_text(LEVEL)
    for lods, size in (((), 512), ((0.9,), 600), ((), 700)):
        glb = spherelinks.finish(box(), name="hero", texture_size=size, lods=lods, collider="box").glb
        nodes = imported({"hero.glb": glb}, "level.tscn")["level"]
        layers = {node["name"]: node["layers"] for node in nodes if "layers" in node}
        assert layers == {"hero_LOD0": 2, "hero_collider": 4}


def test_no_name_changes_what_the_asset_is(imported):
    # with capitals, numbers behind, and in the other spellings that Godot reads
    given = {rule.example for rule in RESERVED} | {
        f"{base}{mark}{word}{tail}"
        for rule in RESERVED
        if rule.program.startswith("Godot") and rule.place == "end"
        for word in rule.words
        for base, mark, tail in (("old", "_", ""), ("Old", "-", "_01"), ("old", "$", " 2"))
    }
    crates = dict(crate(name, collider="box") for name in sorted(given | {"one.colonly", "x" * 60}))
    assert len(crates) > 30
    found = imported({f"{name}.glb": glb for name, glb in crates.items()})
    for name in crates:
        nodes = found[name]
        assert [node["class"] for node in nodes] == ["Node3D", "MeshInstance3D", "StaticBody3D", "CollisionShape3D"]
        root, mesh, body, _ = nodes
        assert (root["name"], mesh["name"], body["name"]) == (name, f"{name}_LOD0", f"{name}_collider")
        assert (mesh["material"], mesh["transparency"], mesh["vertex_colors"]) == (name, 0, False)
