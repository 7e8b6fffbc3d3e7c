"""What other projects do on the processor after extraction, timed; `bench/finishing.py --peers PYTHON` runs it.

    PYTHON bench/peers.py MESH.npz FACES TEXTURE

MESH.npz holds `vertices` (V, 3) float32, `faces` (F, 3) int32 and `color` (V, 3) uint8. Quadric decimation by VTK (as
TRELLIS has it) and by pymeshlab, of which the quicker counts, unwrapping by xatlas (TRELLIS, TripoSR), one colour per
face as the cheapest of bakes, inpainting by OpenCV (TRELLIS) and export by trimesh (both). Prints milliseconds as JSON.
"""

from __future__ import annotations

import json
import sys
import time

import cv2
import numpy as np
import pymeshlab
import trimesh
import xatlas
from PIL import Image
from vtkmodules.util.numpy_support import numpy_to_vtk, numpy_to_vtkIdTypeArray, vtk_to_numpy
from vtkmodules.vtkCommonCore import vtkPoints
from vtkmodules.vtkCommonDataModel import vtkCellArray, vtkPolyData
from vtkmodules.vtkFiltersCore import vtkQuadricDecimation


def by_vtk(vertices, faces, target):
    points, cells = vtkPoints(), vtkCellArray()
    points.SetData(numpy_to_vtk(vertices))
    corners = numpy_to_vtkIdTypeArray(faces.astype(np.int64).ravel())
    cells.SetData(3, corners)
    mesh = vtkPolyData()
    mesh.SetPoints(points)
    mesh.SetPolys(cells)
    decimation = vtkQuadricDecimation()
    decimation.SetInputData(mesh)
    decimation.SetTargetReduction(1 - target / len(faces))
    decimation.Update()
    out = decimation.GetOutput()
    kept = vtk_to_numpy(out.GetPolys().GetConnectivityArray()).reshape(-1, 3)
    return vtk_to_numpy(out.GetPoints().GetData()).copy(), kept.astype(np.int32)


def by_pymeshlab(vertices, faces, target):
    meshes = pymeshlab.MeshSet()
    meshes.add_mesh(pymeshlab.Mesh(vertices, faces))
    meshes.meshing_decimation_quadric_edge_collapse(targetfacenum=target)
    mesh = meshes.current_mesh()
    return mesh.vertex_matrix().astype(np.float32), mesh.face_matrix().astype(np.int32)


def main() -> None:
    data = np.load(sys.argv[1])
    vertices, faces, color = data["vertices"], data["faces"], data["color"]
    target, size = int(sys.argv[2]), int(sys.argv[3])
    milliseconds: dict[str, float] = {}

    def timed(name, function, *arguments):
        wall, processor = time.perf_counter(), time.process_time()
        result = function(*arguments)
        milliseconds[name] = round(1000 * (time.perf_counter() - wall), 1)
        milliseconds[f"{name}, processor"] = round(1000 * (time.process_time() - processor), 1)
        return result

    few, kept = timed("decimate by VTK", by_vtk, vertices, faces, target)
    timed("decimate by pymeshlab", by_pymeshlab, vertices, faces, target)
    source, cut, uv = timed("unwrap by xatlas", xatlas.parametrize, few, kept)

    def bake():
        texture, mask = np.zeros((size, size, 3), np.uint8), np.zeros((size, size), np.uint8)
        step = color[:: max(1, len(color) // len(cut))]
        for number, corners in enumerate((uv[cut] * size).astype(np.int32)):
            cv2.fillConvexPoly(texture, corners, step[number % len(step)].tolist())
            cv2.fillConvexPoly(mask, corners, 255)
        return texture, mask

    texture, mask = timed("bake", bake)
    texture = timed("inpaint by OpenCV", cv2.inpaint, texture, 255 - mask, 3, cv2.INPAINT_TELEA)

    def export():
        material = trimesh.visual.material.PBRMaterial(baseColorTexture=Image.fromarray(texture))
        visual = trimesh.visual.TextureVisuals(uv=uv, material=material)
        return trimesh.Trimesh(few[source], cut, visual=visual, process=False).export(file_type="glb")

    timed("export by trimesh", export)
    print(json.dumps({"faces": len(kept), "milliseconds": milliseconds}))


if __name__ == "__main__":
    main()
