"""The library's front door: every kind of picture in, the same kind of asset out."""

import hashlib
import io
import re

import numpy as np
import plugins
import pytest
import trimesh
from gltf_validator import assert_spotless
from meshes import box, joined
from PIL import Image
from shapes import mesh_of, torus

import spherelinks
from spherelinks import Options
from spherelinks.errors import Cancelled, GeneratorFailed, InvalidOption, InvalidRequest, NoObject, PictureUnreadable
from spherelinks.formats import writing
from spherelinks.generation import registry
from spherelinks.pipeline import STAGES, generate

SMALL = Options(texture_size=512)


@pytest.fixture(scope="module")
def array():
    """An egg-shaped RGBA picture, taller than wide."""
    y, x = np.mgrid[-1:1:240j, -1:1:200j]
    inside = (x / 0.6) ** 2 + (y / 0.85) ** 2 < 1
    rgba = np.zeros((240, 200, 4), np.uint8)
    rgba[..., 0], rgba[..., 1], rgba[..., 3] = 200, (120 + 100 * y).clip(0, 255), 255 * inside
    return rgba


@pytest.fixture(scope="module")
def asset(array):
    return generate(array, SMALL)


def png(array):
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, "PNG")
    return buffer.getvalue()


def test_every_kind_of_picture_gives_the_same_shape(array, asset, tmp_path):
    path = tmp_path / "egg.png"
    path.write_bytes(png(array))
    for picture in (path, str(path), png(array), Image.fromarray(array)):
        other = generate(picture, SMALL, name="asset")
        assert other.report["faces"] == asset.report["faces"]
    assert generate(path, SMALL, name="asset").glb == generate(png(array), SMALL).glb


def test_the_asset_has_the_name_asked_for_else_the_files(array, tmp_path):
    path = tmp_path / "car_wheel.png"
    path.write_bytes(png(array))
    named = generate(path, SMALL)
    assert named.name == "car_wheel_asset"
    assert b'"car_wheel_asset_LOD0"' in named.glb
    assert generate(png(array), SMALL, name="car_wheel").glb == named.glb
    assert generate(path, {"name": "blue mug", "textureSize": 512}).name == "blue mug"


def test_same_request_same_bytes_and_another_seed_is_recorded(array, asset):
    assert generate(array, SMALL).glb == asset.glb
    assert generate(array, Options(texture_size=512, seed=1)).glb != asset.glb


def test_the_asset_stands_in_the_common_frame(asset):
    mesh = trimesh.load(io.BytesIO(asset.glb), file_type="glb", force="mesh")
    low, high = mesh.bounds
    assert np.isclose((high - low).max(), 1, atol=1e-4)
    assert np.isclose(low[1], 0, atol=1e-5)
    assert np.allclose((low + high)[[0, 2]] / 2, 0, atol=1e-4)
    assert np.argmax(high - low) == 1  # the egg stands


def test_a_mask_decides_what_the_object_is(array, asset, tmp_path):
    noise = np.random.default_rng(5).integers(0, 255, array.shape, np.uint8)  # nothing to be found in it
    mask = tmp_path / "mask.png"
    Image.fromarray(array[..., 3]).save(mask)
    made = generate(noise, SMALL, mask=mask)
    assert any("mask" in warning for warning in made.report["warnings"])
    assert abs(made.report["dimensions"]["width"] - asset.report["dimensions"]["width"]) < 0.05
    assert generate(noise, SMALL, mask=array[..., 3]).thumbnail == made.thumbnail
    assert hashlib.sha256(mask.read_bytes()).hexdigest().encode() in made.glb
    with pytest.raises(InvalidRequest, match="mask is a dict"):
        generate(array, SMALL, mask={})


def test_further_pictures_colour_the_sides_that_they_show(array, asset):
    blue = array.copy()
    blue[..., :3] = (30, 60, 200)
    made = generate(array, SMALL, back=blue, right=png(blue))
    assert b"backSha256" in made.glb
    assert hashlib.sha256(png(blue)).hexdigest().encode() in made.glb
    shares = []
    for each in (made, asset):
        texture = trimesh.load(io.BytesIO(each.glb), file_type="glb", force="mesh").visual.material.baseColorTexture
        red, _, blueness = np.moveaxis(np.asarray(texture.convert("RGB")).astype(int), -1, 0)
        shares.append((blueness > red + 60).mean())
    assert shares[0] > 0.2
    assert shares[1] < 0.01


