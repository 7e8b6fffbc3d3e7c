#!/usr/bin/env bash
# Babylon.js 9.28.0 (@babylonjs/loaders): in a right-handed scene an STL file is shown as its mirror image.
#
# STL is right-handed with +Z up, so the loader exchanges Y and Z. In Babylon's left-handed scenes that is right: it
# turns the up axis and changes the hand. Expected: with scene.useRightHandedSystem, where the hand must stay, one of
# the two is negated, as the loaders for OBJ and glTF keep the hand in both kinds of scene. Seen: Y and Z are exchanged
# there, too, and the faces' side with them, so that nothing looks inside out: screws turn left and text runs backwards,
# without a word. With STLFileLoader.DO_NOT_ALTER_FILE_COORDINATES it is the other way round: right in a right-handed
# scene, mirrored in a left-handed one.
# Remedy: DO_NOT_ALTER_FILE_COORDINATES = true in right-handed scenes, and turn the mesh about X by -90 degrees.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export HOME="$folder"
cd "$folder"
npm install --silent --no-fund --no-audit @babylonjs/core@9.28.0 @babylonjs/loaders@9.28.0 >/dev/null

cat > read.mjs <<'JS'
globalThis.XMLHttpRequest = class {}
const log = console.log
console.log = () => {}
const { Engine, ImportMeshAsync, NullEngine, Scene, Vector3 } = await import('@babylonjs/core')
await import('@babylonjs/loaders/OBJ/index.js')
const { STLFileLoader } = await import('@babylonjs/loaders/STL/index.js')

// a corner with arms of 1, 2 and 3 along x, y and z
const points = [[0, 0, 0], [1, 0, 0], [0, 2, 0], [0, 0, 3]]
const faces = [[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]]
const stl = Buffer.alloc(84 + 50 * faces.length)
stl.writeUInt32LE(faces.length, 80)
faces.forEach((face, f) =>
  face.forEach((corner, c) => points[corner].forEach((x, d) => stl.writeFloatLE(x, 84 + 50 * f + 12 + 12 * c + 4 * d)))
)
const obj = [...points.map((p) => `v ${p.join(' ')}`), ...faces.map((f) => `f ${f.map((c) => c + 1).join(' ')}`)]
const files = { '.stl': stl, '.obj': Buffer.from(obj.join('\n') + '\n') }

const engine = new NullEngine()
log('Babylon.js', Engine.Version)
for (const asItIs of [false, true]) {
  STLFileLoader.DO_NOT_ALTER_FILE_COORDINATES = asItIs
  for (const right of [false, true]) {
    for (const [ending, data] of Object.entries(files)) {
      if (asItIs && ending !== '.stl') continue
      const scene = new Scene(engine)
      scene.useRightHandedSystem = right
      const url = `data:;base64,${data.toString('base64')}`
      const { meshes } = await ImportMeshAsync(url, scene, { pluginExtension: ending })
      const mesh = meshes.find((each) => each.getTotalVertices() > 0)
      const at = mesh.getVerticesData('position')
      mesh.computeWorldMatrix(true)
      const arms = [1, 2, 3].map((length) => {
        for (let i = 0; i < at.length; i += 3) {
          const point = Vector3.TransformCoordinates(Vector3.FromArray(at, i), mesh.getWorldMatrix())
          if (Math.abs(point.length() - length) < 1e-5) return point
        }
      })
      // positive: the arms are a right-handed set in these coordinates
      const hand = Vector3.Dot(Vector3.Cross(arms[0], arms[1]), arms[2]) > 0
      const scenes = right ? 'right-handed' : 'left-handed'
      log(`${ending}${asItIs ? ', unaltered' : ''}, ${scenes} scene: ${hand === right ? 'as it is' : 'mirrored'}`)
    }
  }
}
process.exit(0)
JS
seen=$(node read.mjs)
echo "$seen"
expected="Babylon.js 9.28.0
.stl, left-handed scene: as it is
.obj, left-handed scene: as it is
.stl, right-handed scene: mirrored
.obj, right-handed scene: as it is
.stl, unaltered, left-handed scene: mirrored
.stl, unaltered, right-handed scene: as it is"
[ "$seen" = "$expected" ] || { echo "was:"; echo "$expected"; exit 1; }
echo "as described"
