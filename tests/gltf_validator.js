// What tests/gltf_validator.py asks, answered one after the other. A request on stdin is one byte, "v" (validate) or
// "u" (unpack), four with the length of the GLB that follows (little-endian), and the GLB; an answer on stdout is one
// line of JSON, {result} or {error}.
const validator = require('gltf-validator');
const {MeshoptDecoder} = require('meshoptimizer');

const validate = glb => validator.validateBytes(new Uint8Array(glb), {maxIssues: 100});

async function unpack(glb) {
  await MeshoptDecoder.ready;
  const end = 20 + glb.readUInt32LE(12);
  const views = JSON.parse(glb.subarray(20, end)).bufferViews.map(view => view.extensions?.EXT_meshopt_compression);
  return views.filter(Boolean).map(view => {
    const target = new Uint8Array(view.count * view.byteStride);
    const source = glb.subarray(end + 8 + view.byteOffset, end + 8 + view.byteOffset + view.byteLength);
    MeshoptDecoder.decodeGltfBuffer(target, view.count, view.byteStride, source, view.mode, view.filter);
    return Buffer.from(target).toString('base64');
  });
}

async function answer(kind, glb) {
  try {
    return {result: await {v: validate, u: unpack}[kind](glb)};
  } catch (error) {
    return {error: String(error)};
  }
}

(async () => {
  let received = Buffer.alloc(0);
  for await (const chunk of process.stdin) {
    received = Buffer.concat([received, chunk]);
    while (received.length >= 5 && received.length >= 5 + received.readUInt32LE(1)) {
      const end = 5 + received.readUInt32LE(1);
      const reply = await answer(String.fromCharCode(received[0]), received.subarray(5, end));
      process.stdout.write(JSON.stringify(reply) + '\n');
      received = received.subarray(end);
    }
  }
})();
