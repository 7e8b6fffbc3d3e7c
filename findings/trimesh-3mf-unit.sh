#!/usr/bin/env bash
# trimesh 5.2.0: every 3MF file that it writes is in millimetres, whatever the unit of the mesh, so its size is wrong.
#
# 3MF names the unit of its numbers in the model's attribute "unit", one of micron, millimeter, centimeter, inch, foot
# and meter, and trimesh reads it into mesh.units. Expected: the exporter writes mesh.units there, or scales to
# millimetres. Seen: it writes the numbers as they are and unit="millimeter" beside them, so a box of 2 inches that is
# loaded and saved is 2 mm long, and one of 2 metres is a thousandth of its size, in a slicer, too, as lib3mf 2.5.0
# shows. Nothing says so.
# Remedy: mesh.convert_units("millimeter") before the export.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check trimesh==5.2.0 lxml==6.1.3 networkx==3.6.1 lib3mf==2.5.0

cat > units.py <<'PY'
import lib3mf
import trimesh

wrapper = lib3mf.get_wrapper()


def written(unit, path):
    """A 3MF file of a box 2 units long, by the consortium's library."""
    box = trimesh.creation.box((2, 1, 1))
    model = wrapper.CreateModel()
    model.SetUnit(getattr(lib3mf.ModelUnit, unit))
    mesh = model.AddMeshObject()
    mesh.SetGeometry(
        [lib3mf.Position((lib3mf.ctypes.c_float * 3)(*point)) for point in box.vertices],
        [lib3mf.Triangle((lib3mf.ctypes.c_uint32 * 3)(*face)) for face in box.faces],
    )
    model.AddBuildItem(mesh, wrapper.GetIdentityTransform())
    model.QueryWriter("3mf").WriteToFile(path)


def told(path):
    """The length of the file's box and the file's unit, by the consortium's library."""
    model = wrapper.CreateModel()
    model.QueryReader("3mf").ReadFromFile(path)
    box = model.GetOutbox()
    return box.MaxCoordinate[0] - box.MinCoordinate[0], model.GetUnit().name


for unit in ("MilliMeter", "Inch", "Meter"):
    written(unit, "original.3mf")
    mesh = trimesh.load_scene("original.3mf").to_mesh()
    mesh.export("copy.3mf")
    print("original %g %s," % told("original.3mf"), "read as", mesh.units, "copy %g %s" % told("copy.3mf"))
mesh.convert_units("millimeter")
mesh.export("copy.3mf")
print("converted first, copy %g %s" % told("copy.3mf"))
PY
seen=$(venv/bin/python units.py 2>/dev/null)
echo "$seen"
expected="original 2 MilliMeter, read as millimeter copy 2 MilliMeter
original 2 Inch, read as inch copy 2 MilliMeter
original 2 Meter, read as meter copy 2 MilliMeter
converted first, copy 2000 MilliMeter"
[ "$seen" = "$expected" ] || { echo "was:"; echo "$expected"; exit 1; }
echo "as described"
