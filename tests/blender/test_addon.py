"""The built extension, installed by Blender itself and used by scripts.

In full in the oldest and the newest version; the one between gets what every user does. SPHERELINKS_LONG_TESTS=1 does
all in each.
"""

import json
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from long import LONG

from spherelinks.pipeline import STAGES

# the first test of each version starts the engine
pytestmark = pytest.mark.timeout(900)

HERE = Path(__file__).parent
SAMPLES = HERE.parents[1] / "docs" / "samples"
VERSIONS = ("4.2", "4.5", "5.0")
FULL = VERSIONS if LONG else ("4.2", "5.0")
SMOKE = ("placed", "equipped", "agreed")
"""The probe's scenarios in the other versions."""


@pytest.fixture(scope="module")
def probed(engine, run, served, stand_in, archive, tmp_path_factory):
    """probed(version) is what the probe found in it; each version is probed once."""

    @cache
    def probe(version):
        python = engine("blender", f"bpy-python-{version}")
        out = tmp_path_factory.mktemp("blender")
        chosen = () if version in FULL else SMOKE
        servers = (served.address, served.key, stand_in.address())
        printed = run(python, HERE / "probe.py", archive, *servers, SAMPLES, out, *chosen)
        return json.loads(printed.splitlines()[-1])

    return probe


@pytest.fixture(scope="module")
def placement(contract):
    """Read before any Blender that may be missing."""
    return contract.json("placement.json")


@pytest.fixture(scope="module", params=VERSIONS)
def seen(request, probed):
    """What the probe found in one version."""
    return probed(request.param)


@pytest.fixture(scope="module", params=FULL)
def used(request, probed):
    """The same in a version that all scenarios ran in."""
    found = probed(request.param)
    sys.stdout.write(f"{found['version']}: {figures(found)}\n")  # pytest -rP shows it
    return found


def figures(found):
    times = {name: round(found["without_waiting"][name], 1) for name in ("submit_ms", "tick_ms")}
    imports = [round(each) for each in found["without_waiting"]["import_ms"]]
    return times | {"import_ms": imports, "gained_mib": round(found["memory"]["gained_mib"], 1)}


def test_scripts_are_told_what_is_wrong_and_what_to_do(seen):
    told = seen["refusals"]
    expected = {
        "no_key": ("no API key", "Enter an API key"),
        "offline": ("is not allowed to go online", "Allow Online Access"),
        "refused": ("cannot be reached: Connection refused", "Start the server"),
        "no_file": ("cannot be read", "Choose another file"),
        "key-revoked": ("The API key was revoked.", "Enter a working API key"),
        "no-credits": ("The account has no credit left.", "Wait for the next month's credits"),
        "picture-damaged": ("The picture is damaged.", "Save the picture again"),
        "rate-limited": ("Too many requests.", "Wait a minute"),
        "broken-in-html": ("answers 502 with text/html", "Check the server address"),
        "half-a-glb": ("only in part", ""),
        "larger-than-said": ("larger than 4 MB", "Check the server address"),
        "post-redirected-307": ("sends this request on to http://localhost:", "enter that in the SphereLinks settings"),
    }
    assert set(told) == set(expected)
    for name, parts in expected.items():
        assert all(part in told[name] for part in parts), told[name]
        assert "Traceback" not in told[name]
        assert "sk_test" not in told[name]


def test_the_key_is_shown_to_nobody_and_in_no_file_of_the_scene(seen):
    assert seen["key"] == {"shown": "*" * 16, "kept": True}
    assert seen["secret_in_files"] == []


def test_the_server_tells_account_plan_and_options(seen):
    assert (seen["info"]["account"], seen["info"]["plan"]) == ("Owner", "owner")
    assert seen["options"]["textureSize"] == 1024
    assert seen["options"]["generator"] == "lift"


def test_each_generator_is_sent_its_own_options(seen):
    assert seen["own"] == {"lift": {}, "lift-flow": {"generator": "lift-flow", "seed": 3}}


def test_the_object_stands_at_the_cursor_in_its_real_size(seen):
    placed = seen["placed"]
    assert placed["objects"] == placed["selected"] == ["robot"]
    assert placed["name"] == ["robot"] * 4
    assert placed["location"] == pytest.approx([1, 2, 3])
    assert placed["size"][2] == pytest.approx(31, rel=1e-3)  # centimetres, the scene's unit
    assert placed["bottom"] == pytest.approx(3, abs=0.01)
    assert placed["texture"] == [512, 512]  # of the preset
    assert placed["collections"] == placed["all_collections"] == ["robot"]
    assert placed["state"] == "placed"


