import io
import zipfile

import numpy as np
import pytest
import trimesh
from shapes import mesh_of, torus

from spherelinks.errors import InvalidRequest
from spherelinks.export import KINDS, convert
from spherelinks.gltf.pack import Mesh, pack
from spherelinks.mesh.normals import vertex_normals


@pytest.fixture(scope="module")
def mesh() -> Mesh:
    """A torus cut open along a seam, as an unwrapped mesh is: the vertices of a few faces are copies."""
    vertices, faces = mesh_of(torus(32))
    vertices = vertices - (0, vertices[:, 1].min(), 0)
    source = np.concatenate([np.arange(len(vertices)), faces[:50].ravel()])
    normals = vertex_normals(vertices, faces)[source]
    faces[:50] = np.arange(len(vertices), len(source)).reshape(-1, 3)
    vertices = vertices[source].astype(np.float32)
    uv = np.clip((vertices[:, [0, 2]] + 1) / 2, 0, 1).astype(np.float32)
    y, x = np.mgrid[:64, :64] * 4
    return Mesh(vertices, normals, uv, faces, np.stack([x, y, 255 - x], axis=-1).astype(np.uint8))


@pytest.fixture(scope="module")
def glb(mesh: Mesh) -> bytes:
    return pack(mesh, name="ring 1", software="test", extras={}, lods=[mesh])


def same(back: trimesh.Trimesh, mesh: Mesh, scale: float = 1.0) -> None:
    """The same surface, closed again."""
    back.merge_vertices(merge_tex=True, merge_norm=True)
    there = trimesh.Trimesh(mesh.positions, mesh.faces)
    assert len(back.faces) == len(mesh.faces)
    assert back.is_watertight
    assert back.is_winding_consistent
    assert np.isclose(back.volume, there.volume * scale**3, rtol=1e-4)
    assert np.isclose(back.area, there.area * scale**2, rtol=1e-4)
    assert np.allclose(back.bounds, there.bounds * scale, atol=1e-5 * scale)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_written_and_the_same_each_time(kind, glb):
    data = convert(glb, kind)
    assert len(data) > 1000
    assert convert(glb, kind) == data
    assert KINDS[kind].suffix.startswith(".")
    assert "/" in KINDS[kind].media_type


def test_an_obj_brings_its_material_and_texture(glb, mesh, tmp_path):
    with zipfile.ZipFile(io.BytesIO(convert(glb, "obj"))) as archive:
        assert archive.namelist() == ["ring_1.obj", "ring_1.mtl", "ring_1.jpg"]
        archive.extractall(tmp_path)
    back = trimesh.load(tmp_path / "ring_1.obj", force="mesh")
    assert back.visual.material.image.size == (64, 64)
    color = back.visual.to_color().vertex_colors[:, 0].astype(float)
    assert np.corrcoef(color, back.vertices[:, 0])[0, 1] > 0.99  # red grows with x, as in the texture
    same(back, mesh)


def test_a_ply_is_closed_and_coloured_by_itself(glb, mesh):
    back = trimesh.load(io.BytesIO(convert(glb, "ply")), file_type="ply", process=False)
    assert back.is_watertight
    assert np.corrcoef(back.visual.vertex_colors[:, 0], back.vertices[:, 0])[0, 1] > 0.99
    same(back, mesh)


def test_an_stl_stands_upright_in_millimetres(glb, mesh):
    back = trimesh.load(io.BytesIO(convert(glb, "stl")), file_type="stl", process=False)
    assert np.abs(np.linalg.norm(back.face_normals, axis=1) - 1).max() < 1e-5
    back.apply_transform(np.diag((1.0, 1, 1, 1))[[0, 2, 1, 3]] * np.array((1, 1, -1, 1))[:, None])
    same(back, mesh, scale=1000)


def test_an_unknown_kind_is_refused_with_those_there_are(glb):
    with pytest.raises(InvalidRequest, match="'fbx'") as error:
        convert(glb, "fbx")
    assert "stl" in error.value.hint
    assert error.value.field == "kind"


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_not_ours_is_refused(kind):
    with pytest.raises(InvalidRequest, match="not a GLB"):
        convert(b"not a GLB", kind)
