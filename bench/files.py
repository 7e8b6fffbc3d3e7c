#!/usr/bin/env python3
"""Weigh and time an asset's files: `python bench/files.py [--json] [--runs 7]`.

A noisy body of 20,000 faces with a 1024 px texture, made here. Each texture format and compression: bytes of the GLB,
bytes of its mesh alone, milliseconds to pack and to check. Each other kind of file: bytes and milliseconds. Medians of
processor time, warm. And how many vertices a GPU computes for a face (ACMR, a cache of 16), before and after ordering.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable
from typing import Any, get_args

import arguments
from finishing import FACES, noisy, picture

from spherelinks.formats.writing import KINDS, convert
from spherelinks.gltf.check import check
from spherelinks.gltf.image import encoded
from spherelinks.gltf.order import CACHE, misses, optimized
from spherelinks.gltf.pack import Mesh, pack
from spherelinks.mesh.components import clean
from spherelinks.mesh.normals import vertex_normals
from spherelinks.mesh.simplify import simplify
from spherelinks.mesh.surface import extract
from spherelinks.options import Compression, TextureFormat
from spherelinks.pixels.padding import fill
from spherelinks.texture.bake import bake
from spherelinks.texture.unwrap import unwrap


def asset() -> Mesh:
    volume = noisy(128)
    vertices, faces, _ = extract(volume.field, volume.origin, volume.spacing)
    vertices, faces, _ = clean(vertices, faces)
    vertices, faces = simplify(vertices, faces, FACES)
    normals = vertex_normals(vertices, faces)
    atlas = unwrap(vertices, faces)
    texture = fill(*bake(vertices, normals, atlas, 1024, volume, picture()))
    return Mesh(vertices[atlas.source], normals[atlas.source], atlas.uv, atlas.faces, texture)


def milliseconds(run: Callable[[], object], runs: int) -> float:
    run()
    times = []
    for _ in range(runs):
        start = time.process_time()
        run()
        times.append(1000 * (time.process_time() - start))
    return round(statistics.median(times), 1)


def main() -> None:
    parser = arguments.parser(__doc__, runs=7, json=True)
    a = parser.parse_args()
    mesh = asset()

    def packed(texture_format: TextureFormat, compression: Compression) -> bytes:
        return pack(mesh, name="x", software="", extras={}, texture_format=texture_format, compression=compression)

    variants = []
    for texture_format in get_args(TextureFormat):
        image = len(encoded(mesh.texture, texture_format))
        for compression in get_args(Compression):
            glb = packed(texture_format, compression)
            variants.append(
                {
                    "textureFormat": texture_format,
                    "compression": compression,
                    "bytes": len(glb),
                    "meshBytes": len(glb) - image,
                    "packMs": milliseconds(lambda t=texture_format, c=compression: packed(t, c), a.runs),
                    "checkMs": milliseconds(lambda glb=glb: check(glb), a.runs),
                }
            )
    glb = packed("jpeg", "none")
    kinds = {
        kind: {"bytes": len(convert(glb, kind)), "ms": milliseconds(lambda k=kind: convert(glb, k), a.runs)}
        for kind in KINDS
        if kind != "glb"
    }
    ordered, kept = optimized(mesh.faces, len(mesh.positions))
    acmr = [
        round(misses(faces, count, CACHE) / len(faces), 2)
        for faces, count in ((mesh.faces, len(mesh.positions)), (ordered, len(kept)))
    ]
    result: dict[str, Any] = {"faces": len(mesh.faces), "acmr": acmr, "variants": variants, "kinds": kinds}
    if a.json:
        print(json.dumps(result))
        return
    print(f"{len(mesh.faces)} faces, {len(mesh.positions)} vertices; ACMR {acmr[0]} -> {acmr[1]}")
    for each in variants:
        print(
            f"  {each['textureFormat']:5s} {each['compression']:10s} {each['bytes'] / 1e3:7.0f} kB, mesh "
            f"{each['meshBytes'] / 1e3:5.0f} kB   pack {each['packMs']:6.1f} ms   check {each['checkMs']:5.1f} ms"
        )
    for kind, figures in kinds.items():
        print(f"  {kind:16s} {figures['bytes'] / 1e3:7.0f} kB   {figures['ms']:6.1f} ms")


if __name__ == "__main__":
    main()
