"""The installed network: small claims that hold for any weights worth shipping."""

import cv2
import numpy as np
import pytest

pytest.importorskip("onnxruntime", reason="lift runs on ONNX Runtime")

from dataclasses import replace
from pathlib import Path

import spherelinks
from spherelinks.errors import GeneratorFailed
from spherelinks.generation.lift.files import FOLDER
from spherelinks.generation.lift.generator import Lift, LiftFlow
from spherelinks.gltf import read
from spherelinks.mesh.surface import extract
from spherelinks.options import Options
from spherelinks.shape import Frame


def _shaded_ball(radius: float = 0.85, size: int = 512) -> Frame:
    y, x = (np.mgrid[: 2 * size, : 2 * size] + 0.5) / size - 1
    square = radius**2 - x**2 - y**2
    normal = np.stack([x, -y, np.sqrt(np.maximum(square, 0))], -1) / radius
    light = np.array([0.3, 0.8, 0.5])
    shade = 0.35 + 0.6 * np.clip(normal @ (light / np.linalg.norm(light)), 0, 1)
    rgb = np.array([220, 90, 60]) * shade[..., None] ** (1 / 2.2)
    shrink = {"dsize": (size, size), "interpolation": cv2.INTER_AREA}
    matte = cv2.resize((square > 0).astype(np.float32), **shrink)
    return Frame(cv2.resize(rgb.astype(np.uint8), **shrink), matte)


@pytest.fixture(scope="module")
def lift() -> Lift:
    return Lift()


def test_a_ball_gets_a_round_body_with_depth(lift: Lift) -> None:
    volume = lift.generate(_shaded_ball(), Options(generator="lift"), lambda share: None)
    vertices, _, cut = extract(volume.field, volume.origin, volume.spacing)
    width, height, depth = np.ptp(vertices, axis=0)
    assert not cut
    assert 1.6 < width < 2.1  # 0.85 of the frame, a little more where it is widest: behind the depth of reference
    assert height == pytest.approx(width, rel=0.3)
    assert 0.5 * width < depth < 1.4 * width


def test_the_same_frame_gives_the_same_bytes(lift: Lift) -> None:
    frame = _shaded_ball()
    a, b = (lift.generate(frame, Options(), lambda share: None) for _ in range(2))
    assert a.field.tobytes() == b.field.tobytes()
    assert np.array_equal(a.color, b.color)
    assert a.origin.tobytes() == b.origin.tobytes()


def test_a_mirrored_picture_gives_the_mirrored_guess(lift: Lift) -> None:
    frame = _shaded_ball()
    mirrored = Frame(np.ascontiguousarray(frame.rgb[:, ::-1]), np.ascontiguousarray(frame.matte[:, ::-1]))
    a, b = (lift.guess(f, Options(), lambda share: None) for f in (frame, mirrored))
    np.testing.assert_allclose(a.front, b.front[:, ::-1], atol=1e-3)
    np.testing.assert_allclose(a.thickness, b.thickness[:, ::-1], atol=1e-3)
    assert a.elevation == pytest.approx(b.elevation, abs=0.05)
    assert 0 < a.disagreement == pytest.approx(b.disagreement, abs=1e-3)


def test_a_vessel_keeps_its_walls_where_a_picture_from_the_side_looks_into_it() -> None:
    samples = Path(__file__).parents[4] / "docs" / "samples"
    mug = spherelinks.generate(samples / "mug.jpg", left=samples / "sides" / "mug_left.jpg", texture_size=512)
    assert mug.report["parts"] == 1
    positions = read.own(mug.glb).mesh.positions
    height = (positions[:, 1] - positions[:, 1].min()) / np.ptp(positions[:, 1])
    foot = positions[height < 0.2]
    away = (positions - (foot.min(0) + foot.max(0)) / 2)[(height > 0.3) & (height < 0.8)]
    stretch = (np.degrees(np.arctan2(away[:, 2], away[:, 0])) % 360 // 15).astype(int)
    reach = np.zeros(24)
    np.maximum.at(reach, stretch, np.hypot(away[:, 0], away[:, 2]) / np.ptp(positions[:, 2]))
    assert reach.min() > 0.35  # all the way round


def test_it_doubts_a_shape_of_which_the_mirror_image_says_otherwise(lift: Lift, monkeypatch) -> None:
    guess = lift.guess(_shaded_ball(), Options(), lambda share: None)
    for disagreement, levels in ((0.03, []), (0.05, ["medium"]), (0.07, ["low"])):
        said = replace(guess, disagreement=disagreement)
        monkeypatch.setattr(lift, "guess", lambda *_, said=said: said)
        doubts = lift.generate(_shaded_ball(), Options(), lambda share: None).doubts
        assert [(doubt.code, doubt.level) for doubt in doubts] == [("shape_unsure", level) for level in levels]


@pytest.fixture(scope="module")
def flow() -> LiftFlow:
    return LiftFlow()


def test_seeds_differ_behind_and_agree_in_front(lift: Lift, flow: LiftFlow) -> None:
    frame = _shaded_ball()
    known = lift.guess(frame, Options(), lambda share: None)
    one, other, again = (
        flow.guess(frame, Options(seed=seed, diffusion_steps=4), lambda share: None) for seed in (1, 2, 1)
    )
    for guess in (one, other):
        np.testing.assert_array_equal(guess.front, known.front)
        assert (guess.elevation, guess.tangent) == (known.elevation, known.tangent)
        assert (guess.thickness >= 0).all()
    assert np.abs(one.thickness - other.thickness).max() > 0.01
    assert np.abs(one.back - other.back).max() > 0.01
    for field in ("thickness", "profile", "back"):
        assert getattr(one, field).tobytes() == getattr(again, field).tobytes()


def test_every_step_is_taken_and_told(flow: LiftFlow) -> None:
    frame, told = _shaded_ball(), list[float]()
    few = flow.generate(frame, Options(diffusion_steps=1), lambda share: None)
    many = flow.generate(frame, Options(diffusion_steps=7), told.append)
    assert few.field.shape != many.field.shape or few.field.tobytes() != many.field.tobytes()
    assert len(told) == 8
    assert told == sorted(told)
    assert told[-1] == 1
    assert not many.notes


def test_its_files_are_small(lift: Lift) -> None:
    files = [*FOLDER.glob("*.onnx"), *FOLDER.glob("*.safetensors")]
    assert sum(file.stat().st_size for file in files) < 30_000_000


def test_missing_weights_are_named(tmp_path: Path) -> None:
    with pytest.raises(GeneratorFailed, match=r"lift\.onnx"):
        Lift(tmp_path)
