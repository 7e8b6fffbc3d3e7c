#!/usr/bin/env bash
# pygltflib 1.16.5: a file that is loaded and saved loses its copyright.
#
# Expected: GLTF2().load(a).save(b) writes what was read, apart from the generator's name. Seen: save() has an argument
# asset=Asset() and puts that in place of the file's own, in the object, too: copyright, minVersion, extras and
# extensions of asset are gone, without a word, whatever was set in gltf.asset before. The extras of everything else
# stay, and so does all of asset with save_json and save_binary.
# Remedy: gltf.save(path, asset=gltf.asset).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check pygltflib==1.16.5

cat > save.py <<'PY'
import json
from importlib.metadata import version

from pygltflib import GLTF2

asset = {"version": "2.0", "minVersion": "2.0", "generator": "A", "copyright": "2026 B", "extras": {"licence": "C"}}
document = {"asset": asset, "scene": 0, "scenes": [{"nodes": [0]}], "nodes": [{"name": "n", "extras": {"kept": 1}}]}
json.dump(document, open("a.gltf", "w"))


def saved(save):
    gltf = GLTF2().load("a.gltf")
    gltf.asset.extras["mine"] = 1
    save(gltf)
    found = json.load(open("b.gltf"))
    return f"asset {sorted(found['asset'])}, node {found['nodes'][0]['extras']}, in memory {gltf.asset.copyright}"


print("pygltflib", version("pygltflib"))
print("save:", saved(lambda gltf: gltf.save("b.gltf")))
print("save with asset:", saved(lambda gltf: gltf.save("b.gltf", asset=gltf.asset)))
print("save_json:", saved(lambda gltf: gltf.save_json("b.gltf")))
PY
seen=$(venv/bin/python save.py)
echo "$seen"
everything="['copyright', 'extras', 'generator', 'minVersion', 'version'], node {'kept': 1}, in memory 2026 B"
expected="pygltflib 1.16.5
save: asset ['generator', 'version'], node {'kept': 1}, in memory None
save with asset: asset $everything
save_json: asset $everything"
[ "$seen" = "$expected" ] || { echo "was:"; echo "$expected"; exit 1; }
echo "as described"
