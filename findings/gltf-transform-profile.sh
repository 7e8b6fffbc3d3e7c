#!/usr/bin/env bash
# glTF-Transform 4.5.1 (sharp 0.35): converting a texture applies the ICC profile in its image file, to normal maps, too.
#
# glTF 2.0 has clients ignore what an image file says of colour spaces (section 3.8.3), so the pixels as they are in the
# file are the texture. Expected: a lossless conversion (`gltf-transform png`, or `webp --lossless true`) keeps them.
# Seen: with a profile embedded, as image editors write them, they are converted to sRGB by it: with a linear profile a
# flat normal (128, 128, 255) becomes (188, 188, 255), so surfaces lean, and a roughness of 64 becomes 137. A PNG's
# gAMA and cICP are not applied.
# Remedy: strip the profiles before the conversion.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export HOME="$folder"
cd "$folder"
npm install --silent --no-fund --no-audit @gltf-transform/cli@4.5.1 sharp@0.35.5 >/dev/null
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check pillow==13.0.0

cat > textures.py <<'PY'
import io
import json
import struct
import sys
import zlib

from PIL import Image

PIXELS = [(64, 64, 64), (128, 128, 255)]


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(*extra):
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 2, 1, 8, 2, 0, 0, 0))
    rows = chunk(b"IDAT", zlib.compress(b"\0" + b"".join(map(bytes, PIXELS))))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(extra) + rows + chunk(b"IEND", b"")


def fixed(*values):
    return b"".join(struct.pack(">i", round(value * 65536)) for value in values)


def linear_profile():
    """ICC version 2, three primaries (sRGB's, adapted to D50) and a gamma of 1."""
    name, rights = b"linear\0", b"none\0"
    tags = {
        b"desc": b"desc" + bytes(4) + struct.pack(">I", len(name)) + name + bytes(8 + 3 + 67),
        b"cprt": b"text" + bytes(4) + rights,
        b"wtpt": b"XYZ " + bytes(4) + fixed(0.9642, 1, 0.8249),
        b"rXYZ": b"XYZ " + bytes(4) + fixed(0.4361, 0.2225, 0.0139),
        b"gXYZ": b"XYZ " + bytes(4) + fixed(0.3851, 0.7169, 0.0971),
        b"bXYZ": b"XYZ " + bytes(4) + fixed(0.1431, 0.0606, 0.7141),
    } | {curve: b"curv" + bytes(4) + struct.pack(">IH", 1, 256) for curve in (b"rTRC", b"gTRC", b"bTRC")}
    table, data, start = struct.pack(">I", len(tags)), b"", 128 + 4 + 12 * len(tags)
    for tag, body in tags.items():
        table += tag + struct.pack(">II", start + len(data), len(body))
        data += body + bytes(-len(body) % 4)
    head = struct.pack(">I4sI12s", 128 + len(table) + len(data), bytes(4), 0x02400000, b"mntrRGB XYZ ")
    head += struct.pack(">6H", 2020, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + fixed(0.9642, 1, 0.8249) + bytes(48)
    return head + table + data


def write(path, picture):
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
        "materials": [{"normalTexture": {"index": 0}}],
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
    with open(path, "wb") as file:
        file.write(struct.pack("<4sII", b"glTF", 2, 28 + len(text) + len(data)))
        file.write(struct.pack("<I4s", len(text), b"JSON") + text + struct.pack("<I4s", len(data), b"BIN\0") + data)


def pixels(path):
    data = open(path, "rb").read()
    length = struct.unpack_from("<I", data, 12)[0]
    document = json.loads(data[20 : 20 + length])
    view = document["bufferViews"][document["images"][0]["bufferView"]]
    start = 28 + length + view.get("byteOffset", 0)
    image = Image.open(io.BytesIO(data[start : start + view["byteLength"]])).convert("RGB")
    return [image.getpixel((x, 0)) for x in range(image.width)]


if sys.argv[1] == "write":
    write("none.glb", png())
    write("profile.glb", png(chunk(b"iCCP", b"linear\0\0" + zlib.compress(linear_profile()))))
    write("gamma.glb", png(chunk(b"gAMA", struct.pack(">I", 100000))))
    write("cicp.glb", png(chunk(b"cICP", bytes([12, 13, 0, 1]))))
else:
    for path in sys.argv[2:]:
        print(path, *pixels(path))
PY
venv/bin/python textures.py write
for name in none profile gamma cicp; do
    node_modules/.bin/gltf-transform png $name.glb $name-png.glb --formats '*' >/dev/null
    node_modules/.bin/gltf-transform webp $name.glb $name-webp.glb --lossless true >/dev/null
done
seen=$(venv/bin/python textures.py read {none,profile,gamma,cicp}{,-png,-webp}.glb)
echo "$seen"
expected="none.glb (64, 64, 64) (128, 128, 255)
none-png.glb (64, 64, 64) (128, 128, 255)
none-webp.glb (64, 64, 64) (128, 128, 255)
profile.glb (64, 64, 64) (128, 128, 255)
profile-png.glb (137, 137, 137) (188, 188, 255)
profile-webp.glb (137, 137, 137) (188, 188, 255)
gamma.glb (64, 64, 64) (128, 128, 255)
gamma-png.glb (64, 64, 64) (128, 128, 255)
gamma-webp.glb (64, 64, 64) (128, 128, 255)
cicp.glb (64, 64, 64) (128, 128, 255)
cicp-png.glb (64, 64, 64) (128, 128, 255)
cicp-webp.glb (64, 64, 64) (128, 128, 255)"
[ "$seen" = "$expected" ] || { echo "was:"; echo "$expected"; exit 1; }
echo "as described"
