"""Uses the extension in a Blender with a window, by mouse and keys, and prints the results as one JSON object.

blender --enable-event-simulate … --python window.py -- ZIP SERVER KEY PICTURE OUT_DIR

A timer goes from step to step. The caller saves the screenshots: Blender's own are black without a graphics card. A
file named ``want-NAME`` requests one, ``NAME.png`` is the answer.
"""

import importlib
import json
import os
import sys
import time
import traceback
import zipfile
from pathlib import Path

import addon_utils
import bpy

ADDON = "bl_ext.user_default.spherelinks"
LIMIT_S = 120
PANEL = "SphereLinks"


def steps(archive, server, key, picture, out):
    """What is done, one step for each time the window has been drawn; a yielded number is seconds to wait."""
    out = Path(out)
    folder = bpy.utils.user_resource("EXTENSIONS", path="user_default/spherelinks", create=True)
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(folder)
    addon_utils.extensions_refresh()
    bpy.ops.preferences.addon_enable(module=ADDON)
    preferences = bpy.context.preferences.addons[ADDON].preferences
    preferences.server, preferences.key = server, key
    session, watch, panels = (importlib.import_module(f"{ADDON}.{name}") for name in ("session", "watch", "panels"))
    for each in [o for o in bpy.data.objects if o.type == "MESH"]:
        bpy.data.objects.remove(each)
    bpy.ops.ed.undo_push(message="The scene is empty")
    places, draws = [], []
    timed(watch, "place", places)
    timed(panels, "draw_job", draws)
    screen().area.spaces.active.show_region_ui = True
    screen().area.spaces.active.shading.color_type = "TEXTURE"
    bpy.context.scene.spherelinks.filepath = picture
    bpy.context.scene.cursor.location = (0, 0, 0)
    yield 1
    screen().sidebar.active_panel_category = PANEL
    with screen().override():
        bpy.ops.spherelinks.test_connection("INVOKE_DEFAULT")
    yield from until(lambda: session.current().info is not None and not session.current().checking)
    yield 1
    yield from shown(out, "panel")
    x, y = json.loads((out / "button.json").read_text())
    window = screen().window
    window.event_simulate("MOUSEMOVE", "NOTHING", x=x, y=y)
    yield 0.3
    window.event_simulate("LEFTMOUSE", "PRESS", x=x, y=y)
    yield 0.2
    start = time.perf_counter()
    window.event_simulate("LEFTMOUSE", "RELEASE", x=x, y=y)
    yield from until(lambda: session.current().jobs.all())
    job_id = session.current().jobs.all()[0].id
    pressed = time.perf_counter() - start

    def job():
        return session.current().jobs.get(job_id)

    yield from until(lambda: job().progress >= 20 or not job().at_work)
    yield from shown(out, "working")
    yield from until(lambda: job().state in ("placed", "failed"))
    objects = [o.name for o in bpy.data.objects]
    with screen().override():
        bpy.ops.view3d.view_selected()
    yield from until(lambda: not session.current().checking)
    yield 1.5
    yield from shown(out, "placed")
    pictures = importlib.import_module(f"{ADDON}.pictures")
    with screen().override():
        view = pictures.from_view(bpy.context).data
        render = pictures.from_render(bpy.context).data
        bpy.context.window_manager.clipboard = str(Path(picture).resolve())
        bpy.ops.spherelinks.paste()
    pasted = Path(bpy.context.scene.spherelinks.filepath).read_bytes()
    (out / "view.png").write_bytes(view)
    (out / "render.png").write_bytes(render)
    with screen().override():
        bpy.ops.ed.undo()
    yield 0.5
    undone = [o.name for o in bpy.data.objects]
    with screen().override():
        bpy.ops.ed.redo()
    yield 0.5
    redone = [o.name for o in bpy.data.objects]
    # by the shortcut, and taken back while it is at work
    # not the request of before, whose asset would come at once
    bpy.context.scene.spherelinks_options.generator = "lift-flow"
    bpy.context.scene.spherelinks_options.seed = 7
    window, area = screen().window, screen().area
    at = {"x": area.x + area.width // 2, "y": area.y + area.height // 2}
    window.event_simulate("MOUSEMOVE", "NOTHING", **at)
    yield 0.5
    for value in ("PRESS", "RELEASE"):
        window.event_simulate("P", value, **at, ctrl=True, alt=True, shift=True)
        yield 0.3
    yield from until(lambda: len(session.current().jobs.all()) == 2)
    second = session.current().jobs.all()[-1].id
    bpy.ops.spherelinks.cancel(job=second)
    yield from until(lambda: not session.current().runner.busy())
    cancelled = session.current().jobs.get(second).state
    yield 0.5
    bpy.ops.preferences.addon_disable(module=ADDON)
    return {
        "version": bpy.app.version_string,
        "objects": objects,
        "pasted": pasted == Path(picture).read_bytes(),
        "undone": undone,
        "redone": redone,
        "cancelled": cancelled,
        "pressed_ms": 1000 * pressed,
        "import_ms": [1000 * each for each in places],
        "draw_ms": 1000 * max(draws, default=0),
    }


class screen:
    """The first window's 3D viewport, found anew: undo gives everything another address."""

    def __init__(self):
        self.window = bpy.context.window_manager.windows[0]
        self.area = next(area for area in self.window.screen.areas if area.type == "VIEW_3D")
        self.sidebar = next(region for region in self.area.regions if region.type == "UI")
        self.view = next(region for region in self.area.regions if region.type == "WINDOW")

    def override(self):
        return bpy.context.temp_override(window=self.window, area=self.area, region=self.view)


def timed(module, name, into):
    function = getattr(module, name)

    def wrapped(*arguments):
        start = time.perf_counter()
        try:
            return function(*arguments)
        finally:
            into.append(time.perf_counter() - start)

    setattr(module, name, wrapped)


def until(condition):
    deadline = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < deadline, "not within the limit"
        yield 0.05


def shown(out, name):
    """Wait until what the screen shows is saved."""
    screen().area.tag_redraw()
    yield 0.5
    (out / f"want-{name}").touch()
    yield from until((out / f"{name}.done").exists)


def run(going):
    try:
        return next(going)
    except StopIteration as end:
        sys.stdout.write("\n" + json.dumps(end.value) + "\n")
        status = 0
    except BaseException:
        traceback.print_exc()
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


bpy.context.preferences.view.show_splash = False  # before there is a window to show it in
going = steps(*sys.argv[sys.argv.index("--") + 1 :])
bpy.app.timers.register(lambda: run(going), first_interval=1.0, persistent=True)
