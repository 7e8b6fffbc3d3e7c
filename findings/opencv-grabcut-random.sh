#!/usr/bin/env bash
# OpenCV 5.0.0 and 4.10.0 for Python: grabCut on the same picture and rectangle gives other masks from call to call.
#
# Expected: a function of its arguments, as its documentation has no random part; or, after cv2.setRNGSeed, the same mask
# in every thread. Seen: it clusters colours from a random start and goes on in OpenCV's generator, so the mask depends
# on how often it ran before. The generator is one per thread: setRNGSeed in the main thread changes nothing in
# others, and the first call of each new thread gives the same mask as the first of the process.
# Remedy: cv2.setRNGSeed in the same thread, right before each call.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"

cat > "$folder/cut.py" <<'PY'
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np

# a striped disc before a smooth change of colour, with the noise of a dark photograph
y, x = np.mgrid[:128, :128]
disc = np.hypot(x - 64, y - 64) < 38
picture = np.stack([60 + x, 80 + y * 0.8, 200 - x * 0.7], -1)
picture[disc] = np.stack([40 + y * 1.2, 120 + 40 * np.sin(x / 6), 90 + 40 * np.cos(y / 9)], -1)[disc]
picture = np.clip(picture + np.random.default_rng(0).normal(0, 24, picture.shape), 0, 255).astype(np.uint8)


def cut(seed=None):
    if seed is not None:
        cv2.setRNGSeed(seed)
    mask = np.zeros((128, 128), np.uint8)
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.grabCut(picture, mask, (10, 10, 108, 108), *models, 5, cv2.GC_INIT_WITH_RECT)
    return int((mask & 1).sum())


def elsewhere(seed=None):
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(cut, seed).result()


print("pixels of the disc:", disc.sum())
calls = [cut() for _ in range(4)]
print("pixels found by four calls:", *calls)
print("by the first call of another thread:", elsewhere())
cv2.setRNGSeed(3)
print("seeded here, called in another thread:", elsewhere())
print("seeded where it is called, four times:", cut(3), cut(3), elsewhere(3), elsewhere(3))
PY

for version in 5.0.0.93 4.10.0.84; do
    "$folder/venv/bin/pip" install --quiet --disable-pip-version-check "opencv-python-headless==$version"
    seen=$("$folder/venv/bin/python" "$folder/cut.py")
    echo "OpenCV $version"
    echo "$seen"
    expected="pixels of the disc: 4509
pixels found by four calls: 4498 4501 4501 4501
by the first call of another thread: 4498
seeded here, called in another thread: 4498
seeded where it is called, four times: 4502 4502 4502 4502"
    [ "$seen" = "$expected" ] || { echo "was:"; echo "$expected"; exit 1; }
done
echo "as described"
