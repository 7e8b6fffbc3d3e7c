"""Times what other projects do on the CPU with the same field; `bench/finishing.py --peers PYTHON` runs it.

    PYTHON bench/peers.py VOLUME.npz FACES TEXTURE
    PYTHON bench/peers.py MESH.glb FACES TEXTURE

VOLUME.npz contains `field` (X, Y, Z) float32, `color` (X, Y, Z, 3) uint8, `origin` (3,) and `spacing`. Stages, each by
the library that such projects use, or by a quicker one that does the same:

    surface    VTK's flying edges, which are quicker than scikit-image's and torchmcubes' marching cubes
    clean      VTK's largest connected part
    decimate   VTK's quadric decimation (as TRELLIS has it) and pymeshlab's, of which the quicker counts
    unwrap     xatlas (TRELLIS, TripoSR)
    bake       the face of each texel drawn by OpenCV, its place by numpy's barycentric weights, its colour read from
               the grid there by scipy, trilinear: TripoSR's bake, with a look-up in place of its network
    inpaint    OpenCV's (TRELLIS)
    export     GLB by trimesh, with its texture (both)

A mesh is read by trimesh, decimated and unwrapped in the same way; its maps are looked up at the nearest of its
vertices (scipy's k-d tree), and normal maps are not turned into the new tangents.

No picture is projected, nothing is checked and no thumbnail is drawn, unlike in our own figure. Prints milliseconds,
wall-clock and processor time, as JSON.
"""

from __future__ import annotations

import json
import resource
import sys
import time

import cv2
import numpy as np
import pymeshlab
import trimesh
import xatlas
from PIL import Image
from scipy.ndimage import map_coordinates
from scipy.spatial import cKDTree
from vtkmodules.util.numpy_support import numpy_to_vtk, numpy_to_vtkIdTypeArray, vtk_to_numpy
from vtkmodules.vtkCommonCore import vtkPoints
from vtkmodules.vtkCommonDataModel import vtkCellArray, vtkImageData, vtkPolyData
from vtkmodules.vtkFiltersCore import vtkFlyingEdges3D, vtkPolyDataConnectivityFilter, vtkQuadricDecimation


def polygons(vertices, faces):
    points, cells = vtkPoints(), vtkCellArray()
    points.SetData(numpy_to_vtk(vertices, deep=True))
    cells.SetData(3, numpy_to_vtkIdTypeArray(faces.astype(np.int64).ravel(), deep=True))
    mesh = vtkPolyData()
    mesh.SetPoints(points)
    mesh.SetPolys(cells)
    return mesh


def triangles(mesh):
    kept = vtk_to_numpy(mesh.GetPolys().GetConnectivityArray()).reshape(-1, 3)
    return vtk_to_numpy(mesh.GetPoints().GetData()).copy(), kept.astype(np.int32)


def surface(field, origin, spacing):
    image = vtkImageData()
    image.SetDimensions(field.shape)
    image.SetOrigin(origin)
    image.SetSpacing(3 * [float(spacing)])
    image.GetPointData().SetScalars(numpy_to_vtk(field.ravel(order="F"), deep=True))
    edges = vtkFlyingEdges3D()
    edges.SetInputData(image)
    edges.SetValue(0, 0.0)
    edges.ComputeNormalsOff()
    edges.ComputeScalarsOff()
    edges.Update()
    return triangles(edges.GetOutput())


def clean(vertices, faces):
    largest = vtkPolyDataConnectivityFilter()
    largest.SetInputData(polygons(vertices, faces))
    largest.SetExtractionModeToLargestRegion()
    largest.Update()
    vertices, faces = triangles(largest.GetOutput())
    used = np.unique(faces)
    number = np.zeros(len(vertices), np.int32)
    number[used] = np.arange(len(used))
    return vertices[used], number[faces]


def by_vtk(vertices, faces, target):
    decimation = vtkQuadricDecimation()
    decimation.SetInputData(polygons(vertices, faces))
    decimation.SetTargetReduction(1 - target / len(faces))
    decimation.Update()
    return triangles(decimation.GetOutput())


def by_pymeshlab(vertices, faces, target):
    meshes = pymeshlab.MeshSet()
    meshes.add_mesh(pymeshlab.Mesh(vertices, faces))
    meshes.meshing_decimation_quadric_edge_collapse(targetfacenum=target)
    mesh = meshes.current_mesh()
    return mesh.vertex_matrix().astype(np.float32), mesh.face_matrix().astype(np.int32)


def texels(vertices, cut, uv, size):
    """Rows and columns of the texels that a face covers, and (N, 3) the places that they show."""
    corners = uv[cut] * size - 0.5
    drawn = np.full((size, size), -1, np.float32)
    for number, face in enumerate(np.round(corners * 16).astype(np.int32)):
        cv2.fillConvexPoly(drawn, face, float(number), shift=4)
    y, x = np.nonzero(drawn >= 0)
    face = drawn[y, x].astype(np.int64)
    a, b, c = (corners[face, k] for k in range(3))
    p, u, v = np.stack([x, y], axis=1) - a, b - a, c - a
    double = u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]
    double[double == 0] = 1
    s = (p[:, 0] * v[:, 1] - p[:, 1] * v[:, 0]) / double
    t = (u[:, 0] * p[:, 1] - u[:, 1] * p[:, 0]) / double
    weights = np.stack([1 - s - t, s, t], axis=1)
    return y, x, np.einsum("nk,nkd->nd", weights, vertices[cut[face]])