def test_the_object_says_where_it_comes_from(seen, served):
    properties = seen["placed"]["properties"]
    assert properties["spherelinks_job"].startswith("job_")
    assert properties["spherelinks_server"] == served.address
    assert properties["spherelinks_generator"].startswith("lift")
    assert len(properties["spherelinks_source"]) == 64
    assert json.loads(properties["spherelinks_options"])["textureSize"] == 512


def test_levels_and_collider_are_hidden_children(seen):
    assert seen["equipped"] == {
        "mug": {"parent": None, "rendered": True, "shown": True},
        "mug_LOD1": {"parent": "mug", "rendered": False, "shown": False},
        "mug-convcolonly": {"parent": "mug", "rendered": False, "shown": True},
    }


def test_the_contracts_asset_is_where_it_must_be(placement, seen):
    engine = placement["engines"]["blender"]
    wanted = [placement["faces"]["asset"], *placement["faces"]["lods"], placement["faces"]["collider"]]
    for place, found in zip(engine["places"], seen["agreed"], strict=True):
        assert found["alone"]
        assert dict(zip(found["names"], found["faces"], strict=True)) == dict(
            zip(placement["names"]["blender"], wanted, strict=True)
        )
        assert found["color"] == pytest.approx(placement["color"], abs=1)
        for points in found["points"]:
            assert np.abs(np.array(points) - place["corner"]).max(1).min() < 1e-5
    for points in seen["agreed"][0]["points"]:  # the first stands at the origin
        assert np.min(points, axis=0) == pytest.approx(engine["low"], abs=1e-6)
        assert np.max(points, axis=0) == pytest.approx(engine["high"], abs=1e-6)


def test_a_replacement_takes_the_place_of_the_old_object(used):
    replaced = used["replaced"]
    assert replaced.pop("moved") < 1e-5
    assert replaced == {
        "objects": ["child", "hero", "parent"],
        "name": "hero",
        "parent": "parent",
        "children": ["child"],
        "collections": ["home"],
        "other": True,
        "meshes": 1,
    }


def test_pictures_of_other_sides_are_sent_and_used(used):
    assert used["sided"] == {
        "spent": 1,
        "remembered": ["spherelinks_source_back", "spherelinks_source_left"],
        "same": True,
        "alone": [],
        "again": {"back": True, "left": True},
        "right": "",
        "offered": {"inflate": [], "lift": ["back", "left"]},
    }


def test_a_folder_becomes_a_row_of_objects(used):
    assert {name: pytest.approx(at) for name, at in used["batch"].items()} == {
        "robot": [-0.75, 0, 0],
        "twin": [0.75, 0, 0],
    }


def test_pixels_of_blender_are_a_picture(used):
    assert used["from_pixels"]["objects"] == ["Disc"]
    assert "Render an image first" in used["from_pixels"]["no_render"]


def test_jobs_run_beside_blender(used):
    beside = used["without_waiting"]
    assert beside["objects"] == ["armchair", "toadstool"]
    assert beside["spent"] == 2
    # which of them are seen depends on the machine: a fast one is done between two looks
    assert set(beside["stages"]) <= {"", "queued", "starting", "completed", *STAGES}


def test_a_job_at_work_is_picked_up_again_and_charged_once(used):
    assert used["picked_up"] == {"threads": [], "objects": ["robot"], "state": "placed", "spent": 1}


def test_past_jobs_can_be_used_again(used):
    assert used["history"] == {
        "name": "robot",
        "same": True,
        "picture": True,
        "seed": True,
        "saved": "glTF",
        "deleted": True,
        "thumbnails": True,
    }


def test_assets_are_marked_with_thumbnail_and_catalogue(used):
    assert used["marked"]["catalog"]
    assert min(used["marked"]["preview"]) > 0
    assert not used["marked"]["smooth"]


def test_objects_that_are_deleted_are_gone(used):
    assert used["memory"]["gained_mib"] < 25  # 50 of them; one mesh with its texture takes about 2


def test_nothing_is_left_behind(seen):
    assert seen["left_behind"] == []
