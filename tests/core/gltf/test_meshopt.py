import base64
import contextlib
import json
import struct

import numpy as np
import pytest
from gltf_validator import packed, unpack
from hypothesis import given, settings
from hypothesis import strategies as st
from shapes import ball, mesh_of, rotations, torus

from spherelinks.gltf.document import Document
from spherelinks.gltf.meshopt import decode_faces, decode_indices, decode_rows, encode_faces, encode_rows, unfiltered
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


@pytest.mark.parametrize(
    ("name", "stride"), [("OCTAHEDRAL", 4), ("OCTAHEDRAL", 8), ("QUATERNION", 8), ("EXPONENTIAL", 12)]
)
def test_filters_are_undone_as_the_extensions_own_decoder_does(name, stride):
    rng = np.random.default_rng(stride)
    if name == "EXPONENTIAL":
        values = (rng.integers(-9, 9, (500, 3)) << 24 | rng.integers(0, 1 << 24, (500, 3))).astype("<i4")
    else:
        kind = "<i1" if stride == 4 else "<i2"
        most = np.iinfo(kind).max
        values = rng.integers(-most, most + 1, (500, 4)).astype(kind)
        if name == "OCTAHEDRAL":
            values[:, :2] //= 2  # on the octahedron, as encoders have it
            values[:, 2] = most
        else:
            values[:, :3] //= 2
            values[:, 3] = most - 3 | rng.integers(0, 4, 500)
    rows = values.view(np.uint8)
    stream = encode_rows(rows)
    view = {"buffer": 0, "byteOffset": 0, "byteLength": len(stream), "byteStride": stride, "count": 500}
    view |= {"mode": "ATTRIBUTES", "filter": name}
    document = {"bufferViews": [{"byteLength": rows.size, "extensions": {"EXT_meshopt_compression": view}}]}
    document["buffers"] = [{"byteLength": len(stream)}]
    text = json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    stream += bytes(-len(stream) % 4)
    glb = struct.pack("<4sII", b"glTF", 2, 28 + len(text) + len(stream))
    glb += struct.pack("<I4s", len(text), b"JSON") + text + struct.pack("<I4s", len(stream), b"BIN\0") + stream
    [wanted] = unpack(glb)
    for found in (GlbFile(glb).view(0), Document(glb, lambda name: None).view(0)):
        if name == "EXPONENTIAL":
            assert bytes(found) == wanted
        else:
            off = np.frombuffer(found, kind).astype(int) - np.frombuffer(wanted, kind)
            assert np.abs(off).max() <= 1
    with pytest.raises(ValueError, match="SHARP"):
        unfiltered(rows, "SHARP")


def view_of(stream, count, stride, **more):
    """A GLB with nothing but a compressed view."""
    view = {"buffer": 0, "byteOffset": 0, "byteLength": len(stream), "byteStride": stride, "count": count, **more}
    document = {"bufferViews": [{"byteLength": count * stride, "extensions": {"KHR_meshopt_compression": view}}]}
    document["buffers"] = [{"byteLength": len(stream)}]
    text = json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    stream += bytes(-len(stream) % 4)
    glb = struct.pack("<4sII", b"glTF", 2, 28 + len(text) + len(stream))
    return glb + struct.pack("<I4s", len(text), b"JSON") + text + struct.pack("<I4s", len(stream), b"BIN\0") + stream


