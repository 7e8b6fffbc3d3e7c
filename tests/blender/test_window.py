"""A Blender with its window: Generate is pressed with the mouse, the object appears, one undo takes it away."""

import json
import os
import shutil
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageGrab

pytestmark = pytest.mark.timeout(900)

HERE = Path(__file__).parent
PICTURE = HERE.parents[1] / "docs" / "samples" / "robot.png"
SIZE = (1600, 900)
LIMIT_S = 600
ORANGE = (230, 120, 30)
"""Of the robot's body."""


@pytest.fixture(scope="module")
def display():
    """A screen that nobody sees."""
    program = shutil.which("Xvfb")
    if program is None:
        pytest.skip("Xvfb is not installed; scripts/engines.sh window installs it")
    read, write = os.pipe()
    command = [program, "-displayfd", str(write), "-screen", "0", f"{SIZE[0]}x{SIZE[1]}x24", "-nolisten", "tcp"]
    process = subprocess.Popen(command, pass_fds=[write], stderr=subprocess.DEVNULL)
    os.close(write)
    try:
        with os.fdopen(read) as told:
            yield f":{told.readline().strip()}"
    finally:
        process.terminate()
        process.wait(30)


@pytest.fixture(scope="module")
def seen(engine, display, served, archive, tmp_path_factory):
    """What the script found, and the screens that it asked for by name."""
    blender = engine("window", "blender")
    out, home = tmp_path_factory.mktemp("window"), tmp_path_factory.mktemp("home")
    dropped = ("XDG_", "PYTHON", "BLENDER_", "SPHERELINKS_", "WAYLAND_")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(dropped)}
    options = ["--enable-event-simulate", "--no-window-focus", "--window-geometry", "0", "0", *map(str, SIZE)]
    command = [blender, *options, "--python", HERE / "window.py", "--"]
    command += [archive, served.address, served.key, PICTURE.name, out]
    log = out / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*map(str, command)],
            cwd=PICTURE.parent,  # the screens show no path of this machine
            env=environment | {"HOME": str(home), "DISPLAY": display, "LIBGL_ALWAYS_SOFTWARE": "1"},
            stdout=output,
            stderr=output,
        )
    try:
        screens = {}
        deadline = time.monotonic() + LIMIT_S
        while process.poll() is None:
            assert time.monotonic() < deadline, log.read_text()
            for wanted in out.glob("want-*"):
                name = wanted.name.removeprefix("want-")
                screens[name] = ImageGrab.grab(xdisplay=display)
                screens[name].save(out / f"{name}.png")
                if name == "panel":
                    (out / "button.json").write_text(json.dumps(button(screens[name])))
                wanted.unlink()
                (out / f"{name}.done").touch()
            time.sleep(0.05)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    assert process.returncode == 0, log.read_text()
    if kept := os.environ.get("SPHERELINKS_SCREENS"):
        for name, image in screens.items():
            image.save(Path(kept) / f"blender-{name}.jpg", quality=88)
    found = json.loads(log.read_text().splitlines()[-1])
    sys.stdout.write(f"{found}\n")  # pytest -rP shows it
    return found | {"screens": screens, "folder": out}


def button(image):
    """Where Generate is, in px from below left: the one button of the panel that is half as high again as a row."""
    pixels = np.asarray(image.convert("RGB")).astype(int)
    for x in range(SIZE[0] - 1, SIZE[0] // 2, -4):
        column = pixels[:, x]
        changes = np.flatnonzero(np.abs(np.diff(column, axis=0)).sum(1) > 0)
        for start, end in pairwise(changes):
            wide = pixels[(start + end) // 2, x - 60 : x]
            if 26 <= end - start <= 32 and 70 <= column[end].mean() <= 110 and (wide == column[end]).all():
                return x - 20, SIZE[1] - 1 - int(start + end) // 2
    raise AssertionError("the screen shows no such button")


def orange(image, box):
    """Pixels within a box of the screen that have the robot's colour."""
    pixels = np.asarray(image.convert("RGB").crop(box)).astype(int)
    return int((np.abs(pixels - ORANGE).sum(2) < 120).sum())


def test_the_object_comes_by_a_press_of_the_button_and_goes_by_one_undo(seen):
    assert seen["objects"] == ["Camera", "Light", "robot"]
    assert seen["undone"] == ["Camera", "Light"]
    assert seen["redone"] == seen["objects"]


def test_the_viewport_shows_it(seen):
    view = (50, 100, 1000, 800)
    assert orange(seen["screens"]["placed"], view) > orange(seen["screens"]["panel"], view) + 2000


def test_the_shortcut_starts_a_job_that_can_be_cancelled(seen):
    assert seen["cancelled"] == "cancelled"


def test_view_render_and_clipboard_are_pictures(seen):
    view, render = (Image.open(seen["folder"] / f"{name}.png") for name in ("view", "render"))
    assert view.mode == render.mode == "RGBA"
    alpha = np.asarray(view.getchannel("A"))
    assert alpha.min() == 0  # the ground of the object, without grid and overlays
    assert alpha.max() == 255
    assert seen["pasted"]
