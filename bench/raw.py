"""A raw mesh as large generators leave it, for `bench/finishing.py --raw`: millions of faces in several hundred shells,
open, overlapping, with 4096 px maps; and how alike two assets look under three lights.

    python bench/raw.py FILE.glb COUNT RUNS

writes such a mesh of about COUNT faces, finishes it, and prints figures as JSON: those of the run that took the median
time.
"""

from __future__ import annotations

import json
import struct
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

import spherelinks
from spherelinks.formats.scene import read_scene
from spherelinks.mesh.normals import vertex_normals
from spherelinks.mesh.pose import stand
from spherelinks.pixels.srgb import LIGHT, to_srgb
from spherelinks.pixels.visible import visible
from spherelinks.render.camera import View, look
from spherelinks.shape import Material, Surface
from spherelinks.texture.carry import look_up
from spherelinks.texture.tangents import tangents_of_sides
from spherelinks.texture.texels import blended

SHELLS = 300
#: Share of the atlas, in u, that is the body's.
BODY = 0.75
#: Towards the lights, in the asset's axes, of which the last comes from behind the viewer's right shoulder.
LIGHTS = np.array(((-0.6, 0.5, 0.62), (0.0, 0.95, 0.3), (0.75, 0.2, 0.6)))


def noise(size: int, cells: int, rng: np.random.Generator, octaves: int) -> NDArray[np.float32]:
    """(size, size) float32 in 0..1, smooth, over so many octaves from `cells` a side."""
    total = np.zeros((size, size), np.float32)
    for octave in range(octaves):
        coarse = rng.random((cells << octave,) * 2).astype(np.float32)
        total += cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC) / 2**octave
    return (total - total.min()) / np.ptp(total)


def maps(size: int) -> dict[str, NDArray[np.uint8]]:
    """Base colour, occlusion with roughness and metalness, and normals: features from a hundredth of a side upwards."""
    rng = np.random.default_rng(5)
    color = np.stack([noise(size, 6, rng, 4) for _ in range(3)], axis=-1)
    rest = np.stack([0.5 + noise(size, 4, rng, 3) / 2, 0.3 + 0.6 * noise(size, 8, rng, 3), noise(size, 5, rng, 2)], -1)
    height = noise(size, 24, rng, 3) * np.float32(size / 400)
    x, y = cv2.Sobel(height, cv2.CV_32F, 1, 0) / 8, cv2.Sobel(height, cv2.CV_32F, 0, 1) / 8
    normal = np.stack([-x, y, np.ones_like(x)], axis=-1)
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
    return {
        "color": (color * 255).astype(np.uint8),
        "rest": (rest * 255).astype(np.uint8),
        "normal": (normal * 127.5 + 128).astype(np.uint8),
    }


def grid(n: int, m: int) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """(n * m, 2) places in the unit square and the triangles between them."""
    u, v = np.meshgrid(np.linspace(0, 1, n, dtype=np.float32), np.linspace(0, 1, m, dtype=np.float32))
    i = (np.arange(m - 1, dtype=np.int32)[:, None] * n + np.arange(n - 1, dtype=np.int32)).ravel()
    faces = np.concatenate([np.stack([i, i + n, i + n + 1], axis=1), np.stack([i, i + n + 1, i + 1], axis=1)])
    return np.stack([u.ravel(), v.ravel()], axis=1), faces


def sphere(
    places: NDArray[np.float32], center: NDArray[np.float32], radius: float, bumps: float, phase: float
) -> NDArray[np.float32]:
    """Places on a bumpy ball, open at both poles."""
    turn, rise = 2 * np.pi * places[:, 0], np.pi * (0.03 + 0.94 * places[:, 1])
    out = np.stack([np.sin(rise) * np.cos(turn), np.cos(rise), -np.sin(rise) * np.sin(turn)], axis=1)
    waves = np.sin(5 * out[:, 0] + phase) * np.sin(4 * out[:, 1] + 2 * phase) + 0.2 * np.sin(23 * out[:, 2] + phase)
    return (center + radius * (1 + bumps * waves)[:, None] * out).astype(np.float32)


