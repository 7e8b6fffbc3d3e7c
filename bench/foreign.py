"""Meshes as other programs write them, of one block with a colour on each side, and what `finish` makes of each."""

from __future__ import annotations

import io
import json
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import trimesh

import spherelinks
from spherelinks.errors import SphereLinksError
from spherelinks.formats.scene import read_scene
from spherelinks.mesh.nearest import nearest, tree
from spherelinks.pixels.srgb import to_linear
from spherelinks.texture.carry import colors

sys.path += [str(Path(__file__).resolve().parent.parent / folder) for folder in ("tests", "tests/core/formats")]
from test_foreign import (
    LIST,
    MTL,
    PAINT,
    POINTS,
    QUAD_ROWS,
    QUADS,
    SIDES,
    SIZE,
    STRIP,
    TRIANGLES,
    UV,
    XYZ,
    block,
    fifths,
    glb,
    obj,
    ply,
    png,
    stl,
)  # fmt: skip


def files() -> Iterator[tuple[str, bytes, dict[str, bytes]]]:
    """Names, bytes, and the files beside them; all show the block, standing on +Y."""
    yield "fractions.obj", obj(PAINT / 255).encode(), {}
    yield "bytes.obj", obj(PAINT).encode(), {}
    yield "tabs.obj", obj(PAINT / 255, sep="\t").encode(), {}
    yield "utf-16.obj", obj(PAINT / 255).encode("utf-16"), {}
    yield "crlf.obj", obj(PAINT / 255).replace("\n", "\r\n").encode(), {}
    yield "far.obj", obj(PAINT / 255, np.add(POINTS, (432_100.25, 212.5, -5_412_345.25))).encode(), {}
    lines = obj().split("\n")
    body = lines[:24] + [f"usemtl m{i}\n{line}" for i, line in enumerate(lines[24:30])]
    yield "materials.obj", ("mtllib a.mtl\n" + "\n".join(body)).encode(), {"a.mtl": MTL.encode()}
    mesh = trimesh.Trimesh(POINTS, TRIANGLES, vertex_colors=PAINT.astype(np.uint8), process=False)
    for name, options in (("trimesh.ply", {}), ("text.ply", {"encoding": "ascii"})):
        yield name, mesh.export(file_type="ply", **options), {}
    # trimesh writes colours of vertices into a GLB as they are, where the format has light
    mesh.visual.vertex_colors = np.rint(to_linear(PAINT / 255) * 255).astype(np.uint8)
    yield "trimesh.glb", mesh.export(file_type="glb"), {}
    faces = [row + bytes(color) for row, (_, color) in zip(QUAD_ROWS, SIDES, strict=True)]
    properties = LIST + "".join(f"property uchar {channel}\n" for channel in ("red", "green", "blue"))
    yield "faces.ply", ply(XYZ, [row.astype("<f4").tobytes() for row in POINTS], properties, faces), {}
    rows = "".join("{} {} {} {} {}\n".format(*p, u, 1 - v) for p, (u, v) in zip(POINTS, UV, strict=True))
    head = f"ply\nformat ascii 1.0\ncomment TextureFile strip.png\nelement vertex 24\n{XYZ}"
    head += f"property float s\nproperty float t\nelement face 6\n{LIST}end_header\n"
    tail = "".join("4 {} {} {} {}\n".format(*quad) for quad in QUADS)
    yield "texture.ply", (head + rows + tail).encode(), {"strip.png": png(STRIP)}
    sides = [fifths(color) for _, color in SIDES] * 2
    yield "viscam.stl", stl([0x8000 | r << 10 | g << 5 | b for r, g, b in sides], b"+Y up"), {}
    yield "magics.stl", stl([b << 10 | g << 5 | r for r, g, b in sides], b"+Y up COLOR=" + bytes(4)), {}
    meshlab = [0x8000 | b << 10 | g << 5 | r for r, g, b in sides]
    yield "meshlab.stl", stl(meshlab, b"+Y up COLOR=\x7f\x7f\x7f"), {}
    yield "texture.glb", glb(*block()), {}
    for name, change in (
        ("turned.glb", {"rotation": [0, 1, 0, 0], "translation": [5, 0, 0]}),
        ("mirrored.glb", {"scale": [-2, 2, 2]}),
        ("matrix.glb", {"matrix": [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 9, 9, 9, 1]}),
    ):
        document, blob = block()
        document["nodes"][0] |= change
        yield name, glb(document, blob), {}
    document, blob = block()
    document["buffers"] = [{"byteLength": len(blob), "uri": "a.bin"}]
    yield "beside.gltf", json.dumps(document).encode(), {"a.bin": blob}
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("model/block.gltf", json.dumps(document))
        archive.writestr("model/a.bin", blob)
    yield "packed.zip", packed.getvalue(), {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "block.glb"
        path.write_bytes(glb(*block()))
        asset = spherelinks.finish(path, texture_size=512).glb
    for kind, name in (("usdz", "ours.usdz"), ("obj", "ours.obj.zip")):
        yield name, spherelinks.convert(asset, kind, lambda left_out: None), {}
    whole = stl([0] * 12)
    for name, data in (("cut.stl", whole[:-40]), ("cut.glb", glb(*block())[:-900]), ("page.obj", b"<!DOCTYPE html>")):
        yield name, data, {}


def judged(name: str, data: bytes, beside: dict[str, bytes]) -> tuple[str, str]:
    """right, noted (wrong, and a warning says so), refused, or SILENT: wrong without a word; and what was seen."""
    with tempfile.TemporaryDirectory() as folder:
        for each, content in ({name: data} | beside).items():
            (Path(folder) / each).write_bytes(content)
        try:
            asset = spherelinks.finish(Path(folder) / name, texture_size=512, texture_format="png")
        except SphereLinksError as error:
            return "refused", error.message
    surface = read_scene(asset.glb, lambda name: None, whole=True)
    size = np.ptp(surface.vertices, axis=0)
    # each side's colour, wherever it faces: blocks may be turned about the vertical, or mirrored
    middles = [(np.mean(corners, axis=0) - (0.5, 0, 0.5)) * size for corners, _ in SIDES]
    found = colors(surface, nearest(np.array(middles, np.float32), tree(surface.vertices, surface.faces))).astype(int)
    expected = [color for _, color in SIDES]
    if name == "turned.glb":
        expected = [expected[k] for k in (1, 0, 3, 2, 4, 5)]
    elif name == "mirrored.glb":
        expected = [expected[k] for k in (0, 1, 3, 2, 4, 5)]
    off = np.abs(found - expected).max()
    if np.allclose(size / size.max(), SIZE / SIZE.max(), rtol=1e-3) and off <= 12:
        return "right", f"colours within {off}"
    said = f"{size.round(3).tolist()}, colours off by {off}"
    return ("noted" if asset.report.warnings else "SILENT"), f"{said}; {'; '.join(asset.report.warnings)}"


def run() -> int:
    """Print each file's verdict; how many are wrong without a word."""
    count: dict[str, int] = {}
    for name, data, beside in files():
        verdict, seen = judged(name, data, beside)
        count[verdict] = count.get(verdict, 0) + 1
        print(f"{verdict:8s} {name:16s} {seen}", flush=True)
    print("\n" + ", ".join(f"{number} {verdict}" for verdict, number in sorted(count.items())))
    return count.get("SILENT", 0)
