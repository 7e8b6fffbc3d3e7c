// What tests/gltf_validator.py asks, answered one after the other. A request on stdin is one byte, "v" (validate), "u"
// (unpack) or "p" (pack), four with the length of what follows (little-endian), and that: a GLB, or what is to be packed
// as JSON; an answer on stdout is one line of JSON, {result} or {error}.
const validator = require('gltf-validator');
const {MeshoptDecoder, MeshoptEncoder} = require('meshoptimizer');

const validate = glb => validator.validateBytes(new Uint8Array(glb), {maxIssues: 100});

async function unpack(glb) {
  await MeshoptDecoder.ready;
  const end = 20 + glb.readUInt32LE(12);
  const views = JSON.parse(glb.subarray(20, end)).bufferViews.map(
    view => view.extensions?.EXT_meshopt_compression ?? view.extensions?.KHR_meshopt_compression);
  return views.filter(Boolean).map(view => {
    const target = new Uint8Array(view.count * view.byteStride);
    const source = glb.subarray(end + 8 + view.byteOffset, end + 8 + view.byteOffset + view.byteLength);
    MeshoptDecoder.decodeGltfBuffer(target, view.count, view.byteStride, source, view.mode, view.filter);
    return Buffer.from(target).toString('base64');
  });
}

async function pack(json) {
  await MeshoptEncoder.ready;
  const {rows, colors, count, stride, mode, version, bits} = JSON.parse(json);
  const source = colors
    ? MeshoptEncoder.encodeFilterColor(new Float32Array(colors), count, stride, bits)
    : new Uint8Array(Buffer.from(rows, 'base64'));
  const stream = mode === 'ATTRIBUTES'
    ? MeshoptEncoder.encodeVertexBufferLevel(source, count, stride, 3, version)
    : MeshoptEncoder.encodeGltfBuffer(source, count, stride, mode, version);
  return Buffer.from(stream).toString('base64');
}

async function answer(kind, glb) {
  try {
    return {result: await {v: validate, u: unpack, p: pack}[kind](glb)};
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
