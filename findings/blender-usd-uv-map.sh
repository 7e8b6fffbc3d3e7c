#!/usr/bin/env bash
# bpy 5.0.1 (and 4.5.15): a glTF file with a texture transform, exported as USD, shows one texel of its texture.
#
# The glTF importer builds KHR_texture_transform as UV Map -> Mapping -> Image Texture. The USD exporter writes the
# first coordinates as the primvar "st" (its option Rename UV Maps, on by default). Expected: the reader in the material
# asks for "st", too, as it does where there is no UV Map node. Seen: it asks for "UVMap", the name inside Blender,
# which the file does not have, so every point gets the reader's fallback, one place of the picture, without a warning.
# The base colour's factor, which the importer builds as a Mix node, is left out as well: 0.2 of the light comes back as
# all of it.
# Remedy: rename_uvmaps=False; for the factor, none but to multiply the picture.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export HOME="$folder"
cd "$folder"
python3.11 -m venv usd
usd/bin/pip install --quiet --disable-pip-version-check usd-core==26.11

cat > write.py <<'PY'
import json
import struct
import zlib


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


picture = (
    b"\x89PNG\r\n\x1a\n"
    + chunk(b"IHDR", struct.pack(">IIBBBBB", 2, 1, 8, 2, 0, 0, 0))
    + chunk(b"IDAT", zlib.compress(bytes([0, 255, 0, 0, 0, 0, 255])))
    + chunk(b"IEND", b"")
)
parts = (struct.pack("<9f", 0, 0, 0, 1, 0, 0, 0, 1, 0), struct.pack("<6f", 0, 0, 1, 0, 0, 1), picture)
views, data = [], b""
for part in parts:
    views.append({"buffer": 0, "byteOffset": len(data), "byteLength": len(part)})
    data += part + bytes(-len(part) % 4)
document = {
    "asset": {"version": "2.0"},
    "scene": 0,
    "scenes": [{"nodes": [0]}],
    "nodes": [{"mesh": 0}],
    "meshes": [{"primitives": [{"attributes": {"POSITION": 0, "TEXCOORD_0": 1}, "material": 0}]}],
    "textures": [{"source": 0}],
    "images": [{"bufferView": 2, "mimeType": "image/png"}],
    "accessors": [
        {"bufferView": 0, "componentType": 5126, "count": 3, "type": "VEC3", "min": [0, 0, 0], "max": [1, 1, 0]},
        {"bufferView": 1, "componentType": 5126, "count": 3, "type": "VEC2"},
    ],
    "bufferViews": views,
    "buffers": [{"byteLength": len(data)}],
}
transform = {"extensions": {"KHR_texture_transform": {"scale": [0.5, 1]}}}
for name, texture, factor in (("plain", {}, 1), ("transformed", transform, 1), ("dimmed", {}, 0.2)):
    colour = {"baseColorTexture": {"index": 0, **texture}, "baseColorFactor": [factor, factor, factor, 1]}
    document["materials"] = [{"pbrMetallicRoughness": colour}]
    document["extensionsUsed"] = list(texture.get("extensions", {})) or ["KHR_texture_transform"]
    text = json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    with open(f"{name}.glb", "wb") as file:
        file.write(struct.pack("<4sII", b"glTF", 2, 28 + len(text) + len(data)))
        file.write(struct.pack("<I4s", len(text), b"JSON") + text + struct.pack("<I4s", len(data), b"BIN\0") + data)
PY
cat > convert.py <<'PY'
import bpy

for name in ("plain", "transformed", "dimmed"):
    for suffix, options in (("", {}), ("-kept", {"rename_uvmaps": False})):
        bpy.ops.wm.read_factory_settings(use_empty=True)
        bpy.ops.import_scene.gltf(filepath=f"{name}.glb")
        bpy.ops.wm.usd_export(filepath=f"{name}{suffix}.usda", **options)
print("Blender", bpy.app.version_string.split()[0])
PY
cat > look.py <<'PY'
from pxr import Usd, UsdGeom, UsdShade

for name in ("plain", "transformed", "transformed-kept", "dimmed"):
    stage = Usd.Stage.Open(f"{name}.usda")
    [mesh] = [prim for prim in stage.Traverse() if prim.IsA(UsdGeom.Mesh)]
    primvars = UsdGeom.PrimvarsAPI(mesh).GetPrimvars()
    coordinates = [each.GetPrimvarName() for each in primvars if "texCoord" in str(each.GetTypeName())]
    shaders = [UsdShade.Shader(prim) for prim in stage.Traverse() if prim.IsA(UsdShade.Shader)]
    [wanted] = [each.GetInput("varname").Get() for each in shaders if each.GetInput("varname")]
    [texture] = [each for each in shaders if each.GetIdAttr().Get() == "UsdUVTexture"]
    scale = texture.GetInput("scale")
    print(f"{name}: mesh has {coordinates}, material asks for {wanted!r}, factor {scale.Get() if scale else 'none'}")
PY
python3 write.py
seen=
for version in 4.5.15 5.0.1; do
    python3.11 -m venv --clear venv
    venv/bin/pip install --quiet --disable-pip-version-check --no-cache-dir "bpy==$version"
    seen+=$(venv/bin/python convert.py | grep "^Blender ")$'\n'$(usd/bin/python look.py)$'\n'
done
echo "$seen"
expected="Blender 4.5.15
plain: mesh has ['st'], material asks for 'st', factor none
transformed: mesh has ['st'], material asks for 'UVMap', factor none
transformed-kept: mesh has ['UVMap'], material asks for 'UVMap', factor none
dimmed: mesh has ['st'], material asks for 'st', factor none
Blender 5.0.1
plain: mesh has ['st'], material asks for 'st', factor none
transformed: mesh has ['st'], material asks for 'UVMap', factor none
transformed-kept: mesh has ['UVMap'], material asks for 'UVMap', factor none
dimmed: mesh has ['st'], material asks for 'st', factor none
"
[ "$seen" = "$expected" ] || { echo "was:"; echo "$expected"; exit 1; }
echo "as described"
