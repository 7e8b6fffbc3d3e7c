"""Convert Sweet Home 3D's furniture catalogues to GLBs to train on:

    python -m training.furniture --out furniture usr/share/sweethome3d/furniture/*.sh3f

A catalogue is a ZIP file of Wavefront OBJ files, +Y up, and a list of them. Debian's package sweethome3d-furniture has
five, 820 objects under CC0 and CC-BY-3.0, in usr/share/sweethome3d/furniture. The output folder gets one GLB per
object, with its base colour only, and the manifest.csv that `training.data` reads.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import trimesh
from PIL import Image

from spherelinks.pixels.srgb import to_linear
from training.surface import parts

LIST = "PluginFurnitureCatalog.properties"
TEXELS = 512  # longest side of a texture


@dataclass(frozen=True)
class Entry:
    """One object of a catalogue; model: its path within the ZIP file."""

    name: str
    model: str
    category: str


def entries(text: str) -> Iterator[Entry]:
    """The objects in a catalogue's list, each model once."""
    fields = dict(re.findall(r"^\s*(\w+#\d+)\s*=\s*(.*?)\s*$", text, re.MULTILINE))
    seen = set()
    for key, model in fields.items():
        if key.startswith("model#") and model not in seen:
            seen.add(model)
            number = key.removeprefix("model#")
            yield Entry(fields[f"name#{number}"], model.lstrip("/"), fields[f"category#{number}"])


def plain(scene: trimesh.Scene) -> trimesh.Scene:
    """The scene with base colours only: the texture if there is one, otherwise the material's diffuse colour."""
    out = trimesh.Scene()
    for part in parts(scene):
        old = getattr(part.visual, "material", None)
        image = getattr(old, "image", None)
        uv = getattr(part.visual, "uv", None)
        new = trimesh.visual.material.PBRMaterial(metallicFactor=0.0, roughnessFactor=1.0)
        if image is not None and uv is not None:
            image = image.convert("RGB")
            image.thumbnail((TEXELS, TEXELS), Image.Resampling.LANCZOS)
            new.baseColorTexture = image
        elif old is not None:
            diffuse = np.asarray(old.main_color[:3], np.float32) / 255
            new.baseColorFactor = [*to_linear(diffuse).tolist(), 1.0]
        part.visual = trimesh.visual.TextureVisuals(uv=uv, material=new)
        out.add_geometry(part)
    return out


def converted(catalogue: Path, out: Path) -> Iterator[dict[str, str]]:
    """Write the catalogue's objects as GLBs, skipping those without triangles; yields their rows of the manifest."""
    with zipfile.ZipFile(catalogue) as file, TemporaryDirectory() as folder:
        text = file.read(LIST).decode("latin-1")
        file.extractall(folder)
        for entry in entries(text):
            scene = plain(trimesh.load_scene(Path(folder, entry.model)))
            if not scene.geometry:
                continue
            name = hashlib.sha256(f"{catalogue.stem}/{entry.model}".encode()).hexdigest()[:12]
            scene.export(out / f"{name}.glb")
            yield {
                "id": name,
                "name": entry.name,
                "kind": "furniture",
                "category": entry.category,
                "source": f"sweethome3d-furniture/{catalogue.stem}",
            }


def convert(catalogues: list[Path], out: Path) -> int:
    """Write the objects of all catalogues and their manifest into the folder. Returns the number of objects."""
    out.mkdir(parents=True, exist_ok=True)
    rows = [row for catalogue in catalogues for row in converted(catalogue, out)]
    with (out / "manifest.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return len(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("catalogues", type=Path, nargs="+", metavar="CATALOGUE.sh3f")
    parser.add_argument("--out", type=Path, required=True)
    a = parser.parse_args()
    print(f"{convert(a.catalogues, a.out)} objects")


if __name__ == "__main__":
    main()
