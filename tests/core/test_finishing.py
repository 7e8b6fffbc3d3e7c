"""Volumes of every kind become valid assets, or a clear error."""

import hashlib
import io
import json
import re
import struct
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh
from gltf_validator import LODS_NOTED, assert_spotless
from hypothesis import given, settings
from hypothesis import strategies as st
from meshes import NASTY as NASTY_MESHES
from meshes import Triangles, box, joined, mangled, sheet, soup
from shapes import ball, checkerboard, mesh_of, noise, torus, volume_of

from spherelinks.errors import Cancelled, GeneratorFailed
from spherelinks.finishing import Finished, extent, finish, warm_up
from spherelinks.formats.reading import read
from spherelinks.mesh.distance import signed
from spherelinks.options import Options
from spherelinks.report import Maker
from spherelinks.shape import Frame, Shape, Surface, Volume

FRAME = checkerboard(256)


MADE = Maker(name="made", version="3")


def finished(volume: Shape, frame: Frame = FRAME, **options: Any) -> Finished:
    options = {"texture_size": 512} | ({} if "target_faces" in options else {"simplify_ratio": 0.9}) | options
    return finish(
        volume,
        frame,
        Options(**options),
        source={"sha256": "00ff"},
        name="thing",
        generator=MADE,
        progress=lambda share: None,
    )


def opened(glb: bytes) -> trimesh.Trimesh:
    """The mesh as a program sees it that merges vertices of equal position."""
    scene = trimesh.load(io.BytesIO(glb), file_type="glb", process=False)
    (mesh,) = scene.geometry.values()
    return trimesh.Trimesh(mesh.vertices, mesh.faces, process=True)


def painted(glb: bytes) -> np.ndarray:
    """The base colour of the finest level."""
    scene = trimesh.load(io.BytesIO(glb), file_type="glb", process=False)
    material = next(iter(scene.geometry.values())).visual.material
    return np.asarray(material.baseColorTexture.convert("RGB")).astype(int)


def assert_sound(done: Finished) -> trimesh.Trimesh:
    assert_spotless(done.glb)
    mesh = opened(done.glb)
    assert mesh.is_watertight
    assert mesh.is_winding_consistent
    assert mesh.volume > 0
    low, high = mesh.bounds
    assert (high - low).max() == pytest.approx(1, abs=1e-5)
    assert low[1] == pytest.approx(0, abs=1e-6)
    assert np.allclose((low + high)[[0, 2]], 0, atol=1e-5)
    assert done.report["watertight"]
    assert done.report["manifold"]
    assert done.report["faces"] == len(mesh.faces)
    assert done.report["bytes"] == len(done.glb)
    json.dumps(dict(done.report))
    return mesh


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(6, 16), st.sampled_from([0.0, 0.5, 0.95]))
def test_any_field_becomes_a_sound_asset(seed: int, samples: int, ratio: float) -> None:
    assert_sound(finished(volume_of(noise((samples,) * 3, seed)), simplify_ratio=ratio))


@pytest.mark.parametrize("ratio", [0.0, 0.5, 0.95, 0.99])
def test_simplify_ratio_is_the_share_of_faces_removed(ratio: float) -> None:
    report = finished(volume_of(torus(64)), simplify_ratio=ratio).report
    assert report["faces"] == pytest.approx(report["facesExtracted"] * (1 - ratio), rel=0.02)
    assert report["warnings"] == []
    assert report["genus"] == 1


@settings(max_examples=6, deadline=None)
@given(st.integers(100, 12_000))
def test_target_faces_is_the_number_of_faces(faces: int) -> None:
    done = finished(volume_of(torus(64)), target_faces=faces)
    assert_sound(done)
    assert done.report["faces"] == pytest.approx(faces, rel=0.02)
    assert done.report["warnings"] == []


def test_a_shape_of_fewer_faces_than_asked_stays_as_it_is_and_says_so() -> None:
    report = finished(volume_of(ball(16)), target_faces=100_000).report
    assert report["faces"] == report["facesExtracted"] < 100_000
    (warning,) = report["warnings"]
    assert str(report["faces"]) in warning
    assert "100000" in warning


