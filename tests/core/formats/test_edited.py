"""Our GLBs after editing in another program: converted as they are now, or refused."""

import json
import struct
from dataclasses import replace

import numpy as np
import pytest
from meshes import box

from spherelinks.errors import InvalidRequest
from spherelinks.formats.asset import read
from spherelinks.gltf.pack import Collider, Mesh, pack
from spherelinks.mesh.normals import vertex_normals

VERTICES, FACES = box((0, 0, 0), (1, 2, 3))
MESH = Mesh(
    VERTICES,
    vertex_normals(VERTICES, FACES),
    np.abs(VERTICES[:, :2]) / 2,
    FACES,
    np.full((64, 64, 3), (30, 90, 200), np.uint8),
)
QUARTER = [0, np.sqrt(0.5), 0, np.sqrt(0.5)]  # about y


def edited(change, **more) -> bytes:
    """A packed file whose document was changed."""
    return changed(pack(MESH, name="crate", software="", extras={}, texture_format="png", **more), change)


def changed(glb: bytes, change) -> bytes:
    size = struct.unpack_from("<I", glb, 12)[0]
    document = json.loads(glb[20 : 20 + size])
    change(document)
    text = json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    rest = glb[20 + size :]
    return struct.pack("<4sIII4s", b"glTF", 2, 20 + len(text) + len(rest), len(text), b"JSON") + text + rest


def bounds(glb: bytes) -> list[list[float]]:
    positions = read(glb).mesh.positions
    return [positions.min(axis=0).round(4).tolist(), positions.max(axis=0).round(4).tolist()]


def facing_outward(mesh: Mesh) -> bool:
    a, b, c = (mesh.positions[mesh.faces[:, k]].astype(float) for k in range(3))
    return bool(np.einsum("ij,ij->i", np.cross(b - a, c - a), mesh.normals[mesh.faces].sum(axis=1)).min() > 0)


@pytest.mark.parametrize("compression", ["none", "quantized", "meshopt"])
def test_a_node_that_was_moved_turned_or_mirrored_is_converted_in_place(compression):
    how = {"compression": compression, "colliders": [Collider("box", *box())]}
    plain = read(edited(lambda document: None, **how))

    def inside(parent):
        def change(document):
            document["nodes"].append({"children": [0], **parent})
            document["scenes"][0]["nodes"] = [len(document["nodes"]) - 1, 1]

        return edited(change, **how)

    turned = inside({"rotation": QUARTER, "scale": [2, 2, 2], "translation": [1, 0, 0]})
    assert np.allclose(bounds(turned), [[1, 0, -2], [7, 4, 0]], atol=1e-3)
    model = read(turned)
    assert facing_outward(model.mesh)
    assert model.name == "crate"
    assert model.images == plain.images
    shifted = np.eye(4)
    shifted[3, :3] = (5, 6, 7)  # as written: column by column
    assert np.allclose(bounds(inside({"matrix": shifted.ravel().tolist()})), [[5, 6, 7], [6, 8, 10]], atol=1e-3)
    mirrored = inside({"scale": [-1, 1, 1]})
    assert np.allclose(bounds(mirrored), [[-1, 0, 0], [0, 2, 3]], atol=1e-3)
    assert facing_outward(read(mirrored).mesh)


def test_an_object_that_was_added_is_converted_with_its_colour():
    def add(document):
        document["materials"].append({"pbrMetallicRoughness": {"baseColorFactor": [1, 0, 0, 1]}})
        primitive = document["meshes"][0]["primitives"][0] | {"material": len(document["materials"]) - 1}
        document["meshes"].append({"primitives": [primitive]})
        document["nodes"].append({"mesh": len(document["meshes"]) - 1, "translation": [10, 0, 0]})
        document["scenes"][0]["nodes"].append(len(document["nodes"]) - 1)

    model = read(edited(add))
    mesh = model.mesh
    assert len(mesh.faces) == 2 * len(FACES)
    height, width = mesh.texture.shape[:2]
    at = (mesh.uv * (width, height)).astype(int).clip(0, (width - 1, height - 1))
    shown = mesh.texture[at[:, 1], at[:, 0]]
    right = mesh.positions[:, 0] > 5
    assert (shown[right] == (255, 0, 0)).all()
    assert (shown[~right] == (30, 90, 200)).all()


def test_levels_of_detail_that_came_back_into_the_scene_are_left_out():
    def show(document):
        document["scenes"][0]["nodes"] = [0, 1]
        del document["nodes"][0]["extensions"], document["extensionsUsed"]

    lower = replace(MESH, positions=MESH.positions * np.float32(1.5))
    assert bounds(edited(show, lods=[lower])) == [[0, 0, 0], [1, 2, 3]]


def test_a_texture_that_repeats_or_was_moved_is_baked_as_it_is_shown():
    """Blue on the left of x = .5, from the picture's other side, and red on its right."""
    picture = np.zeros((64, 64, 3), np.uint8)
    picture[:, :32], picture[:, 32:] = (200, 30, 30), (30, 30, 200)
    mesh = replace(MESH, uv=(VERTICES[:, :2] * (1, 0.5) + (1.5, 0)).astype(np.float32), texture=picture)
    plain = pack(mesh, name="crate", software="", extras={}, texture_format="png")

    def move(document):
        info = document["materials"][0]["pbrMetallicRoughness"]["baseColorTexture"]
        info["extensions"] = {"KHR_texture_transform": {"offset": [0.5, 0]}}
        document["extensionsUsed"] = ["KHR_texture_transform"]

    def repeat(document):
        document["samplers"][0] |= {"wrapS": 10497, "wrapT": 10497}

    def both(document):
        move(document)
        repeat(document)

    for change, left in ((repeat, (30, 30, 200)), (both, (200, 30, 30))):
        model = read(changed(plain, change))
        texture, at = model.mesh.texture, model.mesh.uv[model.mesh.faces].mean(axis=1)
        pixel = (at * texture.shape[1::-1]).astype(int)
        middle = model.mesh.positions[model.mesh.faces].mean(axis=1)[:, 0]
        assert np.abs(texture[pixel[:, 1], pixel[:, 0]][(middle > 0.1) & (middle < 0.4)].astype(int) - left).max() <= 2
        assert model.name == "crate"
        assert facing_outward(model.mesh)


def test_instances_are_converted_where_they_stand():
    def several(document):
        places = document["meshes"][0]["primitives"][0]["attributes"]["POSITION"]  # one at each vertex
        document["nodes"][0]["extensions"] = {"EXT_mesh_gpu_instancing": {"attributes": {"TRANSLATION": places}}}
        document["extensionsUsed"] = ["EXT_mesh_gpu_instancing"]

    model = read(edited(several))
    assert len(model.mesh.faces) == len(VERTICES) * len(FACES)
    assert model.mesh.positions.max(axis=0).tolist() == [2, 4, 6]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"nodes": [{"mesh": 0, "children": [0]}]}, "two parents"),
        ({name: ["KHR_spheres"] for name in ("extensionsUsed", "extensionsRequired")}, "KHR_spheres"),
    ],
)
def test_what_is_not_converted_is_refused_by_name(change, said):
    def apply(document):
        document["nodes"][0]["rotation"] = QUARTER
        document |= change
        document["nodes"][0].setdefault("rotation", QUARTER)

    with pytest.raises(InvalidRequest, match=said) as caught:
        read(edited(apply))
    assert "spherelinks finish" in caught.value.hint
