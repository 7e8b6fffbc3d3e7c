"""USDZ: what AR Quick Look on Apple's devices opens."""

from __future__ import annotations

import io
import re
import struct
import zipfile
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from spherelinks.formats.asset import factored
from spherelinks.formats.obj import named, without_webp
from spherelinks.gltf.pack import Mesh
from spherelinks.gltf.read import Model
from spherelinks.shape import Finish

_EPOCH = (1980, 1, 1, 0, 0, 0)
#: Readers map the files into memory in place.
_ALIGNMENT = 64
_PADDING_FIELD = 0x1986


def write(model: Model) -> bytes:
    """A USDZ, an uncompressed ZIP of a USD layer and the textures: metres, +Y up, UsdPreviewSurface.

    The layer is written as text, which every USD program reads, including AR Quick Look. A WebP texture becomes a PNG,
    since the format supports only JPEG and PNG.
    """
    name = re.sub(r"\W", "_", model.name, flags=re.ASCII)
    name = name if re.match(r"[A-Za-z_]", name) else f"_{name}"
    model = without_webp(model)
    pictures = {role: f"textures/{file}" for role, file in named(model, name).items()}
    shaders, inputs = _surface(model, pictures)
    layer = _layer(model, name, shaders, inputs).encode()
    files = {pictures[role]: model.images[role].data for role in pictures if f"@{pictures[role]}@" in shaders}
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w", zipfile.ZIP_STORED) as archive:
        for path, data in ((f"{name}.usda", layer), *files.items()):
            entry = zipfile.ZipInfo(path, _EPOCH)
            start = package.tell() + 30 + len(path) + 4
            padding = -start % _ALIGNMENT
            entry.extra = struct.pack("<HH", _PADDING_FIELD, padding) + bytes(padding)
            archive.writestr(entry, data)
    return package.getvalue()


