"""Uses the extension in Blender as users do, without a window, and prints the results as one JSON object.

python probe.py ZIP SERVER KEY STAND_IN SAMPLES OUT_DIR [SCENARIO ...]    with a Python that has bpy; default: all
"""

import importlib
import json
import math
import os
import shutil
import sys
import threading
import time
import traceback
from pathlib import Path

import bpy

ADDON = "bl_ext.user_default.spherelinks"
LIMIT_S = 120
# what was made before is there at once: few different requests keep this short
EQUIPPED = json.dumps({"textureSize": 512, "lods": [0.5], "collider": "convex"})


def main(archive, server, key, stand_in, samples, out, *chosen):
    samples, out = Path(samples), Path(out)
    before = traces()
    bpy.ops.extensions.package_install_files(filepath=archive, repo="user_default", enable_on_install=True)
    ours = Ours()
    found = {"version": bpy.app.version_string, "refusals": refusals(ours, samples, stand_in)}
    ours.preferences.server = server
    ours.preferences.key = key
    found["key"] = {"shown": ours.preferences.key, "kept": ours.preferences.kept_key == key}
    assert bpy.ops.spherelinks.test_connection() == {"FINISHED"}
    info = ours.session.current().info
    found["info"] = {"account": info.account, "plan": info.plan, "credits": info.credits}
    options = bpy.context.scene.spherelinks_options
    found["options"] = {field.name: getattr(options, field.name) for field in options.description.fields}
    found["own"] = own_options(ours, options)
    for scenario in (
        placed,
        equipped,
        agreed,
        replaced,
        sided,
        batch,
        from_pixels,
        without_waiting,
        picked_up,
        history,
        marked,
        memory,
    ):
        if chosen and scenario.__name__ not in chosen:
            continue
        empty()
        found[scenario.__name__] = scenario(ours, samples, out)
    found["secret_in_files"] = [str(path) for path in out.rglob("*.blend*") if key.encode() in path.read_bytes()]
    jobs = ours.session.current().jobs.folder.glob("*.json")
    found["secret_in_files"] += [str(path) for path in jobs if key in path.read_text()]
    bpy.ops.preferences.addon_disable(module=ADDON)
    found["left_behind"] = sorted(traces() - before)
    return found


class Ours:
    """The extension's modules, as they are now: it may have been disabled and enabled again."""

    def __getattr__(self, name):
        return importlib.import_module(f"{ADDON}.{name}")

    @property
    def preferences(self):
        return bpy.context.preferences.addons[ADDON].preferences


def traces():
    """All that an extension may leave in Blender."""
    handlers = {
        f"handler {name} {handler.__module__}"
        for name in dir(bpy.app.handlers)
        if isinstance(getattr(bpy.app.handlers, name), list)
        for handler in getattr(bpy.app.handlers, name)
    }
    menus = {
        f"menu {name} {function.__module__}"
        for name in ("TOPBAR_MT_file_import", "IMAGE_MT_image")
        for function in getattr(getattr(bpy.types, name).draw, "_draw_funcs", ())
        if function.__module__.startswith(ADDON)
    }
    types = {f"type {name}" for name in dir(bpy.types)}
    properties = {f"property {name}" for name in bpy.types.Scene.bl_rna.properties.keys()}  # noqa: SIM118
    threads = {f"thread {thread.name}" for thread in threading.enumerate()}
    operators = {f"operator {name}" for name in dir(bpy.ops.spherelinks)}
    return handlers | menus | types | properties | threads | operators


def empty():
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)


def generate(picture, **more):
    return bpy.ops.spherelinks.generate(filepath=str(picture), **more)


def refusals(ours, samples, stand_in):
    """What scripts are told, by what is wrong."""
    told = {}

    def refuse(name, address, picture="robot.png", key="sk_test"):
        ours.preferences.server = address
        ours.preferences.key = key
        try:
            generate(samples / picture)
        except RuntimeError as error:
            told[name] = str(error)

    refuse("no_key", "http://127.0.0.1:1", key="")
    refuse("offline", "http://models.example")
    refuse("refused", "http://127.0.0.1:1")
    refuse("no_file", "http://127.0.0.1:1", picture="missing.png")
    for fault in (
        "key-revoked",
        "no-credits",
        "picture-damaged",
        "rate-limited",
        "broken-in-html",
        "half-a-glb",
        "larger-than-said",
        "post-redirected-307",
    ):
        refuse(fault, f"{stand_in}/{fault}~probe")
    return told


