#!/usr/bin/env bash
# VTK 9.6.2 (vtkOBJExporter, and so PyVista and ParaView): an opaque surface is invisible in three.js 0.187.0.
#
# In MTL d is opacity, and Tr, where a program writes it, transparency: 1 - d. Expected: an opaque actor has "d 1" or
# "Tr 0". Seen: vtkOBJExporter writes the opacity as Tr, so "Tr 1"; three.js's MTLLoader makes that opacity 0. What is
# nearly transparent comes out nearly opaque.
# Remedy: replace "Tr" by "d" in the MTL file.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export HOME="$folder"
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check --no-cache-dir vtk==9.6.2
npm install --silent --no-fund --no-audit three@0.187.0 >/dev/null

cat > write.py <<'PY'
import vtkmodules.vtkRenderingOpenGL2  # noqa: F401
from vtkmodules.vtkCommonCore import vtkVersion
from vtkmodules.vtkFiltersSources import vtkCubeSource
from vtkmodules.vtkIOExport import vtkOBJExporter
from vtkmodules.vtkRenderingCore import vtkActor, vtkPolyDataMapper, vtkRenderer, vtkRenderWindow

print("VTK", vtkVersion.GetVTKVersion())
for name, opacity in (("opaque", 1.0), ("sheer", 0.1)):
    cube, mapper, actor, renderer, window = (
        vtkCubeSource(), vtkPolyDataMapper(), vtkActor(), vtkRenderer(), vtkRenderWindow()
    )  # fmt: skip
    mapper.SetInputConnection(cube.GetOutputPort())
    actor.SetMapper(mapper)
    actor.GetProperty().SetOpacity(opacity)
    renderer.AddActor(actor)
    window.SetOffScreenRendering(1)
    window.AddRenderer(renderer)
    exporter = vtkOBJExporter()
    exporter.SetFilePrefix(name)
    exporter.SetRenderWindow(window)
    exporter.Write()
PY
cat > read.mjs <<'JS'
import { readFileSync } from 'node:fs'
import { MTLLoader } from 'three/examples/jsm/loaders/MTLLoader.js'

for (const name of ['opaque', 'sheer']) {
  const text = readFileSync(`${name}.mtl`, 'utf8')
  const written = text.split('\n').filter((line) => /^(d|Tr) /.test(line.trim())).join(', ')
  const library = new MTLLoader().parse(text, '')
  library.preload()
  const [material] = Object.values(library.materials)
  console.log(`${name}: VTK writes ${written.trim()}, three.js reads opacity ${Number(material.opacity.toFixed(3))}`)
}
JS
seen=$(venv/bin/python write.py 2>/dev/null; node read.mjs)
echo "$seen"
expected="VTK 9.6.2
opaque: VTK writes Tr 1, three.js reads opacity 0
sheer: VTK writes Tr 0.1, three.js reads opacity 0.9"
[ "$seen" = "$expected" ] || { echo "was:"; echo "$expected"; exit 1; }
echo "as described"
