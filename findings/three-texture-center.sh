#!/usr/bin/env bash
# three.js 0.187.0 (GLTFExporter): a texture that is turned or scaled about its centre is exported as if about its
# corner.
#
# Texture.center is the point that rotation and repeat leave in place; centred turning sets it to (0.5, 0.5).
# KHR_texture_transform has no such point, but every such transform has an offset that says the same. Expected: the
# exporter writes the offset of texture.matrix. Seen: it writes offset, rotation and repeat as they are and drops
# center, with no warning, so what GLTFLoader reads back shows another part of the picture: turned by a quarter, the
# corner (0, 0) lies at (0, 0) instead of (0, 1). Without turning and scaling nothing is lost.
# Remedy: before the export, offset.set(matrix.elements[6], matrix.elements[7]) and center.set(0, 0).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export HOME="$folder"
cd "$folder"
npm install --silent --no-fund --no-audit three@0.187.0 >/dev/null

cat > center.mjs <<'JS'
import * as THREE from 'three'

// what a browser has and the exporter calls; the pixels do not matter here
globalThis.OffscreenCanvas = class {
  constructor(width, height) {
    Object.assign(this, { width, height })
  }
  getContext() {
    return { translate() {}, scale() {}, drawImage() {} }
  }
  convertToBlob() {
    return new Blob([])
  }
}
globalThis.FileReader = class {
  readAsDataURL() {
    this.result = 'data:,'
    setTimeout(() => this.onloadend())
  }
}
const { GLTFExporter } = await import('three/examples/jsm/exporters/GLTFExporter.js')

const corner = (texture) => {
  texture.updateMatrix()
  const at = new THREE.Vector2(0, 0).applyMatrix3(texture.matrix).toArray()
  return at.map((each) => Number(each.toFixed(3)) + 0).join(' ')
}
for (const [name, center, turns, repeat] of [
  ['about the corner', 0, 0.25, 2],
  ['turned about the centre', 0.5, 0.25, 1],
  ['scaled about the centre', 0.5, 0, 2],
  ['neither', 0.5, 0, 1],
]) {
  const map = new THREE.Texture(new OffscreenCanvas(1, 1))
  map.center.setScalar(center)
  map.rotation = turns * 2 * Math.PI
  map.repeat.setScalar(repeat)
  const mesh = new THREE.Mesh(new THREE.PlaneGeometry(), new THREE.MeshStandardMaterial({ map }))
  const document = await new GLTFExporter().parseAsync(mesh, {})
  const [{ pbrMetallicRoughness }] = document.materials
  const written = pbrMetallicRoughness.baseColorTexture.extensions?.KHR_texture_transform ?? {}
  // as GLTFLoader sets it
  const read = new THREE.Texture()
  read.offset.fromArray(written.offset ?? [0, 0])
  read.rotation = written.rotation ?? 0
  read.repeat.fromArray(written.scale ?? [1, 1])
  console.log(`${name}: corner at ${corner(map)}, exported ${corner(read)}`)
}
JS
seen=$(node center.mjs 2>&1)
echo "$seen"
expected="about the corner: corner at 0 0, exported 0 0
turned about the centre: corner at 0 1, exported 0 0
scaled about the centre: corner at -0.5 -0.5, exported 0 0
neither: corner at 0 0, exported 0 0"
[ "$seen" = "$expected" ] || { echo "was:"; echo "$expected"; exit 1; }
echo "as described"
