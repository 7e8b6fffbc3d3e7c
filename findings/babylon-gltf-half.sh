#!/usr/bin/env bash
# Babylon.js 9.28.0 (@babylonjs/serializers): glTF has half the light of a StandardMaterial's colours.
#
# Expected: as with a PBRMaterial, a diffuseColor becomes the baseColorFactor of the same light, so white is 1. Seen: the
# exporter turns it to linear light and multiplies that by 0.5, without a word: white is shown as 188 of 255 by any
# viewer, and 188 as 138.
# Remedy: multiply the factors by 2 in the file, or use PBRMaterial.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export HOME="$folder"
cd "$folder"
npm install --silent --no-fund --no-audit @babylonjs/core@9.28.0 @babylonjs/serializers@9.28.0 >/dev/null

cat > write.mjs <<'JS'
globalThis.XMLHttpRequest = class {}
const log = console.log
console.log = () => {}
const { Color3, MeshBuilder, NullEngine, PBRMaterial, Scene, StandardMaterial } = await import('@babylonjs/core')
const { GLTF2Export } = await import('@babylonjs/serializers/glTF/2.0/index.js')

const engine = new NullEngine()
for (const kind of ['StandardMaterial', 'PBRMaterial']) {
  for (const level of [255, 188]) {
    const scene = new Scene(engine)
    const box = MeshBuilder.CreateBox('box', {}, scene)
    const grey = new Color3(level / 255, level / 255, level / 255)
    if (kind === 'StandardMaterial') {
      box.material = new StandardMaterial('paint', scene)
      box.material.diffuseColor = grey
    } else {
      box.material = new PBRMaterial('paint', scene)
      box.material.albedoColor = grey.toLinearSpace(true)
      box.material.metallic = 0
    }
    const files = await GLTF2Export.GLTFAsync(scene, 'box')
    const { materials } = JSON.parse((files.files ?? files.glTFFiles)['box.gltf'])
    const factor = materials[0].pbrMetallicRoughness.baseColorFactor?.[0] ?? 1
    const shown = factor <= 0.0031308 ? factor * 12.92 : 1.055 * factor ** (1 / 2.4) - 0.055
    log(`${kind} ${level}: baseColorFactor ${factor.toFixed(2)}, shown as ${Math.round(shown * 255)}`)
  }
}
process.exit(0)
JS
seen=$(node write.mjs)
echo "$seen"
expected="StandardMaterial 255: baseColorFactor 0.50, shown as 188
StandardMaterial 188: baseColorFactor 0.26, shown as 138
PBRMaterial 255: baseColorFactor 1.00, shown as 255
PBRMaterial 188: baseColorFactor 0.50, shown as 188"
[ "$seen" = "$expected" ] || { echo "was:"; echo "$expected"; exit 1; }
echo "as described"