@settings(max_examples=40, deadline=None)
@given(
    count=st.integers(1, 700),
    stride=st.sampled_from([4, 8, 12, 20, 64, 256]),
    kind=st.sampled_from(["bytes", "shorts", "floats", "constant", "noise"]),
    version=st.sampled_from([0, 1]),
    seed=st.integers(0, 99),
)
def test_attributes_of_both_extensions_are_read_as_meshoptimizer_wrote_them(count, stride, kind, version, seed):
    rng = np.random.default_rng(seed)
    match kind:
        case "bytes":
            rows = np.cumsum(rng.integers(0, 5, (count, stride)), axis=0).astype(np.uint8)
        case "shorts":
            rows = np.cumsum(rng.integers(-900, 900, (count, stride // 2)), axis=0).astype("<i2").view(np.uint8)
        case "floats":
            rows = np.cumsum(rng.standard_normal((count, stride // 4)), axis=0).astype("<f4").view(np.uint8)
        case "constant":
            rows = np.full((count, stride), seed, np.uint8)
        case _:
            rows = rng.integers(0, 256, (count, stride)).astype(np.uint8)
    what = {"rows": base64.b64encode(rows.tobytes()).decode(), "count": count, "stride": stride}
    stream = packed(**what, mode="ATTRIBUTES", version=version)
    assert stream[0] == 0xA0 + version
    assert np.array_equal(decode_rows(stream, count, stride), rows)
    for cut in (stream[: len(stream) // 2], stream[:1] + stream[len(stream) // 3 :]):
        with contextlib.suppress(IndexError):
            assert decode_rows(cut, count, stride).shape == rows.shape


@pytest.mark.parametrize(("stride", "bits"), [(4, 8), (4, 5), (8, 16), (8, 11)])
def test_colours_are_read_as_meshoptimizer_filtered_them(stride, bits):
    colors = np.random.default_rng(bits).random((300, 4))
    colors[:8] = np.vstack([np.eye(4), np.zeros((2, 4)), np.ones((2, 4))])
    stream = packed(colors=colors.ravel().tolist(), count=300, stride=stride, bits=bits, mode="ATTRIBUTES", version=1)
    glb = view_of(stream, 300, stride, mode="ATTRIBUTES", filter="COLOR")
    [wanted] = unpack(glb)
    kind = "u1" if stride == 4 else "<u2"
    found = Document(glb, lambda name: None).view(0)
    assert bytes(found) == wanted
    values = np.frombuffer(found, kind).reshape(300, 4) / np.iinfo(kind).max
    assert np.abs(values - colors).max() < 2.5 / (2**bits - 1)


@pytest.mark.parametrize("stride", [2, 4])
def test_indices_are_read_as_meshoptimizer_wrote_them(stride):
    for indices in ([0], [5, 2, 9, 9, 0, 60_000, 3], np.random.default_rng(1).integers(0, 60_000, 900).tolist()):
        rows = base64.b64encode(np.array(indices, f"<u{stride}").tobytes()).decode()
        stream = packed(rows=rows, count=len(indices), stride=stride, mode="INDICES", version=1)
        glb = view_of(stream, len(indices), stride, mode="INDICES")
        found = Document(glb, lambda name: None).view(0)
        assert np.frombuffer(found, f"<u{stride}").tolist() == indices
        for cut in (stream[:4], stream[:1] + b"\xff" * 40):
            with pytest.raises(IndexError):
                decode_indices(cut, len(indices) + 40)


def test_other_streams_are_refused():
    with pytest.raises(ValueError, match="0xe1"):
        decode_rows(encode_faces(np.zeros((1, 3), int)), 1, 4)
    with pytest.raises(ValueError, match="0xa0"):
        decode_faces(encode_rows(np.zeros((1, 4), np.uint8)), 1)


@pytest.mark.parametrize(("count", "stride"), [(0, 4), (1, 0), (1, 6), (1, 260), (-1, 4)])
def test_rows_that_no_stream_can_hold_are_refused(count: int, stride: int) -> None:
    with pytest.raises(ValueError, match="multiple of 4"):
        decode_rows(encode_rows(np.zeros((1, 4), np.uint8)), count, stride)


@settings(max_examples=200, deadline=None)
@given(data=st.data(), faces=st.booleans())
def test_a_broken_stream_is_an_error_or_some_other_content(data: st.DataObject, faces: bool) -> None:
    """Cut off, prolonged, changed anywhere: nothing is read outside it."""
    count = data.draw(st.integers(1, 400))
    content = np.random.default_rng(count).integers(0, 50, (count, 3 if faces else 8))
    stream = bytearray(encode_faces(content) if faces else encode_rows(content.astype(np.uint8)))
    for at in data.draw(st.lists(st.integers(1, len(stream) - 1), max_size=6)):
        stream[at] = data.draw(st.integers(0, 255))
    stream = stream[: data.draw(st.integers(1, len(stream)))] + data.draw(st.binary(max_size=20))
    with contextlib.suppress(IndexError):
        found = decode_faces(stream, count) if faces else decode_rows(stream, count, 8)
        assert found.shape == content.shape
