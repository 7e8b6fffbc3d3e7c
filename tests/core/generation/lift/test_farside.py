"""The far side: where its sources come from, and what the gate makes of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from spherelinks.errors import InvalidOption
from spherelinks.generation import cards, registry
from spherelinks.generation.lift import farside
from spherelinks.generation.lift.assembly import assemble
from spherelinks.generation.lift.generator import Lift
from spherelinks.options import Options
from spherelinks.pipeline import generate
from spherelinks.shape import Frame

S, TANGENT, RADIUS = 128, 0.2, 0.7


@dataclass(frozen=True)
class Ball:
    """A ball seen from above: per pixel, whether it is there, both depths, and the upright heights of both surfaces."""

    matte: np.ndarray
    front: np.ndarray
    thickness: np.ndarray
    heights: tuple[np.ndarray, np.ndarray]

    @classmethod
    def seen(cls, elevation: float) -> Ball:
        at = ((np.arange(S) + 0.5) / S * 2 - 1).astype(np.float32)
        x, y = np.meshgrid(at, -at)
        # |(x (1 + d t), y (1 + d t), d)| = RADIUS
        flat = x**2 + y**2
        a, b, c = 1 + flat * TANGENT**2, 2 * flat * TANGENT, flat - RADIUS**2
        inner = b**2 - 4 * a * c
        there = inner > 0
        root = np.sqrt(np.maximum(inner, 0))
        near, far = (-b - root) / (2 * a), (-b + root) / (2 * a)
        heights = tuple(
            y * (1 + d * TANGENT) * np.cos(np.radians(elevation)) - d * np.sin(np.radians(elevation))
            for d in (near, far)
        )
        return cls(there.astype(np.float32), near.astype(np.float32), (far - near).astype(np.float32), heights)


def _bands(height: np.ndarray) -> np.ndarray:
    """A colour that goes round the upright axis in soft bands."""
    wave = 0.5 + 0.5 * np.sin(14 * height)
    return (np.stack([wave, 1 - wave, 0.3 + 0 * wave], -1) * 200 + 20).astype(np.float32)


def _sources(ball: Ball, elevation: float) -> farside.Sources:
    grey = np.full((S, S, 3), 120, np.float32)
    turn = float(np.radians(elevation))
    return farside.sources(_bands(ball.heights[0]), ball.matte, ball.front, ball.thickness, grey, turn, TANGENT)


@pytest.mark.parametrize("elevation", [0, 15, 30])
def test_a_twin_is_where_the_picture_shows_the_same_height(elevation: float) -> None:
    """Bands round the upright axis are found again, although the same pixel shows others unless the camera is level."""
    ball = Ball.seen(elevation)
    given, truth = _sources(ball, elevation), _bands(ball.heights[1])
    seen = np.kron(given.x[17:19], np.ones((2, 2))) > 0.95  # the channels that say whether the twins are seen
    inside = np.kron(given.x[21], np.ones((2, 2))) > 0.2
    for source, sure in zip(("twin", "turned"), seen, strict=True):
        color, sure = given.colors[farside.SOURCES.index(source)], sure & inside
        assert sure.sum() > 0.25 * ball.matte.sum(), source
        assert np.abs(color - truth)[sure].mean() < 6, source
        if elevation >= 15:
            assert np.abs(given.colors[1] - truth)[sure].mean() > 30, source


def test_each_source_is_what_its_name_says() -> None:
    ball = Ball.seen(20)
    given = _sources(ball, 20)
    assert given.colors.shape == (len(farside.SOURCES), S, S, 3)
    assert given.x.shape == (farside.CHANNELS, farside.CELLS, farside.CELLS)
    assert np.isfinite(given.x).all()
    picture = _bands(ball.heights[0])
    for k, wanted in enumerate((np.full_like(picture, 120), picture, picture[:, ::-1])):
        only = np.zeros((len(farside.SOURCES), 8, 8), np.float32)
        only[k] = 1
        np.testing.assert_allclose(farside.mixed(given, lambda x, only=only: only), wanted, atol=1e-3)
    # where only detail is copied, the guess decides what is coarse
    deep = np.kron(given.x[21], np.ones((2, 2))) > 0.8
    for k in (5, 6):
        assert np.abs(given.colors[k][deep].mean(0) - 120).max() < 12
        assert given.colors[k][deep].std() > 20


def test_the_mirrored_input_is_that_of_the_mirrored_picture() -> None:
    ball = Ball.seen(10)
    rng = np.random.default_rng(0)
    picture, guess = (rng.integers(0, 256, (S, S, 3)).astype(np.float32) for _ in range(2))
    maps = (picture, ball.matte, ball.front, ball.thickness, guess)
    one = farside.sources(*maps, 0.2, TANGENT).x
    other = farside.sources(*(np.ascontiguousarray(m[:, ::-1]) for m in maps), 0.2, TANGENT).x
    np.testing.assert_allclose(farside.mirrored(one), other, atol=0.01)


@pytest.fixture(scope="module")
def lift() -> Lift:
    return Lift()


def _frame() -> Frame:
    """A ball of coarse cloth, level."""
    ball, rng = Ball.seen(0), np.random.default_rng(1)
    cloth = np.kron(rng.integers(60, 200, (S // 4, S // 4, 1)), np.ones((4, 4, 3)))
    enlarge = np.ones((4, 4))
    return Frame(np.kron(cloth, enlarge[..., None]).astype(np.uint8), np.kron(ball.matte, enlarge).astype(np.float32))


def test_the_far_side_has_texture_unless_it_is_to_be_plain(lift: Lift) -> None:
    frame = _frame()
    auto, plain, again = (
        lift.generate(frame, cards.LiftOptions(far_side=side), lambda share: None) for side in ("auto", "plain", "auto")
    )
    assert auto.field.tobytes() == plain.field.tobytes()
    assert np.array_equal(auto.color, again.color)
    guess = lift.guess(frame, Options(), lambda share: None)
    assert np.array_equal(plain.color, assemble(guess, frame).color)

    def variation(color: np.ndarray) -> float:
        """Mean step up the middle of the last surface."""
        column = auto.field.shape[0] // 2
        rows = np.flatnonzero((auto.field[column] < 0).any(1))[4:-4]
        last = [np.flatnonzero(auto.field[column, row] < 0)[0] for row in rows]
        return float(np.abs(np.diff(color[column, rows, last].astype(float), axis=0)).mean())

    assert variation(np.asarray(auto.color)) > 2 * variation(np.asarray(plain.color))


def test_the_gate_shares_everything_out(lift: Lift) -> None:
    x = np.random.default_rng(0).normal(0, 1, (farside.CHANNELS, farside.CELLS, farside.CELLS)).astype(np.float32)
    shares = lift._shares(x)
    assert shares.shape[0] == len(farside.SOURCES)
    assert (shares >= 0).all()
    np.testing.assert_allclose(shares.sum(0), 1, atol=1e-5)


@pytest.mark.parametrize("name", ["lift", "lift-flow"])
def test_its_option_is_on_the_cards_and_checked(name: str) -> None:
    assert registry.card(name).own["farSide"]["enum"] == ["auto", "plain"]
    assert registry.card(name).own["farSide"]["default"] == "auto"
    with pytest.raises(InvalidOption, match="far_side is 'sharp'"):
        generate(np.zeros((8, 8, 4), np.uint8), generator=name, far_side="sharp")


def _shown(picture: np.ndarray) -> farside.Sources:
    """The sources for a ball with a picture, as large as itself, and a grey guess."""
    ball = Ball.seen(0)
    grey = np.full((S, S, 3), 120, np.float32)
    return farside.sources(picture, ball.matte, ball.front, ball.thickness, grey, 0.0, TANGENT)


def _face() -> np.ndarray:
    """Eyes, a nose and a mouth on skin."""
    picture = np.full((S, S, 3), (210, 170, 140), np.float32)
    at = np.arange(S) + 0.5
    x, y = np.meshgrid(at - S / 2, at - S / 2)
    for left, top, wide, high, color in (
        (-16, -10, 7, 9, 250), (16, -10, 7, 9, 250), (-16, -10, 3, 4, 20), (16, -10, 3, 4, 20), (0, 6, 3, 5, 120),
        (0, 24, 16, 5, 60),
    ):  # fmt: skip
        picture[((x - left) / wide) ** 2 + ((y - top) / high) ** 2 < 1] = color
    return picture


def test_a_face_is_a_front_wherever_it_is_and_a_pattern_is_none() -> None:
    inside = Ball.seen(0).matte[::2, ::2] > 0
    middle = np.s_[farside.CELLS // 2 - 8 : farside.CELLS // 2 + 8, farside.CELLS // 2 - 8 : farside.CELLS // 2 + 8]
    face = farside.fronts(_shown(_face()).x)
    assert face.shape == (farside.CELLS, farside.CELLS)
    assert face.min() >= 0
    assert face.max() <= 1
    assert face[middle].min() > 0.9
    np.testing.assert_allclose(farside.fronts(_shown(_face()[:, ::-1].copy()).x)[:, ::-1], face, atol=0.02)
    moved = farside.fronts(_shown(np.roll(_face(), 10, 1)).x)
    assert moved[middle].min() > 0.9
    rng = np.random.default_rng(2)
    cloth = np.kron(rng.integers(60, 200, (S // 4, S // 4, 1)), np.ones((4, 4, 3))).astype(np.float32)
    stripes = _bands(np.linspace(-1, 1, S, dtype=np.float32)[:, None] + np.zeros((1, S), np.float32))
    for other in (np.full((S, S, 3), 90, np.float32), cloth, stripes):
        assert farside.fronts(_shown(other).x)[inside].mean() < 0.1


def test_no_face_is_on_the_back(lift: Lift) -> None:
    """The gate may copy a face; where the picture shows a front, its features go and the broad colour stays."""
    given, size = _shown(_face()), (S, S, 3)
    copied = given.colors[farside.SOURCES.index("turned")]
    calm = farside.calmed(given, copied)
    assert calm.shape == size
    assert calm.dtype == np.float32
    middle = np.s_[S // 2 - 30 : S // 2 + 30, S // 2 - 25 : S // 2 + 25]
    assert (calm[middle].std((0, 1)) < 0.3 * copied[middle].std((0, 1))).all()
    assert np.abs(calm[middle].mean((0, 1)) - copied[middle].mean((0, 1))).max() < 20
    rng = np.random.default_rng(2)
    cloth = _shown(np.kron(rng.integers(60, 200, (S // 4, S // 4, 1)), np.ones((4, 4, 3))).astype(np.float32))
    copied = cloth.colors[farside.SOURCES.index("turned")]
    assert np.abs(farside.calmed(cloth, copied) - copied).mean() < 2
