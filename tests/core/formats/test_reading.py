import io
import json
import struct
from pathlib import Path

import numpy as np
import pytest
import trimesh
from meshes import box, joined
from PIL import Image
from scipy.spatial import cKDTree
from shapes import ball, mesh_of

from spherelinks.errors import InvalidRequest
from spherelinks.formats import reading
from spherelinks.formats.reading import read
from spherelinks.mesh.nearest import nearest, tree
from spherelinks.shape import Surface
from spherelinks.texture.carry import colors

BODY = joined(box(), box((2, 0, 0)))


def _written(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def _same(surface: Surface, vertices: np.ndarray, faces: np.ndarray) -> bool:
    return np.allclose(surface.vertices[surface.faces], vertices[faces], atol=1e-6)


@pytest.mark.parametrize("kind", ["glb", "obj", "ply", "stl", "ply_ascii", "stl_ascii"])
def test_reads_what_another_program_wrote(kind: str, tmp_path: Path) -> None:
    mesh = trimesh.Trimesh(*BODY, process=False)
    suffix, _, how = kind.partition("_")
    if suffix == "ply":
        data = mesh.export(file_type="ply", encoding=how or "binary_little_endian")
    else:
        data = mesh.export(file_type=kind)
    path = _written(tmp_path, f"body.{suffix}", data.encode() if isinstance(data, str) else data)
    surface = read(path)
    assert surface.vertices.dtype == np.float32
    assert surface.faces.dtype == np.int32
    assert _same(surface, *BODY)


def test_faces_of_many_corners_are_cut(tmp_path: Path) -> None:
    obj = b"v 0 0 0\nv 1 0 0\nv 1 1 0 0.2 0.4 0.6\nv 0 1 0\nf -4/1/1 2//3 3 4\n"
    # one vertex of four has a colour
    shown = read(_written(tmp_path, "ragged.obj", obj)).color
    assert shown is not None
    assert shown.tolist() == [[255] * 3, [255] * 3, [51, 102, 153], [255] * 3]
    assert len(read(_written(tmp_path, "quad.obj", obj.replace(b" 0.2 0.4 0.6", b""))).faces) == 2
    ply = (
        b"ply\nformat binary_big_endian 1.0\nelement vertex 4\nproperty double x\nproperty double y\n"
        b"property double z\nproperty uchar red\nproperty uchar green\nproperty uchar blue\nelement face 1\n"
        b"property list uchar int vertex_indices\nend_header\n"
    )
    ply += b"".join(struct.pack(">dddBBB", x, y, 0, 9, 8, 7) for x, y in ((0, 0), (1, 0), (1, 1), (0, 1)))
    surface = read(_written(tmp_path, "quad.ply", ply + struct.pack(">Biiii", 4, 0, 1, 2, 3)))
    assert surface.faces.tolist() == [[0, 1, 2], [0, 2, 3]]
    assert surface.color is not None
    assert (surface.color == (9, 8, 7)).all()


def test_a_scene_comes_with_its_places_and_colours(tmp_path: Path) -> None:
    """Against trimesh: two nodes, turned, moved and scaled, one painted, one with a texture."""
    vertices, faces = box()
    painted = trimesh.Trimesh(vertices, faces, vertex_colors=np.full((8, 4), (255, 0, 0, 255), np.uint8), process=False)
    picture = np.zeros((8, 8, 3), np.uint8)
    picture[:, 4:] = (0, 200, 100)
    paint = trimesh.visual.material.PBRMaterial(baseColorTexture=Image.fromarray(picture))
    uv = vertices[:, :2] * 0.998 + 0.001
    shown = trimesh.Trimesh(vertices, faces, visual=trimesh.visual.TextureVisuals(uv, material=paint), process=False)
    scene = trimesh.Scene()
    place = trimesh.transformations.compose_matrix((2, 1, 1), None, (0.3, 0.2, 0.1), (5, 6, 7))
    scene.add_geometry(painted, transform=place)
    scene.add_geometry(shown)
    surface = read(_written(tmp_path, "scene.glb", scene.export(file_type="glb")))
    expected = scene.to_geometry().triangles.mean(axis=1)
    away, which = cKDTree(surface.vertices[surface.faces].mean(axis=1)).query(expected)
    assert away.max() < 1e-4
    assert sorted(which) == list(range(24))
    corner = (place @ (0.5, 0.5, 0, 1))[:3]
    where = np.array([corner, (0.1, 0.5, 0), (0.9, 0.5, 0)], np.float32)
    found = nearest(where, tree(surface.vertices, surface.faces))
    assert colors(surface, found).tolist() == [
        [255, 0, 0],
        [0, 0, 0],
        [0, 200, 100],
    ]


def _glb(document: dict, blob: bytes = b"") -> bytes:
    text = json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    return (
        struct.pack("<4sII", b"glTF", 2, 28 + len(text) + len(blob))
        + struct.pack("<II", len(text), 0x4E4F534A) + text + struct.pack("<II", len(blob), 0x4E4942) + blob
    )  # fmt: skip


def _strip() -> tuple[dict, bytes]:
    """Four vertices as a strip of two triangles."""
    blob = np.array([(0, 0, 0), (1, 0, 0), (0, 1, 0), (1, 1, 0)], "<f4").tobytes()
    document = {
        "asset": {"version": "2.0"},
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}, "mode": 5}]}],
        "accessors": [{"bufferView": 0, "componentType": 5126, "count": 4, "type": "VEC3"}],
        "bufferViews": [{"buffer": 0, "byteLength": len(blob)}],
        "buffers": [{"byteLength": len(blob)}],
    }
    return document, blob


