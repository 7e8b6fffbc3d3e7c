"""Opens GLBs in Blender and prints, as one JSON object, what Blender imported.

python probe.py OUT_DIR GLB...    with a Python that has bpy; renders go to OUT_DIR/<stem>.png
"""

import json
import sys
from pathlib import Path

import bpy  # first: the next two are found through it

import bmesh  # isort: skip
import numpy as np
from ending import run
from mathutils import Vector

RENDER_SIZE = 128


def facts(path, out):
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.import_scene.gltf(filepath=str(path))
    meshes = [o for o in bpy.data.objects if o.type == "MESH"]
    corners = np.array([o.matrix_world @ Vector(c) for o in meshes for c in o.bound_box])
    render = out / f"{path.stem}.png"
    photograph(render)
    return {
        "objects": sorted(o.type for o in bpy.data.objects if o.name != "eye"),
        "names": [o.name for o in meshes],
        "visible": sorted(o.name for o in meshes if o.visible_get()),
        "low": corners.min(0).tolist(),
        "high": corners.max(0).tolist(),
        "materials": [material(m) for m in bpy.data.materials],
        "solid": solid(meshes),
        "uv": uv_range([o for o in meshes if o.data.uv_layers]),
        "render": str(render),
    }


def material(m):
    """Base colour texture and factors of a material, as its shader's nodes have them."""
    shader = next(n for n in m.node_tree.nodes if n.type == "BSDF_PRINCIPLED")
    link = next(iter(shader.inputs["Base Color"].links), None)
    image = link.from_node.image if link and link.from_node.type == "TEX_IMAGE" else None
    result = {
        "name": m.name,
        "metallic": shader.inputs["Metallic"].default_value,
        "roughness": shader.inputs["Roughness"].default_value,
        "normal": next((link.from_node.type for link in shader.inputs["Normal"].links), None),
        "texture": None,
    }
    if image:
        pixels = np.empty(len(image.pixels), np.float32)
        image.pixels.foreach_get(pixels)
        spread = pixels.reshape(-1, image.channels)[:, :3].std(0)
        result["texture"] = {
            "size": list(image.size),
            "space": image.colorspace_settings.name,
            "spread": spread.tolist(),
        }
    return result


def solid(meshes):
    """Counts that tell a closed, outward-facing surface, once the corners split along UV seams are one again."""
    counts = {"faces": 0, "open_edges": 0, "odd_edges": 0, "inconsistent_edges": 0, "volume": 0.0}
    for o in meshes:
        b = bmesh.new()
        b.from_mesh(o.data)
        bmesh.ops.remove_doubles(b, verts=b.verts, dist=1e-7)
        counts["faces"] += len(b.faces)
        counts["open_edges"] += sum(len(e.link_faces) < 2 for e in b.edges)
        counts["odd_edges"] += sum(len(e.link_faces) > 2 for e in b.edges)
        counts["inconsistent_edges"] += sum(len(e.link_faces) == 2 and not e.is_contiguous for e in b.edges)
        counts["volume"] += b.calc_volume(signed=True)
        b.free()
    return counts


def uv_range(meshes):
    ends = []
    for o in meshes:
        uv = np.empty(len(o.data.loops) * 2, np.float32)
        o.data.uv_layers[0].uv.foreach_get("vector", uv)
        ends += [float(uv.min()), float(uv.max())]
    return [min(ends), max(ends)]


def photograph(path):
    """A Cycles render of the front in even white light on a transparent background: colours are the texture's."""
    scene = bpy.context.scene
    eye = bpy.data.objects.new("eye", bpy.data.cameras.new("eye"))
    eye.data.type, eye.data.ortho_scale = "ORTHO", 1.1
    # glTF's +Z, the photographed side, is Blender's -Y
    eye.location, eye.rotation_euler = (0, -3, 0.5), (np.pi / 2, 0, 0)
    scene.collection.objects.link(eye)
    scene.camera = eye
    scene.world = bpy.data.worlds.new("even")
    scene.world.use_nodes = True
    scene.world.node_tree.nodes["Background"].inputs["Color"].default_value = (1, 1, 1, 1)
    scene.render.engine = "CYCLES"
    scene.cycles.device, scene.cycles.samples, scene.cycles.use_denoising = "CPU", 16, False
    scene.render.film_transparent = True
    scene.view_settings.view_transform = "Standard"
    scene.render.resolution_x = scene.render.resolution_y = RENDER_SIZE
    scene.render.image_settings.color_mode = "RGBA"
    scene.render.filepath = str(path)
    bpy.ops.render.render(write_still=True)


def main():
    out, *glbs = map(Path, sys.argv[1:])
    found = {p.stem: facts(p, out) for p in glbs}
    sys.stdout.write("\n" + json.dumps(found))


if __name__ == "__main__":
    run(main)
