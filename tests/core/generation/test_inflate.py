import hashlib

import cv2
import numpy as np
import pytest

from spherelinks.errors import GeneratorFailed
from spherelinks.generation.cards import INFLATE
from spherelinks.generation.inflate import SAMPLES, THICKNESS, Inflate
from spherelinks.generation.registry import available, load
from spherelinks.mesh.surface import extract
from spherelinks.mesh.topology import examine
from spherelinks.options import Options
from spherelinks.shape import Frame, Volume
from spherelinks.texture.projection import project


def _matte(name: str, size: int = 512) -> np.ndarray:
    """Anti-aliased silhouettes over a frame; y grows downwards."""
    y, x = (np.mgrid[: 4 * size, : 4 * size] + 0.5) / (4 * size) - 0.5
    solid = {
        "disc": x**2 + y**2 < 0.4**2,
        "band": (np.abs(x) < 0.05) & (np.abs(y) < 0.45),
        "ring": (x**2 + y**2 < 0.45**2) & (x**2 + y**2 > 0.25**2),
        "flag": (np.abs(x + 0.3) < 0.03) & (np.abs(y) < 0.45) | (np.abs(x) < 0.32) & (np.abs(y + 0.3) < 0.15),
        "hair": (np.abs(x) < 0.004) & (np.abs(y) < 0.45),
        "all": np.ones_like(x, bool),
    }[name]
    return cv2.resize(solid.astype(np.float32), (size, size), interpolation=cv2.INTER_AREA)


def _frame(name: str, size: int = 512) -> Frame:
    y, x = np.mgrid[:size, :size] / size
    rgb = np.stack([255 * x, 255 * y, np.full_like(x, 128)], axis=-1).astype(np.uint8)
    return Frame(rgb, _matte(name, size))


def _made(frame: Frame) -> Volume:
    return Inflate().generate(frame, Options(), lambda share: None)


def _surface(volume: Volume) -> tuple[np.ndarray, np.ndarray]:
    vertices, faces, cut = extract(volume.field, volume.origin, volume.spacing)
    assert not cut
    return vertices, faces


def test_is_found_by_name() -> None:
    assert "inflate" in available()
    assert isinstance(load("inflate"), Inflate)


def test_a_disc_becomes_a_ball() -> None:
    vertices, faces = _surface(_made(_frame("disc")))
    radius = np.linalg.norm(vertices / (1, 1, THICKNESS), axis=1)
    assert radius.mean() == pytest.approx(0.4, rel=0.03)
    assert radius.std() < 0.02
    assert examine(vertices, faces).genus == 0


def test_a_band_becomes_a_pipe() -> None:
    """As round as the disc, though the same equation makes a band's height, for its width, half as large again."""
    vertices, _ = _surface(_made(_frame("band")))
    middle = vertices[np.abs(vertices[:, 1]) < 0.2]
    assert np.hypot(middle[:, 0], middle[:, 2] / THICKNESS).mean() == pytest.approx(0.05, rel=0.1)


