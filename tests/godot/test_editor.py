"""The plugin in Godot's editor, against a server with the real pipeline: from the picture to the scene and back."""

import hashlib
import json
import re
import shutil
from pathlib import Path

import pytest
from editors import Godot, make_project
from meshes import box

import spherelinks

CONTRACT = Path(__file__).resolve().parents[2] / "contract"
SAMPLES = Path(__file__).resolve().parents[2] / "docs" / "samples"
PICTURES = [str(SAMPLES / "robot.png"), str(SAMPLES / "mug.jpg")]
SIDES = {side: str(SAMPLES / "sides" / f"mug_{side}.jpg") for side in ("back", "left")}

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def whole(program, served, tmp_path_factory):
    """What one run of the editor found, and its project."""
    project = make_project(tmp_path_factory.mktemp("whole") / "project", "spherelinks", "probe")
    crate = spherelinks.finish(box(), name="crate", texture_size=512, compression="quantized")
    (project / "crate.glb").write_bytes(crate.glb)
    godot = Godot(program, tmp_path_factory.mktemp("home"))
    nowhere = str(tmp_path_factory.mktemp("nowhere") / "spherelinks")
    told = godot.probe(
        project,
        "whole",
        address=served.address,
        key=served.key,
        pictures=PICTURES,
        sides=SIDES,
        nowhere=nowhere,
    )
    return told, project, godot


def test_the_dock_shows_what_the_server_offers(whole):
    told = whole[0]
    offered = json.loads((CONTRACT / "generators.json").read_text("utf-8"))
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


def test_files_that_godot_alone_refuses_are_read(whole):
    crate = whole[0]["crate"]
    assert [(node["name"], node["class"]) for node in crate["children"]] == [("crate_LOD0", "MeshInstance3D")]
    assert crate["origin"]


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


def test_pictures_of_other_sides_are_sent_and_used(whole):
    told = whole[0]
    digests = {side: hashlib.sha256(Path(path).read_bytes()).hexdigest() for side, path in SIDES.items()}
    source = told["replaced"]["children"][0]["origin"]["source"]
    assert {side: source[f"{side}Sha256"] for side in SIDES} == digests
    assert told["title"] == "Other Sides (2)"
    assert told["of_inflate"] == [False, []]
    assert told["again"] == digests


def test_a_local_servers_program_that_is_missing_is_named(whole):
    missing = whole[0]["missing"]
    assert missing["code"] == "no_program"
    assert "nowhere" in missing["message"]


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


def test_a_killed_editors_job_is_taken_over_and_charged_once(godot, project, served):
    def account():
        status, _, body = served.running.ask("GET", "/v1/account", served.key)
        assert status == 200
        return json.loads(body)["credits"]

    make_project(project.with_name("killed"), "spherelinks", "probe")
    project = project.with_name("killed")
    before = account()["available"]
    asked = godot.home / "asked"
    asked.write_text(
        json.dumps(
            {
                "probe": "begin",
                "address": served.address,
                "key": served.key,
                "picture": PICTURES[1],
                "sides": {"back": SIDES["back"]},
            }
        )
    )
    first = godot.start(
        "--headless", "--editor", "--path", project, PROBE_ASKED=str(asked), PROBE_TOLD=str(godot.home / "told")
    )
    said, _ = first.communicate(timeout=800)
    assert first.returncode == -9, said
    told = godot.probe(project, "take_over")
    [mug] = told["level"]["children"]
    assert (mug["name"], mug["scene"]) == ("mug", "res://models/mug/mug.glb")
    assert "backSha256" in mug["origin"]["source"]
    after = account()
    assert (before - after["available"], after["held"]) == (1, 0)


def test_several_pictures_are_a_batch_on_a_grid(godot, bad, tmp_path):
    project = make_project(tmp_path / "batch", "spherelinks", "probe")
    # names that Godot would take for an instruction, and the same name twice
    names = ("old_vehicle.png", "logo_noimp.png", "sub/old_vehicle.png")
    for name in names:
        (project / name).parent.mkdir(exist_ok=True)
        shutil.copy(CONTRACT / "files" / "picture.png", project / name)
    files = [f"res://{name}" for name in names]
    told = godot.probe(
        project, "batch", address=bad.address("well"), key="sk_secret", files=[*files, "res://level.tscn"]
    )
    assert told["menu"]
    assert len(set(told["batches"])) == 1
    assert told["rows"] == ["Imported"] * 3
    objects = told["level"]["children"]
    assert {node["class"] for node in objects} == {"Node3D"}
    assert len({tuple(node["position"]) for node in objects}) == 3
    assert all(node["scene"].endswith(".tscn") for node in objects)
    assert sorted(told["files"]) == ["logo_noimp", "old_vehicle", "old_vehicle_2"]
    assert all(any(below["class"] == "MeshInstance3D" for below in node["children"]) for node in objects)
