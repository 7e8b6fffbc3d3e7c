import json
import re
import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from shapes import ball, mesh_of

from spherelinks.gltf.check import check
from spherelinks.gltf.pack import Collider, Mesh, pack
from spherelinks.mesh.normals import vertex_normals

VARIANTS = [{}, {"compression": "quantized", "texture_format": "webp"}, {"compression": "meshopt"}]


@pytest.fixture(scope="module")
def sphere() -> Mesh:
    vertices, faces = mesh_of(ball(12))
    uv = (vertices[:, :2] + 1).astype(np.float32) / 2
    return Mesh(vertices, vertex_normals(vertices, faces), uv, faces, np.full((16, 16, 3), 90, np.uint8))


def packed(mesh: Mesh, **variant: str) -> bytes:
    body = Collider("box", *mesh_of(ball(6)))
    return pack(mesh, name="ball", software="test", extras={"index": 99}, lods=[mesh], colliders=[body], **variant)


def edited(glb: bytes, change: Callable[[dict[str, Any]], object]) -> bytes:
    """The file with another document."""
    end = 20 + struct.unpack_from("<I", glb, 12)[0]
    document = json.loads(glb[20:end])
    change(document)
    text = json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    return struct.pack("<4sIII4s", b"glTF", 2, 20 + len(text) + len(glb) - end, len(text), b"JSON") + text + glb[end:]


@pytest.mark.parametrize("variant", VARIANTS)
def test_what_we_pack_is_sound(sphere, variant):
    assert check(packed(sphere, **variant)) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda d: d["accessors"][1].update(count=10**6), "beyond its view"),
        (lambda d: d["accessors"][1].update(max=[9, 9, 9]), "is declared"),
        (lambda d: d["bufferViews"][0].update(byteLength=10**7), "beyond its buffer"),
        (lambda d: d["bufferViews"][0].update(byteOffset=2), "starts at byte 2"),
        (lambda d: d["bufferViews"][1].update(byteOffset=0), "overlaps"),
        (lambda d: d["buffers"][0].update(byteLength=12), "12 bytes"),
        (lambda d: d["scenes"][0].update(nodes=[0]), "shows the nodes"),
        (lambda d: d["scenes"][0].update(nodes=[0, 99]), "cannot be read|shows the nodes"),
        (lambda d: d["meshes"][0].update(primitives=[{}]), "cannot be read"),
        (lambda d: d["meshes"][0]["primitives"][0].update(material=7), "material does not exist"),
        (lambda d: d.update(extensionsUsed=[]), "MSFT_lod"),
        (lambda d: d["textures"][0].update(source=9), "cannot be read"),
        (lambda d: d["images"][0].update(bufferView=0), "cannot be decoded"),
        (
            lambda d: d["materials"][0]["pbrMetallicRoughness"]["baseColorTexture"].update(index=5),
            "texture that does not exist",
        ),
        (lambda d: d["accessors"][0].update(bufferView=1, count=300), "is referenced"),
    ],
)
def test_a_broken_document_is_found(sphere, change, said):
    found = check(edited(packed(sphere), change))
    assert any(re.search(said, error) for error in found), found


@pytest.mark.parametrize("length", [0, 4, 19, 400, -4])
def test_a_cut_file_is_found(sphere, length):
    assert check(packed(sphere)[:length])


@pytest.mark.parametrize(
    ("array", "value", "said"),
    [("normals", np.nan, "NORMAL is not finite"), ("uv", np.inf, "TEXCOORD_0"), ("normals", 0.5, "length 1")],
)
def test_numbers_that_no_engine_takes_are_found(sphere, array, value, said):
    broken = getattr(sphere, array).copy()
    broken[3] = value
    mesh = Mesh(**{**vars(sphere), array: broken})
    assert any(said in error for error in check(packed(mesh)))


def test_a_face_that_is_none_is_found(sphere):
    faces = sphere.faces.copy()
    faces[0, 1] = faces[0, 0]
    mesh = Mesh(**{**vars(sphere), "faces": faces})
    assert any("same vertex twice" in error for error in check(packed(mesh)))
