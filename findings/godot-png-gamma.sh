#!/usr/bin/env bash
# Godot 4.6.3: a PNG texture of a GLB that has a gAMA chunk is converted by it, normal maps included.
#
# glTF 2.0 has colour maps in sRGB and all others linear, and tells clients to ignore what image files say of gamma and
# colour spaces (section 3.8.3). Expected: the samples as they are in the file, as three.js and Blender take them. Seen:
# with a gamma of 1 (100000 in the chunk), which programs that work in linear light write, a flat normal (128, 128, 255)
# becomes (186, 186, 255), so it leans by 33 degrees, and a colour of 64 becomes 136. A gamma of 1/2.2 and the chunks
# cHRM, sRGB and cICP change nothing. The loader uses libpng's simplified interface, which converts to sRGB.
# Remedy: write PNG textures without gAMA.
#
# Needs root on Debian, for mmdebstrap; Godot is taken from Debian's sid and only extracted.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export HOME=$folder

command -v mmdebstrap >/dev/null || { apt-get -qq update && apt-get -qq install -y --no-install-recommends mmdebstrap >/dev/null; }
mirror=$(grep -hm1 -E '^URIs:.*debian$' /etc/apt/sources.list.d/*.sources | awk '{print $2}')
mmdebstrap --quiet --variant=extract --aptopt='Acquire::Check-Valid-Until "false"' --include=godot sid "$folder/sid" "$mirror"
libraries=$folder/sid/usr/lib/x86_64-linux-gnu

mkdir "$folder/project"
printf 'config_version=5\n' >"$folder/project/project.godot"

cat > "$folder/textures.py" <<'PY'
import json, struct, sys, zlib

PIXELS = bytes([64, 64, 64, 128, 128, 255])


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(*extra):
    return b"".join(
        (
            b"\x89PNG\r\n\x1a\n",
            chunk(b"IHDR", struct.pack(">IIBBBBB", 2, 1, 8, 2, 0, 0, 0)),
            *(chunk(*each) for each in extra),
            chunk(b"IDAT", zlib.compress(b"\0" + PIXELS)),
            chunk(b"IEND", b""),
        )
    )


def glb(picture):
    parts = (struct.pack("<9f", 0, 0, 0, 1, 0, 0, 0, 1, 0), struct.pack("<6f", 0, 0, 1, 0, 0, 1), picture)
    views, data = [], b""
    for part in parts:
        views.append({"buffer": 0, "byteOffset": len(data), "byteLength": len(part)})
        data += part + bytes(-len(part) % 4)
    texture = {"index": 0}
    document = {
        "asset": {"version": "2.0"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0, "TEXCOORD_0": 1}, "material": 0}]}],
        "materials": [{"pbrMetallicRoughness": {"baseColorTexture": texture}, "normalTexture": texture}],
        "textures": [{"source": 0}],
        "images": [{"bufferView": 2, "mimeType": "image/png"}],
        "accessors": [
            {"bufferView": 0, "componentType": 5126, "count": 3, "type": "VEC3", "min": [0, 0, 0], "max": [1, 1, 0]},
            {"bufferView": 1, "componentType": 5126, "count": 3, "type": "VEC2"},
        ],
        "bufferViews": views,
        "buffers": [{"byteLength": len(data)}],
    }
    text = json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    head = struct.pack("<4sII", b"glTF", 2, 28 + len(text) + len(data))
    return head + struct.pack("<I4s", len(text), b"JSON") + text + struct.pack("<I4s", len(data), b"BIN\0") + data


KINDS = {
    "none": (),
    "gamma 1": ((b"gAMA", struct.pack(">I", 100000)),),
    "gamma 1/2.2": ((b"gAMA", struct.pack(">I", 45455)),),
    "sRGB": ((b"sRGB", b"\0"),),
    "cICP of Display P3": ((b"cICP", bytes([12, 13, 0, 1])),),
}
for name, extra in KINDS.items():
    with open(f"{sys.argv[1]}/{name.replace('/', ' by ')}.glb", "wb") as file:
        file.write(glb(png(*extra)))
PY

cat > "$folder/project/read.gd" <<'GD'
extends SceneTree


func _init() -> void:
	for file in DirAccess.get_files_at("res://"):
		if not file.ends_with(".glb"):
			continue
		var document := GLTFDocument.new()
		var state := GLTFState.new()
		document.append_from_buffer(FileAccess.get_file_as_bytes("res://" + file), "", state)
		var material: BaseMaterial3D = state.get_materials()[0]
		var seen := [file.get_basename()]
		for texture: Texture2D in [material.albedo_texture, material.normal_texture]:
			for x in 2:
				seen.append(texture.get_image().get_pixel(x, 0).to_html(false))
		print("seen ", " ".join(seen))
	quit()
GD

python3 "$folder/textures.py" "$folder/project"
godot() {
    "$folder/sid/usr/lib64/ld-linux-x86-64.so.2" \
        --library-path "$libraries:$libraries/blas:$libraries/lapack:$libraries/pulseaudio:$folder/sid/usr/lib" \
        "$folder/sid/usr/bin/godot" --headless "$@"
}
version=$(godot --version)
seen=$(godot --path "$folder/project" -s read.gd 2>/dev/null | sed -n "s/^seen //p" | LC_ALL=C sort)
echo "Godot $version; base colour, then normal map:"
echo "$seen"
expected="cICP of Display P3 404040 8080ff 404040 8080ff
gamma 1 888888 babaff 888888 babaff
gamma 1 by 2.2 404040 8080ff 404040 8080ff
none 404040 8080ff 404040 8080ff
sRGB 404040 8080ff 404040 8080ff"
case "$version" in 4.6.3.*) ;; *) echo "another version than 4.6.3"; exit 1 ;; esac
[ "$seen" = "$expected" ] || { echo "was:"; echo "$expected"; exit 1; }
echo "as described"