def test_strips_and_what_cannot_be_seen(tmp_path: Path) -> None:
    document, blob = _strip()
    assert read(_written(tmp_path, "strip.glb", _glb(document, blob))).faces.tolist() == [[0, 1, 2], [3, 2, 1]]
    document["materials"] = [{"alphaMode": "MASK", "pbrMetallicRoughness": {"baseColorFactor": [1, 1, 1, 0]}}]
    document["meshes"][0]["primitives"][0]["material"] = 0
    assert not len(read(_written(tmp_path, "unseen.glb", _glb(document, blob))).faces)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"extensionsRequired": ["KHR_spheres"]}, "KHR_spheres"),
        ({"nodes": [{"mesh": 0, "children": [0]}]}, "node 0 has two parents"),
        ({"bufferViews": [{"buffer": 0, "byteLength": 480}]}, "past the end"),
        ({"buffers": [{"byteLength": 48, "uri": "other.bin"}]}, "other files"),
        ({"accessors": [{"componentType": 5126, "count": 10**12, "type": "VEC3"}]}, "more than"),
        ({"accessors": [{"bufferView": 0, "componentType": 5126, "count": 9, "type": "VEC3"}]}, "cannot be read"),
        ({"accessors": [{"componentType": 5126, "count": 4, "type": "VEC3"}]}, "sparse"),
        ({"nodes": [{"mesh": 7}]}, "cannot be read"),
    ],
)
def test_a_scene_that_is_damaged_or_too_clever_is_refused(change: dict, message: str, tmp_path: Path) -> None:
    document, blob = _strip()
    with pytest.raises(InvalidRequest, match=message) as caught:
        read(_written(tmp_path, "broken.glb", _glb(document | change, blob)))
    assert caught.value.hint
    assert caught.value.field == "mesh"


@pytest.mark.parametrize("suffix", ["glb", "obj", "ply", "stl"])
def test_damaged_files_are_refused_and_nothing_else_happens(suffix: str, tmp_path: Path) -> None:
    whole = trimesh.Trimesh(*mesh_of(ball(16)), process=False).export(file_type=suffix)
    data = bytearray(whole.encode() if isinstance(whole, str) else whole)
    rng = np.random.default_rng(0)
    for number in range(40):
        broken = data[: int(rng.integers(0, len(data)))] if number % 2 else bytearray(data)
        for place in rng.integers(0, max(len(broken), 1), 4):
            if len(broken):
                broken[place] = rng.integers(0, 256)
        path = _written(tmp_path, f"broken.{suffix}", bytes(broken))
        try:
            surface = read(path)
        except InvalidRequest as error:
            assert "broken" in error.message  # noqa: PT017
        else:
            assert surface.faces.shape[1:] == (3,)


def test_what_is_too_large_or_not_there_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidRequest, match="cannot be read"):
        read(tmp_path / "none.glb")
    with pytest.raises(InvalidRequest, match="not in a supported format") as caught:
        read(_written(tmp_path, "scene.fbx", b"x"))
    assert ".glb" in caught.value.hint
    monkeypatch.setattr(reading, "MAX_BYTES", 10)
    with pytest.raises(InvalidRequest, match="limit"):
        read(_written(tmp_path, "large.stl", bytes(100)))


def test_a_texture_that_is_a_bomb_is_refused(tmp_path: Path) -> None:
    document, blob = _strip()
    picture = io.BytesIO()
    Image.new("1", (7000, 7000)).save(picture, "PNG")
    document["bufferViews"].append({"buffer": 0, "byteOffset": len(blob), "byteLength": len(picture.getvalue())})
    document["bufferViews"].append({"buffer": 0, "byteLength": 32})
    document["accessors"].append({"bufferView": 2, "componentType": 5126, "count": 4, "type": "VEC2"})
    document["images"], document["textures"] = [{"bufferView": 1, "mimeType": "image/png"}], [{"source": 0}]
    document["materials"] = [{"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}}]
    document["meshes"][0]["primitives"][0] |= {"material": 0, "attributes": {"POSITION": 0, "TEXCOORD_0": 1}}
    with pytest.raises(InvalidRequest, match="7000"):
        read(_written(tmp_path, "bomb.glb", _glb(document, blob + picture.getvalue())))