def mesh(count: int) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int32]]:
    """Vertices, texture coordinates and about `count` faces: a body of two thirds of them, and SHELLS - 1 on it."""
    rng = np.random.default_rng(3)
    side = int(np.sqrt(count / 3))
    small = int(np.sqrt(count / 6 / (SHELLS - 1)))
    places, faces = grid(side, side)
    points = [sphere(places, np.zeros(3, np.float32), 1.0, 0.08, 0.0)]
    uvs, triangles, total = [places * (BODY, 1)], [faces], len(places)
    places, faces = grid(small, small)
    rows = int(np.ceil(np.sqrt((SHELLS - 1) * 4)))
    for number in range(SHELLS - 1):
        center = rng.normal(size=3)
        center *= rng.uniform(0.85, 1.0) / np.linalg.norm(center)
        points.append(sphere(places, center.astype(np.float32), rng.uniform(0.03, 0.12), 0.1, number))
        cell = np.array((BODY + (1 - BODY) * (number % (rows // 4)) / (rows // 4), number // (rows // 4) / rows))
        uvs.append(cell + (places * 0.9 + 0.05) * ((1 - BODY) / (rows // 4), 1 / rows))
        triangles.append(faces + total)
        total += len(places)
    return np.concatenate(points), np.concatenate(uvs).astype(np.float32), np.concatenate(triangles).astype(np.int32)


def write(path: Path, count: int, size: int) -> int:
    """A GLB of that mesh with its maps; returns the number of its faces."""
    vertices, uv, faces = mesh(count)
    rows = [vertices, vertex_normals(vertices, faces), uv, faces.astype(np.uint32).reshape(-1, 1)]
    document: dict = {
        "asset": {"version": "2.0"}, "scene": 0, "scenes": [{"nodes": [0]}], "nodes": [{"mesh": 0}],
        "bufferViews": [], "accessors": [], "images": [], "textures": [],
    }  # fmt: skip
    blob = bytearray()

    def view(data: bytes) -> int:
        document["bufferViews"].append({"buffer": 0, "byteOffset": len(blob), "byteLength": len(data)})
        blob.extend(data + bytes(-len(data) % 4))
        return len(document["bufferViews"]) - 1

    for values, kind in zip(rows, ("VEC3", "VEC3", "VEC2", "SCALAR"), strict=True):
        component = 5125 if kind == "SCALAR" else 5126
        document["accessors"].append(
            {"bufferView": view(values.tobytes()), "componentType": component, "count": len(values), "type": kind}
        )
    document["accessors"][0] |= {"min": vertices.min(0).tolist(), "max": vertices.max(0).tolist()}
    for image in maps(size).values():
        data = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()
        document["images"].append({"bufferView": view(data), "mimeType": "image/jpeg"})
        document["textures"].append({"source": len(document["images"]) - 1})
    document["materials"] = [
        {
            "pbrMetallicRoughness": {"baseColorTexture": {"index": 0}, "metallicRoughnessTexture": {"index": 1}},
            "occlusionTexture": {"index": 1},
            "normalTexture": {"index": 2},
        }
    ]
    attributes = {"POSITION": 0, "NORMAL": 1, "TEXCOORD_0": 2}
    document["meshes"] = [{"primitives": [{"attributes": attributes, "indices": 3, "material": 0}]}]
    document["buffers"] = [{"byteLength": len(blob)}]
    text = json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    with path.open("wb") as file:
        file.write(struct.pack("<4sII", b"glTF", 2, 28 + len(text) + len(blob)))
        file.write(struct.pack("<I4s", len(text), b"JSON") + text + struct.pack("<I4s", len(blob), b"BIN\0"))
        file.write(blob)
    return len(faces)


def likeness(before: Surface, after: Surface, size: int = 512, turns: int = 3) -> float:
    """PSNR, dB, of `after` against `before`, both in the same frame, each light by itself from `turns` sides, over the
    pixels that either covers; averaged from sixteen samples a pixel."""
    wrong, count = 0.0, 0
    for view in look(before.vertices, [turn / turns for turn in range(turns)]):
        (one, there), (other, here) = (_rendered(surface, view, 4 * size) for surface in (before, after))
        for a, b in zip(one, other, strict=True):
            small = [cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA) for image in (a, b)]
            shown = [255 * to_srgb(image.clip(0, 1)) for image in small]
            covered = cv2.resize((there | here).astype(np.float32), (size, size), interpolation=cv2.INTER_AREA) > 0
            wrong += float(((shown[0] - shown[1])[covered] ** 2).sum())
            count += 3 * int(covered.sum())
    return float(10 * np.log10(255**2 / (wrong / count)))


def _rendered(surface: Surface, view: View, size: int) -> tuple[list[NDArray[np.float32]], NDArray[np.bool_]]:
    """Linear light of each lamp, (size, size, 3), and where the surface is."""
    points = view.project(surface.vertices, size)
    ids = visible(points, surface.faces, size)
    y, x = np.nonzero(ids >= 0)
    face = ids[y, x]
    a, b, c = (points[surface.faces[face, k]] for k in range(3))
    at = np.stack([x, y], axis=1) + 0.5
    p, q, r = at - a[:, :2], (b - a)[:, :2], (c - a)[:, :2]
    double = q[:, 0] * r[:, 1] - q[:, 1] * r[:, 0]
    s = (p[:, 0] * r[:, 1] - p[:, 1] * r[:, 0]) / double
    t = (q[:, 0] * p[:, 1] - q[:, 1] * p[:, 0]) / double
    weights = np.stack([(1 - s - t) * a[:, 2], s * b[:, 2], t * c[:, 2]], axis=1)  # linear in space, not in the picture
    weights = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)

    def over(rows: NDArray[np.float32]) -> NDArray[np.float32]:
        return blended(np.ascontiguousarray(rows, np.float32), surface.faces, face, weights)

    [material] = surface.materials
    uv = over(surface.uv)
    color = LIGHT[look_up(surface.textures[0], uv, material.base.sampler)].astype(np.float32)
    rest = look_up(material.metallic_roughness.image, uv, material.metallic_roughness.sampler) / np.float32(255)
    normal = _bent(surface, material, uv, over, face, weights)
    eye = _unit(view.eye - over(surface.vertices))
    rough, metal = rest[:, 1:2] * material.roughness, rest[:, 2:] * material.metallic
    shine = 0.04 + (color - 0.04) * metal
    pictures = []
    for lamp in LIGHTS / np.linalg.norm(LIGHTS, axis=1, keepdims=True):
        half = _unit(lamp + eye)
        lit = np.clip(normal @ lamp, 0, None)[:, None]
        near = np.clip((normal * half).sum(axis=1), 0, 1)[:, None]
        spread = np.clip(rough, 0.1, 1) ** 4
        lobe = spread / (np.pi * (near**2 * (spread - 1) + 1) ** 2)
        image = np.zeros((size, size, 3), np.float32)
        image[y, x] = lit * (color * (1 - metal) + shine * lobe / 4) + 0.08 * color * rest[:, :1]
        pictures.append(image)
    return pictures, ids >= 0


def _bent(
    surface: Surface,
    material: Material,
    uv: NDArray[np.float32],
    over: Callable[[NDArray[np.float32]], NDArray[np.float32]],
    face: NDArray[np.int32],
    weights: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Normals as the normal map has them."""
    normal = _unit(over(surface.normals))
    if surface.tangents is None:
        along, corners = tangents_of_sides(surface.vertices, surface.normals, surface.uv, surface.faces)
        tangent = blended(along, np.ascontiguousarray(corners), face, weights)
    else:
        tangent = over(surface.tangents)
    value = look_up(material.normal.image, uv, material.normal.sampler) / np.float32(127.5) - 1
    side = np.sign(tangent[:, 3:]) * np.cross(normal, tangent[:, :3])
    return _unit(value[:, :1] * tangent[:, :3] + value[:, 1:2] * side + value[:, 2:] * normal)


def _unit(rows: NDArray[np.floating]) -> NDArray[np.floating]:
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-30)


def main() -> None:
    path, count, runs = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    faces = write(path, count, 4096)
    Path("/proc/self/clear_refs").write_text("5")  # forgets the memory that making the mesh took
    times = []
    for _ in range(runs):
        wall, processor = time.perf_counter(), time.process_time()
        asset = spherelinks.finish(path, texture_size=2048)
        times.append((time.perf_counter() - wall, time.process_time() - processor, asset.report.timings))
    status = Path("/proc/self/status").read_text()
    seconds, processor, timings = sorted(times, key=lambda each: each[0])[len(times) // 2]
    figures = {
        "faces": faces,
        "left": asset.report.faces,
        "watertight": asset.report.watertight,
        "seconds": seconds,
        "processor": processor,
        "megabytes": int(next(row for row in status.splitlines() if row.startswith("VmHWM")).split()[1]) // 1024,
        "timings": {"read": timings["read"], **timings["finishing"]},
        "warnings": asset.report.warnings,
    }
    after = read_scene(asset.glb, lambda name: None)
    before = read_scene(path.read_bytes(), lambda name: None)
    placed = stand(before.vertices, "longest", float(np.ptp(after.vertices, axis=0).max())).place(before.vertices)
    print(json.dumps(figures | {"decibels": likeness(replace(before, vertices=placed), after)}))


if __name__ == "__main__":
    main()
