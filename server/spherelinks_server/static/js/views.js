// Other views of a model: its wireframe, texture, texture coordinates, levels of detail and collider.
// Each but the wireframe is the same GLB with another description of its scene; no vertex is touched.

const HEADER = 12, CHUNK = 8, JSON_CHUNK = 0x4e4f534a;
const LEVEL = /_LOD(\d+)$/, COLLIDER = /_collider(_\d+)?-convcolonly$/;

/** A GLB's JSON, and what follows it. */
export function read(buffer) {
  const length = new DataView(buffer).getUint32(HEADER, true), start = HEADER + CHUNK;
  return {json: JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, start, length))), rest: buffer.slice(start + length)};
}

function written({json, rest}) {
  const text = new TextEncoder().encode(JSON.stringify(json));
  const padded = Math.ceil(text.length / 4) * 4;
  const head = new Uint8Array(HEADER + CHUNK + padded).fill(0x20, HEADER + CHUNK);
  const view = new DataView(head.buffer);
  [0x46546c67, 2, head.length + rest.byteLength, padded, JSON_CHUNK].forEach((value, at) => view.setUint32(4 * at, value, true));
  head.set(text, HEADER + CHUNK);
  return new Blob([head, rest], {type: "model/gltf-binary"});
}

const found = (json, pattern) => json.nodes.flatMap((node, at) => (pattern.test(node.name ?? "") ? [at] : []));

/** The views that this file has, by name, in words. */
export function offered({json}) {
  const views = {model: "Model", wireframe: "Wireframe", texture: "Texture", uv: "UV checker"};
  const levels = found(json, LEVEL).map(at => Number(json.nodes[at].name.match(LEVEL)[1])).sort((a, b) => a - b);
  if (levels.length > 1) for (const level of levels) views[`level ${level}`] = `Level of detail ${level}`;
  if (found(json, COLLIDER).length) views.collider = "Collider";
  return views;
}

/** The file as it is for that view. */
export function changed(file, view) {
  const json = structuredClone(file.json);
  const [kind, level] = view.split(" ");
  if (kind === "level") {
    json.scenes[json.scene ?? 0].nodes = found(json, new RegExp(`_LOD${level}$`));
    for (const node of json.nodes) delete node.extensions?.MSFT_lod;
  }
  for (const material of json.materials ?? []) {
    if (material.name === "collider") {
      if (kind !== "collider") continue;
      Object.assign(material, {alphaMode: "BLEND", doubleSided: true});
      material.pbrMetallicRoughness = {baseColorFactor: [.02, .55, .48, .45], metallicFactor: 0};
    } else if (kind === "texture") {
      material.extensions = {...material.extensions, KHR_materials_unlit: {}};
    } else if (kind === "uv") {
      const {baseColorTexture} = material.pbrMetallicRoughness;
      // how texture coordinates are stored, as a transform, stays
      material.pbrMetallicRoughness = {baseColorTexture: {...baseColorTexture, index: json.textures.length}, metallicFactor: 0};
      for (const map of ["normalTexture", "occlusionTexture", "emissiveTexture"]) delete material[map];
    }
  }
  if (kind === "texture") json.extensionsUsed = [...new Set([...(json.extensionsUsed ?? []), "KHR_materials_unlit"])];
  if (kind === "uv") {
    json.textures.push({source: json.images.length});
    json.images.push({mimeType: "image/png", uri: checker()});
  }
  return written({json, rest: file.rest});
}

/** A board whose squares show how the texture lies on the surface: even ones are good. */
function checker() {
  const side = 1024, squares = 16, step = side / squares;
  const canvas = Object.assign(document.createElement("canvas"), {width: side, height: side});
  const context = canvas.getContext("2d");
  context.textAlign = context.textBaseline = "middle";
  context.textAlign = "center";
  context.font = `600 ${step * .4}px sans-serif`;
  for (let row = 0; row < squares; row++) {
    for (let column = 0; column < squares; column++) {
      context.fillStyle = `hsl(${column * 22} 55% ${(row + column) % 2 ? 78 : 46}%)`;
      context.fillRect(column * step, row * step, step, step);
      context.fillStyle = "#0008";
      context.fillText(String.fromCharCode(65 + row) + (column + 1), (column + .5) * step, (row + .5) * step);
    }
  }
  return canvas.toDataURL("image/png");
}

/** Draws edges alone, or surfaces again. model-viewer keeps its three.js scene under a symbol of that name. */
export function wireframe(viewer, on) {
  const symbol = Object.getOwnPropertySymbols(viewer).find(one => one.description === "scene");
  viewer[symbol].traverse(object => {
    for (const material of [object.material ?? []].flat()) {
      if (material.name) material.wireframe = on; // the shadow's has none
    }
  });
  viewer[symbol].queueRender();
}
