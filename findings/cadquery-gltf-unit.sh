#!/usr/bin/env bash
# CadQuery 2.8.0 (OCCT 7.9): an assembly's glTF is 1000 times as large as its STEP.
#
# CadQuery's numbers are millimetres: so say its STEP and 3MF files. glTF's unit is the metre, and OCCT's writer converts
# to it if the length unit of the document or of the writer is set. Expected: a box of 30 by 15 by 50 is 0.05 m tall in
# a GLB. Seen: CadQuery sets neither, so it is 50 m tall; +Z is turned to +Y, as it should. build123d 0.12.0 on the same
# OCCT gives 0.05.
# Remedy: assembly.export(...), then scale by 0.001.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check --no-cache-dir \
    cadquery==2.8.0 cadquery-ocp==7.9.3.1.1 build123d==0.12.0 lib3mf==2.5.0

cat > "$folder/write.py" <<'PY'
import json
import re
import struct
from importlib.metadata import version

import build123d
import cadquery


def tall(path):
    """Height of a GLB's scene: of the boxes of its accessors, below its nodes' scales."""
    data = open(path, "rb").read()
    document = json.loads(data[20 : 20 + struct.unpack_from("<I", data, 12)[0]])

    def heights(number, scale):
        node = document["nodes"][number]
        if "matrix" in node:
            scale *= (node["matrix"][1] ** 2 + node["matrix"][5] ** 2 + node["matrix"][9] ** 2) ** 0.5
        scale *= node.get("scale", [1])[0]
        for primitive in document["meshes"][node["mesh"]]["primitives"] if "mesh" in node else ():
            box = document["accessors"][primitive["attributes"]["POSITION"]]
            # the longest side, since nodes may turn it
            yield scale * max(high - low for low, high in zip(box["min"], box["max"]))
        for child in node.get("children", ()):
            yield from heights(child, scale)

    return max(height for root in document["scenes"][0]["nodes"] for height in heights(root, 1.0))


box = cadquery.Assembly().add(cadquery.Workplane().box(30, 15, 50))
box.export("box.step")
box.export("box.glb")
unit = re.search(r"SI_UNIT\(([^)]*)\)", re.search(r"LENGTH_UNIT.*", open("box.step").read())[0])[1]
print(f"cadquery {version('cadquery')}: STEP in {unit}, 50 in it; GLB {tall('box.glb'):g} m")
build123d.export_gltf(build123d.Box(30, 15, 50), "other.glb", binary=True)
print(f"build123d {version('build123d')}: GLB {tall('other.glb'):g} m")
PY
seen=$(cd "$folder" && venv/bin/python write.py 2>/dev/null)
echo "$seen"
expected="cadquery 2.8.0: STEP in .MILLI.,.METRE., 50 in it; GLB 50 m
build123d 0.12.0: GLB 0.05 m"
[ "$seen" = "$expected" ] || { echo "was:"; echo "$expected"; exit 1; }
echo "as described"
