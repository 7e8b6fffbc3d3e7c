#!/usr/bin/env bash
# glTF-Transform 4.5.1 (sharp 0.35): an opaque material becomes black where the alpha of its texture is low.
#
# glTF 2.0, section 3.9.4 (Alpha Coverage): with alphaMode OPAQUE, the default, alpha is ignored and the output is
# opaque, so the colours below alpha 0 are what one sees: of a texture whose picture was cut out, or that keeps
# something else in alpha. Expected: jpeg, webp and resize keep colours; `jpeg` itself checks the mode and leaves
# textures of MASK and BLEND materials alone. Seen: of an OPAQUE one `jpeg` multiplies the colours by alpha, on black;
# `resize` weights by alpha and leaves black where that is 0; `webp --lossless true` sets the pixels with alpha 0 to 0,
# as libwebp does without its option "exact". So (200, 100, 50) is shown as (0, 0, 0), with no warning.
# Remedy: take alpha out of the pictures of opaque materials first.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export HOME="$folder"
cd "$folder"
npm install --silent --no-fund --no-audit @gltf-transform/cli@4.5.1 sharp@0.35.5 >/dev/null

cat > write.mjs <<'JS'
import { Document, NodeIO } from '@gltf-transform/core'
import sharp from 'sharp'

// left half transparent, right half opaque; of one colour
const size = 64
const pixels = Buffer.alloc(size * size * 4)
for (let i = 0; i < size * size; i++) pixels.set([200, 100, 50, i % size < size / 2 ? 0 : 255], 4 * i)
const image = await sharp(pixels, { raw: { width: size, height: size, channels: 4 } }).png().toBuffer()

const document = new Document()
const buffer = document.createBuffer()
const accessor = (type, values) =>
  document.createAccessor().setType(type).setArray(new Float32Array(values)).setBuffer(buffer)
const texture = document.createTexture().setImage(image).setMimeType('image/png')
const material = document.createMaterial().setBaseColorTexture(texture)
const primitive = document
  .createPrimitive()
  .setAttribute('POSITION', accessor('VEC3', [0, 0, 0, 1, 0, 0, 0, 1, 0]))
  .setAttribute('TEXCOORD_0', accessor('VEC2', [0, 0, 1, 0, 0, 1]))
  .setMaterial(material)
document.createScene().addChild(document.createNode().setMesh(document.createMesh().addPrimitive(primitive)))
await new NodeIO().write('opaque.glb', document)
JS
cat > show.mjs <<'JS'
import { NodeIO } from '@gltf-transform/core'
import { ALL_EXTENSIONS } from '@gltf-transform/extensions'
import sharp from 'sharp'

for (const name of ['opaque', 'jpeg', 'webp', 'lossless', 'resize']) {
  const document = await new NodeIO().registerExtensions(ALL_EXTENSIONS).read(`${name}.glb`)
  const [material] = document.getRoot().listMaterials()
  const picture = sharp(Buffer.from(material.getBaseColorTexture().getImage()))
  const { data, info } = await picture.raw().toBuffer({ resolveWithObject: true })
  const at = (x) => [...data.subarray(info.channels * ((info.height >> 1) * info.width + x)).subarray(0, 3)]
  // chroma and luma round: to tens
  const told = (x) => at(x).map((level) => 10 * Math.round(level / 10)).join(' ')
  console.log(`${name}: ${material.getAlphaMode()}, left ${told(info.width >> 2)}, right ${told((3 * info.width) >> 2)}`)
}
JS
node write.mjs
node_modules/.bin/gltf-transform jpeg --formats "*" opaque.glb jpeg.glb >/dev/null
node_modules/.bin/gltf-transform webp opaque.glb webp.glb >/dev/null
node_modules/.bin/gltf-transform webp --lossless true opaque.glb lossless.glb >/dev/null
node_modules/.bin/gltf-transform resize --width 16 --height 16 opaque.glb resize.glb >/dev/null
seen=$(node show.mjs)
echo "$seen"
expected="opaque: OPAQUE, left 200 100 50, right 200 100 50
jpeg: OPAQUE, left 0 0 0, right 200 100 50
webp: OPAQUE, left 200 100 50, right 200 100 50
lossless: OPAQUE, left 0 0 0, right 200 100 50
resize: OPAQUE, left 0 0 0, right 200 100 50"
[ "$seen" = "$expected" ] || { echo "was:"; echo "$expected"; exit 1; }
echo "as described"
