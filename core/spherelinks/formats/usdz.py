"""USDZ: what AR Quick Look on Apple's devices opens."""

from __future__ import annotations

import io
import re
import struct
import zipfile

import numpy as np
from numpy.typing import NDArray

from spherelinks.formats.obj import named, without_webp
from spherelinks.gltf.read import Model, read

_EPOCH = (1980, 1, 1, 0, 0, 0)
#: Readers map the files into memory in place.
_ALIGNMENT = 64
_PADDING_FIELD = 0x1986


def write(glb: bytes) -> bytes:
    """A USDZ, an uncompressed ZIP of a USD layer and the texture: metres, +Y up, one UsdPreviewSurface.

    The layer is written as text, which every USD program reads, including AR Quick Look. A WebP texture becomes a PNG,
    since the format supports only JPEG and PNG. Raises InvalidRequest for a file that is not one of ours.
    """
    model = read(glb)
    name = re.sub(r"\W", "_", model.name, flags=re.ASCII)
    name = name if re.match(r"[A-Za-z_]", name) else f"_{name}"
    model = without_webp(model)
    pictures = {role: f"textures/{file}" for role, file in named(model, name).items()}
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w", zipfile.ZIP_STORED) as archive:
        layer = _layer(model, name, pictures).encode()
        for path, data in ((f"{name}.usda", layer), *((pictures[role], model.images[role].data) for role in pictures)):
            entry = zipfile.ZipInfo(path, _EPOCH)
            start = package.tell() + 30 + len(path) + 4
            padding = -start % _ALIGNMENT
            entry.extra = struct.pack("<HH", _PADDING_FIELD, padding) + bytes(padding)
            archive.writestr(entry, data)
    return package.getvalue()


def _layer(model: Model, name: str, pictures: dict[str, str]) -> str:
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
            float inputs:roughness = {model.roughness:g}{_connected(name, pictures)}
            token outputs:surface
        }}

        def Shader "BaseColor"
        {{
            uniform token info:id = "UsdUVTexture"
            asset inputs:file = @{pictures["baseColor"]}@
            token inputs:sourceColorSpace = "sRGB"
            float2 inputs:st.connect = </{name}/Material/Coordinates.outputs:result>
            token inputs:wrapS = "clamp"
            token inputs:wrapT = "clamp"
            float3 outputs:rgb
        }}
{_shaders(name, pictures)}
        def Shader "Coordinates"
        {{
            uniform token info:id = "UsdPrimvarReader_float2"
            string inputs:varname = "st"
            float2 outputs:result
        }}
    }}
}}
'''


def _connected(name: str, pictures: dict[str, str]) -> str:
    """The surface's inputs other than colour."""
    lines = {
        "normal": f"normal3f inputs:normal.connect = </{name}/Material/normal.outputs:rgb>",
        "occlusion": f"float inputs:occlusion.connect = </{name}/Material/occlusion.outputs:r>",
    }
    return "".join(f"\n            {line}" for role, line in lines.items() if role in pictures)


def _shaders(name: str, pictures: dict[str, str]) -> str:
    """The nodes that read the other images, as linear values; normals range from -1 to 1."""
    ranges = """
            float4 inputs:bias = (-1, -1, -1, 0)
            float4 inputs:scale = (2, 2, 2, 1)"""
    return "".join(
        f'''
        def Shader "{role}"
        {{
            uniform token info:id = "UsdUVTexture"{ranges * (role == "normal")}
            asset inputs:file = @{picture}@
            token inputs:sourceColorSpace = "raw"
            float2 inputs:st.connect = </{name}/Material/Coordinates.outputs:result>
            token inputs:wrapS = "clamp"
            token inputs:wrapT = "clamp"
            {"float3 outputs:rgb" if role == "normal" else "float outputs:r"}
        }}
'''
        for role, picture in pictures.items()
        if role != "baseColor"
    )


def _tuples(rows: NDArray[np.float32]) -> str:
    """[(x, y, …), …] with seven digits."""
    line = "(" + ", ".join(["%.7g"] * rows.shape[1]) + ")"
    return "[" + ", ".join(line % tuple(row) for row in rows.tolist()) + "]"
