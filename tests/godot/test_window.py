"""The editor with its window, on a display without a screen: from the plugin's zip to the level that is played, and the
dock in each state, light and dark, and at 200 %.

``SPHERELINKS_SHOTS=FOLDER`` keeps the pictures; docs/images has some.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from editors import HERE, Godot, equip, make_project
from PIL import Image
from serving import free_port

ROOT = Path(__file__).resolve().parents[2]
ROBOT = ROOT / "docs" / "samples" / "robot.png"
WINDOW = ("--rendering-driver", "opengl3", "--audio-driver", "Dummy", "--windowed", "--position", "0,0")
STATES = ("idle", "options", "working", "done", "error")
ORANGE = (230, 120, 30)
"""Of the robot's body."""

pytestmark = pytest.mark.timeout(1200)


@pytest.fixture(scope="module")
def display():
    """The name of a display of our own."""
    if not shutil.which("Xvfb"):
        pytest.skip("Xvfb is not installed; scripts/engines.sh godot installs it")
    reads, writes = os.pipe()
    screen = ("-screen", "0", "2560x1440x24")
    server = subprocess.Popen(["Xvfb", "-displayfd", str(writes), *screen, "-nolisten", "tcp"], pass_fds=[writes])
    os.close(writes)
    with os.fdopen(reads) as file:
        name = file.readline().strip()
    yield f":{name}"
    server.terminate()
    server.wait(30)


class Desk:
    """An editor with a window, what it is asked for and what it shows."""

    def __init__(self, godot, display, shots, size, **settings):
        self.godot, self.shots = godot, shots
        self.shape = (size[1], size[0], 3)
        self.window = [*WINDOW, "--resolution", f"{size[0]}x{size[1]}"]
        self.display = display
        folder = godot.home / ".config" / "godot"
        folder.mkdir(parents=True)
        lines = "".join(f"interface/{name} = {value}\n" for name, value in settings.items())
        header = '[gd_resource type="EditorSettings" format=3]\n\n[resource]\n'
        (folder / "editor_settings-4.6.tres").write_text(header + lines)

    def probe(self, project, name, variables=None, **given):
        try:
            return self.godot.probe(
                project,
                name,
                arguments=self.window,
                variables={"DISPLAY": self.display} | (variables or {}),
                limit_s=600,
                picture=str(ROBOT),
                shots=str(self.shots),
                **given,
            )
        finally:
            if kept := os.environ.get("SPHERELINKS_SHOTS"):
                shutil.copytree(self.shots, Path(kept) / self.shots.parent.name, dirs_exist_ok=True)

    def shot(self, name):
        return np.asarray(Image.open(self.shots / f"{name}.png").convert("RGB"), int)


@pytest.fixture(scope="module")
def walk(program, display, tmp_path_factory):
    """A new project from the zip to the level that is played, and the editor closed and opened again; with the server
    that is started from the dock.
    """
    folder = tmp_path_factory.mktemp("walk")
    (folder / "home").mkdir()
    (folder / "shots").mkdir()
    project = folder / "Robots"
    shutil.copytree(HERE / "level", project)
    subprocess.run([sys.executable, ROOT / "scripts" / "godot_plugin.py", folder], check=True, capture_output=True)
    [archive] = folder.glob("spherelinks-godot-*.zip")
    shutil.unpack_archive(archive, project)
    equip(project, "probe")
    settings = {"editor/single_window_mode": "true"}  # dialogs are drawn in the one window that is seen
    desk = Desk(Godot(program, folder / "home"), display, folder / "shots", (1280, 900), **settings)
    home = Path(tempfile.mkdtemp(prefix="spherelinks-test-"))
    home.chmod(0o755)  # as root the database runs as another user, who must get through
    variables = {
        "SPHERELINKS_HOME": str(home),
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "PLAYED_TOLD": str(folder / "played.json"),
        "PLAYED_SHOT": str(folder / "shots" / "played.png"),
    }
    address = f"http://127.0.0.1:{free_port()}"
    try:
        told = desk.probe(project, "walk", variables, address=address, textureSize=512, close=True)
        ended = wait_for_end(told["pid"])
        back = desk.probe(project, "back", variables, close=True)
        ended = ended and wait_for_end(back["pid"])
    finally:
        shutil.rmtree(home, ignore_errors=True)
    return {
        "told": told,
        "back": back,
        "desk": desk,
        "played": json.loads((folder / "played.json").read_text()),
        "ended": ended,
        "project": project,
    }


