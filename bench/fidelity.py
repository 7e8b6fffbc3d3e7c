#!/usr/bin/env python3
"""How faithfully the texture shows the picture: `python bench/fidelity.py [PICTURES ...] [--texture-size 1024]
[--json]`.

Each picture becomes an asset with `inflate` and with `lift`, and the GLB is rendered from the camera that the generator
assumed, unlit, one sample at each pixel centre of the frame (512 to 1024 px, the size at which the picture was
projected), the texture sampled bilinearly without mipmaps. Compared with the frame, over all three sRGB channels:

    inside   pixels whose matte is at least 0.95 and that the asset covers
    core     those of them that lie more than 4 px (of a 512 px frame) inside the matte
    covered  share of the pixels whose matte is at least 0.95 that the asset covers at all

Prints the PSNR in dB of each asset, their median, and how many reach 30 dB. Without PICTURES: docs/samples, and every
third picture of the folder given by --more, if any.
"""

from __future__ import annotations

import io
import json
import statistics
from pathlib import Path

import arguments
import cv2
import numpy as np
import samples
import trimesh
from numpy.typing import NDArray

from spherelinks.finishing import finish
from spherelinks.generation import registry
from spherelinks.mesh.components import clean
from spherelinks.mesh.pose import stand
from spherelinks.mesh.simplify import simplify
from spherelinks.mesh.surface import extract
from spherelinks.options import Options
from spherelinks.picture.decode import decode
from spherelinks.picture.frame import frame
from spherelinks.picture.matte import matte
from spherelinks.pixels.visible import visible
from spherelinks.report import Maker
from spherelinks.shape import Camera, Frame, Volume
from spherelinks.texture.projection import project

GENERATORS = ("inflate", "lift")
WANTED = 30.0


def drawn(glb: bytes, volume: Volume, options: Options, size: int) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """(size, size, 3) sRGB 0..255 of the asset as the volume's camera sees it, and the pixels that it covers."""
    (mesh,) = trimesh.load(io.BytesIO(glb), file_type="glb", process=False).geometry.values()
    texture = np.asarray(mesh.visual.material.baseColorTexture.convert("RGB"), np.float32)
    uv = mesh.visual.uv * (1, -1) + (0, 1)
    # finishing is deterministic: what it placed is found again by the same steps
    vertices, faces, _ = extract(volume.field, volume.origin, volume.spacing)
    vertices, faces, _ = clean(vertices, faces)
    vertices, faces = simplify(vertices, faces, round(len(faces) * (1 - options.simplify_ratio)))
    pose = stand(vertices)
    back = mesh.vertices / pose.scale + pose.origin

    camera: Camera = volume.camera  # type: ignore[assignment]
    seen = project(back, camera, size)
    weight = (np.column_stack([back, np.ones(len(back))]) @ camera.world_to_clip.T)[:, 3]
    order = seen.copy()
    order[:, 2] = seen[:, 2].max() + 1 - seen[:, 2]
    ids = visible(order, np.ascontiguousarray(mesh.faces, np.int32), size)
    rows, columns = np.nonzero(ids >= 0)
    corners = np.asarray(mesh.faces)[ids[rows, columns]]
    a, b, c = (seen[corners[:, k], :2] for k in range(3))
    p = np.stack([columns, rows], axis=1) + 0.5
    cross = lambda u, v: u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]  # noqa: E731
    share = np.stack([cross(b - p, c - p), cross(c - p, a - p), cross(a - p, b - p)], axis=1) / weight[corners]
    share /= share.sum(axis=1, keepdims=True)
    at = (np.einsum("nk,nkd->nd", share, uv[corners]) * texture.shape[1::-1] - 0.5).astype(np.float32)
    place = np.zeros((size, size, 2), np.float32)
    place[rows, columns] = at
    picture = cv2.remap(texture, place, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return picture.astype(np.float64), ids >= 0


def decibels(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    return float(10 * np.log10(255**2 / max(float(((one - other) ** 2).mean()), 1e-9)))


def measure(framed: Frame, generator: str, texture_size: int) -> dict[str, float]:
    options = Options(generator=generator, texture_size=texture_size)
    card = registry.card(generator)
    volume = registry.load(generator).generate(framed, options, lambda share: None)
    assert isinstance(volume, Volume)
    asset = finish(
        volume,
        framed,
        options,
        source={},
        name="asset",
        generator=Maker(name=card.name, version=card.version),
        progress=lambda share: None,
    )
    size = len(framed.rgb)
    picture, covered = drawn(asset.glb, volume, options, size)
    matte = framed.matte >= 0.95
    inside = matte & covered
    deep = cv2.distanceTransform(matte.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5) > 4 * size / 512
    shown = framed.rgb.astype(np.float64)
    return {
        "inside": round(decibels(picture[inside], shown[inside]), 2),
        "core": round(decibels(picture[inside & deep], shown[inside & deep]), 2),
        "covered": round(float(inside.sum() / matte.sum()), 4),
    }


def main() -> None:
    parser = arguments.parser(__doc__, json=True)
    parser.add_argument("pictures", nargs="*", type=Path)
    parser.add_argument("--more", type=Path, help="also every third picture of this folder")
    parser.add_argument("--texture-size", type=int, default=1024)
    a = parser.parse_args()
    pictures = a.pictures or samples.pictures()
    if a.more:
        pictures += sorted(a.more.glob("*.webp"))[::3]
    result: dict[str, dict[str, dict[str, float]]] = {name: {} for name in GENERATORS}
    for path in pictures:
        decoded = decode(path.read_bytes())
        framed = frame(decoded, matte(decoded))
        for name in GENERATORS:
            result[name][path.stem] = found = measure(framed, name, a.texture_size)
            if not a.json:
                print(
                    f"{name:8s} {path.stem:24s} {len(framed.rgb):5d} px   inside {found['inside']:5.2f} dB   "
                    f"core {found['core']:5.2f} dB   covered {found['covered']:.4f}",
                    flush=True,
                )
    if a.json:
        print(json.dumps(result))
        return
    for name, found in result.items():
        inside, core = ([each[which] for each in found.values()] for which in ("inside", "core"))
        print(
            f"{name}: median {statistics.median(inside):.2f} dB inside, {statistics.median(core):.2f} in the core; "
            f"{sum(value >= WANTED for value in inside)} of {len(inside)} reach {WANTED:g} dB inside"
        )


if __name__ == "__main__":
    main()