@pytest.mark.parametrize(
    ("measure", "value", "unit", "metres"),
    [("height", 31, "cm", 0.31), ("width", 1, "mm", 0.001), ("depth", 12, "ft", 3.6576), ("longest", 1000, "m", 1000)],
)
def test_the_real_size_is_exact(measure: str, value: float, unit: str, metres: float) -> None:
    done = finished(volume_of(torus(32)), dimensions={measure: value, "unit": unit})
    assert_spotless(done.glb)
    mesh = opened(done.glb)
    side = dict(zip(("width", "height", "depth"), mesh.extents, strict=True)) | {"longest": mesh.extents.max()}
    assert side[measure] == pytest.approx(metres, rel=1e-6)
    assert mesh.is_watertight
    assert mesh.bounds[0, 1] == pytest.approx(0, abs=1e-6)
    told = done.report["dimensions"]
    assert told["unit"] == "m"
    assert [told[name] for name in ("width", "height", "depth")] == pytest.approx(mesh.extents.tolist(), abs=1e-6)


def test_the_pivot_may_be_the_middle() -> None:
    done = finished(volume_of(torus(32)), pivot="center", dimensions={"longest": 4})
    assert_spotless(done.glb)
    assert np.allclose(opened(done.glb).bounds.sum(axis=0), 0, atol=1e-5)


def levels(glb: bytes) -> list[trimesh.Trimesh]:
    """The meshes of a file from the finest, those outside the scene too, with vertices of equal position merged."""
    document = json.loads(glb[20 : 20 + int.from_bytes(glb[12:16], "little")])
    document["scenes"][0]["nodes"] = list(range(len(document["nodes"])))
    text = json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    rest = glb[20 + int.from_bytes(glb[12:16], "little") :]
    head = b"glTF" + struct.pack("<IIII", 2, 20 + len(text) + len(rest), len(text), 0x4E4F534A)
    scene = trimesh.load(io.BytesIO(head + text + rest), file_type="glb", process=False)
    meshes = [scene.geometry[scene.graph[node["name"]][1]] for node in document["nodes"]]
    return [trimesh.Trimesh(mesh.vertices, mesh.faces, process=True) for mesh in meshes]


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 2**32 - 1), st.lists(st.sampled_from([0.8, 0.5, 0.3, 0.1]), unique=True, min_size=1))
def test_every_level_of_detail_is_a_sound_surface_in_the_same_place(seed: int, ratios: list[float]) -> None:
    volume = volume_of(noise((12, 12, 12), seed))
    done = finished(volume, simplify_ratio=0.3, lods=ratios, dimensions={"height": 2})
    assert_spotless(done.glb, but=LODS_NOTED)
    base, *lower = levels(done.glb)
    assert [len(mesh.faces) for mesh in lower] == [lod["faces"] for lod in done.report["lods"]]
    assert done.report["faces"] == len(base.faces)
    for ratio, mesh in zip(sorted(ratios, reverse=True), lower, strict=True):
        assert mesh.is_watertight
        assert mesh.is_winding_consistent
        assert mesh.volume > 0
        assert len(mesh.faces) == pytest.approx(len(base.faces) * ratio, rel=0.02) or done.report["warnings"]
    assert base.extents[1] == pytest.approx(2, abs=1e-3)


def test_levels_of_detail_keep_shape_and_place_and_have_smaller_textures() -> None:
    volume = volume_of(torus(48))
    options = {"texture_size": 1024, "simplify_ratio": 0.7, "pivot": "center"}
    done = finished(volume, **options, lods=[0.25, 0.5, 0.1])
    assert [lod["textureSize"] for lod in done.report["lods"]] == [512, 256, 256]
    base, *lower = levels(done.glb)
    for mesh, share in zip(lower, (0.5, 0.25, 0.1), strict=True):
        assert len(mesh.faces) == pytest.approx(len(base.faces) * share, rel=0.02)
        assert np.allclose(mesh.bounds, base.bounds, atol=0.02)
        assert mesh.volume == pytest.approx(base.volume, rel=0.1)
    assert finished(volume, **options, lods=[0.5, 0.25, 0.1]).glb == done.glb