def own_options(ours, options):
    """What is sent of a seed: lift has none, lift-flow has."""
    options.seed = 3
    sent = {}
    for name in ("lift", "lift-flow"):
        options.generator = name
        sent[name] = ours.settings.request(bpy.context.scene)
    options.generator, options.seed = "lift", 0
    return sent


def placed(ours, samples, out):
    scene = bpy.context.scene
    chosen = scene.spherelinks
    chosen.preset, chosen.height, chosen.own_collection = "draft", 0.31, True
    scene.cursor.location = (1, 2, 3)
    scene.unit_settings.scale_length = 0.01  # a unit is a centimetre
    chosen.height = 31
    generate(samples / "robot.png")
    main = bpy.context.active_object
    [material] = main.data.materials
    image = next(node.image for node in material.node_tree.nodes if node.type == "TEX_IMAGE")
    return {
        "objects": sorted(o.name for o in bpy.data.objects),
        "selected": [o.name for o in bpy.context.selected_objects],
        "name": [main.name, main.data.name, material.name, image.name],
        "texture": list(image.size),
        "location": list(main.location),
        "size": list(main.dimensions),
        "bottom": min((main.matrix_world @ vertex.co).z for vertex in main.data.vertices),
        "collections": [c.name for c in main.users_collection],
        "all_collections": sorted(c.name for c in bpy.data.collections),
        "properties": {name: main[name] for name in main.keys()},  # noqa: SIM118
        "state": [job.state for job in ours.session.current().jobs.all()][-1],
    }


def equipped(ours, samples, out):
    generate(samples / "mug.jpg", options=EQUIPPED)
    return {
        o.name: {"parent": o.parent and o.parent.name, "rendered": not o.hide_render, "shown": o.visible_get()}
        for o in bpy.data.objects
    }


def agreed(ours, samples, out):
    """The contract's asset at each of the contract's places."""
    contract = Path(__file__).resolve().parents[2] / "contract"
    told = json.loads((contract / "placement.json").read_text())
    found = []
    for place in told["engines"]["blender"]["places"]:
        empty()
        how = {"location": place["at"], "turn": math.radians(place["turn"])}
        jobs = ours.session.current().jobs
        job = jobs.new("http://127.0.0.1:1", "mug", b"", state="ready", placement=how)
        shutil.copy(contract / told["file"], jobs.asset(job.id))
        bpy.ops.spherelinks.place(job=job.id)
        main = bpy.context.active_object
        parts = [main, *main.children]
        image = next(n.image for n in main.data.materials[0].node_tree.nodes if n.type == "TEX_IMAGE")
        found.append(
            {
                "names": [o.name for o in parts],
                "faces": [len(o.data.polygons) for o in parts],
                "points": [[list(o.matrix_world @ vertex.co) for vertex in o.data.vertices] for o in parts],
                "color": [round(255 * value) for value in image.pixels[:3]],
                "alone": len(bpy.data.objects) == len(parts),
            }
        )
    return found


def replaced(ours, samples, out):
    scene = bpy.context.scene
    generate(samples / "mug.jpg", options=EQUIPPED)
    main = bpy.context.active_object
    parent, child = (bpy.data.objects.new(name, None) for name in ("parent", "child"))
    home = bpy.data.collections.new("home")
    scene.collection.children.link(home)
    for each in (parent, child):
        scene.collection.objects.link(each)
    home.objects.link(main)
    scene.collection.objects.unlink(main)
    main.parent, child.parent = parent, main
    main.location, main.rotation_euler, main.scale = (1, 2, 3), (0.1, 0.2, 0.3), (2, 2, 2)
    main.name = "hero"
    was, faces = main["spherelinks_job"], len(main.data.polygons)
    bpy.context.view_layer.update()
    matrix = flat(main.matrix_world)
    scene.spherelinks.preset = "draft"
    bpy.ops.spherelinks.replace(filepath=str(samples / "robot.png"))
    new = bpy.context.active_object
    bpy.context.view_layer.update()
    return {
        "objects": sorted(o.name for o in bpy.data.objects),
        "name": new.name,
        "moved": max(abs(a - b) for a, b in zip(matrix, flat(new.matrix_world), strict=True)),
        "parent": new.parent.name,
        "children": [o.name for o in new.children],
        "collections": [c.name for c in new.users_collection],
        "other": new["spherelinks_job"] != was and len(new.data.polygons) != faces,
        "meshes": len(bpy.data.meshes),
    }