@pytest.mark.parametrize("name", ["disc", "band", "ring", "flag"])
def test_the_outline_is_the_matte_s_to_a_fraction_of_a_cell(name: str) -> None:
    frame = _frame(name)
    volume = _made(frame)
    vertices, _ = _surface(volume)
    assert volume.camera is not None
    seen = project(vertices, volume.camera, len(frame.matte))
    cell = volume.spacing * len(frame.matte)
    outside = cv2.distanceTransform((frame.matte < 0.5).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    column, row = seen[:, 0].astype(int), seen[:, 1].astype(int)
    assert outside[row, column].max() < 0.6 * cell + 1
    for axis, span in ((0, frame.matte.max(axis=0)), (1, frame.matte.max(axis=1))):
        edges = np.flatnonzero(span > 0.5)
        assert seen[:, axis].min() == pytest.approx(edges[0], abs=0.6 * cell + 1)
        assert seen[:, axis].max() == pytest.approx(edges[-1] + 1, abs=0.6 * cell + 1)


@pytest.mark.parametrize("name", ["disc", "band", "ring", "flag", "all"])
def test_front_and_back_are_alike_and_the_field_is_a_distance(name: str) -> None:
    volume = _made(_frame(name))
    assert np.array_equal(volume.field, volume.field[:, :, ::-1])
    assert np.isfinite(volume.field).all()
    near = np.abs(volume.field) < volume.spacing
    slope = np.sqrt(sum(np.square(g) for g in np.gradient(volume.field, volume.spacing)))
    assert np.median(slope[near]) == pytest.approx(1, abs=0.25)
    assert volume.field.size < 3 * SAMPLES


def test_a_ring_keeps_its_hole() -> None:
    assert examine(*_surface(_made(_frame("ring")))).genus == 1


def test_upright_and_facing_the_viewer() -> None:
    """The flag hangs at the top left of the picture; red grows to its right and green downwards."""
    frame = _frame("flag")
    volume = _made(frame)
    vertices, _ = _surface(volume)
    cloth = vertices[vertices[:, 1] > 0.1]
    assert cloth[:, 0].max() > 0.25
    assert vertices[vertices[:, 1] < 0][:, 0].max() < -0.2
    assert volume.camera is not None
    assert volume.camera.eye.tolist() == [0, 0, 1, 0]
    x, y, z = (int(i) for i in np.round((np.array((0.2, 0.3, 0.05)) - volume.origin) / volume.spacing))
    assert np.abs(np.asarray(volume.color)[x, y, z].astype(int) - (255 * 0.7, 255 * 0.2, 128)).max() < 6


def test_the_far_side_shows_the_outline_s_colours_and_no_face() -> None:
    frame = _frame("disc")
    rgb = np.full_like(frame.rgb, 200)
    rgb[200:312, 200:312] = (0, 0, 0)  # a mark in the middle of the front
    volume = _made(Frame(rgb, frame.matte))
    middle = tuple(n // 2 for n in volume.field.shape[:2])
    assert np.asarray(volume.color)[(*middle, -1)].max() < 30
    assert np.asarray(volume.color)[(*middle, 0)].min() > 170


def test_the_ground_does_not_bleed_in() -> None:
    frame = _frame("disc")
    rgb = np.full_like(frame.rgb, (0, 255, 0))
    rgb[frame.matte > 0.5] = (200, 60, 60)
    volume = _made(Frame(rgb, frame.matte))
    assert np.asarray(volume.color)[..., 1].max() < 70


def test_same_frame_same_volume() -> None:
    digests = {
        hashlib.sha256(v.field.tobytes() + np.asarray(v.color).tobytes()).hexdigest()
        for v in (_made(_frame("flag")) for _ in range(2))
    }
    assert len(digests) == 1


@pytest.mark.parametrize("size", [8, 64, 1024])
def test_frames_of_any_size(size: int) -> None:
    vertices, faces = _surface(_made(_frame("disc", size)))
    assert examine(vertices, faces).manifold
    assert np.ptp(vertices[:, 0]) == pytest.approx(0.8, rel=0.25 if size < 64 else 0.05)


@pytest.mark.parametrize("name", ["hair", "all"])
def test_extreme_outlines_give_a_closed_body(name: str) -> None:
    assert examine(*_surface(_made(_frame(name)))).manifold


def test_one_pixel_gives_a_closed_body() -> None:
    frame = _frame("disc", 64)
    matte = np.zeros_like(frame.matte)
    matte[30, 30] = 1
    assert examine(*_surface(_made(Frame(frame.rgb, matte)))).manifold


@pytest.mark.parametrize("level", [0.0, 0.3])
def test_an_empty_matte_is_refused(level: float) -> None:
    frame = _frame("disc", 64)
    with pytest.raises(GeneratorFailed, match="empty"):
        _made(Frame(frame.rgb, np.full_like(frame.matte, level)))


def test_progress_rises_to_one() -> None:
    shares: list[float] = []
    Inflate().generate(_frame("disc", 64), Options(), shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1


def test_what_it_does_not_heed_changes_nothing():
    frame = _frame("flag", 128)
    shapes = [Inflate().generate(frame, options, lambda share: None) for options in (Options(), Options(seed=7))]
    assert INFLATE.heeds == ()
    np.testing.assert_array_equal(shapes[0].field, shapes[1].field)