def test_a_level_that_cannot_be_is_said() -> None:
    report = finished(volume_of(ball(16)), target_faces=12, lods=[0.1]).report
    assert any(warning.startswith("LOD1: ") for warning in report["warnings"])


@pytest.mark.parametrize("kind", ["box", "convex"])
@pytest.mark.parametrize("lods", [[], [0.5]])
def test_the_collider_is_a_convex_body_round_the_asset(kind: str, lods: list[float]) -> None:
    volume = volume_of(torus(48))
    done = finished(volume, collider=kind, lods=lods, dimensions={"width": 3}, pivot="center")
    assert_spotless(done.glb, but=LODS_NOTED if lods else frozenset())
    base, *_, body = levels(done.glb)
    assert body.is_watertight
    assert body.is_convex
    assert body.volume > 0
    assert np.allclose(body.bounds, base.bounds, atol=1e-5)
    assert done.report["collider"] == {
        "kind": kind,
        "bodies": 1,
        "faces": len(body.faces),
        "vertices": len(body.vertices),
    }
    assert len(body.vertices) == 8 if kind == "box" else len(body.vertices) <= 64
    assert finished(volume, collider=kind, lods=lods, dimensions={"width": 3}, pivot="center").glb == done.glb


def test_a_decomposed_collider_is_some_convex_bodies_that_leave_the_hole_open() -> None:
    done = finished(volume_of(torus(48)), collider="decomposed")
    assert_spotless(done.glb)
    base, *bodies = levels(done.glb)
    assert done.report["collider"]["bodies"] == len(bodies)
    assert 4 <= len(bodies) <= 16
    for body in bodies:
        assert body.is_watertight
        assert body.is_convex
        assert len(body.vertices) <= 64
        assert (body.bounds[0] > base.bounds[0] - 1e-4).all()
        assert (body.bounds[1] < base.bounds[1] + 1e-4).all()
        middle = base.bounds.mean(axis=0)
        assert not ((body.bounds[0] < middle) & (body.bounds[1] > middle)).all() or not body.contains([middle])[0]
    assert sum(body.volume for body in bodies) == pytest.approx(base.volume, rel=0.15)
    assert finished(volume_of(torus(48)), collider="decomposed").glb == done.glb


def _sheet() -> np.ndarray:
    field = np.ones((40, 40, 40), np.float32)
    field[4:36, 4:36, 20] = -0.05
    return field


def _floaters() -> np.ndarray:
    field = ball(100, 0.5)
    places = tuple((np.argwhere(np.ones((10, 10, 10), bool)) * 10 + 4).T)
    field[places] = np.minimum(field[places], -0.01)
    return field


def _voxel() -> np.ndarray:
    field = np.ones((5, 5, 5), np.float32)
    field[2, 2, 2] = -1
    return field


NASTY = {
    "one voxel": _voxel(),
    "one sample": -np.ones((1, 1, 1), np.float32),
    "all inside": -np.ones((12, 12, 12), np.float32),
    "paper-thin sheet": _sheet(),
    "a thousand floaters": _floaters(),
    "two boxes that share an edge": np.where(
        np.pad(np.kron(np.eye(2)[..., None], np.ones((8, 8, 16))), 2) > 0, np.float32(-1), np.float32(1)
    ),
    "huge values": ball(24) * np.float32(1e30),
    "tiny values": ball(24) * np.float32(1e-30),
}


@pytest.mark.parametrize("name", NASTY)
def test_nasty_fields(name: str) -> None:
    field = NASTY[name]
    volume = Volume(field, np.zeros(3), 0.1, np.full((*field.shape, 3), 99, np.uint8))
    report = assert_sound_report(finished(volume))
    if name == "a thousand floaters":
        assert report["partsRemoved"] > 800
        assert report["parts"] == 1
    if name == "all inside":
        assert any("border" in warning for warning in report["warnings"])
    if name == "one voxel":
        assert any("too few" in warning or "instead of" in warning for warning in report["warnings"])


OBJECTS = sorted((Path(__file__).parents[3] / "shared" / "data" / "val").glob("*.glb"))[::15]


