#!/usr/bin/env bash
# pymeshlab 2025.7.post1, and so MeshLab: a binary STL has the header of Materialise Magics, whose colours have red in the
# lowest five bits, but with the highest bit the other way round.
#
# Expected: as in Magics, a triangle's attribute with the highest bit clear is its own colour, and one with it set has
# the object's, which stands behind "COLOR=" in the header. Seen: with colours of faces, every attribute has the bit set
# and the triangle's own colour below, and the header's colour is a grey that nobody chose; without, all attributes are
# 0, which is black in Magics. A reader that goes by the header shows the one grey and the other black.
# Remedy: if the header has "COLOR=", read attributes that are all marked as colours, and attributes that are all 0 as
# none.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pymeshlab==2025.7.post1 numpy==2.4.6

cat > "$folder/write.py" <<'PY'
import struct
import sys

import numpy as np
import pymeshlab

points = np.array([(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)], float)
faces = np.array([(0, 2, 1), (0, 1, 3), (0, 3, 2), (1, 2, 3)])
red = np.tile((1.0, 0.0, 0.0, 1.0), (4, 1))
for name, colors in (("with", {"f_color_matrix": red}), ("without", {})):
    meshes = pymeshlab.MeshSet()
    meshes.add_mesh(pymeshlab.Mesh(points, faces, **colors))
    path = f"{sys.argv[1]}/{name}.stl"
    meshes.save_current_mesh(path)
    with open(path, "rb") as file:
        data = file.read()
    attributes = {struct.unpack_from("<H", data, 84 + 50 * i + 48)[0] for i in range(4)}
    print(f"{name} colours: header {data[:9].hex()}, attributes {[f'{each:#06x}' for each in sorted(attributes)]}")
PY

seen=$("$folder/venv/bin/python" "$folder/write.py" "$folder" | grep colours)
echo "$seen"
was="with colours: header 434f4c4f523d7f7f7f, attributes ['0x801f']
without colours: header 434f4c4f523d7f7f7f, attributes ['0x0000']"
[ "$seen" = "$was" ] || { echo "was: $was"; exit 1; }
echo "as described"