def sided(ours, samples, out):
    """Several pictures of one thing, from the panel and from a script, and from the history."""
    scene = bpy.context.scene
    chosen = scene.spherelinks
    chosen.source, chosen.filepath = "FILE", str(samples / "mug.jpg")
    options = json.dumps({"textureSize": 512, "seed": int(time.time() * 1000) % 1_000_000})
    views = {view: samples / "sides" / f"mug_{view}.jpg" for view in ("back", "left")}
    for view, path in views.items():
        setattr(chosen, view, str(path))
    before = credits_left(ours)
    bpy.ops.spherelinks.generate(options=options)
    spent = before - credits_left(ours)
    main = bpy.context.active_object
    generate(samples / "mug.jpg", options=options, back=str(views["back"]), left=str(views["left"]))
    scripted = bpy.context.active_object
    generate(samples / "mug.jpg", options=options)
    alone = bpy.context.active_object
    chosen.back = chosen.left = ""
    bpy.ops.spherelinks.history_refresh()
    errands(ours)
    bpy.ops.spherelinks.history_again(job_id=main["spherelinks_job"])
    errands(ours)
    found = {
        "spent": spent,
        "remembered": sorted(name for name in main.keys() if name.startswith("spherelinks_source_")),  # noqa: SIM118
        "same": len(scripted.data.polygons) == len(main.data.polygons) and before - credits_left(ours) == 2,
        "alone": [name for name in alone.keys() if name.startswith("spherelinks_source_")],  # noqa: SIM118
        "again": {view: Path(getattr(chosen, view)).read_bytes() == path.read_bytes() for view, path in views.items()},
        "right": chosen.right,
        "offered": {},
    }
    for generator in ("inflate", "lift"):
        scene.spherelinks_options.generator = generator
        found["offered"][generator] = sorted(ours.settings.sides(scene))
    return found


def errands(ours):
    """Wait until the threads have done what they were asked for; the jobs listed last."""
    deadline = time.monotonic() + LIMIT_S
    while ours.client.background.busy() and time.monotonic() < deadline:
        ours.watch.tick()
        time.sleep(0.02)
    assert ours.history.now.trouble is None, ours.history.now.trouble
    return ours.history.now.jobs


def flat(matrix):
    return [value for row in matrix for value in row]


def batch(ours, samples, out):
    folder = out / "batch"
    folder.mkdir()
    for name in ("robot.png", "twin.png"):
        (folder / name).symlink_to(samples / "robot.png")
    bpy.context.scene.spherelinks.preset = "draft"
    bpy.ops.spherelinks.generate_files(directory=str(folder))
    return {o.name: list(o.location) for o in bpy.data.objects}


def from_pixels(ours, samples, out):
    """An image that was never saved: a disc on clear ground, painted in Blender."""
    import numpy as np

    image = bpy.data.images.new("Disc", 128, 128, alpha=True)
    y, x = np.mgrid[-1:1:128j, -1:1:128j]
    pixels = np.zeros((128, 128, 4), np.float32)
    pixels[x * x + y * y < 0.5] = (0.8, 0.2, 0.1, 1)
    image.pixels.foreach_set(pixels.ravel())
    chosen = bpy.context.scene.spherelinks
    chosen.source, chosen.image, chosen.preset = "IMAGE", image, "draft"
    bpy.ops.spherelinks.generate()
    disc = [o.name for o in bpy.data.objects]
    chosen.source = "RENDER"
    try:
        bpy.ops.spherelinks.generate()
    except RuntimeError as error:
        told = str(error)
    return {"objects": disc, "no_render": told}


def credits_left(ours):
    """As the server counts them: the owner's account, which has no limit, is counted too, though nobody is shown it."""
    return ours.preferences.connection().json("GET", "/v1/account")["credits"]["available"]


def without_waiting(ours, samples, out):
    """Two jobs at a time on threads, as the window's button starts them; the main thread only ticks."""
    session, watch = ours.session, ours.watch
    bpy.ops.spherelinks.test_connection()
    bpy.context.scene.spherelinks.preset = "draft"
    before = credits_left(ours)
    submitted = []
    for name in ("toadstool.jpg", "armchair.jpg"):
        picture = ours.pictures.from_file(samples / name)
        options = {**ours.settings.request(bpy.context.scene), "seed": int(time.time() * 1000) % 1_000_000}
        start = time.perf_counter()
        job = ours.submission.new_job(bpy.context, picture, options, ours.settings.placement(bpy.context))
        ours.submission.start(bpy.context, job)
        submitted.append(time.perf_counter() - start)
    held, imported, progress = [], [], set()
    deadline = time.monotonic() + LIMIT_S
    while len(imported) < 2 and time.monotonic() < deadline:
        ready = any(job.state == "ready" for job in session.current().jobs.all())
        count = len(bpy.data.objects)
        start = time.perf_counter()
        watch.tick()
        spent = time.perf_counter() - start
        (imported if len(bpy.data.objects) > count else held).append(spent)
        assert ready or len(bpy.data.objects) == count
        progress |= {(job.stage, job.progress) for job in session.current().jobs.all()[-2:]}
        time.sleep(0.02)
    return {
        "objects": sorted(o.name for o in bpy.data.objects),
        "submit_ms": 1000 * max(submitted),
        "tick_ms": 1000 * max(held),
        "import_ms": [1000 * each for each in imported],
        "stages": sorted({stage for stage, _ in progress}),
        "spent": before - credits_left(ours),
    }


