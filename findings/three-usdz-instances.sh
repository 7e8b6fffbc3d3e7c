#!/usr/bin/env bash
# three.js 0.187.0 (USDZExporter, and so AR Quick Look from model-viewer): of an InstancedMesh one copy arrives, and
# colours of vertices are written where no material asks for them.
#
# GLTFLoader makes EXT_mesh_gpu_instancing an InstancedMesh and COLOR_0 colours of vertices; model-viewer hands both to
# USDZExporter when a phone asks for a USDZ. Expected: each instance, as GLTFExporter writes them, and a diffuseColor
# that is connected to the colours, by a UsdPrimvarReader, as a bound material replaces displayColor; or a warning, as
# for double-sided materials. Seen: three instances at x = 0, 1, 2 are one mesh at 0, and red vertices have a material
# of diffuseColor (1, 1, 1), so they are white, each without a word.
# Remedy: exchange an InstancedMesh for Meshes, and bake the colours into a texture.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export HOME="$folder"
cd "$folder"
npm install --silent --no-fund --no-audit three@0.187.0 >/dev/null
python3.11 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check usd-core==26.11

cat > write.mjs <<'JS'
import { writeFileSync } from 'node:fs'
import * as THREE from 'three'
import { USDZExporter } from 'three/examples/jsm/exporters/USDZExporter.js'

const geometry = new THREE.BoxGeometry(0.5, 0.5, 0.5)
const red = new Float32Array(geometry.attributes.position.count * 3).map((_, i) => (i % 3 === 0 ? 1 : 0))
geometry.setAttribute('color', new THREE.BufferAttribute(red, 3))
const material = new THREE.MeshStandardMaterial({ vertexColors: true })
const instanced = new THREE.InstancedMesh(geometry, material, 3)
for (let x = 0; x < 3; x++) instanced.setMatrixAt(x, new THREE.Matrix4().makeTranslation(x, 0, 0))
const apart = new THREE.Group()
for (let x = 0; x < 3; x++) {
  const mesh = new THREE.Mesh(geometry, material)
  mesh.position.x = x
  apart.add(mesh)
}
for (const [name, object] of Object.entries({ instanced, apart })) {
  const scene = new THREE.Scene().add(object)
  scene.updateMatrixWorld(true)
  writeFileSync(`${name}.usdz`, await new USDZExporter().parseAsync(scene))
}
JS
cat > read.py <<'PY'
from pxr import Usd, UsdGeom, UsdShade

for name in ("apart", "instanced"):
    stage = Usd.Stage.Open(f"{name}.usdz")
    meshes = [prim for prim in stage.Traverse() if prim.IsA(UsdGeom.Mesh)]
    box = UsdGeom.BBoxCache(0, ["default"]).ComputeWorldBound(stage.GetPseudoRoot()).ComputeAlignedRange()
    print(f"{name}: {len(meshes)} meshes, x from {box.GetMin()[0]:g} to {box.GetMax()[0]:g}")
material, _ = UsdShade.MaterialBindingAPI(meshes[0]).ComputeBoundMaterial()
shader, _, _ = material.ComputeSurfaceSource()
colour = shader.GetInput("diffuseColor")
print("displayColor", UsdGeom.Gprim(meshes[0]).GetDisplayColorAttr().Get()[0], end=", ")
print("diffuseColor", colour.Get(), "connected" if colour.HasConnectedSource() else "not connected")
PY
seen=$(node write.mjs 2>&1; venv/bin/python read.py 2>&1)
echo "$seen"
expected="apart: 3 meshes, x from -0.25 to 2.25
instanced: 1 meshes, x from -0.25 to 0.25
displayColor (1, 0, 0), diffuseColor (1, 1, 1) not connected"
[ "$seen" = "$expected" ] || { echo "was:"; echo "$expected"; exit 1; }
echo "as described"
