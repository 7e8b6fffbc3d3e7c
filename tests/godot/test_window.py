"""The editor with its window, on a display without a screen: the dock in each state, light and dark, and at 200 %.

``SPHERELINKS_SHOTS=FOLDER`` keeps the pictures; docs/images has some.
"""

import os
import shutil
import subprocess
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from editors import Godot, make_project
from PIL import Image

SAMPLES = Path(__file__).resolve().parents[2] / "docs" / "samples"
WINDOW = ("--rendering-driver", "opengl3", "--audio-driver", "Dummy", "--windowed", "--position", "0,0")
#: By the scale: size of the window, themes that are worn one after another, and settings of the editor.
LOOKS = {
    "100": ((1280, 900), ("Default", "Light"), {}),
    "200-japanese": (
        (2048, 1500),
        ("Default",),
        {"interface/editor/display_scale": "6", "interface/editor/editor_language": '"ja"'},
    ),
}
STATES = ("idle", "options", "working", "done", "error")

pytestmark = pytest.mark.timeout(1200)


@pytest.fixture(scope="module")
def display():
    """The name of a display of our own."""
    if not shutil.which("Xvfb"):
        pytest.skip("Xvfb is not installed; scripts/engines.sh godot installs it")
    reads, writes = os.pipe()
    screen = ("-screen", "0", "2048x1500x24")
    server = subprocess.Popen(["Xvfb", "-displayfd", str(writes), *screen, "-nolisten", "tcp"], pass_fds=[writes])
    os.close(writes)
    with os.fdopen(reads) as file:
        name = file.readline().strip()
    yield f":{name}"
    server.terminate()
    server.wait(30)


@pytest.fixture(scope="module", params=LOOKS)
def seen(request, program, served, display, tmp_path_factory):
    """What was found in one run, the pictures of each theme by state, and their size."""
    (width, height), themes, settings = LOOKS[request.param]
    home = tmp_path_factory.mktemp("home")
    folder = home / ".config" / "godot"
    folder.mkdir(parents=True)
    lines = "".join(f"{name} = {value}\n" for name, value in settings.items())
    header = '[gd_resource type="EditorSettings" format=3]\n\n[resource]\n'
    (folder / "editor_settings-4.6.tres").write_text(header + lines)
    shots = tmp_path_factory.mktemp("shots")
    project = make_project(tmp_path_factory.mktemp("window") / "project", "spherelinks", "probe")
    told = Godot(program, home).probe(
        project,
        "window",
        arguments=[*WINDOW, "--resolution", f"{width}x{height}"],
        variables={"DISPLAY": display},
        limit_s=420,
        address=served.address,
        key=served.key,
        picture=str(SAMPLES / "robot.png"),
        themes=themes,
        # the first run's is in the server's cache
        textureSize=512 + 64 * list(LOOKS).index(request.param),
        shots=str(shots),
    )
    if os.environ.get("SPHERELINKS_SHOTS"):
        shutil.copytree(shots, Path(os.environ["SPHERELINKS_SHOTS"]) / request.param, dirs_exist_ok=True)
    pictures = {
        theme: [np.asarray(Image.open(shots / f"{state}-{theme.lower()}.png").convert("RGB"), int) for state in STATES]
        for theme in themes
    }
    return told, pictures, (height, width, 3)


def test_the_dock_is_drawn_in_every_state_and_theme(seen):
    told, pictures, shape = seen
    for drawn in pictures.values():
        for picture in drawn:
            assert picture.shape == shape
            assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 100
        for before, after in pairwise(drawn):
            assert np.abs(before - after).max() > 50
    if "Light" in pictures:
        # the frame of the window, which shows nothing else
        assert pictures["Light"][0][:4].mean() > 200 > 80 > pictures["Default"][0][:4].mean()
    assert told["tip"]


def test_everything_fits_and_is_reached_by_keyboard_and_explained(seen):
    told = seen[0]
    assert told["generate"] == ("Generate" if "Light" in seen[1] else "生成")
    assert told["fields"] == []
    assert told["unreachable"] == []
    assert told["mute"] == []
