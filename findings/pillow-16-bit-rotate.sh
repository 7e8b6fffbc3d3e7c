#!/usr/bin/env bash
# Pillow 13.0.0 (and 12.0.0): turning or warping a 16-bit grey picture with BILINEAR or BICUBIC gives noise.
#
# Mode I;16 is what a 16-bit grey PNG or TIFF opens as: depth and height maps, masks, scans. Expected: rotate() and
# transform() interpolate it as they do mode F, as resize() does, or refuse the filter; Pillow's documentation calls the
# support of this mode limited, without naming an operation that gives wrong values. Seen: no error, and a picture of
# the same mode and size in which low and high bytes are interpolated as if each were a pixel: a flat 1000 turned by 10
# degrees becomes 3 and 232 side by side, and so does everything else, by affine and perspective transforms, too.
# NEAREST and multiples of 90 degrees are right, and so is resize() with every filter.
# Remedy: image.convert("F") first, or "I".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"

cat > "$folder/turn.py" <<'PY'
import numpy as np
from PIL import Image, __version__

SHIFT = (1, 0, 0.5, 0, 1, 0)  # half a pixel along x
TILT = (1, 0, 0.5, 0, 1, 0, 0, 0)
HOW = {
    "rotate 10": lambda picture, by: picture.rotate(10, by),
    "rotate 90": lambda picture, by: picture.rotate(90, by),
    "affine": lambda picture, by: picture.transform(picture.size, Image.Transform.AFFINE, SHIFT, by),
    "perspective": lambda picture, by: picture.transform(picture.size, Image.Transform.PERSPECTIVE, TILT, by),
    "resize": lambda picture, by: picture.resize((11, 11), by),
}
flat = Image.fromarray(np.full((9, 9), 1000, np.uint16))
print("Pillow", __version__, flat.mode)
for name, turn in HOW.items():
    for by in (Image.Resampling.NEAREST, Image.Resampling.BILINEAR, Image.Resampling.BICUBIC):
        turned = turn(flat, by)
        middle = np.asarray(turned)[3:6, 3:6]
        floats = np.asarray(turn(flat.convert("F"), by))[3:6, 3:6]
        print(f"{name} {by.name}: {turned.mode} {np.unique(middle).tolist()}, F {np.unique(np.rint(floats)).tolist()}")
PY

seen=
for version in 12.0.0 13.0.0; do
    "$folder/venv/bin/pip" install --quiet --disable-pip-version-check pillow==$version numpy==2.4.6
    seen+=$("$folder/venv/bin/python" "$folder/turn.py")$'\n'
done
echo "$seen"
expected="Pillow 12.0.0 I;16
rotate 10 NEAREST: I;16 [1000], F [1000.0]
rotate 10 BILINEAR: I;16 [6, 39, 46, 192, 232], F [1000.0]
rotate 10 BICUBIC: I;16 [3, 18, 24, 213, 232], F [1000.0]
rotate 90 NEAREST: I;16 [1000], F [1000.0]
rotate 90 BILINEAR: I;16 [1000], F [1000.0]
rotate 90 BICUBIC: I;16 [1000], F [1000.0]
affine NEAREST: I;16 [1000], F [1000.0]
affine BILINEAR: I;16 [117], F [1000.0]
affine BICUBIC: I;16 [117], F [1000.0]
perspective NEAREST: I;16 [1000], F [1000.0]
perspective BILINEAR: I;16 [117], F [1000.0]
perspective BICUBIC: I;16 [117], F [1000.0]
resize NEAREST: I;16 [1000], F [1000.0]
resize BILINEAR: I;16 [1000], F [1000.0]
resize BICUBIC: I;16 [1000], F [1000.0]
Pillow 13.0.0 I;16
rotate 10 NEAREST: I;16 [1000], F [1000.0]
rotate 10 BILINEAR: I;16 [6, 39, 46, 192, 232], F [1000.0]
rotate 10 BICUBIC: I;16 [3, 18, 24, 213, 232], F [1000.0]
rotate 90 NEAREST: I;16 [1000], F [1000.0]
rotate 90 BILINEAR: I;16 [1000], F [1000.0]
rotate 90 BICUBIC: I;16 [1000], F [1000.0]
affine NEAREST: I;16 [1000], F [1000.0]
affine BILINEAR: I;16 [117], F [1000.0]
affine BICUBIC: I;16 [117], F [1000.0]
perspective NEAREST: I;16 [1000], F [1000.0]
perspective BILINEAR: I;16 [117], F [1000.0]
perspective BICUBIC: I;16 [117], F [1000.0]
resize NEAREST: I;16 [1000], F [1000.0]
resize BILINEAR: I;16 [1000], F [1000.0]
resize BICUBIC: I;16 [1000], F [1000.0]
"
[ "$seen" = "$expected" ] || { echo "was:"; echo "$expected"; exit 1; }
echo "as described"