def test_a_further_picture_is_spoken_of_by_its_name(array):
    made = generate(array, SMALL, generator="inflate", back=array, left=array)
    assert "inflate uses one picture: back and left had no effect." in made.report["warnings"]
    assert made.thumbnail == generate(array, SMALL, generator="inflate").thumbnail
    with pytest.raises(PictureUnreadable, match="left") as refused:
        generate(array, SMALL, left=b"no picture")
    assert refused.value.field == "left"
    with pytest.raises(NoObject, match="right"):
        generate(array, SMALL, right=np.zeros((64, 64, 4), np.uint8))
    twice = generate(array, SMALL, back=array).report
    assert "back: It is the same picture as front." in twice.warnings
    assert "view_unsure" in [reason.code for reason in twice.confidence.reasons]
    small = generate(array, SMALL, back=np.ascontiguousarray(array[::4, ::-4])).report
    assert any(re.match(r"back: The object has only \d+ × \d+ pixels", warning) for warning in small.warnings)
    cut_off = generate(array, SMALL, back=array[:180]).report
    assert "cut_off" in [reason.code for reason in cut_off.confidence.reasons]
    assert any(warning.startswith("back: The object touches the picture's border") for warning in cut_off.warnings)
    with pytest.raises(InvalidRequest, match="back is a dict"):
        generate(array, SMALL, back={})


def test_progress_names_the_stages_in_order_and_never_falls(array):
    calls = []
    generate(array, SMALL, lambda stage, done: calls.append((stage, done)))
    stages = list(dict.fromkeys(stage for stage, _ in calls))
    shares = [done for _, done in calls]
    assert stages == list(STAGES)
    assert shares == sorted(shares)
    assert shares[0] == 0
    assert shares[-1] == pytest.approx(1)


BROKEN = """
from spherelinks.errors import GeneratorFailed
from spherelinks.generation.card import Card

class Broken:
    def generate(self, frame, options, progress):
        progress(0.9)
        raise GeneratorFailed("no shape came out.")

ALONE = Card("alone", "1", "broken_generators:Broken")
BACKED = Card("backed", "1", "broken_generators:Broken", fallback="inflate")
ABSENT = Card("absent", "1", "broken_generators:Missing", fallback="inflate")
"""


@pytest.fixture
def broken(tmp_path, monkeypatch):
    """An installed package of generators that do not work; some name a stand-in."""
    points = {name: f"broken_generators:{name.upper()}" for name in ("alone", "backed", "absent")}
    plugins.install(tmp_path, monkeypatch, "broken_generators", BROKEN, points)


def test_a_stand_in_is_used_and_reported(array, broken):
    seen = []
    report = generate(array, Options(texture_size=512, generator="backed"), lambda _, done: seen.append(done)).report
    assert report["generator"]["name"] == "inflate"
    assert report["warnings"][0] == "backed failed and inflate was used instead: no shape came out."
    assert seen == sorted(seen)


def test_a_stand_in_is_used_for_a_generator_that_does_not_load(array, broken):
    report = generate(array, texture_size=512, generator="absent").report
    assert report["generator"]["name"] == "inflate"
    assert "Missing" in report["warnings"][0]


def test_without_a_stand_in_the_failure_is_the_callers(array, broken):
    with pytest.raises(GeneratorFailed, match="no shape"):
        generate(array, Options(texture_size=512, generator="alone"))


@pytest.fixture
def tuned(tmp_path, monkeypatch):
    plugins.tuned(tmp_path, monkeypatch)


def test_a_generator_gets_its_own_options_by_either_name(array, tuned):
    for own in ({"ball_size": 0.7}, {"ballSize": 0.7}):
        asset = generate(array, {"generator": "tuned", "texture_size": 512, **own}, finish="glossy")
        assert asset.report["warnings"] == ["A ball of 0.7, glossy."]
        assert b'"ballSize":0.7' in asset.glb.replace(b" ", b"")
    model = registry.card("tuned").options(generator="tuned", texture_size=512, ball_size=0.6)
    assert generate(array, model).report["warnings"] == ["A ball of 0.6, matt."]
    default = generate(array, Options(texture_size=512, generator="tuned"))
    assert default.report["warnings"] == ["A ball of 0.5, matt."]


def test_an_option_of_another_generator_and_a_wrong_value_are_refused_in_pythons_words(array, tuned):
    with pytest.raises(InvalidOption, match="'ball_size' is not an option"):
        generate(array, ball_size=0.7)
    with pytest.raises(InvalidOption, match=r"ball_size is 7\.5") as caught:
        generate(array, generator="tuned", ball_size=7.5)
    assert "from 0.1 to 0.9" in caught.value.hint
    assert caught.value.field == "ball_size"


