import numpy as np
import pytest
from guesses import TANGENT, box_seen

from spherelinks.errors import GeneratorFailed
from spherelinks.generation.lift.assembly import MARGIN, Guess, assemble, camera
from spherelinks.generation.lift.layout import BINS
from spherelinks.mesh.surface import extract
from spherelinks.mesh.topology import examine
from spherelinks.shape import Frame, Volume
from spherelinks.texture.projection import project


def _mesh(volume: Volume) -> tuple[np.ndarray, np.ndarray]:
    vertices, faces, cut = extract(volume.field, volume.origin, volume.spacing)
    assert not cut
    return vertices, faces


@pytest.mark.parametrize("elevation", [0, 20, 40])
@pytest.mark.parametrize("half", [(0.5, 0.3, 0.2), (0.3, 0.6, 0.3), (0.6, 0.1, 0.4)])
def test_a_box_stands_upright_at_its_size_whatever_the_camera(
    half: tuple[float, float, float], elevation: float
) -> None:
    guess, frame = box_seen(half, elevation)
    vertices, faces = _mesh(assemble(guess, frame))
    # a pixel of the network's maps is 1/32 wide; what it says of a grazed side is that uncertain
    np.testing.assert_allclose(vertices.max(0), half, atol=0.06)
    np.testing.assert_allclose(vertices.min(0), -np.array(half), atol=0.06)
    assert examine(vertices, faces).closed


def test_the_camera_sees_the_shape_inside_the_matte() -> None:
    guess, frame = box_seen((0.4, 0.3, 0.5), 25)
    volume = assemble(guess, frame)
    assert volume.camera is not None
    seen = project(_mesh(volume)[0], volume.camera, 512)
    columns, rows = seen[:, 0].astype(int), seen[:, 1].astype(int)
    assert frame.matte[rows, columns].mean() > 0.93
    filled = np.flatnonzero(frame.matte.any(0))
    assert columns.min() == pytest.approx(filled[0], abs=6)
    assert columns.max() == pytest.approx(filled[-1], abs=6)


def test_the_camera_grows_deeper_away_from_its_eye() -> None:
    view = camera(30, TANGENT)
    eye = view.eye[:3]
    assert view.eye[3] == 1
    assert np.degrees(np.arctan2(eye[1], eye[2])) == pytest.approx(30)
    along = np.linspace(0.2, 1.8, 9)[:, None] * eye  # past the origin towards the eye
    depth = project(along[::-1] - eye, view, 1)[:, 2]
    assert (np.diff(depth) > 0).all() or (np.diff(depth) < 0).all()
    np.testing.assert_allclose(project(np.zeros((1, 3)), view, 512)[0, :2], 256)


def test_gaps_of_the_profile_stay_open_between_two_skins() -> None:
    guess, frame = box_seen((0.5, 0.4, 0.4), 0)
    hollow = np.where((np.arange(BINS) > 2) & (np.arange(BINS) < 13), -5, guess.profile).astype(np.float32)
    volume = assemble(Guess(guess.front, guess.thickness, hollow, guess.back, 0, TANGENT), frame)
    solid = assemble(guess, frame)
    assert (volume.field < 0).sum() < 0.6 * (solid.field < 0).sum()
    middle = tuple(n // 2 for n in volume.field.shape)
    assert volume.field[middle] > 0 > solid.field[middle]
    np.testing.assert_allclose(_mesh(volume)[0].max(0), _mesh(solid)[0].max(0), atol=0.03)


@pytest.mark.parametrize("half", [(0.02, 0.6, 0.02), (0.6, 0.02, 0.3)])
def test_what_is_slender_in_the_picture_stays_whole(half: tuple[float, float, float]) -> None:
    guess, frame = box_seen(half, 0)
    vertices, faces = _mesh(assemble(guess, frame))
    assert examine(vertices, faces).parts == 1
    long = int(np.argmax(half))
    assert np.ptp(vertices[:, long]) == pytest.approx(2 * half[long], abs=0.08)


def test_thin_things_keep_a_body() -> None:
    guess, frame = box_seen((0.6, 0.6, 0.002), 10)
    vertices, faces = _mesh(assemble(guess, frame))
    assert examine(vertices, faces).parts == 1
    assert np.ptp(vertices[:, 0]) == pytest.approx(1.2, abs=0.08)


def test_the_picture_colours_the_front_and_the_guess_the_back() -> None:
    guess, frame = box_seen((0.4, 0.4, 0.4), 0)
    volume = assemble(guess, frame)
    color = np.asarray(volume.color)
    x, y = color.shape[0] // 2, color.shape[1] // 2
    np.testing.assert_allclose(color[x, y, -1 - MARGIN], (200, 40, 40), atol=2)
    np.testing.assert_allclose(color[x, y, MARGIN], (25, 51, 230), atol=2)


def test_the_same_guess_gives_the_same_bytes() -> None:
    guess, frame = box_seen((0.4, 0.3, 0.5), 15)
    a, b = assemble(guess, frame), assemble(guess, frame)
    assert a.field.tobytes() == b.field.tobytes()
    assert np.asarray(a.color).tobytes() == np.asarray(b.color).tobytes()


def test_refuses_what_holds_no_shape() -> None:
    guess, frame = box_seen((0.4, 0.3, 0.5), 15)
    with pytest.raises(GeneratorFailed, match="too thin or too small"):
        assemble(guess, Frame(frame.rgb, np.zeros_like(frame.matte)))
    broken = Guess(guess.front * np.float32(np.nan), guess.thickness, guess.profile, guess.back, 0, TANGENT)
    with pytest.raises(GeneratorFailed, match="not finite"):
        assemble(broken, frame)
