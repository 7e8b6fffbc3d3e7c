import numpy as np
import pytest

from spherelinks.generation.lift.layout import (
    CHANNELS,
    ELEVATIONS,
    KNOWN,
    balloon,
    centres,
    channels,
    expected,
    mirrored,
)


def _disc(side: int, radius: float) -> np.ndarray:
    y, x = (np.mgrid[:side, :side] + 0.5) / side * 2 - 1
    return (x**2 + y**2 < radius**2).astype(np.float32)


@pytest.mark.parametrize("side", [64, 128])
def test_a_balloon_of_a_disc_is_a_ball(side: int) -> None:
    high = balloon(_disc(side, 0.7))
    assert high.max() == pytest.approx(0.7, rel=0.05)
    assert high[0, 0] == 0


@pytest.mark.parametrize("side", [64, 128])
def test_channels_hold_nothing_of_the_ground(side: int) -> None:
    matte = _disc(side, 0.6)
    rng = np.random.default_rng(0)
    one, other = (rng.random((side, side, 3), np.float32) for _ in range(2))
    other = np.where(matte[..., None] > 0, one, other).astype(np.float32)
    made = channels(one, matte)
    assert made.shape == (CHANNELS, side // 2, side // 2)
    assert made.dtype == np.float32
    np.testing.assert_array_equal(made, channels(other, matte))


def test_a_mirrored_picture_gives_mirrored_channels() -> None:
    rng = np.random.default_rng(0)
    rgb, matte = rng.random((64, 64, 3), np.float32), np.roll(_disc(64, 0.4), 9, 1)
    straight, other = channels(rgb, matte), channels(rgb[:, ::-1], np.ascontiguousarray(matte[:, ::-1]))
    # the balloon is relaxed from left to right, so not quite to the same numbers
    np.testing.assert_allclose(mirrored(straight), other, atol=0.02)
    np.testing.assert_array_equal(mirrored(mirrored(straight)), straight)


def test_channels_hold_the_whole_picture() -> None:
    """Means and differences give every pixel back."""
    rng = np.random.default_rng(1)
    rgb, matte = rng.random((16, 16, 3), np.float32), np.ones((16, 16), np.float32)
    x = channels(rgb, matte)
    mean, (across, down, cross) = x[:3], (x[KNOWN + 4 * i : KNOWN + 4 * i + 3] for i in range(3))
    again = np.empty((3, 16, 16), np.float32)
    for row, column, sign in ((0, 0, 1), (0, 1, -1), (1, 0, -1), (1, 1, 1)):
        part = mean + (1, -1)[column] * across / 2 + (1, -1)[row] * down / 2 + sign * cross / 4
        again[:, row::2, column::2] = part
    np.testing.assert_allclose(again.transpose(1, 2, 0) / 2 + 0.5, rgb, atol=1e-6)


def test_expected_is_the_middle_of_the_sure_bin() -> None:
    scores = np.zeros(ELEVATIONS[2], np.float32)
    scores[9] = 60
    assert expected(scores, ELEVATIONS) == pytest.approx(float(centres(ELEVATIONS)[9]), abs=1e-4)
