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


def bands(height: np.ndarray) -> np.ndarray:
    """A colour that goes round the upright axis in soft bands."""
    wave = 0.5 + 0.5 * np.sin(14 * height)
    return (np.stack([wave, 1 - wave, 0.3 + 0 * wave], -1) * 200 + 20).astype(np.float32)


def sources(ball: Ball, elevation: float) -> farside.Sources:
    grey = np.full((S, S, 3), 120, np.float32)
    turn = float(np.radians(elevation))
    return farside.sources(bands(ball.heights[0]), ball.matte, ball.front, ball.thickness, grey, turn, TANGENT)


@pytest.mark.parametrize("elevation", [0, 15, 30])
def test_a_twin_is_where_the_picture_shows_the_same_height(elevation: float) -> None:
    """Bands round the upright axis are found again, although the same pixel shows others unless the camera is level."""
    ball = Ball.seen(elevation)
    given, truth = sources(ball, elevation), bands(ball.heights[1])
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
    given = sources(ball, 20)
    assert given.colors.shape == (len(farside.SOURCES), S, S, 3)
    assert given.x.shape == (farside.CHANNELS, farside.CELLS, farside.CELLS)
    assert np.isfinite(given.x).all()
    picture = bands(ball.heights[0])
    for k, wanted in enumerate((np.full_like(picture, 120), picture, picture[:, ::-1])):
        only = np.zeros((len(farside.SOURCES), 8, 8), np.float32)
        only[k] = 1
        np.testing.assert_allclose(farside.mixed(given, only), wanted, atol=1e-3)
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


