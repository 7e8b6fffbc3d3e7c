"""The plugin in Godot's editor, against a server with the real pipeline: from the picture to the scene and back."""

import json
import re
from pathlib import Path

import pytest
from editors import Godot, make_project

SAMPLES = Path(__file__).resolve().parents[2] / "docs" / "samples"
PICTURES = [str(SAMPLES / "robot.png"), str(SAMPLES / "mug.jpg")]

pytestmark = pytest.mark.timeout(400)


@pytest.fixture(scope="module")
def whole(program, served, tmp_path_factory):
    """What one run of the editor found, and its project."""
    project = make_project(tmp_path_factory.mktemp("whole") / "project", "spherelinks", "probe")
    godot = Godot(program, tmp_path_factory.mktemp("home"))
    told = godot.probe(project, "whole", address=served.address, key=served.key, pictures=PICTURES)
    return told, project, godot


def test_the_dock_shows_what_the_server_offers(whole):
    told = whole[0]
    offered = json.loads((Path(__file__).parents[2] / "contract" / "generators.json").read_text("utf-8"))
    assert told["presets"] == len(offered["presets"])
    assert told["info"] == {"credits": -1, "plan": "owner"}


def test_the_object_stands_in_the_scene(whole):
    told, project, _ = whole
    assert told["first"]["options"] == {"collider": "convex", "name": "robot", "textureSize": 512}
    assert told["first"]["resource"] == "res://models/robot/robot.glb"
    assert (project / "models" / "robot" / "robot.glb").exists()
    [robot] = told["placed"]["children"]
    assert (robot["name"], robot["owner"], robot["class"]) == ("robot", "Level", "Node3D")
    assert robot["scene"] == "res://models/robot/robot.glb"
    [mesh] = [node for node in robot["children"] if node["class"] == "MeshInstance3D"]
    assert max(mesh["size"]) == pytest.approx(1, abs=1e-3)
    assert mesh["low"] == pytest.approx(0, abs=1e-3)
    [body] = [node for node in robot["children"] if node["class"] == "StaticBody3D"]
    assert not body["name"].startswith("@")
    assert [node["class"] for node in body["children"]] == ["CollisionShape3D"]
    assert told["selected"] == ["robot"]


def test_where_it_comes_from_is_told_by_its_root(whole):
    [robot] = whole[0]["placed"]["children"]
    assert robot["origin"]["generator"]["name"] == "lift"
    assert re.fullmatch("[0-9a-f]{64}", robot["origin"]["source"]["sha256"])


def test_one_undo_takes_it_away_and_redo_brings_it_back(whole):
    told = whole[0]
    assert told["undone"] == 0
    assert told["redone"] == told["placed"]


def test_replacing_keeps_what_the_level_has_set(whole):
    told = whole[0]
    mug = told["replaced"]["children"][0]
    assert mug["name"] == "robot"
    assert mug["scene"] == "res://models/mug/mug.glb"
    assert mug["position"] == [1, 2, 3]
    assert told["kept"] == {"layer": 4, "transparency": 0.25, "group": True, "editable": True, "connected": True}
    [lamp] = [node for node in mug["children"] if node["name"] == "Lamp"]
    assert lamp["owner"] == "Level"
    robot = told["returned"]["children"][0]
    assert robot["scene"] == "res://models/robot/robot.glb"
    assert [node["owner"] for node in robot["children"] if node["name"] == "Lamp"] == ["Level"]
    assert "collision_layer = 4" in told["saved"]
    assert '[connection signal="timeout" from="Clock" to="robot" method="hide"' in told["saved"]
    assert told["jobs"] == ["placed", "placed"]


def test_nothing_of_the_key_is_in_the_project_or_in_the_editors_settings(whole, served):
    _, project, godot = whole
    kept = godot.home / ".config" / "godot" / "spherelinks" / "keys.json"
    assert served.key in kept.read_text()
    for folder in (project, godot.home):
        for path in folder.rglob("*"):
            if path.is_file() and path != kept and path.suffix != ".json":
                assert served.key.encode() not in path.read_bytes(), path


def test_turned_off_it_leaves_nothing_behind(whole):
    on, off, again = (whole[0][name] for name in ("on", "off", "on_again"))
    assert on["settings"]
    assert on["nodes"]
    assert on["extensions"]
    assert (off["settings"], off["nodes"], off["extensions"]) == ([], [], False)
    assert off["threads"] < on["threads"]
    assert (sorted(again["settings"]), sorted(again["nodes"])) == (sorted(on["settings"]), sorted(on["nodes"]))
    assert "spherelinks/" not in re.sub('res://addons/[^"]*', "", (whole[1] / "project.godot").read_text())
