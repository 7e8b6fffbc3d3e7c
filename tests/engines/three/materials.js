// What three.js has of each material of a scene: its settings, and its maps as PNGs.

export function materials(root) {
  const found = new Set();
  root.traverse(node => node.isMesh && [node.material].flat().forEach(material => found.add(material)));
  return Array.from(found, material => ({
    name: material.name,
    alpha: material.transparent ? 'BLEND' : material.alphaTest > 0 ? 'MASK' : 'OPAQUE',
    cutoff: material.alphaTest,
    opacity: material.opacity,
    doubleSided: material.side === 2,
    metallic: material.metalness,
    roughness: material.roughness,
    emissive: material.emissive.toArray(),
    strength: material.emissiveIntensity,
    occlusion: material.aoMapIntensity,
    maps: {
      base: png(material.map),
      metallic: png(material.metalnessMap),
      roughness: png(material.roughnessMap),
      normal: png(material.normalMap),
      occlusion: png(material.aoMap),
      emissive: png(material.emissiveMap),
    },
  }));
}

// lossless where the picture is opaque
function png(texture) {
  if (!texture) return null;
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [texture.image.width, texture.image.height];
  canvas.getContext('2d').drawImage(texture.image, 0, 0);
  return canvas.toDataURL('image/png');
}
