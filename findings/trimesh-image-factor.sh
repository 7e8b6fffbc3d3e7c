#!/usr/bin/env bash
# trimesh 5.2.0: a mesh that has a texture and no colour is written to glTF with the texture at 40 % of its light.
#
# Expected: what has no diffuse colour shows its texture as it is: glTF's default factor is 1, and trimesh's own
# to_color() takes the pixels unchanged. Seen: a SimpleMaterial's diffuse colour is (102, 102, 102) by default, and
# the exporter writes that, divided by 255, as baseColorFactor, so a grey of 188 is shown as 124. It is so for
# TextureVisuals(uv=..., image=...), for a PLY with a TextureFile and for an OBJ whose MTL has a map_Kd and no Kd; an OBJ
# written from them has "Kd 0.4". Neither says so.
# Remedy: mesh.visual.material.diffuse = (255, 255, 255, 255), or a PBRMaterial(baseColorTexture=image).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check trimesh==5.2.0 numpy==2.4.6 pillow==13.0.0

cat > write.py <<'PY'
import json
import struct
from pathlib import Path

import numpy as np
import trimesh
from PIL import Image
from trimesh.visual import TextureVisuals
from trimesh.visual.material import PBRMaterial

picture = Image.new("RGB", (4, 4), (188, 188, 188))
picture.save("grey.png")
Path("scan.mtl").write_text("newmtl scan\nmap_Kd grey.png\n")
Path("scan.obj").write_text(
    "mtllib scan.mtl\nv 0 0 0\nv 1 0 0\nv 0 1 0\nvt 0 0\nvt 1 0\nvt 0 1\nusemtl scan\nf 1/1 2/2 3/3\n"
)
Path("scan.ply").write_text(
    "ply\nformat ascii 1.0\ncomment TextureFile grey.png\nelement vertex 3\nproperty float x\nproperty float y\n"
    "property float z\nproperty float s\nproperty float t\nelement face 1\nproperty list uchar int vertex_indices\n"
    "end_header\n0 0 0 0 0\n1 0 0 1 0\n0 1 0 0 1\n3 0 1 2\n"
)
points, uv = np.float64([(0, 0, 0), (1, 0, 0), (0, 1, 0)]), np.float64([(0, 0), (1, 0), (0, 1)])


def made(visual):
    return trimesh.Trimesh(points, [(0, 1, 2)], visual=visual, process=False)


def shown(mesh):
    """The factor in the file, and the grey that a viewer shows: the texture's light times the factor."""
    data = mesh.export(file_type="glb")
    document = json.loads(data[20 : 20 + struct.unpack_from("<I", data, 12)[0]])
    material = document["materials"][0]["pbrMetallicRoughness"]
    assert "baseColorTexture" in material
    factor = material.get("baseColorFactor", [1, 1, 1, 1])[0]
    light = ((188 / 255 + 0.055) / 1.055) ** 2.4 * factor
    return f"factor {factor:g}, 188 is shown as {round(255 * (1.055 * light ** (1 / 2.4) - 0.055))}"


print("trimesh", trimesh.__version__)
print("image:", shown(made(TextureVisuals(uv=uv, image=picture))))
print("PLY:", shown(trimesh.load_mesh("scan.ply", process=False)))
print("OBJ:", shown(trimesh.load_mesh("scan.obj", process=False)))
print("to_color():", made(TextureVisuals(uv=uv, image=picture)).visual.to_color().vertex_colors[0].tolist())
white = made(TextureVisuals(uv=uv, image=picture))
white.visual.material.diffuse = (255, 255, 255, 255)
print("white diffuse:", shown(white))
print("PBRMaterial:", shown(made(TextureVisuals(uv=uv, material=PBRMaterial(baseColorTexture=picture)))))
PY
seen=$(venv/bin/python write.py)
echo "$seen"
expected="trimesh 5.2.0
image: factor 0.4, 188 is shown as 124
PLY: factor 0.4, 188 is shown as 124
OBJ: factor 0.4, 188 is shown as 124
to_color(): [188, 188, 188, 255]
white diffuse: factor 1, 188 is shown as 188
PBRMaterial: factor 1, 188 is shown as 188"
[ "$seen" = "$expected" ] || { echo "was:"; echo "$expected"; exit 1; }
echo "as described"