def bake(vertices, cut, uv, size, color, origin, spacing):
    """(size, size, 3) uint8 colours and the (size, size) uint8 mask of texels that a face covers."""
    y, x, place = texels(vertices, cut, uv, size)
    at = ((place - origin) / spacing).T
    texture, mask = np.zeros((size, size, 3), np.uint8), np.zeros((size, size), np.uint8)
    for channel in range(3):
        values = map_coordinates(color[..., channel], at, np.float32, order=1, mode="nearest")
        texture[y, x, channel] = np.clip(values + 0.5, 0, 255)
    mask[y, x] = 255
    return texture, mask


def bake_maps(mesh, images, vertices, cut, uv, size):
    """(size, size, 3) uint8 of each image, and the mask."""
    y, x, place = texels(vertices, cut, uv, size)
    _, near = cKDTree(mesh.vertices).query(place, workers=-1)
    u, v = np.asarray(mesh.visual.uv)[near].T
    mask, made = np.zeros((size, size), np.uint8), []
    mask[y, x] = 255
    for image in images:
        at = (1 - v) * image.shape[0] - 0.5, u * image.shape[1] - 0.5
        texture = np.zeros((size, size, 3), np.uint8)
        for channel in range(3):
            values = map_coordinates(image[..., channel], at, np.float32, order=1, mode="wrap")
            texture[y, x, channel] = np.clip(values + 0.5, 0, 255)
        made.append(texture)
    return made, mask


def raw(timed, path, target, size):
    mesh = timed("read by trimesh", lambda: trimesh.load(path, process=False, force="mesh"))
    material = mesh.visual.material
    pictures = material.baseColorTexture, material.metallicRoughnessTexture, material.normalTexture
    images = [np.asarray(picture.convert("RGB")) for picture in pictures]
    vertices, faces = np.asarray(mesh.vertices, np.float32), np.asarray(mesh.faces, np.int32)
    few, kept = timed("decimate by VTK", by_vtk, vertices, faces, target)
    timed("decimate by pymeshlab", by_pymeshlab, vertices, faces, target)
    source, cut, uv = timed("unwrap by xatlas", xatlas.parametrize, few, kept)
    made, mask = timed("bake by OpenCV and scipy", bake_maps, mesh, images, few[source], cut, uv, size)
    made = timed("inpaint by OpenCV", lambda: [cv2.inpaint(each, 255 - mask, 3, cv2.INPAINT_TELEA) for each in made])
    timed("export by trimesh", export, few[source], cut, uv, made[0])
    return len(kept)


def export(vertices, cut, uv, texture):
    material = trimesh.visual.material.PBRMaterial(baseColorTexture=Image.fromarray(texture))
    visual = trimesh.visual.TextureVisuals(uv=uv, material=material)
    return trimesh.Trimesh(vertices, cut, visual=visual, process=False).export(file_type="glb")


def main() -> None:
    target, size = int(sys.argv[2]), int(sys.argv[3])
    milliseconds: dict[str, float] = {}

    def timed(name, function, *arguments):
        wall, processor = time.perf_counter(), time.process_time()
        result = function(*arguments)
        milliseconds[name] = round(1000 * (time.perf_counter() - wall), 1)
        milliseconds[f"{name}, processor"] = round(1000 * (time.process_time() - processor), 1)
        return result

    if sys.argv[1].endswith(".glb"):
        faces = raw(timed, sys.argv[1], target, size)
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        print(json.dumps({"faces": faces, "milliseconds": milliseconds, "megabytes": memory}))
        return
    data = np.load(sys.argv[1])
    color, origin, spacing = data["color"], data["origin"], float(data["spacing"])
    mesh = timed("surface by VTK", surface, data["field"], origin, spacing)
    mesh = timed("clean by VTK", clean, *mesh)
    few, kept = timed("decimate by VTK", by_vtk, *mesh, target)
    timed("decimate by pymeshlab", by_pymeshlab, *mesh, target)
    source, cut, uv = timed("unwrap by xatlas", xatlas.parametrize, few, kept)
    texture, mask = timed("bake by OpenCV and scipy", bake, few[source], cut, uv, size, color, origin, spacing)
    texture = timed("inpaint by OpenCV", cv2.inpaint, texture, 255 - mask, 3, cv2.INPAINT_TELEA)
    timed("export by trimesh", export, few[source], cut, uv, texture)
    print(json.dumps({"faces": len(kept), "milliseconds": milliseconds}))


if __name__ == "__main__":
    main()
