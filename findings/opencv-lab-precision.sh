#!/usr/bin/env bash
# OpenCV 5.0.0 and 4.10.0 for Python: cvtColor to Lab takes and returns float32, but steps as coarsely as if the picture
# had some nine bits.
#
# The documentation gives the formulas and says that for 32-bit pictures L, a and b are left as they are; 8 bits are
# what one goes to float for. Expected: the formulas to the precision of float32, as COLOR_LRGB2Lab has for most colours
# and COLOR_Lab2RGB for all. Seen: COLOR_RGB2Lab and COLOR_BGR2Lab interpolate in a table of whole numbers, so 2,001
# greys between 0.2 and 0.21 have 6 values of L, the colour difference to the formulas is up to 0.66, on average 0.15,
# and there and back again is wrong by up to 1.3 of 255 levels. A gradient in Lab gets steps, and a test for neutral
# greys must allow 0.13.
# Remedy: take the gamma away first and use COLOR_LRGB2Lab.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"

cat > "$folder/lab.py" <<'PY'
import cv2
import numpy as np

# D65, as OpenCV's documentation has it
XYZ = np.array([[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]])


def linear(rgb):
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def lab(rgb):
    x, y, z = np.moveaxis(linear(rgb) @ XYZ.T / (0.950456, 1, 1.088754), -1, 0)
    f = [np.where(t > 0.008856, np.cbrt(t), 7.787 * t + 16 / 116) for t in (x, y, z)]
    light = np.where(y > 0.008856, 116 * np.cbrt(y) - 16, 903.3 * y)
    return np.stack([light, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])], -1)


def difference(a, b):
    return np.linalg.norm(a.astype(float) - b, axis=-1)


colours = np.random.default_rng(0).random((200, 200, 3)).astype(np.float32)
exact = lab(colours.astype(float))
gamma = difference(cv2.cvtColor(colours, cv2.COLOR_RGB2Lab), exact)
light = difference(cv2.cvtColor(linear(colours.astype(float)).astype(np.float32), cv2.COLOR_LRGB2Lab), exact)
back = cv2.cvtColor(cv2.cvtColor(colours, cv2.COLOR_RGB2Lab), cv2.COLOR_Lab2RGB)
greys = np.repeat(np.linspace(0.2, 0.21, 2001, dtype=np.float32)[None, :, None], 3, 2)
ramp = np.repeat(np.linspace(0, 1, 1001, dtype=np.float32)[None, :, None], 3, 2)
print("OpenCV", cv2.__version__)
print(f"RGB2Lab: difference up to {gamma.max():.2f}, mean {gamma.mean():.2f}")
print(f"LRGB2Lab: up to {light.max():.2f}, mean {light.mean():.4f}")
print(f"Lab2RGB: up to {np.abs(cv2.cvtColor(exact.astype(np.float32), cv2.COLOR_Lab2RGB) - colours).max():.4f}")
print(f"there and back: up to {255 * np.abs(back - colours).max():.1f} levels")
print("values of L of 2001 greys:", len(np.unique(cv2.cvtColor(greys, cv2.COLOR_RGB2Lab)[..., 0])))
print("a and b of greys up to", np.abs(cv2.cvtColor(ramp, cv2.COLOR_RGB2Lab)[..., 1:]).max())
PY

seen=
for version in 4.10.0.84 5.0.0.93; do
    "$folder/venv/bin/pip" install --quiet --disable-pip-version-check numpy==2.2.6 opencv-python-headless==$version
    seen+=$("$folder/venv/bin/python" "$folder/lab.py")$'\n'
done
echo "$seen"
expected="OpenCV 4.10.0
RGB2Lab: difference up to 0.66, mean 0.15
LRGB2Lab: up to 0.03, mean 0.0001
Lab2RGB: up to 0.0001
there and back: up to 1.3 levels
values of L of 2001 greys: 6
a and b of greys up to 0.125
OpenCV 5.0.0
RGB2Lab: difference up to 0.66, mean 0.15
LRGB2Lab: up to 0.03, mean 0.0001
Lab2RGB: up to 0.0001
there and back: up to 1.3 levels
values of L of 2001 greys: 6
a and b of greys up to 0.125
"
[ "$seen" = "$expected" ] || { echo "was:"; echo "$expected"; exit 1; }
echo "as described"
