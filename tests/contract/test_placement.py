"""The contract's asset is what its script makes with our own writer, valid, and matches placement.json."""

import json

import numpy as np
import pytest
import trimesh
from gltf_validator import LODS_NOTED, assert_spotless

from contract import placement

ASSET = placement.HERE / "files" / "asset.glb"
TOLD = json.loads((placement.HERE / "placement.json").read_text("utf-8"))


def test_the_files_are_what_the_script_makes():
    assert ASSET.read_bytes() == placement.glb()
    assert json.loads(json.dumps(placement.placement())) == TOLD


def test_the_asset_is_valid():
    assert_spotless(ASSET.read_bytes(), but=LODS_NOTED)


@pytest.mark.parametrize("name", ["asset_LOD0", "asset_LOD1", "asset_LOD2", "UCX_asset_LOD0"])
def test_every_part_has_the_corner_and_the_bounds(name):
    part = trimesh.load(ASSET).geometry[name]
    engine = TOLD["engines"]["gltf"]
    assert part.bounds.tolist() == [engine["low"], engine["high"]]
    assert np.abs(part.vertices - engine["places"][0]["corner"]).sum(1).min() == 0
    assert part.volume > 0


def test_the_parts_have_the_names_and_faces_that_are_told():
    scene = trimesh.load(ASSET)
    faces = [len(scene.geometry[name].faces) for name in ("asset_LOD0", "asset_LOD1", "asset_LOD2", "UCX_asset_LOD0")]
    assert faces == [TOLD["faces"]["asset"], *TOLD["faces"]["lods"], TOLD["faces"]["collider"]]
    assert all(f'"name":"{name}"'.encode() in b"".join(ASSET.read_bytes().split()) for name in TOLD["names"]["file"])


@pytest.mark.parametrize("name", ["blender", "godot", "unity"])
def test_a_turn_keeps_the_distance_from_the_middle(name):
    upright, turned = TOLD["engines"][name]["places"]
    from_middle = [np.subtract(place["corner"], place["at"]) for place in (upright, turned)]
    assert np.linalg.norm(from_middle[0]) == np.linalg.norm(from_middle[1])
    assert (from_middle[0] != from_middle[1]).any()