def _layer(model: Model, name: str, shaders: str, inputs: dict[str, str]) -> str:
    parts = "".join(
        _part(name, mesh, finish, f"_{number}" if number > 1 else "", shaders, inputs)
        for number, (finish, mesh) in enumerate(_parts(model.mesh), 1)
    )
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
{{{parts}
}}
'''


def _parts(mesh: Mesh) -> Iterator[tuple[Finish, Mesh]]:
    """The faces of each finish as a mesh: whether both sides are drawn is said of meshes."""
    if mesh.finish_of is None:
        yield mesh.finishes[0], mesh
        return
    for number, finish in enumerate(mesh.finishes):
        used, corners = np.unique(mesh.faces[mesh.finish_of == number], return_inverse=True)
        faces = corners.reshape(-1, 3).astype(np.int32)
        yield finish, Mesh(mesh.positions[used], mesh.normals[used], mesh.uv[used], faces, mesh.texture)


def _part(name: str, mesh: Mesh, finish: Finish, number: str, shaders: str, inputs: dict[str, str]) -> str:
    """A mesh and its material."""
    low, high = mesh.positions.min(axis=0), mesh.positions.max(axis=0)
    here = f"/{name}/Material{number}"
    both = "\n        uniform bool doubleSided = 1" * finish.double_sided
    through = {role: text for role, text in inputs.items() if role != "opacity" or finish.alpha_mode != "OPAQUE"}
    if finish.alpha_mode == "MASK":
        through["threshold"] = f"float inputs:opacityThreshold = {finish.alpha_cutoff:g}"
    surface = "".join(f"\n            {text.replace('MATERIAL', here)}" for text in through.values())
    return f'''
    def Mesh "Mesh{number}" (
        prepend apiSchemas = ["MaterialBindingAPI"]
    )
    {{{both}
        float3[] extent = {_tuples(np.stack([low, high]))}
        int[] faceVertexCounts = [{", ".join("3" * len(mesh.faces))}]
        int[] faceVertexIndices = [{", ".join(map(str, mesh.faces.ravel().tolist()))}]
        rel material:binding = <{here}>
        normal3f[] normals = {_tuples(mesh.normals)} (
            interpolation = "vertex"
        )
        point3f[] points = {_tuples(mesh.positions)}
        texCoord2f[] primvars:st = {_tuples(mesh.uv * np.array((1, -1), np.float32) + np.array((0, 1), np.float32))} (
            interpolation = "vertex"
        )
        uniform token subdivisionScheme = "none"
    }}

    def Material "Material{number}"
    {{
        token outputs:surface.connect = <{here}/Surface.outputs:surface>

        def Shader "Surface"
        {{
            uniform token info:id = "UsdPreviewSurface"{surface}
            token outputs:surface
        }}
{shaders.replace("MATERIAL", here)}
        def Shader "Coordinates"
        {{
            uniform token info:id = "UsdPrimvarReader_float2"
            string inputs:varname = "st"
            float2 outputs:result
        }}
    }}'''


def _surface(model: Model, pictures: dict[str, str]) -> tuple[str, dict[str, str]]:
    """The shaders that read the images, and the surface's inputs by name; both say MATERIAL for the material's path."""
    paint = model.mesh.paint
    outputs = {"BaseColor": ["float3 outputs:rgb"]}
    inputs = {"diffuseColor": "color3f inputs:diffuseColor.connect = <MATERIAL/BaseColor.outputs:rgb>"}
    if paint.opacity is not None:
        outputs["BaseColor"].append("float outputs:a")
        inputs["opacity"] = "float inputs:opacity.connect = <MATERIAL/BaseColor.outputs:a>"
    scale = [1.0, 1.0, 1.0]
    for role, channel in (("metallic", 2), ("roughness", 1)):
        factor, image = factored(paint, channel)
        if image is None:
            inputs[role] = f"float inputs:{role} = {factor:g}"
            continue
        scale[channel] = factor
        outputs.setdefault("metallicRoughness", []).append(f"float outputs:{'rgb'[channel]}")
        inputs[role] = f"float inputs:{role}.connect = <MATERIAL/metallicRoughness.outputs:{'rgb'[channel]}>"
    if any(paint.emission):
        if paint.emissive is None:
            inputs["emissive"] = "color3f inputs:emissiveColor = ({:g}, {:g}, {:g})".format(*paint.emission)
        else:
            outputs["emissive"] = ["float3 outputs:rgb"]
            inputs["emissive"] = "color3f inputs:emissiveColor.connect = <MATERIAL/emissive.outputs:rgb>"
    if "normal" in pictures:
        outputs["normal"] = ["float3 outputs:rgb"]
        inputs["normal"] = "normal3f inputs:normal.connect = <MATERIAL/normal.outputs:rgb>"
    if "occlusion" in pictures:
        outputs["occlusion"] = ["float outputs:r"]
        inputs["occlusion"] = "float inputs:occlusion.connect = <MATERIAL/occlusion.outputs:r>"
    ranges = {"metallicRoughness": ((0, 0, 0, 0), (*scale, 1)), "emissive": ((0, 0, 0, 0), (*paint.emission, 1))}
    ranges["normal"] = (-1, -1, -1, 0), (2, 2, 2, 1)
    shaders = "".join(
        _shader(role, pictures["baseColor" if role == "BaseColor" else role], given, ranges.get(role))
        for role, given in outputs.items()
    )
    return shaders, inputs


def _shader(
    role: str, picture: str, outputs: list[str], ranges: tuple[tuple[float, ...], tuple[float, ...]] | None
) -> str:
    """The node that reads an image: colours as sRGB, other values as they are, times scale, plus bias."""
    space = "sRGB" if role in ("BaseColor", "emissive") else "raw"
    lines = []
    if ranges is not None and ranges != ((0, 0, 0, 0), (1, 1, 1, 1)):
        bias, scale = ("({:g}, {:g}, {:g}, {:g})".format(*values) for values in ranges)
        lines = [f"float4 inputs:bias = {bias}", f"float4 inputs:scale = {scale}"]
    lines += [
        f"asset inputs:file = @{picture}@",
        f'token inputs:sourceColorSpace = "{space}"',
        "float2 inputs:st.connect = <MATERIAL/Coordinates.outputs:result>",
        'token inputs:wrapS = "clamp"',
        'token inputs:wrapT = "clamp"',
        *outputs,
    ]
    body = "".join(f"\n            {line}" for line in lines)
    return f'''
        def Shader "{role}"
        {{
            uniform token info:id = "UsdUVTexture"{body}
        }}
'''


def _tuples(rows: NDArray[np.float32]) -> str:
    """[(x, y, …), …] with seven digits."""
    line = "(" + ", ".join(["%.7g"] * rows.shape[1]) + ")"
    return "[" + ", ".join(line % tuple(row) for row in rows.tolist()) + "]"
