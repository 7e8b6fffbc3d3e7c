#!/usr/bin/env bash
# PyVista 0.49.1 with VTK 9.7.2 (vtkGLTFExporter): what a mesh shows by its data is tinted light blue in glTF, and what is
# translucent is opaque.
#
# In VTK the colours of a mesh's scalars, given (rgb=True) or by a colour map, replace the actor's own colour. In glTF
# baseColorFactor multiplies COLOR_0 and the texture. Expected: where there are scalars the factor is 1. Seen: the
# exporter writes the actor's colour as the factor all the same, and PyVista's default for that is light blue, so what the
# window shows as white is (215, 237, 244) in any viewer, and red (215, 0, 0). A colour map, which becomes a texture, is
# multiplied, too. An opacity of 0.3 becomes the factor's alpha, but alphaMode is left out, and its default is OPAQUE.
# Remedy: add_mesh(..., color="white"), which the window does not show beside scalars; write alphaMode "BLEND" into the
# file.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export HOME="$folder"
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check --no-cache-dir pyvista==0.49.1 vtk==9.7.2

cat > write.py <<'PY'
import base64
import json

import numpy as np
import pyvista
from vtkmodules.vtkCommonCore import vtkVersion


def shown(light):
    """sRGB's levels of linear light."""
    light = np.asarray(light)
    return np.rint(255 * np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)).astype(int)


def exported(data, **how):
    """What the window shows in its middle, and the glTF document."""
    plane = pyvista.Plane(i_resolution=1, j_resolution=1)
    plane["data"] = data
    plotter = pyvista.Plotter(off_screen=True, window_size=(64, 64))
    plotter.add_mesh(plane, scalars="data", lighting=False, show_scalar_bar=False, **how)
    plotter.view_xy()
    plotter.camera.zoom(2)
    plotter.export_gltf("scene.gltf")
    return plotter.screenshot(return_img=True)[32, 32], json.load(open("scene.gltf"))


def factor(document):
    return np.array(document["materials"][0]["pbrMetallicRoughness"]["baseColorFactor"][:3])


print("PyVista", pyvista.__version__, "VTK", vtkVersion.GetVTKVersion())
for options in ({}, {"color": "white"}):
    print(f"add_mesh with {options}:")
    for colour in ((255, 255, 255), (255, 0, 0)):
        window, document = exported(np.tile(np.uint8(colour), (4, 1)), rgb=True, **options)
        accessor = document["accessors"][document["meshes"][0]["primitives"][0]["attributes"]["COLOR_0"]]
        view = document["bufferViews"][accessor["bufferView"]]
        data = base64.b64decode(document["buffers"][view["buffer"]]["uri"].partition(",")[2])
        light = np.frombuffer(data, np.uint8, 3, view.get("byteOffset", 0)) / 255 * factor(document)
        print(f"rgb: window {window.tolist()}, glTF {shown(light).tolist()}")
    window, document = exported(np.arange(4.0), cmap=["white", "white"], **options)
    textured = "baseColorTexture" in document["materials"][0]["pbrMetallicRoughness"]
    print(f"colour map: window {window.tolist()}, texture {textured}, glTF {shown(factor(document)).tolist()}")
_, document = exported(np.arange(4.0), opacity=0.3)
[material] = document["materials"]
print("opacity 0.3: alpha", material["pbrMetallicRoughness"]["baseColorFactor"][3], "mode", material.get("alphaMode"))
PY
seen=$(venv/bin/python write.py 2>/dev/null)
echo "$seen"
expected="PyVista 0.49.1 VTK 9.7.2
add_mesh with {}:
rgb: window [255, 255, 255], glTF [215, 237, 244]
rgb: window [255, 0, 0], glTF [215, 0, 0]
colour map: window [255, 255, 255], texture True, glTF [215, 237, 244]
add_mesh with {'color': 'white'}:
rgb: window [255, 255, 255], glTF [255, 255, 255]
rgb: window [255, 0, 0], glTF [255, 0, 0]
colour map: window [255, 255, 255], texture True, glTF [255, 255, 255]
opacity 0.3: alpha 0.3 mode None"
[ "$seen" = "$expected" ] || { echo "was:"; echo "$expected"; exit 1; }
echo "as described"