def test_a_stand_in_gets_its_own_options_at_their_defaults_and_the_shared_ones_as_asked(array, tuned):
    report = generate(array, texture_size=512, generator="plain", target_faces=300).report
    assert report["generator"] == {"name": "tuned", "version": "3"}
    assert report["warnings"] == ["plain failed and tuned was used instead: plain fails.", "A ball of 0.5, matt."]
    report = generate(array, texture_size=512, generator="tuned", strict=True).report
    assert report["generator"]["name"] == "inflate"


def test_raising_in_progress_stops_the_work(array):
    seen = []

    def stop(stage, done):
        seen.append(stage)
        if stage == "frame":
            raise Cancelled("The user pressed stop.")

    with pytest.raises(Cancelled):
        generate(array, SMALL, stop)
    assert "generator" not in seen


def test_the_report_tells_what_was_made(asset):
    report = asset.report
    assert report["bytes"] == len(asset.glb)
    assert report["textureSize"] == 512
    assert report["watertight"] is True
    assert set(report["timings"]) == set(STAGES)
    assert not any("diffusionSteps" in warning for warning in report["warnings"]), "nobody asked for steps"


@pytest.mark.parametrize("generator", ["lift", "inflate"])
def test_what_was_asked_for_in_vain_is_said_once(array, generator):
    report = generate(array, texture_size=512, generator=generator, diffusion_steps=20).report
    assert sum("diffusion" in warning for warning in report["warnings"]) == 1
    assert any("diffusionSteps" in warning and "20" in warning for warning in report["warnings"])
    assert not any("seed" in warning for warning in report["warnings"])
    report = generate(array, texture_size=512, generator="lift-flow", diffusion_steps=2, seed=3).report
    assert not any("diffusionSteps" in warning or "seed" in warning for warning in report["warnings"])


def test_an_object_cut_by_the_border_is_said(array):
    cut = array[:, 100:]
    assert any("border" in warning for warning in generate(cut, SMALL).report["warnings"])


def test_bad_pictures_are_refused_with_the_reason(tmp_path):
    with pytest.raises(PictureUnreadable, match=r"missing\.png"):
        generate(tmp_path / "missing.png")
    with pytest.raises(InvalidRequest, match="float64"):
        generate(np.zeros((8, 8, 3)))
    with pytest.raises(InvalidRequest, match="int"):
        generate(3)
    with pytest.raises(NoObject):
        generate(np.full((64, 64, 3), 255, np.uint8))
    with pytest.raises(InvalidOption, match="nope"):
        generate(np.zeros((8, 8, 3), np.uint8), Options(generator="nope"))


def test_save_is_whole_or_not_at_all(asset, tmp_path):
    path = asset.save(tmp_path / "a.glb")
    assert path.read_bytes() == asset.glb
    assert [p.name for p in tmp_path.iterdir()] == ["a.glb"]
    with pytest.raises(OSError, match="missing"):
        asset.save(tmp_path / "missing" / "a.glb")


def test_the_thumbnail_shows_the_asset_on_clear_ground(asset):
    image = Image.open(io.BytesIO(asset.thumbnail))
    assert (image.format, image.size, image.mode) == ("PNG", (512, 512), "RGBA")
    assert 0.1 < (np.asarray(image)[..., 3] == 255).mean() < 0.9


def test_save_makes_the_file_that_the_ending_asks_for(asset, tmp_path):
    assert asset.save(tmp_path / "a.usdz").read_bytes() == writing.convert(asset.glb, "usdz")
    with pytest.raises(InvalidRequest, match="fbx"):
        asset.save(tmp_path / "a.fbx")
    assert [path.name for path in tmp_path.iterdir()] == ["a.usdz"]


def test_the_public_names_are_these():
    functions = {"generators", "convert", "finish", "generate", "warm_up"}
    nouns = {"Asset", "Dimensions", "Options", "Report", "Surface", "__version__"}
    errors = {"Cancelled", "GenerationError", "GeneratorFailed", "InvalidOption", "InvalidRequest", "NoObject"}
    errors |= {
        "MeshUnreadable",
        "PictureError",
        "PictureMismatch",
        "PictureTooLarge",
        "PictureUnreadable",
        "SphereLinksError",
    }
    assert set(spherelinks.__all__) == functions | nouns | errors
    assert all(hasattr(spherelinks, name) for name in spherelinks.__all__)
    with pytest.raises(AttributeError):
        spherelinks.nothing  # noqa: B018


