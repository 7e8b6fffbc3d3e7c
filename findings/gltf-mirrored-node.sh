#!/usr/bin/env bash
# Open3D 0.20.0, assimp_py 1.1.0 (Assimp's PreTransformVertices) and VTK 9.7.2 (vtkGLTFReader and vtkGLTFImporter, so
# PyVista and ParaView): a mesh that a glTF node mirrors comes out inside out.
#
# glTF 2.0, section 3.7.4: the determinant of a node's global transform gives the winding of its triangles, clockwise
# where it is negative, so that a left wheel can be the right one with a scale of -1. Expected: who writes the transform
# into the vertices turns the triangles around. Seen: the vertices are mirrored and the order is kept, so a closed body
# of volume 1 has -1, its face normals point inwards and disagree with the file's own; vtkGLTFImporter, which culls back
# faces of single-sided materials, draws nothing of a mirrored plane. trimesh 5.2.0 gives 1.
# Remedy: reverse the triangles of meshes below nodes with a negative determinant.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export HOME="$folder"
cd "$folder"
python3.11 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check --no-cache-dir trimesh==5.2.0 assimp_py==1.1.0 \
    open3d==0.20.0 pyvista==0.49.1 vtk==9.7.2

cat > mirror.py <<'PY'
import json
import struct

import assimp_py
import numpy as np
import open3d
import pyvista
import trimesh

# a tetrahedron of volume 1, and a plane that faces +Z; corners of their own with normals
APEX = np.array([[0, 0, 0], [1, 0, 0], [0, 2, 0], [0, 0, 3]], float)[[[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]]]
PLANE = np.array([[[0, 0, 0], [1, 0, 0], [1, 1, 0]], [[0, 0, 0], [1, 1, 0], [0, 1, 0]]], float)


def write(path, corners, scale):
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    points = corners.reshape(-1, 3).astype("<f4")
    data = points.tobytes() + np.repeat(normals, 3, 0).astype("<f4").tobytes()
    half = len(data) // 2
    vectors = {"componentType": 5126, "count": len(points), "type": "VEC3"}
    document = {
        "asset": {"version": "2.0"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0, "scale": scale}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0, "NORMAL": 1}, "material": 0}]}],
        "materials": [{"pbrMetallicRoughness": {"metallicFactor": 0}}],
        "accessors": [
            {"bufferView": 0, **vectors, "min": points.min(0).tolist(), "max": points.max(0).tolist()},
            {"bufferView": 1, **vectors},
        ],
        "bufferViews": [{"buffer": 0, "byteOffset": start, "byteLength": half} for start in (0, half)],
        "buffers": [{"byteLength": len(data)}],
    }
    text = json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    with open(path, "wb") as file:
        file.write(struct.pack("<4sII", b"glTF", 2, 28 + len(text) + len(data)))
        file.write(struct.pack("<I4s", len(text), b"JSON") + text + struct.pack("<I4s", len(data), b"BIN\0") + data)


def by_trimesh(path):
    mesh = trimesh.load_scene(path).to_mesh()
    return mesh.vertices[mesh.faces]


def by_open3d(path):
    mesh = open3d.io.read_triangle_mesh(path)
    return np.asarray(mesh.vertices)[np.asarray(mesh.triangles)]


def by_assimp(path):
    scene = assimp_py.import_file(path, assimp_py.Process_Triangulate | assimp_py.Process_PreTransformVertices)
    [mesh] = scene.meshes
    return np.array(mesh.vertices).reshape(-1, 3)[np.array(mesh.indices).reshape(-1, 3)]


def by_vtk(path):
    mesh = pyvista.read(path).combine().extract_surface(algorithm=None)
    return mesh.points[mesh.faces.reshape(-1, 4)[:, 1:]]


def drawn(path):
    """Pixels of a picture of the file that are not background, by VTK's importer."""
    plotter = pyvista.Plotter(off_screen=True, window_size=(64, 64))
    plotter.set_background("black")
    plotter.import_gltf(path)
    plotter.view_xy()
    return int(np.any(plotter.screenshot(return_img=True) > 0, axis=2).sum())


for name, scale in (("plain", [1, 1, 1]), ("mirrored", [-1, 1, 1])):
    write("body.glb", APEX, scale)
    for reader in (by_trimesh, by_open3d, by_assimp, by_vtk):
        corners = np.asarray(reader("body.glb"), float)
        volume = np.einsum("ij,ij->i", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])).sum() / 6
        x = corners[..., 0]
        print(f"{name}: {reader.__name__[3:]} volume {volume:.2f}, x from {x.min():g} to {x.max():g}")
    write("plane.glb", PLANE, scale)
    print(f"{name}: vtkGLTFImporter {'draws the plane' if drawn('plane.glb') > 1000 else 'draws nothing'}")
PY
seen=$(venv/bin/python mirror.py 2>/dev/null)
echo "$seen"
expected="plain: trimesh volume 1.00, x from 0 to 1
plain: open3d volume 1.00, x from 0 to 1
plain: assimp volume 1.00, x from 0 to 1
plain: vtk volume 1.00, x from 0 to 1
plain: vtkGLTFImporter draws the plane
mirrored: trimesh volume 1.00, x from -1 to 0
mirrored: open3d volume -1.00, x from -1 to 0
mirrored: assimp volume -1.00, x from -1 to 0
mirrored: vtk volume -1.00, x from -1 to 0
mirrored: vtkGLTFImporter draws nothing"
[ "$seen" = "$expected" ] || { echo "was:"; echo "$expected"; exit 1; }
echo "as described"
