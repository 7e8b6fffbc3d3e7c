#!/usr/bin/env bash
# OpenCV 5.0.0 for Python: how precisely warpAffine, warpPerspective and remap interpolate depends on the number of
# channels and on the type: float64 and two-channel images are sampled at whole 32nds of a pixel.
#
# Expected: a field of two channels (texture coordinates, optical flow) is sampled as each of its channels alone, and
# float64 at least as precisely as float32. Seen: float32 and uint16 with 1, 3 or 4 channels are interpolated at the
# exact place; float64 and int16 with any number, and everything with 2 or 5, at the place rounded to 1/32 pixel, as in
# OpenCV 4.10 for all. A shift by .01 pixel then does nothing.
# Remedy: float32, one channel at a time.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"

cat > "$folder/warp.py" <<'PY'
import cv2
import numpy as np

SHIFT = 0.01
ramp = np.repeat(np.arange(64)[None] * 100.0, 8, axis=0)
matrix = np.array([[1, 0, -SHIFT], [0, 1, 0]])
u, v = (a.astype(np.float32) for a in np.meshgrid(np.arange(64) + SHIFT, np.arange(8)))
WARPS = {
    "warpAffine": lambda a: cv2.warpAffine(a, matrix, (64, 8), flags=cv2.INTER_LINEAR),
    "warpPerspective": lambda a: cv2.warpPerspective(a, np.vstack([matrix, (0, 0, 1)]), (64, 8)),
    "remap": lambda a: cv2.remap(a, u, v, cv2.INTER_LINEAR),
}
for name, warp in WARPS.items():
    for kind in (np.uint16, np.int16, np.float32, np.float64):
        seen = []
        for channels in (1, 2, 3, 4, 5):
            image = np.repeat(ramp[..., None], channels, axis=2).astype(kind)
            moved = np.atleast_3d(warp(image))[4, 10, 0] - 1000
            seen.append("exact" if abs(moved - 100 * SHIFT) < 0.01 else "rounded" if moved == 0 else f"{moved}")
        print(name, np.dtype(kind).name, *seen)
PY

expect() {
    "$folder/venv/bin/pip" install --quiet --disable-pip-version-check "opencv-python-headless==$1"
    seen=$("$folder/venv/bin/python" "$folder/warp.py")
    echo "OpenCV $1, 1 to 5 channels, a ramp moved by .01 pixel:"
    echo "$seen"
    [ "$seen" = "$2" ] || { echo "was:"; echo "$2"; exit 1; }
}
rows() {
    for warp in warpAffine warpPerspective remap; do
        for kind in uint16 int16 float32 float64; do
            case "$1 $kind" in
                "new uint16" | "new float32") echo "$warp $kind exact rounded exact exact rounded" ;;
                *) echo "$warp $kind rounded rounded rounded rounded rounded" ;;
            esac
        done
    done
}
expect 5.0.0.93 "$(rows new)"
expect 4.10.0.84 "$(rows old)"
echo "as described"