def picked_up(ours, samples, out):
    """The extension is disabled with a job at work, and enabled again."""
    bpy.context.scene.spherelinks.preset = "draft"
    bpy.ops.spherelinks.test_connection()
    before = credits_left(ours)
    picture = ours.pictures.from_file(samples / "robot.png")
    options = {**ours.settings.request(bpy.context.scene), "seed": int(time.time() * 1000) % 1_000_000}
    job = ours.submission.new_job(bpy.context, picture, options, ours.settings.placement(bpy.context))
    ours.submission.start(bpy.context, job)
    bpy.ops.preferences.addon_disable(module=ADDON)
    threads = [thread.name for thread in threading.enumerate() if thread.name.startswith("SphereLinks")]
    bpy.ops.preferences.addon_enable(module=ADDON)
    ours.watch.pick_up()
    deadline = time.monotonic() + LIMIT_S
    while not bpy.data.objects and time.monotonic() < deadline:
        ours.watch.tick()
        time.sleep(0.05)
    return {
        "threads": threads,
        "objects": [o.name for o in bpy.data.objects],
        "state": ours.session.current().jobs.get(job.id).state,
        "spent": before - credits_left(ours),
    }


def history(ours, samples, out):
    bpy.ops.spherelinks.history_refresh()
    listed = errands(ours)
    job_id = listed[0]["jobId"]
    bpy.ops.spherelinks.history_import(job_id=job_id)
    main = bpy.context.active_object
    again = {"name": main.name, "same": main["spherelinks_job"] == job_id}
    bpy.ops.spherelinks.history_again(job_id=job_id)
    errands(ours)
    chosen = bpy.context.scene.spherelinks
    again["picture"] = Path(chosen.filepath).read_bytes() == (samples / "robot.png").read_bytes()
    again["seed"] = bpy.context.scene.spherelinks_options.seed == listed[0]["options"]["seed"]
    bpy.ops.spherelinks.history_download(job_id=job_id, filepath=str(out / "saved.glb"))
    errands(ours)
    bpy.ops.spherelinks.history_delete(job_id=job_id)
    left = errands(ours)
    thumbnails = len(list((ours.session.current().folder / "thumbnails").iterdir()))
    return again | {
        "saved": (out / "saved.glb").read_bytes()[:4].decode(),
        "deleted": job_id not in str(left),
        "thumbnails": thumbnails > 0,
    }


def marked(ours, samples, out):
    bpy.ops.wm.save_as_mainfile(filepath=str(out / "scene.blend"))
    bpy.context.scene.spherelinks.preset = "draft"
    bpy.context.scene.spherelinks.mark_asset = True
    bpy.context.scene.spherelinks.shading = "FLAT"
    generate(samples / "robot.png")
    main = bpy.context.active_object
    bpy.ops.wm.save_mainfile()
    catalogs = (out / "blender_assets.cats.txt").read_text()
    return {
        "preview": list(main.preview.image_size),
        "catalog": f"{main.asset_data.catalog_id}:SphereLinks:SphereLinks" in catalogs,
        "smooth": any(polygon.use_smooth for polygon in main.data.polygons),
    }


def memory(ours, samples, out):
    """MiB that the process gains over imports and deletions of the same object; the first ones fill caches."""
    job = next(job for job in ours.session.current().jobs.all() if job.state == "placed")

    def come_and_go(times):
        for _ in range(times):
            bpy.ops.spherelinks.place(job=job.id)
            for each in list(bpy.data.objects):
                bpy.data.objects.remove(each)
            bpy.data.orphans_purge(do_recursive=True)

    come_and_go(5)
    before = resident()
    start = time.perf_counter()
    come_and_go(50)
    return {"gained_mib": resident() - before, "ms_each": 1000 * (time.perf_counter() - start) / 50}


def resident():
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    status = 1
    try:
        found = main(*sys.argv[1:])
        sys.stdout.write("\n" + json.dumps(found) + "\n")
        status = 0
    except Exception:
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)  # some versions of bpy crash or hang while they tear down
