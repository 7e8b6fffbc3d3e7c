"""Opens a GLB in Blender and writes its materials' settings and the pixels of each map, as glTF has them.

python materials.py OUT.npz GLB    with a Python that has bpy
"""

import sys

import bpy
import numpy as np
from ending import run


def image(socket):
    """(H, W, 3) bytes of the image that feeds a socket, rows from the top; None if none does."""
    waiting = [link.from_node for link in socket.links]
    while waiting:
        node = waiting.pop()
        if node.type == "TEX_IMAGE":
            picture = node.image
            pixels = np.empty(len(picture.pixels), np.float32)
            picture.pixels.foreach_get(pixels)
            rows = pixels.reshape(picture.size[1], picture.size[0], picture.channels)[::-1, :, :3]
            return np.round(rows * 255).astype(np.uint8)
        waiting += [link.from_node for each in node.inputs for link in each.links]
    return None


def main():
    out, path = sys.argv[1:]
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.import_scene.gltf(filepath=path)
    found = {}
    for material in bpy.data.materials:
        nodes = material.node_tree.nodes
        shader = next(node for node in nodes if node.type == "BSDF_PRINCIPLED")
        sockets = {name: shader.inputs[name] for name in ("Base Color", "Metallic", "Roughness", "Normal", "Alpha")}
        sockets["Emission"] = shader.inputs["Emission Color"]
        for group in nodes:  # where the importer keeps occlusion
            if group.type == "GROUP" and "Occlusion" in group.inputs:
                sockets["Occlusion"] = group.inputs["Occlusion"]
        for name, socket in sockets.items():
            if (pixels := image(socket)) is not None:
                found[f"{material.name}/{name}"] = pixels
        found[f"{material.name}/strength"] = shader.inputs["Emission Strength"].default_value
        found[f"{material.name}/transparent"] = bool(shader.inputs["Alpha"].links)
        found[f"{material.name}/culled"] = material.use_backface_culling
    np.savez(out, **found)


if __name__ == "__main__":
    run(main)
