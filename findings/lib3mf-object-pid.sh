#!/usr/bin/env bash
# lib3mf 2.5.0, the 3MF Consortium's own library: a triangle that names a property of its object's group is given the
# object's property instead.
#
# The core specification (4.1.4.1, triangle): pid "overrides the object-level pid for the triangle", p1 "overrides the
# object-level pindex for the first vertex", and "if p1 is not specified then the default object property [...] is
# assigned". Expected: in an object with pid="1" pindex="0" a triangle with p1="1" has member 1 of group 1, as with
# pid="1" p1="1". Seen: without its own pid its p1 to p3 are passed over, so it has member 0, also where all triangles
# say so, and without a warning in either mode: a cube in four colours comes in one.
# Remedy: write pid at each triangle; before reading, add the object's pid to triangles that have a p1 and no pid.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check lib3mf==2.5.0

cat > "$folder/read.py" <<'PY'
import sys
import zipfile

import lib3mf

SCHEMA, PACKAGE = "http://schemas.microsoft.com/3dmanufacturing", "http://schemas.openxmlformats.org/package/2006"
PLACES = ((0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1))
FACES = ((0, 2, 1), (0, 1, 3), (0, 3, 2), (1, 2, 3))


def write(path, own):
    vertices = "".join('<vertex x="{}" y="{}" z="{}"/>'.format(*place) for place in PLACES)
    triangles = "".join(
        '<triangle v1="{}" v2="{}" v3="{}"{}/>'.format(*face, own.format(k)) for k, face in enumerate(FACES)
    )
    bases = "".join(f'<base name="m{k}" displaycolor="#{k * 0x111111:06X}"/>' for k in range(4))
    model = (
        f'<model unit="millimeter" xmlns="{SCHEMA}/core/2015/02"><resources><basematerials id="1">{bases}'
        f'</basematerials><object id="2" type="model" pid="1" pindex="0"><mesh><vertices>{vertices}</vertices>'
        f'<triangles>{triangles}</triangles></mesh></object></resources><build><item objectid="2"/></build></model>'
    )
    types = "".join(
        f'<Default Extension="{ending}" ContentType="application/vnd.{kind}+xml"/>'
        for ending, kind in (
            ("rels", "openxmlformats-package.relationships"),
            ("model", "ms-package.3dmanufacturing-3dmodel"),
        )
    )
    relation = f'<Relationship Target="/3D/3dmodel.model" Id="r" Type="{SCHEMA}/2013/01/3dmodel"/>'
    with zipfile.ZipFile(path, "w") as package:
        package.writestr("[Content_Types].xml", f'<Types xmlns="{PACKAGE}/content-types">{types}</Types>')
        package.writestr("_rels/.rels", f'<Relationships xmlns="{PACKAGE}/relationships">{relation}</Relationships>')
        package.writestr("3D/3dmodel.model", model)


wrapper = lib3mf.get_wrapper()
print("lib3mf", ".".join(map(str, wrapper.GetLibraryVersion())))
for own in (' p1="{0}"', ' p1="{0}" p2="{0}" p3="{0}"', ' pid="1" p1="{0}"'):
    path = f"{sys.argv[1]}/tetrahedron.3mf"
    write(path, own)
    for strict in (True, False):
        model = wrapper.CreateModel()
        reader = model.QueryReader("3mf")
        reader.SetStrictModeActive(strict)
        reader.ReadFromFile(path)
        group = model.GetBaseMaterialGroupByID(1)
        meshes = model.GetMeshObjects()
        meshes.MoveNext()
        found = meshes.GetCurrentMeshObject().GetAllTriangleProperties()
        names = " ".join(group.GetName(each.PropertyIDs[0]) for each in found)
        print(f"<triangle ...{own.format(1)}/> strict {strict}: {names}, {reader.GetWarningCount()} warnings")
PY

seen=$("$folder/venv/bin/python" "$folder/read.py" "$folder")
echo "$seen"
expected='lib3mf 2.5.0
<triangle ... p1="1"/> strict True: m0 m0 m0 m0, 0 warnings
<triangle ... p1="1"/> strict False: m0 m0 m0 m0, 0 warnings
<triangle ... p1="1" p2="1" p3="1"/> strict True: m0 m0 m0 m0, 0 warnings
<triangle ... p1="1" p2="1" p3="1"/> strict False: m0 m0 m0 m0, 0 warnings
<triangle ... pid="1" p1="1"/> strict True: m0 m1 m2 m3, 0 warnings
<triangle ... pid="1" p1="1"/> strict False: m0 m1 m2 m3, 0 warnings'
[ "$seen" = "$expected" ] || { echo "was:"; echo "$expected"; exit 1; }
echo "as described"
