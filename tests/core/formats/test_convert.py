import io
import itertools
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import trimesh
from PIL import Image
from pxr import Usd, UsdGeom, UsdShade, UsdUtils
from shapes import mesh_of, torus

from spherelinks.errors import InvalidRequest
from spherelinks.formats.asset import read
from spherelinks.formats.writing import KINDS, convert, kind_of
from spherelinks.gltf.pack import Mesh, pack
from spherelinks.mesh.normals import vertex_normals
from spherelinks.render.images import FRAMES

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*ComplianceChecker:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Left out:UserWarning"),  # test_materials.py holds what is said
]


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
def detailed(mesh: Mesh) -> Mesh:
    """The torus with a flat normal map and no place in the shade."""
    along = np.cross((0, 1, 0), mesh.normals) + 1e-9
    tangents = np.column_stack([along / np.linalg.norm(along, axis=1, keepdims=True), np.ones(len(along))])
    relief = np.full((64, 64, 3), (128, 128, 255), np.uint8)
    return replace(
        mesh, tangents=tangents.astype(np.float32), normal_map=relief, occlusion=np.full((32, 32), 255, np.uint8)
    )


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


def test_normal_map_and_occlusion_come_along(detailed, tmp_path):
    glb = pack(detailed, name="ring", software="test", extras={}, texture_format="webp")
    with zipfile.ZipFile(io.BytesIO(convert(glb, "obj"))) as archive:
        assert {"ring.png", "ring_normal.jpg"} <= set(archive.namelist())
        assert "norm ring_normal.jpg" in archive.read("ring.mtl").decode()
    path = tmp_path / "ring.usdz"
    path.write_bytes(convert(glb, "usdz"))
    assert complaints(path) == []
    stage = Usd.Stage.Open(str(path))
    (shape,) = (UsdGeom.Mesh(prim) for prim in stage.Traverse() if prim.IsA(UsdGeom.Mesh))
    surface, _, _ = UsdShade.MaterialBindingAPI(shape).ComputeBoundMaterial()[0].ComputeSurfaceSource()
    with zipfile.ZipFile(path) as package:
        for role, size in (("diffuseColor", 64), ("normal", 64), ("occlusion", 32)):
            image = UsdShade.Shader(surface.GetInput(role).GetConnectedSources()[0][0].source)
            assert image.GetInput("sourceColorSpace").Get() == ("sRGB" if role == "diffuseColor" else "raw")
            file = Image.open(package.open(image.GetInput("file").Get().path))
            assert (file.format, file.size) == ("PNG" if role == "diffuseColor" else "JPEG", (size, size))


def complaints(path: Path) -> list[str]:
    """What OpenUSD's checker, with the rules of ARKit, has against a file."""
    checker = UsdUtils.ComplianceChecker(arkit=True)
    checker.CheckCompliance(str(path))
    return [*checker.GetErrors(), *checker.GetFailedChecks(), *checker.GetWarnings()]


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


def test_a_files_ending_says_its_kind():
    assert {kind_of(Path(f"a.b{each.suffix.upper()}")): each for each in KINDS.values()} == KINDS
    with pytest.raises(InvalidRequest, match=r"a\.fbx") as error:
        kind_of(Path("a.fbx"))
    assert ".obj.zip" in error.value.hint


def test_an_unknown_kind_is_refused_with_those_there_are(glb):
    with pytest.raises(InvalidRequest, match="'fbx'") as error:
        convert(glb, "fbx")
    assert "stl" in error.value.hint
    assert error.value.field == "kind"


@pytest.mark.parametrize("kind", sorted(KINDS.keys() - {"glb"}))
def test_what_is_not_ours_is_refused(kind):
    with pytest.raises(InvalidRequest, match="not a GLB"):
        convert(b"not a GLB", kind)


@pytest.mark.parametrize("name", ["ring 1", "1ère"])
def test_a_usdz_is_what_ar_quick_look_takes(name, mesh, tmp_path):
    path = tmp_path / "ring.usdz"
    glb = pack(mesh, name=name, software="test", extras={})
    mesh = read(glb).mesh  # its vertices are in another order
    path.write_bytes(convert(glb, "usdz"))
    assert complaints(path) == []

    stage = Usd.Stage.Open(str(path))
    assert UsdGeom.GetStageMetersPerUnit(stage) == 1
    assert UsdGeom.GetStageUpAxis(stage) == UsdGeom.Tokens.y
    (shape,) = (UsdGeom.Mesh(prim) for prim in stage.Traverse() if prim.IsA(UsdGeom.Mesh))
    points = np.array(shape.GetPointsAttr().Get())
    assert np.allclose(points, mesh.positions, atol=1e-6)
    assert np.allclose(np.array(shape.GetExtentAttr().Get()), (points.min(axis=0), points.max(axis=0)))
    assert np.array_equal(np.array(shape.GetFaceVertexIndicesAttr().Get()).reshape(-1, 3), mesh.faces)
    assert np.allclose(np.array(shape.GetNormalsAttr().Get()), mesh.normals, atol=1e-6)
    st = UsdGeom.PrimvarsAPI(shape).GetPrimvar("st")
    assert np.allclose(np.array(st.Get()), mesh.uv * (1, -1) + (0, 1), atol=1e-6)

    material, _ = UsdShade.MaterialBindingAPI(shape).ComputeBoundMaterial()
    surface, _, _ = material.ComputeSurfaceSource()
    assert surface.GetIdAttr().Get() == "UsdPreviewSurface"
    texture = UsdShade.Shader(surface.GetInput("diffuseColor").GetConnectedSources()[0][0].source)
    with zipfile.ZipFile(path) as package:
        image = Image.open(package.open(texture.GetInput("file").Get().path))
        assert (image.format, image.size) == ("JPEG", (64, 64))
        assert package.namelist()[0].endswith(".usda")  # the layer comes first


def test_a_turntable_turns_once_from_the_thumbnails_view(glb):
    movie = Image.open(io.BytesIO(convert(glb, "webp")))
    assert movie.n_frames == FRAMES
    assert movie.info["loop"] == 0
    frames = []
    for number in range(FRAMES):
        movie.seek(number)
        frames.append(np.asarray(movie.convert("RGBA")).astype(float))
    corners = np.stack(frames)[:, [0, 0, -1, -1], [0, -1, 0, -1], 3]
    assert corners.max() < 8
    steps = [np.abs(a - b).mean() for a, b in itertools.pairwise([*frames, frames[0]])]
    assert min(steps) > 0.1
    assert max(steps) < 5 * np.median(steps)  # the last step closes the circle like any other
