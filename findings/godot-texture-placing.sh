#!/usr/bin/env bash
# Godot 4.6.3: a GLB's texture that is turned, or that mirrors past its border, is placed otherwise, without a message.
#
# glTF's sampler has MIRRORED_REPEAT in its core, and Godot accepts files that require KHR_texture_transform. Expected:
# both as three.js and Blender show them, or a warning, as for what Godot does not know. Seen: of the transform offset
# and scale are taken and the rotation is left out, so a picture turned by a quarter stands as it was; a sampler that
# mirrors becomes a material that does not repeat at all, as with CLAMP_TO_EDGE, so one row of pixels is drawn out over
# the rest; and the strength of an occlusion texture is passed over: 0.25 darkens as 1 does.
# Remedy: write turned coordinates and repeated pictures into the file.
#
# Needs root on Debian, for mmdebstrap; Godot is taken from Debian's sid and only extracted.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export HOME=$folder

command -v mmdebstrap >/dev/null || {
    apt-get -qq update && apt-get -qq install -y --no-install-recommends mmdebstrap >/dev/null
}
mirror=$(grep -hm1 -E '^URIs:.*debian$' /etc/apt/sources.list.d/*.sources | awk '{print $2}')
mmdebstrap --quiet --variant=extract --aptopt='Acquire::Check-Valid-Until "false"' --include=godot sid \
    "$folder/sid" "$mirror"
libraries=$folder/sid/usr/lib/x86_64-linux-gnu

mkdir "$folder/project"
printf 'config_version=5\n' >"$folder/project/project.godot"
cd "$folder/project"

cat > write.py <<'PY'
import json
import struct
import zlib


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


picture = (
    b"\x89PNG\r\n\x1a\n"
    + chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0))
    + chunk(b"IDAT", zlib.compress(bytes([0, 64, 64, 64])))
    + chunk(b"IEND", b"")
)
parts = (struct.pack("<9f", 0, 0, 0, 1, 0, 0, 0, 1, 0), struct.pack("<6f", 0, 0, 1, 0, 0, 1), picture)
views, data = [], b""
for part in parts:
    views.append({"buffer": 0, "byteOffset": len(data), "byteLength": len(part)})
    data += part + bytes(-len(part) % 4)
QUARTER = {"offset": [0.25, 0.5], "scale": [2, 2], "rotation": 1.5707963}
REPEAT, MIRROR, CLAMP = 10497, 33648, 33071
for name, wrap, transform, strength in (
    ("repeats", REPEAT, None, 1),
    ("clamps", CLAMP, None, 1),
    ("mirrors", MIRROR, None, 1),
    ("turned", REPEAT, QUARTER, 1),
    ("weak", REPEAT, None, 0.25),
):
    color = {"index": 0}
    document = {
        "asset": {"version": "2.0"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0, "TEXCOORD_0": 1}, "material": 0}]}],
        "materials": [
            {
                "pbrMetallicRoughness": {"baseColorTexture": color},
                "occlusionTexture": {"index": 0, "strength": strength},
            }
        ],
        "samplers": [{"wrapS": wrap, "wrapT": wrap}],
        "textures": [{"source": 0, "sampler": 0}],
        "images": [{"bufferView": 2, "mimeType": "image/png"}],
        "accessors": [
            {"bufferView": 0, "componentType": 5126, "count": 3, "type": "VEC3", "min": [0, 0, 0], "max": [1, 1, 0]},
            {"bufferView": 1, "componentType": 5126, "count": 3, "type": "VEC2"},
        ],
        "bufferViews": views,
        "buffers": [{"byteLength": len(data)}],
    }
    if transform:
        color["extensions"] = {"KHR_texture_transform": transform}
        document["extensionsUsed"] = document["extensionsRequired"] = ["KHR_texture_transform"]
    text = json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    with open(f"{name}.glb", "wb") as file:
        file.write(struct.pack("<4sII", b"glTF", 2, 28 + len(text) + len(data)))
        file.write(struct.pack("<I4s", len(text), b"JSON") + text + struct.pack("<I4s", len(data), b"BIN\0") + data)
PY
cat > look.gd <<'GD'
extends SceneTree


func _initialize() -> void:
	for name in ["repeats", "clamps", "mirrors", "turned", "weak"]:
		var document := GLTFDocument.new()
		var state := GLTFState.new()
		if document.append_from_file("res://%s.glb" % name, state) != OK:
			print("seen ", name, ": refused")
			continue
		var material: BaseMaterial3D = state.materials[0]
		# all that a material has to place its texture and to weigh its occlusion
		print(
			"seen %s: repeats %s, scale %s, offset %s, occlusion %s, light affect %s" % [
				name,
				material.texture_repeat,
				material.uv1_scale,
				material.uv1_offset,
				material.ao_texture != null,
				material.ao_light_affect,
			]
		)
	quit()
GD
python3 write.py
godot() {
    "$folder/sid/usr/lib64/ld-linux-x86-64.so.2" \
        --library-path "$libraries:$libraries/blas:$libraries/lapack:$libraries/pulseaudio:$folder/sid/usr/lib" \
        "$folder/sid/usr/bin/godot" --headless "$@"
}
version=$(godot --version)
seen=$(godot --path . -s look.gd 2>/dev/null | sed -n "s/^seen //p")
echo "Godot $version:"
echo "$seen"
expected="repeats: repeats true, scale (1.0, 1.0, 1.0), offset (0.0, 0.0, 0.0), occlusion true, light affect 0.0
clamps: repeats false, scale (1.0, 1.0, 1.0), offset (0.0, 0.0, 0.0), occlusion true, light affect 0.0
mirrors: repeats false, scale (1.0, 1.0, 1.0), offset (0.0, 0.0, 0.0), occlusion true, light affect 0.0
turned: repeats true, scale (2.0, 2.0, 1.0), offset (0.25, 0.5, 0.0), occlusion true, light affect 0.0
weak: repeats true, scale (1.0, 1.0, 1.0), offset (0.0, 0.0, 0.0), occlusion true, light affect 0.0"
case "$version" in 4.6.3.*) ;; *) echo "another version than 4.6.3"; exit 1 ;; esac
[ "$seen" = "$expected" ] || { echo "was:"; echo "$expected"; exit 1; }
echo "as described"
