#!/usr/bin/env bash
# Blender 4.5.15 and 5.0.1 (io_scene_gltf2), three.js 0.187.0: a texture that serves as base colour and as normal or
# metallic-roughness map has one colour space for all. glTF-Transform 4.5.1 makes such files of sound ones.
#
# glTF 2.0 lets several texture infos name one texture and says per role whether its samples are sRGB or linear.
# Expected: the base colour is decoded as sRGB and the normal map is not, as with two textures over the same pixels.
# Seen: three.js marks the one texture object as sRGB, so the normal map's 128 is read as 55; Blender marks the one image
# as Non-Color, so the base colour is too bright. Neither says so. `gltf-transform dedup`, and `optimize` with it, merges
# textures of equal bytes whatever their roles, so two sound textures of one grey noise end like that.
# Remedy: an image of its own for colours and for the others, over the same buffer view.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export HOME="$folder"
cd "$folder"
npm install --silent --no-fund --no-audit @gltf-transform/cli@4.5.1 three@0.187.0 >/dev/null

python3 - <<'PY'
import json, struct, zlib


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


picture = (
    b"\x89PNG\r\n\x1a\n"
    + chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0))
    + chunk(b"IDAT", zlib.compress(bytes([0, 128, 128, 255])))
    + chunk(b"IEND", b"")
)
parts = (struct.pack("<9f", 0, 0, 0, 1, 0, 0, 0, 1, 0), struct.pack("<6f", 0, 0, 1, 0, 0, 1), picture, picture)
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
    "materials": [{"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}, "normalTexture": {"index": 1}}],
    "textures": [{"source": 0}, {"source": 1}],
    "images": [{"bufferView": view, "mimeType": "image/png"} for view in (2, 3)],
    "accessors": [
        {"bufferView": 0, "componentType": 5126, "count": 3, "type": "VEC3", "min": [0, 0, 0], "max": [1, 1, 0]},
        {"bufferView": 1, "componentType": 5126, "count": 3, "type": "VEC2"},
    ],
    "bufferViews": views,
    "buffers": [{"byteLength": len(data)}],
}
text = json.dumps(document).encode()
text += b" " * (-len(text) % 4)
with open("apart.glb", "wb") as file:
    file.write(struct.pack("<4sII", b"glTF", 2, 28 + len(text) + len(data)))
    file.write(struct.pack("<I4s", len(text), b"JSON") + text + struct.pack("<I4s", len(data), b"BIN\0") + data)
PY
node_modules/.bin/gltf-transform dedup apart.glb shared.glb >/dev/null

cat > three.mjs <<'JS'
import { readFileSync } from 'node:fs'

// what a browser has and the loader calls; the pixels do not matter here
globalThis.self = globalThis
globalThis.createImageBitmap = async () => ({ width: 1, height: 1 })
const { GLTFLoader } = await import('three/examples/jsm/loaders/GLTFLoader.js')
for (const name of ['apart', 'shared']) {
  const { buffer } = new Uint8Array(readFileSync(`${name}.glb`))
  const { material } = (await new GLTFLoader().parseAsync(buffer, '')).scene.children[0]
  const space = (map) => map.colorSpace || 'none'
  console.log(`three.js ${name}: base colour ${space(material.map)}, normal map ${space(material.normalMap)}`)
}
JS
cat > blender.py <<'PY'
import bpy

for name in ("apart", "shared"):
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.import_scene.gltf(filepath=f"{name}.glb")
    spaces = {}
    for node in bpy.data.materials[0].node_tree.nodes:
        if node.type == "TEX_IMAGE":
            (link,) = node.outputs["Color"].links
            role = "base colour" if link.to_node.type == "BSDF_PRINCIPLED" else "normal map"
            spaces[role] = node.image.colorspace_settings.name
    told = ", ".join(f"{role} {spaces[role]}" for role in sorted(spaces))
    print(f"Blender {bpy.app.version_string.split()[0]} {name}: {told}")
PY

seen=$(node three.mjs)
for version in 4.5.15 5.0.1; do
    python3.11 -m venv --clear venv
    venv/bin/pip install --quiet --disable-pip-version-check --no-cache-dir "bpy==$version"
    seen+=$'\n'$(venv/bin/python blender.py | grep "^Blender ")
done
echo "$seen"
expected="three.js apart: base colour srgb, normal map none
three.js shared: base colour srgb, normal map srgb
Blender 4.5.15 apart: base colour sRGB, normal map Non-Color
Blender 4.5.15 shared: base colour Non-Color, normal map Non-Color
Blender 5.0.1 apart: base colour sRGB, normal map Non-Color
Blender 5.0.1 shared: base colour Non-Color, normal map Non-Color"
[ "$seen" = "$expected" ] || { echo "was:"; echo "$expected"; exit 1; }
echo "as described"