def ball_of_cloth() -> Frame:
    """A ball of coarse cloth, level."""
    ball, rng = Ball.seen(0), np.random.default_rng(1)
    cloth = np.kron(rng.integers(60, 200, (S // 4, S // 4, 1)), np.ones((4, 4, 3)))
    enlarge = np.ones((4, 4))
    return Frame(np.kron(cloth, enlarge[..., None]).astype(np.uint8), np.kron(ball.matte, enlarge).astype(np.float32))


def test_the_far_side_has_texture_unless_it_is_to_be_plain(lift: Lift) -> None:
    frame = ball_of_cloth()
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


def shown(picture: np.ndarray) -> farside.Sources:
    """The sources for a ball with a picture, as large as itself, and a grey guess."""
    ball = Ball.seen(0)
    grey = np.full((S, S, 3), 120, np.float32)
    return farside.sources(picture, ball.matte, ball.front, ball.thickness, grey, 0.0, TANGENT)


def face_on() -> np.ndarray:
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
    face = farside.fronts(shown(face_on()).x)
    assert face.shape == (farside.CELLS, farside.CELLS)
    assert face.min() >= 0
    assert face.max() <= 1
    assert face[middle].min() > 0.9
    np.testing.assert_allclose(farside.fronts(shown(face_on()[:, ::-1].copy()).x)[:, ::-1], face, atol=0.02)
    moved = farside.fronts(shown(np.roll(face_on(), 10, 1)).x)
    assert moved[middle].min() > 0.9
    rng = np.random.default_rng(2)
    cloth = np.kron(rng.integers(60, 200, (S // 4, S // 4, 1)), np.ones((4, 4, 3))).astype(np.float32)
    stripes = bands(np.linspace(-1, 1, S, dtype=np.float32)[:, None] + np.zeros((1, S), np.float32))
    for other in (np.full((S, S, 3), 90, np.float32), cloth, stripes):
        assert farside.fronts(shown(other).x)[inside].mean() < 0.1


def test_no_face_is_on_the_back(lift: Lift) -> None:
    """The gate may copy a face; where the picture shows a front, its features go and the broad colour stays."""
    given, size = shown(face_on()), (S, S, 3)
    copied = given.colors[farside.SOURCES.index("turned")]
    calm = farside.calmed(given, copied)
    assert calm.shape == size
    assert calm.dtype == np.float32
    middle = np.s_[S // 2 - 30 : S // 2 + 30, S // 2 - 25 : S // 2 + 25]
    assert (calm[middle].std((0, 1)) < 0.3 * copied[middle].std((0, 1))).all()
    assert np.abs(calm[middle].mean((0, 1)) - copied[middle].mean((0, 1))).max() < 20
    rng = np.random.default_rng(2)
    cloth = shown(np.kron(rng.integers(60, 200, (S // 4, S // 4, 1)), np.ones((4, 4, 3))).astype(np.float32))
    copied = cloth.colors[farside.SOURCES.index("turned")]
    assert np.abs(farside.calmed(cloth, copied) - copied).mean() < 2


def flat(picture: np.ndarray, matte: np.ndarray) -> farside.Sources:
    """The sources for a picture of something as thick everywhere, and a grey guess."""
    front, thickness = np.zeros((S, S), np.float32), np.full((S, S), 0.5, np.float32)
    grey = np.full((S, S, 3), 120, np.float32)
    return farside.sources(picture.astype(np.float32), matte.astype(np.float32), front, thickness, grey, 0.0, TANGENT)


@dataclass(frozen=True)
class Figure:
    """A figure with a face aside, within hair, on a grid of pixels."""

    x: np.ndarray
    y: np.ndarray
    there: np.ndarray
    hair: np.ndarray
    face: np.ndarray
    eyes: np.ndarray
    picture: np.ndarray

    @classmethod
    def turned(cls) -> Figure:
        at = np.arange(S) + 0.5
        x, y = np.meshgrid(at, at)
        head, body = (x - 64) ** 2 + (y - 40) ** 2 < 30**2, (np.abs(x - 64) < 12) & (y > 60) & (y < 120)
        there = head | body | ((np.abs(x - 64) < 50) & (np.abs(y - 84) < 5))
        rng = np.random.default_rng(2)
        strands = np.kron(rng.integers(-25, 26, (S // 2, S // 2, 1)), np.ones((2, 2, 1)))
        hair = np.clip(np.array((120, 70, 40)) + strands, 0, 255)
        face = ((x - 55) / 15) ** 2 + ((y - 44) / 17) ** 2 < 1
        eyes = (((x - 45) / 2) ** 2 + ((y - 42) / 4) ** 2 < 1) | (((x - 58) / 5) ** 2 + ((y - 41) / 5) ** 2 < 1)
        picture = np.where(eyes[..., None], (20, 60, 200), np.where(face[..., None], (250, 210, 180), hair))
        return cls(x, y, there, hair, face, eyes, picture)

    def assert_hair_for_face(self, back: np.ndarray) -> None:
        skin = self.face & (((self.x - 55) / 11) ** 2 + ((self.y - 44) / 13) ** 2 < 1)
        assert np.abs(back[skin].mean(0) - (120, 70, 40)).max() < 25
        assert back[self.eyes][:, 2].mean() < back[skin & ~self.eyes][:, 2].mean() + 10
        assert back[skin].std(0).max() < 0.3 * self.picture[skin].std(0).max()


def test_what_a_turned_figure_has_only_on_its_front_is_not_on_the_back() -> None:
    """A face aside, within hair, gives way to hair; what is at the rim as well stays, and so does a box's panel."""
    one = Figure.turned()
    x, y, figure, hair = one.x, one.y, one.there, one.hair

    def back(picture: np.ndarray, matte: np.ndarray) -> np.ndarray:
        given = flat(picture, matte)
        return farside.calmed(given, given.colors[farside.SOURCES.index("same")])

    one.assert_hair_for_face(back(one.picture, figure))
    assert np.abs(back(hair, figure) - hair)[figure].mean() < 2
    box, panel = (np.abs(x - 64) < 50) & (np.abs(y - 64) < 50), (np.abs(x - y) < 16) & (np.abs(y - 60) < 30)
    panelled = np.where(panel[..., None], hair[..., ::-1], hair)
    assert np.abs(back(panelled, box) - panelled)[panel].mean() < 2


def test_a_colour_is_strange_only_beside_what_both_sides_of_the_rim_have() -> None:
    deep = np.zeros((farside.CELLS, farside.CELLS), np.float32)
    inside = np.s_[8:56, 8:56]
    deep[inside] = np.minimum.outer(*[np.minimum(np.arange(1, 49), np.arange(48, 0, -1))] * 2)
    coarse = np.full((farside.CELLS, farside.CELLS, 3), 100, np.float32)
    coarse[24:40, 24:40, 0] += 60
    odd = farside.strange(coarse, deep)
    assert odd[28:36, 28:36].min() > 0.95
    assert odd[:20].max() < 0.05
    assert odd[deep == 0].max() < 0.05
    np.testing.assert_allclose(farside.strange(coarse[:, ::-1].copy(), deep[:, ::-1].copy())[:, ::-1], odd, atol=1e-6)
    coarse[:, 32:, 1] += 60  # sides that differ as much
    assert farside.strange(coarse, deep)[28:36, 28:36].max() < 0.05