@pytest.mark.skipif(not OBJECTS, reason="the folder ../shared/data/val is not there")
@pytest.mark.parametrize("path", OBJECTS, ids=lambda path: path.stem)
def test_objects_people_made(path: Path) -> None:
    """As the raw meshes they are and, every second one, as a field; bench/robustness.py takes them all."""
    surface = read(path)
    assert_sound(finished(surface, target_faces=5000))
    if OBJECTS.index(path) % 2:
        distance = signed(surface.vertices, surface.faces, 96)
        grey = np.full((*distance.field.shape, 3), 128, np.uint8)
        assert_sound(finished(Volume(distance.field, distance.origin, distance.spacing, grey), target_faces=2000))


def assert_sound_report(done: Finished) -> dict[str, Any]:
    assert_sound(done)
    return done.report


@pytest.mark.parametrize("name", NASTY_MESHES)
def test_nasty_meshes(name: str) -> None:
    vertices, faces = NASTY_MESHES[name]
    color = np.random.default_rng(0).integers(0, 256, (len(vertices), 3)).astype(np.uint8)
    report = assert_sound_report(finished(Surface(vertices, faces, color), target_faces=3000))
    if name == "a thousand floaters":
        assert report["partsRemoved"] > 700
        assert any("apart from the object" in warning for warning in report["warnings"])
    if name in ("inside out", "soup"):
        assert report["faces"] == report["facesExtracted"] == 12