def wait_for_end(pid):
    """Whether a process ends within a minute."""
    deadline = time.monotonic() + 60
    while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    return not Path(f"/proc/{pid}").exists()


@pytest.fixture(scope="module")
def japanese(program, display, served, tmp_path_factory):
    """The dock at 200 %, in Japanese and in the light theme."""
    folder = tmp_path_factory.mktemp("japanese")
    (folder / "home").mkdir()
    (folder / "shots").mkdir()
    settings = {"editor/display_scale": "6", "editor/editor_language": '"ja"', "theme/color_preset": '"Light"'}
    desk = Desk(Godot(program, folder / "home"), display, folder / "shots", (2560, 1440), **settings)
    project = make_project(folder / "project", "spherelinks", "probe")
    # of another texture than other tests' robots, for those are in the server's cache
    told = desk.probe(project, "window", address=served.address, key=served.key, textureSize=576)
    return {"told": told, "desk": desk}


@pytest.fixture(scope="module", params=["walk", "japanese"])
def seen(request):
    """What was found, and what was seen."""
    run = request.getfixturevalue(request.param)
    return run["told"], run["desk"]


def test_the_dock_is_drawn_in_every_state(seen):
    told, desk = seen
    drawn = [desk.shot(state) for state in STATES]
    for picture in drawn:
        assert picture.shape == desk.shape
        assert len(np.unique(picture @ [1 << 16, 1 << 8, 1])) > 100
    for before, after in pairwise(drawn):
        assert np.abs(before - after).max() > 50
    assert told["failed"] == "no_object"
    assert told["tip"]


def test_it_wears_the_editors_theme_also_where_that_changes(walk, japanese):
    # the frame of the window, which shows nothing else
    dark, changed, light = walk["desk"].shot("error"), walk["desk"].shot("light"), japanese["desk"].shot("idle")
    assert dark[:4].mean() < 80
    assert changed[:4].mean() > 200
    assert light[:4].mean() > 200
    # the dock, from below its tab to the window's end
    assert dark[90:, 1010:].mean() < 80
    assert changed[90:, 1010:].mean() > 180


def test_everything_fits_and_is_reached_by_keyboard_and_explained(seen):
    told = seen[0]
    assert told["generate"] == ("Generate" if "at_first" in told else "生成")
    assert told["fields"] == []
    assert told["unreachable"] == []
    assert told["mute"] == []


def test_the_unpacked_plugin_is_turned_on_and_starts_a_server(walk):
    told = walk["told"]
    assert not told["at_first"]
    assert told["seen_at_once"]
    assert 'res://addons/spherelinks/plugin.cfg"' in (walk["project"] / "project.godot").read_text()
    assert told["starting"]
    assert told["account"]
    assert told["place"] == "FILE"


def test_the_robot_stands_on_its_collider_in_the_level_that_is_played(walk):
    robot, played = walk["told"]["placed"], walk["played"]
    assert (robot["name"], robot["scene"]) == ("robot", "res://models/robot/robot.glb")
    assert [node["name"] for node in robot["children"]] == ["robot_LOD0", "robot_collider"]
    assert played["ray"]["body"] == "robot_collider"
    # beside the tip of its antenna
    assert 0.9 < played["ray"]["height"] <= 1.001
    assert played["rests"]
    # its feet are round: it leans a little
    assert played["height"] == pytest.approx(0, abs=0.06)
    assert played["upright"] > 0.98
    shown = walk["desk"].shot("played")
    assert (np.abs(shown - ORANGE).max(axis=2) < 60).mean() > 0.005


def test_the_editor_opened_again_finds_the_level_and_the_history(walk):
    back = walk["back"]
    assert back["level"] == walk["told"]["placed"]
    assert ["robot", "placed"] in back["jobs"]
    assert "robot" in back["past"]
    assert back["thumbnails"][-1]


def test_a_server_that_was_started_ends_with_the_editor(walk):
    assert walk["ended"]
    assert walk["back"]["pid"] != walk["told"]["pid"]
