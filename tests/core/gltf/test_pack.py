import io
import json
import struct
from dataclasses import replace

import numpy as np
import pytest
import trimesh
from gltf_validator import LODS_NOTED, assert_spotless
from PIL import Image
from shapes import ball, mesh_of, rotations

from spherelinks.formats.asset import read
from spherelinks.gltf.check import check
from spherelinks.gltf.pack import Collider, Mesh, pack
from spherelinks.mesh.normals import vertex_normals


def _mesh(vertices: np.ndarray, faces: np.ndarray, side: int = 64) -> Mesh:
    y, x = np.mgrid[:side, :side] * (255 // side)
    texture = np.stack([x, y, 255 - x], axis=-1).astype(np.uint8)
    uv = (vertices[:, :2] + 1).astype(np.float32) / 2
    return Mesh(vertices, vertex_normals(vertices, faces), uv, faces, texture)


@pytest.fixture(scope="module")
def sphere() -> Mesh:
    return _mesh(*mesh_of(ball(20)))


def _packed(mesh: Mesh, **extras: object) -> bytes:
    return pack(mesh, name="ball", software="SphereLinks test", extras=extras)


def _match(some: np.ndarray, all_: np.ndarray) -> np.ndarray:
    """For each of some points, the number of the nearest of all of them."""
    return np.array([np.linalg.norm(all_ - point, axis=1).argmin() for point in some])


def _document(glb: bytes) -> dict:
    length = struct.unpack_from("<I", glb, 12)[0]
    return json.loads(glb[20 : 20 + length])


def test_the_validator_finds_nothing(sphere: Mesh) -> None:
    assert_spotless(_packed(sphere, seed=1, source={"sha256": "ab"}))


@pytest.mark.parametrize("count", [65_534, 65_535, 70_000])
def test_any_number_of_vertices(count: int) -> None:
    rng = np.random.default_rng(0)
    vertices = rng.standard_normal((count, 3)).astype(np.float32)
    faces = np.arange(count // 3 * 3, dtype=np.int32).reshape(-1, 3)
    faces = np.vstack([faces, (0, 1, count - 1)]).astype(np.int32)
    glb = _packed(_mesh(vertices, faces))
    assert_spotless(glb)
    kind = _document(glb)["accessors"][0]["componentType"]
    assert kind == (5123 if count < 65_535 else 5125)


def test_comes_back_as_it_went_in(sphere: Mesh) -> None:
    scene = trimesh.load(io.BytesIO(_packed(sphere)), file_type="glb", process=False)
    (back,) = scene.geometry.values()
    kept = _match(back.vertices, sphere.positions)
    assert np.array_equal(back.vertices.astype(np.float32), sphere.positions[kept])
    assert sorted(kept[back.faces].tolist()) == sorted(sphere.faces.tolist())
    assert np.allclose(back.vertex_normals, sphere.normals[kept], atol=1e-6)
    assert np.allclose(back.visual.uv * (1, -1) + (0, 1), sphere.uv[kept], atol=1e-6)
    image = np.asarray(back.visual.material.baseColorTexture.convert("RGB")).astype(float)
    assert np.abs(image - sphere.texture).mean() < 3


def test_names_material_and_extras(sphere: Mesh) -> None:
    document = _document(_packed(sphere, seed=7, options={"textureSize": 512}))
    assert document["asset"]["extras"] == {"seed": 7, "options": {"textureSize": 512}}
    assert json.loads(document["nodes"][0]["extras"]["spherelinks"]) == document["asset"]["extras"]
    assert document["asset"]["generator"] == "SphereLinks test"
    for kind in ("scenes", "meshes", "materials", "images", "textures"):
        assert [thing["name"] for thing in document[kind]] == ["ball"]
    assert [node["name"] for node in document["nodes"]] == ["ball_LOD0"]
    (material,) = document["materials"]
    assert material["pbrMetallicRoughness"]["metallicFactor"] == 0
    assert 0.5 < material["pbrMetallicRoughness"]["roughnessFactor"] <= 1
    assert not material.get("doubleSided")
    assert "extensionsRequired" not in document
    assert not document.get("extensionsUsed")


def test_levels_of_detail_hang_on_the_first_node_outside_the_scene(sphere: Mesh) -> None:
    coarser = [_mesh(*mesh_of(ball(n)), side=32) for n in (14, 9)]
    glb = pack(sphere, name="ball", software="SphereLinks test", extras={}, lods=coarser)
    assert_spotless(glb, but=LODS_NOTED)
    document = _document(glb)
    assert document["extensionsUsed"] == ["MSFT_lod"]
    assert "extensionsRequired" not in document
    assert document["scenes"] == [{"name": "ball", "nodes": [0]}]
    first, *lower = document["nodes"]
    assert first["extensions"] == {"MSFT_lod": {"ids": [1, 2]}}
    names = ["ball_LOD0", "ball_LOD1", "ball_LOD2"]
    for kind in ("nodes", "meshes", "materials", "images", "textures"):
        assert [thing["name"] for thing in document[kind]] == names
    for node, mesh in zip([first, *lower], [sphere, *coarser], strict=True):
        (primitive,) = document["meshes"][node["mesh"]]["primitives"]
        assert document["accessors"][primitive["indices"]]["count"] == mesh.faces.size
        assert document["accessors"][primitive["attributes"]["POSITION"]]["count"] == len(mesh.positions)
        texture = document["materials"][primitive["material"]]["pbrMetallicRoughness"]["baseColorTexture"]["index"]
        assert document["images"][document["textures"][texture]["source"]]["name"] == node["name"]


@pytest.mark.parametrize(("kind", "prefix"), [("box", "UBX_"), ("convex", "UCX_")])
def test_a_collider_is_named_for_every_engine_and_cut_out_entirely(sphere: Mesh, kind: str, prefix: str) -> None:
    body = Collider(kind, *mesh_of(ball(8)))
    glb = pack(sphere, name="ball", software="SphereLinks test", extras={}, colliders=[body])
    assert_spotless(glb)
    document = _document(glb)
    assert document["scenes"] == [{"name": "ball", "nodes": [0, 1]}]
    assert [node["name"] for node in document["nodes"]] == ["ball_LOD0", "ball_collider-convcolonly"]
    mesh = document["meshes"][document["nodes"][1]["mesh"]]
    assert mesh["name"] == f"{prefix}ball"
    material = document["materials"][mesh["primitives"][0]["material"]]
    assert material["alphaMode"] == "MASK"
    assert material["pbrMetallicRoughness"]["baseColorFactor"][3] < material.get("alphaCutoff", 0.5)
    assert not document.get("extensionsUsed")
    both = _document(pack(sphere, name="ball", software="", extras={}, colliders=[body], lods=[sphere]))
    assert both["scenes"] == [{"name": "ball", "nodes": [0, 2]}]
    # the same as without levels: what a level of a game sets on them is kept
    assert [both["nodes"][number]["name"] for number in (0, 2)] == ["ball_LOD0", "ball_collider-convcolonly"]
    assert [mesh["name"] for mesh in both["meshes"]] == ["ball_LOD0", "ball_LOD1", f"{prefix}ball_LOD0"]


def test_several_bodies_are_numbered_as_unreal_numbers_them(sphere: Mesh) -> None:
    bodies = [Collider("decomposed", *mesh_of(ball(8)))] * 3
    glb = pack(sphere, name="ball", software="", extras={}, colliders=bodies)
    assert_spotless(glb)
    document = _document(glb)
    assert document["scenes"] == [{"name": "ball", "nodes": [0, 1, 2, 3]}]
    assert [node["name"] for node in document["nodes"][1:]] == [f"ball_collider_0{i}-convcolonly" for i in (1, 2, 3)]
    assert [mesh["name"] for mesh in document["meshes"][1:]] == [f"UCX_ball_0{i}" for i in (1, 2, 3)]


@pytest.mark.parametrize("compression", ["none", "quantized", "meshopt"])
@pytest.mark.parametrize("texture_format", ["jpeg", "png", "webp"])
def test_every_variant_is_valid_and_reads_back_as_the_same_asset(
    sphere: Mesh, compression: str, texture_format: str
) -> None:
    shifted = replace(sphere, positions=sphere.positions * np.float32(0.3) + np.array((1, 2, -3), np.float32))
    kwargs = {"lods": [sphere], "colliders": [Collider("convex", *mesh_of(ball(8)))]}
    variant = {"compression": compression, "texture_format": texture_format}
    glb = pack(shifted, name="ball", software="test", extras={"seed": 1}, **kwargs, **variant)
    assert_spotless(glb, but=LODS_NOTED | {"UNSUPPORTED_EXTENSION", "BUFFER_VIEW_CREATE_TYPED_ARRAY_FAILED_DATA"})
    assert pack(shifted, name="ball", software="test", extras={"seed": 1}, **kwargs, **variant) == glb

    document = _document(glb)
    needed = {"none": set(), "quantized": {"KHR_mesh_quantization"}}.get(
        compression, {"KHR_mesh_quantization", "EXT_meshopt_compression"}
    ) | ({"EXT_texture_webp"} if texture_format == "webp" else set())
    assert set(document.get("extensionsRequired", [])) == needed
    assert set(document["extensionsUsed"]) == needed | {"MSFT_lod"}

    model = read(glb)
    kept = _match(model.mesh.positions, shifted.positions)
    assert np.allclose(model.mesh.positions, shifted.positions[kept], atol=1e-5)
    assert rotations(kept[model.mesh.faces]) == rotations(shifted.faces)
    assert np.allclose(model.mesh.normals, shifted.normals[kept], atol=0.005)
    assert np.allclose(model.mesh.uv, shifted.uv[kept], atol=1e-5)
    difference = np.abs(model.mesh.texture.astype(float) - shifted.texture).mean()
    assert difference < (1e-9 if texture_format == "png" else 5)
    assert model.name == "ball"
    assert model.images["baseColor"].media_type == f"image/{texture_format}"


@pytest.mark.parametrize("compression", ["none", "quantized", "meshopt"])
def test_a_normal_map_and_occlusion_lie_beside_the_colours(sphere: Mesh, compression: str) -> None:
    along = np.cross((0.1, 1, 0), sphere.normals)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    signs = np.where(sphere.positions[:, :1] > 0, 1, -1)
    detailed = replace(
        sphere,
        tangents=np.hstack([along, signs]).astype(np.float32),
        normal_map=np.full((64, 64, 3), (140, 110, 250), np.uint8),
        occlusion=np.full((32, 32), 77, np.uint8),
    )
    glb = pack(detailed, name="ball", software="", extras={}, compression=compression, texture_format="webp")
    assert_spotless(glb, but=frozenset({"UNSUPPORTED_EXTENSION"}))
    assert check(glb) == []
    document = _document(glb)
    # WebP is for colours: its halved chroma would bend the normals
    assert [image["mimeType"] for image in document["images"]] == ["image/webp", "image/jpeg", "image/jpeg"]
    (material,) = document["materials"]
    assert (
        material["occlusionTexture"]["index"] == material["pbrMetallicRoughness"]["metallicRoughnessTexture"]["index"]
    )
    back = read(glb).mesh
    kept = _match(back.positions, detailed.positions)
    assert np.allclose(back.tangents, detailed.tangents[kept], atol=0.005)
    assert np.abs(back.normal_map.astype(int) - (140, 110, 250)).max() < 4
    assert np.abs(back.occlusion.astype(int) - 77).max() < 4


def test_the_texture_is_a_jpeg_with_full_chroma(sphere: Mesh) -> None:
    glb = _packed(sphere)
    view = _document(glb)["bufferViews"][-1]
    start = 20 + struct.unpack_from("<I", glb, 12)[0] + 8 + view["byteOffset"]
    image = Image.open(io.BytesIO(glb[start : start + view["byteLength"]]))
    assert (image.format, image.size) == ("JPEG", (64, 64))
    assert {layer[1:3] for layer in image.layer} == {(1, 1)}


def test_same_input_same_bytes(sphere: Mesh) -> None:
    assert _packed(sphere, seed=1) == _packed(sphere, seed=1)
