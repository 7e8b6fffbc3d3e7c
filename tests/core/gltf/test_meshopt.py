import numpy as np
import pytest
from gltf_validator import unpack
from hypothesis import given, settings
from hypothesis import strategies as st
from shapes import ball, mesh_of, rotations, torus

from spherelinks.gltf.meshopt import decode_faces, decode_rows, encode_faces, encode_rows
from spherelinks.gltf.order import optimized
from spherelinks.gltf.pack import Mesh, pack
from spherelinks.gltf.read import GlbFile
from spherelinks.mesh.normals import vertex_normals


@settings(max_examples=60, deadline=None)
@given(
    count=st.integers(1, 600),
    stride=st.sampled_from([4, 8, 12, 32, 64, 256]),
    spread=st.sampled_from([1, 2, 5, 20, 256]),
    seed=st.integers(0, 99),
)
def test_rows_come_back_exactly(count, stride, spread, seed):
    rng = np.random.default_rng(seed)
    rows = np.cumsum(rng.integers(0, spread, (count, stride)), axis=0).astype(np.uint8)
    assert np.array_equal(decode_rows(encode_rows(rows), count, stride), rows)


@settings(max_examples=60, deadline=None)
@given(count=st.integers(1, 300), vertices=st.sampled_from([1, 3, 20, 1000, 2**31 - 1]), seed=st.integers(0, 99))
def test_any_faces_come_back_in_their_order_and_sense(count, vertices, seed):
    faces = np.random.default_rng(seed).integers(0, vertices, (count, 3))
    back = decode_faces(encode_faces(faces), count)
    for face, other in zip(faces, back, strict=True):
        assert rotations(face[None]) == rotations(other[None])


def test_an_ordered_mesh_takes_about_a_byte_for_a_face():
    vertices, faces = mesh_of(torus(40))
    faces, _ = optimized(faces, len(vertices))
    stream = encode_faces(faces)
    assert len(stream) < 1.4 * len(faces)
    assert rotations(decode_faces(stream, len(faces))) == rotations(faces)


def test_the_extensions_own_decoder_reads_the_same():
    meshes = []
    for field in (ball(20), torus(48)):
        vertices, faces = mesh_of(field)
        texture = np.zeros((16, 16, 3), np.uint8)
        uv = np.abs(vertices[:, :2]).astype(np.float32)
        meshes.append(Mesh(vertices, vertex_normals(vertices, faces), uv, faces, texture))
    vertices = np.random.default_rng(0).standard_normal((70_000, 3)).astype(np.float32)
    faces = np.arange(69_999, dtype=np.int32).reshape(-1, 3)  # more than 16 bits, and no edge in common
    meshes.append(Mesh(vertices, vertex_normals(vertices, faces), np.zeros((70_000, 2), np.float32), faces, texture))
    glb = pack(meshes[0], name="x", software="", extras={}, lods=meshes[1:], compression="meshopt")
    file = GlbFile(glb)
    views = [number for number, view in enumerate(file.document["bufferViews"]) if view.get("extensions")]
    assert len(views) == 4 * len(meshes)
    assert [bytes(file.view(number)) for number in views] == unpack(glb)


def test_other_streams_are_refused():
    with pytest.raises(ValueError, match="0xe1"):
        decode_rows(encode_faces(np.zeros((1, 3), int)), 1, 4)
    with pytest.raises(ValueError, match="0xa0"):
        decode_faces(encode_rows(np.zeros((1, 4), np.uint8)), 1)
