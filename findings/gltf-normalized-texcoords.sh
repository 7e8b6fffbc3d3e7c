#!/usr/bin/env bash
# trimesh 5.2.0, pymeshlab 2025.7.post1, assimp_py 1.1.0 and Open3D 0.20.0 (both Assimp): texture coordinates stored as
# normalised integers, as core glTF 2.0 allows, are read wrong and without a word.
#
# Section 3.7.2.1 gives TEXCOORD_n as float, unsigned byte normalized or unsigned short normalized; no extension is
# needed, so extensionsRequired says nothing. Expected: 13107 of 65535, or 51 of 255, is 0.2. Seen: trimesh and
# pymeshlab give the integers themselves, so the texture repeats thousands of times; Assimp, and with it Open3D, takes
# the bytes for a float next to 0, so the whole mesh shows one corner of the picture.
# Remedy: write them back as floats first, as glTF-Transform's `dequantize` does.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export HOME="$folder"
cd "$folder"
python3.11 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check --no-cache-dir trimesh==5.2.0 pillow==13.0.0 \
    pymeshlab==2025.7.post1 assimp_py==1.1.0 open3d==0.20.0

cat > read.py <<'PY'
import json
import struct
import zlib

import assimp_py
import numpy as np
import open3d
import pymeshlab
import trimesh


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


PICTURE = (
    b"\x89PNG\r\n\x1a\n"
    + chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0))
    + chunk(b"IDAT", zlib.compress(bytes([0, 200, 100, 50])))
    + chunk(b"IEND", b"")
)
CORNERS = ((0.2, 0.2), (0.8, 0.2), (0.2, 0.6))
KINDS = {
    "float": (5126, "2f", 1, {}),
    "unsigned short": (5123, "2H", 65535, {}),
    "unsigned byte": (5121, "2Bxx", 255, {"byteStride": 4}),
}


def write(path, component, layout, scale, stride):
    values = [[each * scale if scale == 1 else round(each * scale) for each in corner] for corner in CORNERS]
    parts = (
        struct.pack("<9f", 0, 0, 0, 1, 0, 0, 0, 1, 0),
        b"".join(struct.pack("<" + layout, *corner) for corner in values),
        PICTURE,
    )
    views, data = [], b""
    for part in parts:
        views.append({"buffer": 0, "byteOffset": len(data), "byteLength": len(part)})
        data += part + bytes(-len(part) % 4)
    views[1].update(stride)
    coordinates = {"bufferView": 1, "componentType": component, "count": 3, "type": "VEC2"}
    if scale != 1:
        coordinates["normalized"] = True
    document = {
        "asset": {"version": "2.0"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0, "TEXCOORD_0": 1}, "material": 0}]}],
        "materials": [{"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}}],
        "textures": [{"source": 0}],
        "images": [{"bufferView": 2, "mimeType": "image/png"}],
        "accessors": [
            {"bufferView": 0, "componentType": 5126, "count": 3, "type": "VEC3", "min": [0, 0, 0], "max": [1, 1, 0]},
            coordinates,
        ],
        "bufferViews": views,
        "buffers": [{"byteLength": len(data)}],
    }
    text = json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    with open(path, "wb") as file:
        file.write(struct.pack("<4sII", b"glTF", 2, 28 + len(text) + len(data)))
        file.write(struct.pack("<I4s", len(text), b"JSON") + text + struct.pack("<I4s", len(data), b"BIN\0") + data)


def by_trimesh(path):
    return trimesh.load_scene(path).to_mesh().visual.uv


def by_pymeshlab(path):
    meshes = pymeshlab.MeshSet()
    meshes.load_new_mesh(path)
    return meshes.current_mesh().wedge_tex_coord_matrix()


def by_assimp(path):
    scene = assimp_py.import_file(path, assimp_py.Process_Triangulate)
    return np.array(scene.meshes[0].texcoords[0]).reshape(3, -1)


def by_open3d(path):
    return np.asarray(open3d.io.read_triangle_mesh(path).triangle_uvs)


for kind, how in KINDS.items():
    write("mesh.glb", *how)
    for reader in (by_trimesh, by_pymeshlab, by_assimp, by_open3d):
        # u alone: they turn v around
        told = np.round(np.asarray(reader("mesh.glb"), float)[:, 0], 3) + 0.0
        print(f"{kind}: {reader.__name__[3:]} u {told.tolist()}")
PY
seen=$(venv/bin/python read.py 2>/dev/null)
echo "$seen"
expected="float: trimesh u [0.2, 0.8, 0.2]
float: pymeshlab u [0.2, 0.8, 0.2]
float: assimp u [0.2, 0.8, 0.2]
float: open3d u [0.2, 0.8, 0.2]
unsigned short: trimesh u [13107.0, 52428.0, 13107.0]
unsigned short: pymeshlab u [13107.0, 52428.0, 13107.0]
unsigned short: assimp u [0.0, 0.0, 0.0]
unsigned short: open3d u [0.0, 0.0, 0.0]
unsigned byte: trimesh u [51.0, 204.0, 51.0]
unsigned byte: pymeshlab u [51.0, 204.0, 51.0]
unsigned byte: assimp u [0.0, 0.0, 0.0]
unsigned byte: open3d u [0.0, 0.0, 0.0]"
[ "$seen" = "$expected" ] || { echo "was:"; echo "$expected"; exit 1; }
echo "as described"
