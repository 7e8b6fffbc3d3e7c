"""Pack objects so that they can be carried to a machine that reaches nothing, in folders of a limited size:

    python -m training.carried --glbs ../shared/data/train --manifest ../shared/data/manifest.csv --out kit

Each folder, kit/objects-1 and so on, has its objects as NPZ files and a manifest.csv of them; `training.data` takes
them in place of GLBs. Objects are chosen by kind, as they are drawn in training, and few of a family, the scans of one
brand. They lose triangles and texture that a picture of 128 px does not show.
"""

from __future__ import annotations

import argparse
import csv
import io
import zlib
from collections import Counter
from pathlib import Path

import meshoptimizer
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from training.surface import Surface, load

Row = dict[str, str]

# Shares of the objects by kind; what of them there is too little of goes to the others.
MIX = {"scan": 0.35, "realistic": 0.25, "stylised": 0.32, "mixed": 0.03, "voxel": 0.05}


def chosen(rows: list[Row], family: int) -> list[Row]:
    """The rows in the order in which they are packed: any first part has the kinds' shares, as far as there are enough.

    family : most objects of a source whose names begin with the same word, among scans and realistic ones
    """
    seen: Counter[tuple[str, str]] = Counter()
    rank: Counter[str] = Counter()
    order = []
    for row in sorted(rows, key=lambda row: zlib.crc32(row["id"].encode())):
        relatives = row["source"], row["name"].split("_")[0]
        seen[relatives] += 1
        if row["kind"] in ("scan", "realistic") and seen[relatives] > family:
            continue
        rank[row["kind"]] += 1
        order.append((rank[row["kind"]] / MIX[row["kind"]], row["id"], row))
    return [row for *_, row in sorted(order, key=lambda each: each[:2])]


def packed(surface: Surface, faces: int, pixels: int) -> bytes:
    """A normalised surface as the bytes of an NPZ file; `training.surface.load` reads it.

    faces : the most it keeps, as far as seams of texture and borders let it
    pixels : the longest side of its textures
    """
    corners = np.concatenate([surface.corners, surface.uv, surface.tint], axis=2).reshape(-1, 8)
    parts = np.repeat(surface.texture, 3)[:, None]
    vertices, index = np.unique(np.hstack([corners, parts]).astype(np.float32), axis=0, return_inverse=True)
    index = np.ascontiguousarray(index.ravel(), np.uint32)
    if len(index) > 3 * faces:
        fewer = np.zeros_like(index)
        positions = np.ascontiguousarray(vertices[:, :3])
        count = meshoptimizer.simplify(fewer, index, positions, target_index_count=3 * faces, target_error=0.05)
        index = fewer[:count]
    used, index = np.unique(index, return_inverse=True)
    vertices, index = vertices[used], index.reshape(-1, 3)
    texture = vertices[index[:, 0], 8].astype(np.int16)
    images = [_shrunk(image, pixels) for image in surface.textures]
    file = io.BytesIO()
    np.savez_compressed(
        file,
        position=np.round((vertices[:, :3] + 0.5).clip(0, 1) * 65535).astype(np.uint16),
        uv=vertices[:, 3:5].astype(np.float16),
        tint=np.round(vertices[:, 5:8].clip(0, 1) * 255).astype(np.uint8),
        faces=index.astype(np.uint16 if len(vertices) < 1 << 16 else np.uint32),
        texture=texture,
        images=np.frombuffer(b"".join(images), np.uint8),
        lengths=np.array([len(image) for image in images], np.int32),
    )
    return file.getvalue()


def _shrunk(image: NDArray[np.float32], pixels: int) -> bytes:
    """A texture (H, W, 3) in 0..1 as a WebP file."""
    picture = Image.fromarray(np.round(image * 255).astype(np.uint8))
    picture.thumbnail((pixels, pixels))
    file = io.BytesIO()
    picture.save(file, "WEBP", quality=80, method=6)
    return file.getvalue()


def pack(glbs: Path, rows: list[Row], out: Path, parts: int, size: int, faces: int, pixels: int) -> Counter[str]:
    """Fill at most `parts` folders of `size` bytes with the rows' objects, in order. How many of each kind were packed.

    Raises FileExistsError if there is one already: what is left in it would be carried, too.
    """
    kinds: Counter[str] = Counter()
    folder, written, done = out, size, 0
    for row in rows:
        data = packed(load(glbs / f"{row['id']}.glb"), faces, pixels)
        if written + len(data) > size:
            if done == parts:
                break
            done += 1
            folder, written = out / f"objects-{done}", 0
            folder.mkdir(parents=True)
            with (folder / "manifest.csv").open("w", newline="") as file:
                csv.DictWriter(file, list(row)).writeheader()
        (folder / f"{row['id']}.npz").write_bytes(data)
        with (folder / "manifest.csv").open("a", newline="") as file:
            csv.DictWriter(file, list(row)).writerow(row)
        written += len(data)
        kinds[row["kind"]] += 1
    return kinds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--glbs", type=Path, required=True, help="folder of GLBs, +Y up")
    parser.add_argument("--manifest", type=Path, required=True, help="CSV file with their id, source, kind and name")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--parts", type=int, default=2, help="folders to fill at most")
    parser.add_argument("--part-mb", type=float, default=17, help="size of each, MB")
    parser.add_argument("--faces", type=int, default=3000, help="most triangles of an object")
    parser.add_argument("--pixels", type=int, default=256, help="longest side of a texture")
    parser.add_argument("--family", type=int, default=8, help="most objects of a brand")
    a = parser.parse_args()
    with a.manifest.open() as file:
        rows = [row for row in csv.DictReader(file) if (a.glbs / f"{row['id']}.glb").is_file()]
    kinds = pack(a.glbs, chosen(rows, a.family), a.out, a.parts, round(1e6 * a.part_mb), a.faces, a.pixels)
    print(f"{kinds.total()} of {len(rows)} objects: {', '.join(f'{n} {kind}' for kind, n in kinds.most_common())}")


if __name__ == "__main__":
    main()