def test_finish_takes_files_arrays_and_surfaces(tmp_path):
    vertices, faces = joined(box(), box((3, 0, 0)))
    path = tmp_path / "pair.stl"
    path.write_bytes(trimesh.Trimesh(vertices, faces, process=False).export(file_type="stl"))
    seen = []
    asset = spherelinks.finish(path, Options(texture_size=512), lambda *at: seen.append(at), unit="m")
    assert_spotless(asset.glb)
    assert (asset.report["faces"], asset.report["parts"], asset.report["warnings"]) == (24, 2, [])
    assert asset.report["generator"] == {"name": "mesh", "version": "1"}
    assert b'"pair"' in asset.glb
    assert set(asset.report["timings"]) == {"read", "finishing"}
    assert [share for _, share in seen] == sorted(share for _, share in seen)
    assert seen[-1] == ("finishing", 1.0)
    again = spherelinks.finish((vertices, faces), Options(texture_size=512), name="pair")
    assert again.report["dimensions"] == asset.report["dimensions"]
    assert (
        spherelinks.finish(spherelinks.Surface(vertices, faces), Options(texture_size=512), name="pair").glb
        == again.glb
    )


def _exported(vertices, faces, suffix):
    data = trimesh.Trimesh(vertices, faces, process=False).export(file_type=suffix[1:])
    return data.encode() if isinstance(data, str) else data


def test_finish_keeps_the_size_of_a_mesh_unless_asked(tmp_path):
    vertices, faces = mesh_of(torus(48))
    vertices = vertices * np.float32(2.5 / np.ptp(vertices, axis=0).max())
    sides = np.ptp(vertices, axis=0)
    spare = np.array([[90, 90, 90]], np.float32)  # no face's
    for given in (vertices, np.concatenate([vertices, spare])):
        size = spherelinks.finish((given, faces), texture_size=512).report.dimensions
        assert (size.width, size.height, size.depth) == pytest.approx(tuple(sides), rel=0.01)
    for suffix, metres in ((".stl", 0.0025), (".obj", 2.5)):
        path = tmp_path / f"ring{suffix}"
        path.write_bytes(_exported(vertices, faces, suffix))
        size = spherelinks.finish(path, texture_size=512).report.dimensions
        assert max(size.width, size.height, size.depth) == pytest.approx(metres, rel=0.01)
    asked = spherelinks.finish((vertices, faces), texture_size=512, dimensions={"longest": 40, "unit": "cm"})
    assert max(asked.report.dimensions.width, asked.report.dimensions.depth) == pytest.approx(0.4, abs=1e-5)


@pytest.mark.parametrize("kept", [{}, {"keep_mesh": True}, {"keep_uv": True}])
@pytest.mark.parametrize(
    ("faces", "columns", "said"),
    [
        ([[0, 1, 2, 3]], 3, r"\(8, 3\) and \(1, 4\) are not vertices"),
        ([[0, 1, 2]], 2, r"\(8, 2\) and \(1, 3\) are not vertices"),
        ([[0, 1, 2], [0, 1]], 3, "whole numbers for faces"),
        ([[0.5, 1, 2]], 3, "whole numbers for faces"),
        ([["a", "b", "c"]], 3, "whole numbers for faces"),
        ([[-1, 1, 2]], 3, "vertices -1 to 2, but there are 8"),
        ([[0, 1, 1 << 40]], 3, "vertices 0 to 1099511627776, but there are 8"),
    ],
)
def test_arrays_that_are_no_mesh_are_refused(faces, columns, said, kept):
    with pytest.raises(InvalidRequest, match=said) as caught:
        spherelinks.finish((np.eye(8, columns), faces), **kept)
    assert caught.value.field == "mesh"


def test_finish_keeps_the_size_of_what_is_left():
    """A speck far off, which is removed, had made the mesh's box four times as long."""
    report = spherelinks.finish(joined(box(size=(2, 1, 1)), box((8, 0, 0), (0.01,) * 3)), texture_size=512).report
    assert report.parts_removed == 1
    assert (report.dimensions.width, report.dimensions.height) == pytest.approx((2, 1), rel=1e-4)


def test_finish_brings_a_mesh_to_twenty_thousand_faces_unless_told():
    mesh = mesh_of(torus(110))
    assert len(mesh[1]) > 25_000
    assert spherelinks.finish(mesh, Options(texture_size=512)).report["faces"] == pytest.approx(20_000, rel=0.02)
    report = spherelinks.finish(mesh, Options(texture_size=512, simplify_ratio=0.95)).report
    assert report["faces"] == pytest.approx(0.05 * len(mesh[1]), rel=0.02)


@pytest.mark.parametrize("mesh", ["none.glb", 7, (np.full((3, 3), np.nan), [[0, 1, 2]]), (np.zeros((0, 3)), [])])
def test_finish_says_what_is_wrong_with_a_mesh(mesh):
    with pytest.raises(InvalidRequest) as caught:
        spherelinks.finish(mesh)
    assert caught.value.field == "mesh"
    assert caught.value.hint
