"""USDZ: what AR Quick Look on Apple's devices opens."""

from __future__ import annotations

import io
import re
import struct
import zipfile

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from spherelinks.gltf.read import Model, read

_EPOCH = (1980, 1, 1, 0, 0, 0)
#: The format's programs map the files into memory where they lie.
_ALIGNMENT = 64
_PADDING_FIELD = 0x1986
_NEEDS_PNG = "image/webp"


def write(glb: bytes) -> bytes:
    """A USDZ, which is an uncompressed ZIP of a USD layer and the texture: metres, +Y up, one UsdPreviewSurface.

    The layer is written as text: every USD program reads it, AR Quick Look too. A WebP texture becomes a PNG, since
    the format knows JPEG and PNG. Raises InvalidRequest for a file that is not one of ours.
    """
    model = read(glb)
    name = re.sub(r"\W", "_", model.name, flags=re.ASCII)
    name = name if re.match(r"[A-Za-z_]", name) else f"_{name}"
    image, media_type = model.image, model.media_type
    if media_type == _NEEDS_PNG:
        buffer = io.BytesIO()
        Image.fromarray(model.mesh.texture).save(buffer, "PNG", compress_level=6)
        image, media_type = buffer.getvalue(), "image/png"
    picture = f"textures/{name}.{media_type.removeprefix('image/').replace('jpeg', 'jpg')}"
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w", zipfile.ZIP_STORED) as archive:
        for path, data in ((f"{name}.usda", _layer(model, name, picture).encode()), (picture, image)):
            entry = zipfile.ZipInfo(path, _EPOCH)
            start = package.tell() + 30 + len(path) + 4
            padding = -start % _ALIGNMENT
            entry.extra = struct.pack("<HH", _PADDING_FIELD, padding) + bytes(padding)
            archive.writestr(entry, data)
    return package.getvalue()


def _layer(model: Model, name: str, picture: str) -> str:
    mesh = model.mesh
    low, high = mesh.positions.min(axis=0), mesh.positions.max(axis=0)
    return f'''#usda 1.0
(
    customLayerData = {{
        string creator = "SphereLinks"
    }}
    defaultPrim = "{name}"
    metersPerUnit = 1
    upAxis = "Y"
)

def Xform "{name}" (
    assetInfo = {{
        string name = "{name}"
    }}
    kind = "component"
)
{{
    def Mesh "Mesh" (
        prepend apiSchemas = ["MaterialBindingAPI"]
    )
    {{
        float3[] extent = {_tuples(np.stack([low, high]))}
        int[] faceVertexCounts = [{", ".join("3" * len(mesh.faces))}]
        int[] faceVertexIndices = [{", ".join(map(str, mesh.faces.ravel().tolist()))}]
        rel material:binding = </{name}/Material>
        normal3f[] normals = {_tuples(mesh.normals)} (
            interpolation = "vertex"
        )
        point3f[] points = {_tuples(mesh.positions)}
        texCoord2f[] primvars:st = {_tuples(mesh.uv * np.array((1, -1), np.float32) + np.array((0, 1), np.float32))} (
            interpolation = "vertex"
        )
        uniform token subdivisionScheme = "none"
    }}

    def Material "Material"
    {{
        token outputs:surface.connect = </{name}/Material/Surface.outputs:surface>

        def Shader "Surface"
        {{
            uniform token info:id = "UsdPreviewSurface"
            color3f inputs:diffuseColor.connect = </{name}/Material/BaseColor.outputs:rgb>
            float inputs:metallic = {model.metallic:g}
            float inputs:roughness = {model.roughness:g}
            token outputs:surface
        }}

        def Shader "BaseColor"
        {{
            uniform token info:id = "UsdUVTexture"
            asset inputs:file = @{picture}@
            token inputs:sourceColorSpace = "sRGB"
            float2 inputs:st.connect = </{name}/Material/Coordinates.outputs:result>
            token inputs:wrapS = "clamp"
            token inputs:wrapT = "clamp"
            float3 outputs:rgb
        }}

        def Shader "Coordinates"
        {{
            uniform token info:id = "UsdPrimvarReader_float2"
            string inputs:varname = "st"
            float2 outputs:result
        }}
    }}
}}
'''


def _tuples(rows: NDArray[np.float32]) -> str:
    """[(x, y, …), …] in seven digits."""
    line = "(" + ", ".join(["%.7g"] * rows.shape[1]) + ")"
    return "[" + ", ".join(line % tuple(row) for row in rows.tolist()) + "]"