@settings(max_examples=3, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_any_mesh_becomes_a_sound_asset(seed: int) -> None:
    rng = np.random.default_rng(seed)
    mesh: Triangles = joined(box(size=(1, 0.6, 0.4)), soup(sheet(4)), mesh_of(torus(12)))
    assert_sound(finished(Surface(*mangled(mesh, rng)), target_faces=2000))


def test_a_mesh_stays_closed_and_as_sharp_as_it_was_with_its_levels_and_its_colours() -> None:
    vertices, faces = box(size=(0.5, 1, 0.25))
    color = np.full((8, 3), (200, 40, 10), np.uint8)
    done = finished(Surface(vertices, faces, color), target_faces=100, lods=[0.8])
    assert_spotless(done.glb, but=LODS_NOTED)
    base = levels(done.glb)[0]
    assert len(base.faces) == 12
    assert base.volume == pytest.approx(0.125)
    scene = trimesh.load(io.BytesIO(done.glb), file_type="glb", process=False)
    texture = np.asarray(next(iter(scene.geometry.values())).visual.material.baseColorTexture.convert("RGB")).astype(
        int
    )
    assert np.abs(texture - (200, 40, 10)).max() < 8


def test_a_generator_may_return_a_mesh_with_a_picture() -> None:
    vertices, faces = mesh_of(ball(48))
    volume = volume_of(ball(48))
    grey = np.full((len(vertices), 3), 90, np.uint8)
    done = finished(Surface(vertices, faces, grey, camera=volume.camera, notes=("A note.",)))
    assert_sound(done)
    assert done.report["warnings"] == ["A note."]
    scene = trimesh.load(io.BytesIO(done.glb), file_type="glb", process=False)
    texture = np.asarray(next(iter(scene.geometry.values())).visual.material.baseColorTexture.convert("RGB")).astype(
        int
    )
    grey_share = (np.abs(texture - 90).max(axis=2) < 6).mean()
    assert 0.3 < grey_share < 0.8  # the far side and the margins; the picture is on the near one


def test_what_simplification_takes_away_is_said() -> None:
    x, y, z = np.meshgrid(*3 * [np.linspace(-1, 1, 64, dtype=np.float32)], indexing="ij")
    thin = np.maximum(np.abs(x) - 0.02, np.maximum(np.abs(z) - 0.02, np.abs(y - 0.5) - 0.4))
    field = np.minimum(np.sqrt(x**2 + (y + 0.4) ** 2 + z**2) - 0.5, thin)
    assert finished(volume_of(field), simplify_ratio=0.9).report["warnings"] == []
    report = finished(volume_of(field), target_faces=8).report
    assert any(warning.startswith("A thin part may be lost at this ratio") for warning in report["warnings"])
    assert report["deviation"] > 0.01


def test_what_clean_up_takes_away_is_said() -> None:
    warnings = finished(volume_of(_floaters())).report["warnings"]
    assert any(
        re.match(r"Removed \d+ small parts apart from the object, (\d+|0\.\d+) % of the surface", each)
        for each in warnings
    )


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_field_that_is_not_finite_is_refused(value: float) -> None:
    field = ball(16)
    field[1, 2, 3] = value
    with pytest.raises(GeneratorFailed, match="NaN or infinite") as caught:
        finished(volume_of(field))
    assert caught.value.hint


def test_an_empty_field_is_refused() -> None:
    with pytest.raises(GeneratorFailed, match="empty"):
        finished(volume_of(np.ones((8, 8, 8), np.float32)))


def test_the_picture_is_found_again_from_its_camera() -> None:
    """The asset, seen from where the picture was taken, against the picture, on what faces the camera."""
    frame = checkerboard(512)
    done = finished(volume_of(ball(64)), frame, texture_size=1024)
    scene = trimesh.load(io.BytesIO(done.glb), file_type="glb", process=False)
    (mesh,) = scene.geometry.values()
    texture = np.asarray(mesh.visual.material.baseColorTexture.convert("RGB")).astype(float)
    # the common frame is the volume's, shrunk to one metre and set on the ground
    scale = 1 / (mesh.extents.max())
    points, face = trimesh.sample.sample_surface(mesh, 40_000, seed=0)
    place = trimesh.triangles.points_to_barycentric(mesh.triangles[face], points)
    front = (mesh.vertex_normals[mesh.faces[face]] * place[..., None]).sum(axis=1)[:, 2] > 0.55
    uv = (mesh.visual.uv[mesh.faces[face]] * place[..., None]).sum(axis=1)[front]
    seen = _sampled(texture, uv[:, 0], 1 - uv[:, 1])
    x, y = points[front][:, 0] * scale * 1.4, (points[front][:, 1] - 0.5) * scale * 1.4
    shown = _sampled(frame.rgb.astype(float), (x + 1) / 2, (1 - y) / 2)
    assert -10 * np.log10(((seen - shown) ** 2).mean() / 255**2) > 30


def _sampled(image: np.ndarray, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    size = len(image)
    x, y = np.clip(u * size - 0.5, 0, size - 1.001), np.clip(v * size - 0.5, 0, size - 1.001)
    i, j = x.astype(int), y.astype(int)
    fx, fy = (x - i)[:, None], (y - j)[:, None]
    above = image[j, i] * (1 - fx) + image[j, i + 1] * fx
    below = image[j + 1, i] * (1 - fx) + image[j + 1, i + 1] * fx
    return above * (1 - fy) + below * fy


def test_extras_say_where_it_comes_from() -> None:
    glb = finished(volume_of(ball()), seed=5).glb
    document = json.loads(glb[20 : 20 + int.from_bytes(glb[12:16], "little")])
    extras = document["asset"]["extras"]
    assert extras["generator"] == {"name": "made", "version": "3"}
    assert extras["engine"]["name"] == "spherelinks"
    assert extras["options"]["simplifyRatio"] == 0.9
    assert extras["seed"] == 5
    assert extras["source"] == {"sha256": "00ff"}
    assert document["asset"]["generator"].startswith("SphereLinks ")


def test_the_report_is_for_the_api() -> None:
    volume = volume_of(ball())
    report = finished(volume).report
    assert all(name[0].islower() and "_" not in name for name in report)
    assert report["textureSize"] == 512
    assert set(report["timings"]) == {"surface", "clean", "simplify", "unwrap", "bake", "pack", "check", "thumbnail"}
    assert report["dimensions"]["unit"] == "m"
    assert max(report["dimensions"][side] for side in ("width", "height", "depth")) == 1
    noted = finished(Volume(volume.field, volume.origin, volume.spacing, volume.color, notes=("A note.",))).report
    assert noted["warnings"] == ["A note."]


def test_progress_rises_to_one_and_may_cancel() -> None:
    shares: list[float] = []
    options = Options(texture_size=512)
    finish(volume_of(ball()), FRAME, options, source={}, name="x", generator=MADE, progress=shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1

    def stop(share: float) -> None:
        raise Cancelled("stop")

    with pytest.raises(Cancelled):
        finish(volume_of(ball()), FRAME, options, source={}, name="x", generator=MADE, progress=stop)


def test_the_long_stages_can_be_left_in_their_midst() -> None:
    shares: list[float] = []

    def listen(share: float) -> None:
        shares.append(share)
        if len(shares) == stop_at:
            raise Cancelled("stop")

    def work() -> None:
        options = Options(texture_size=512, target_faces=200, lods=[0.5, 0.25])
        surface = Surface(*NASTY_MESHES["open cloth"])
        finish(surface, FRAME, options, source={}, name="x", generator=MADE, progress=listen)

    stop_at = -1
    work()
    assert shares == sorted(shares)
    assert sum(share < 0.12 for share in shares) >= 2  # while the surface is made
    assert sum(0.16 < share < 0.5 for share in shares) >= 1  # while it is simplified
    stop_at = 2
    shares.clear()
    with pytest.raises(Cancelled):
        work()
    assert len(shares) == 2


_AGAIN = """
import hashlib, sys
sys.path[:0] = [{tests!r}, {here!r}]
from shapes import torus, volume_of
import importlib.util
spec = importlib.util.spec_from_file_location("t", {file!r})
module = importlib.util.module_from_spec(spec); spec.loader.exec_module(module)
print(hashlib.sha256(module.finished(volume_of(torus(40))).glb).hexdigest())
"""


def test_same_input_same_bytes_in_any_thread_and_process() -> None:
    volume = volume_of(torus(40))
    expected = hashlib.sha256(finished(volume).glb).hexdigest()
    with ThreadPoolExecutor(4) as pool:
        found = {hashlib.sha256(done.glb).hexdigest() for done in pool.map(lambda _: finished(volume), range(6))}
    assert found == {expected}
    here = Path(__file__)
    script = _AGAIN.format(tests=str(here.parents[1]), here=str(here.parent), file=str(here))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == expected


def test_warm_up_can_be_called_again() -> None:
    warm_up()
    warm_up()


@pytest.mark.parametrize("extra", [{}, {"lods": [0.5]}, {"compression": "meshopt", "texture_format": "webp"}])
def test_detail_textures_ship_with_what_they_need_and_nothing_else(extra: dict[str, Any]) -> None:
    volume = volume_of(torus(48))
    options = {"normal_map": True, "occlusion": True, "delight": True} | extra
    done = finished(volume, **options)
    noted = LODS_NOTED if "lods" in extra else frozenset({"UNSUPPORTED_EXTENSION"} if extra else ())
    assert_spotless(done.glb, but=noted)
    assert finished(volume, **options).glb == done.glb
    assert done.report["textures"] == {"baseColor": 512, "normal": 512, "occlusion": 256}
    (length,) = struct.unpack_from("<I", done.glb, 12)
    document = json.loads(done.glb[20 : 20 + length])
    first, *lower = document["materials"]
    assert first["occlusionTexture"]["index"] == first["pbrMetallicRoughness"]["metallicRoughnessTexture"]["index"]
    assert first["pbrMetallicRoughness"]["metallicFactor"] == 0
    assert "normalTexture" in first
    assert "TANGENT" in document["meshes"][0]["primitives"][0]["attributes"]
    for material in lower:
        assert "metallicRoughnessTexture" not in material["pbrMetallicRoughness"]
        assert not {"normalTexture", "occlusionTexture"} & set(material)
    plain = finished(volume, **extra)
    assert b"TANGENT" not in plain.glb
    assert plain.report["textures"] == {"baseColor": 512}


def test_delight_without_a_camera_says_that_it_could_do_nothing() -> None:
    volume = volume_of(torus(32), camera=None)
    done = finished(volume, delight=True)
    assert any("camera" in warning for warning in done.report["warnings"])


def test_what_is_tiny_has_its_dimensions():
    corners = np.array([(0, 0, 0), (3, 1, 2)], np.float32)
    for size in (1e-7, 2e-4, 1, 700):
        told = extent(corners * np.float32(size))
        assert (told.width, told.height, told.depth) == pytest.approx((3 * size, size, 2 * size), rel=1e-3)
    assert str(extent(corners / np.float32(3)).depth) == "0.666667"
