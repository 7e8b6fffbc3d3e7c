#!/usr/bin/env bash
# trimesh 5.2.0: a glTF file that requires an extension is loaded without it, and without a word.
#
# glTF 2.0 (section 3.12): a client must not load a file whose extensionsRequired has a name that it does not support.
# Expected: an error that names the extension, or its effect. Seen: KHR_texture_transform is ignored, so the texture
# coordinates are those before it; of EXT_mesh_gpu_instancing's four copies there is one; normalised 16-bit positions of
# KHR_mesh_quantization are 65535 long instead of 1; a name that nobody has heard of is no obstacle. Written again, the
# file no longer names the extension, so the next program cannot know, either.
# Remedy: look at extensionsRequired first.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check trimesh==5.2.0 numpy==2.4.6 pillow==13.0.0

cat > "$folder/load.py" <<'PY'
import io
import json
import struct

import trimesh
from PIL import Image


def png():
    file = io.BytesIO()
    Image.new("RGB", (2, 2), (200, 100, 50)).save(file, "PNG")
    return file.getvalue()


def glb(extension, change=lambda document: None, positions=struct.pack("<9f", 0, 0, 0, 1, 0, 0, 0, 1, 0)):
    uv, places = struct.pack("<6f", 0, 0, 1, 0, 0, 1), struct.pack("<12f", *(v for x in range(4) for v in (2 * x, 0, 0)))
    views, data = [], b""
    for part in (positions, uv, places, png()):
        views.append({"buffer": 0, "byteOffset": len(data), "byteLength": len(part)})
        data += part + bytes(-len(part) % 4)
    document = {
        "asset": {"version": "2.0"},
        "extensionsUsed": [extension],
        "extensionsRequired": [extension],
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0, "TEXCOORD_0": 1}, "material": 0}]}],
        "materials": [{"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}}],
        "textures": [{"source": 0}],
        "images": [{"bufferView": 3, "mimeType": "image/png"}],
        "accessors": [
            {"bufferView": 0, "componentType": 5126, "count": 3, "type": "VEC3", "min": [0, 0, 0], "max": [1, 1, 0]},
            {"bufferView": 1, "componentType": 5126, "count": 3, "type": "VEC2"},
            {"bufferView": 2, "componentType": 5126, "count": 4, "type": "VEC3"},
        ],
        "bufferViews": views,
        "buffers": [{"byteLength": len(data)}],
    }
    change(document)
    text = json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    head = struct.pack("<4sII", b"glTF", 2, 28 + len(text) + len(data))
    return head + struct.pack("<I4s", len(text), b"JSON") + text + struct.pack("<I4s", len(data), b"BIN\0") + data


def transformed(document):
    texture = document["materials"][0]["pbrMetallicRoughness"]["baseColorTexture"]
    texture["extensions"] = {"KHR_texture_transform": {"scale": [4, 4]}}


def instanced(document):
    document["nodes"][0]["extensions"] = {"EXT_mesh_gpu_instancing": {"attributes": {"TRANSLATION": 2}}}


def quantized(document):
    document["bufferViews"][0]["byteStride"] = 8
    document["accessors"][0] |= {"componentType": 5123, "normalized": True, "max": [65535, 65535, 0]}


whole = struct.pack("<12H", 0, 0, 0, 0, 65535, 0, 0, 0, 0, 65535, 0, 0)
for name, *how in (
    ("KHR_texture_transform", transformed),
    ("EXT_mesh_gpu_instancing", instanced),
    ("KHR_mesh_quantization", quantized, whole),
    ("EXT_of_nobody",),
):
    scene = trimesh.load_scene(io.BytesIO(glb(name, *how)), file_type="glb")
    written = scene.export(file_type="glb")
    document = json.loads(written[20 : 20 + struct.unpack_from("<I", written, 12)[0]])
    (mesh,) = scene.geometry.values()
    u = mesh.visual.uv[:, 0].max()
    print(f"{name}: {scene.extents[0]:g} long, u up to {u:g}, written: {document.get('extensionsRequired')}")
PY
seen=$("$folder/venv/bin/python" "$folder/load.py")
echo "$seen"
expected="KHR_texture_transform: 1 long, u up to 1, written: None
EXT_mesh_gpu_instancing: 1 long, u up to 1, written: None
KHR_mesh_quantization: 65535 long, u up to 1, written: None
EXT_of_nobody: 1 long, u up to 1, written: None"
[ "$seen" = "$expected" ] || { echo "was:"; echo "$expected"; exit 1; }
echo "as described"
