"""OBJ, which every program reads, with its material and texture in one archive."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from spherelinks.formats.weld import weld
from spherelinks.gltf.read import Model, read

_EPOCH = (1980, 1, 1, 0, 0, 0)


def write(glb: bytes) -> bytes:
    """A ZIP with NAME.obj, NAME.mtl and the texture, in metres with +Y up; NAME is the asset's.

    Raises InvalidRequest for a file that is not one of ours.
    """
    model = read(glb)
    mesh, name = model.mesh, re.sub(r"[^\w.-]+", "_", model.name) or "asset"
    pictures = named(model, name)
    kept, welded = weld(mesh.positions)
    corners = np.stack([welded[mesh.faces], mesh.faces, mesh.faces], axis=-1) + 1
    lines = [
        "# SphereLinks, metres, +Y up",
        f"mtllib {name}.mtl",
        f"o {name}",
        *_rows("v %.7g %.7g %.7g", mesh.positions[kept]),
        *_rows("vt %.7g %.7g", mesh.uv * (1, -1) + (0, 1)),
        *_rows("vn %.5g %.5g %.5g", mesh.normals),
        f"usemtl {name}",
        *_rows("f %d/%d/%d %d/%d/%d %d/%d/%d", corners.reshape(-1, 9)),
        "",
    ]
    material = [
        f"newmtl {name}",
        "Kd 1 1 1",
        "illum 1",
        f"map_Kd {pictures['baseColor']}",
        *([f"norm {pictures['normal']}"] if "normal" in pictures else []),
        f"Pr {model.roughness:g}",
        f"Pm {model.metallic:g}",
        "",
    ]
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, data in (
            (f"{name}.obj", "\n".join(lines).encode()),
            (f"{name}.mtl", "\n".join(material).encode()),
        ):
            archive.writestr(zipfile.ZipInfo(path, _EPOCH), data, zipfile.ZIP_DEFLATED)
        for role in sorted(pictures.keys() - {"occlusion"}):
            archive.writestr(zipfile.ZipInfo(pictures[role], _EPOCH), model.images[role].data)
    return buffer.getvalue()


def named(model: Model, name: str) -> dict[str, str]:
    """File names for a model's images, by their roles: NAME.jpg, NAME_normal.jpg, NAME_occlusion.jpg."""
    stems = {role: name if role == "baseColor" else f"{name}_{role}" for role in model.images}
    endings = {
        role: image.media_type.removeprefix("image/").replace("jpeg", "jpg") for role, image in model.images.items()
    }
    return {role: f"{stems[role]}.{endings[role]}" for role in model.images}


def _rows(line: str, values: NDArray[np.floating] | NDArray[np.integer]) -> Iterable[str]:
    return (line % tuple(row) for row in values.tolist())
