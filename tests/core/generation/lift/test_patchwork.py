"""The far side by regions: whole copies and what fills the rest."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from spherelinks.generation.lift import farside, patchwork

sys.path.insert(0, str(Path(__file__).parent))
from test_farside import Ball, Figure, S, bands, face_on, flat, shown, sources


def _copying(share: float) -> np.ndarray:
    """The shares of a gate that wants so much of the picture everywhere."""
    shares = np.zeros((len(farside.SOURCES), 32, 32), np.float32)
    shares[:2] = np.array((1 - share, share)).reshape(2, 1, 1)
    return shares


def test_no_face_is_on_the_back() -> None:
    """Where the picture shows a front, its features go and the skin stays."""
    given = shown(face_on())
    back = patchwork.painted(given, _copying(0.85))
    assert back.shape == (S, S, 3)
    assert back.dtype == np.float32
    middle = np.s_[S // 2 - 30 : S // 2 + 30, S // 2 - 25 : S // 2 + 25]
    skin = np.median(back[middle], (0, 1))
    assert np.abs(skin - (210, 170, 140)).max() < 20  # the gate wants .15 of grey
    assert np.abs(back[middle] - skin).max() < 40  # of 150 and more, at outlines
    assert back[middle].std((0, 1)).max() < 0.1 * face_on()[middle].std((0, 1)).min()
    rng = np.random.default_rng(2)
    cloth = np.kron(rng.integers(60, 200, (S // 4, S // 4, 1)), np.ones((4, 4, 3))).astype(np.float32)
    copied, keep, *_ = patchwork.decided(shown(cloth), _copying(0.85))
    assert keep[middle].mean() > 0.95
    assert np.abs(patchwork.painted(shown(cloth), _copying(0.85)) - copied)[middle].mean() < 4


@pytest.mark.parametrize("figure", [False, True])
@pytest.mark.parametrize("share", [0.3, 0.5, 0.6, 0.7, 1])
def test_nothing_is_half_copied(share: float, figure: bool) -> None:
    """A screen is on the back nearly as strong as on the front, or next to nothing of it is, whatever its share."""
    at = np.arange(S) + 0.5
    x, y = np.meshgrid(at, at)
    box, panel = (np.abs(x - 64) < 50) & (np.abs(y - 64) < 50), (np.abs(x - 64) < 20) & (np.abs(y - 60) < 20)
    if figure:  # a head, a neck, arms
        box = box & ((y < 90) | (np.abs(x - 64) < 12) | (np.abs(y - 105) < 5))
    body, screen = np.array((230, 120, 30)), np.array((20, 30, 60))
    given = flat(np.where(panel[..., None], screen, body), box)
    back = patchwork.painted(given, _copying(share))
    within, beside = panel & (np.abs(x - 64) < 16) & (np.abs(y - 60) < 16), (np.abs(x - 95) < 8) & (np.abs(y - 60) < 16)
    contrast = (back[beside].mean(0) - back[within].mean(0))[:2] / (body - screen)[:2]
    kept = patchwork.decided(given, _copying(share)).keep[within].mean()
    assert kept in (0, 1)
    assert not kept or share == 1
    assert (contrast > 0.9).all() if kept else (np.abs(contrast) < 0.1).all()
    if not kept:
        assert back[within].std(0).max() < 12


def test_colours_are_broadly_those_of_the_shares() -> None:
    """Where nothing is left out, blurred colours are as the gate mixes them; detail is as strong as on the front."""
    rng = np.random.default_rng(2)
    cloth = np.kron(rng.integers(60, 200, (S // 4, S // 4, 1)), np.ones((4, 4, 3))).astype(np.float32)
    cloth[..., 2] *= 0.5
    given = shown(cloth)
    back, middle = patchwork.painted(given, _copying(0.7)), np.s_[S // 2 - 30 : S // 2 + 30, S // 2 - 30 : S // 2 + 30]
    wanted = 0.3 * given.colors[0] + 0.7 * cloth
    before, after = (np.abs((m - wanted)[middle].mean((0, 1))).max() for m in (cloth, back))
    assert after < 0.85 * before
    assert back[middle].std((0, 1)).min() > 0.9 * cloth[middle].std((0, 1)).min()


def test_a_pattern_goes_round_a_vessel_at_its_height() -> None:
    """What is copied of a round thing from above is what the picture shows at the far side's height."""
    ball = Ball.seen(25)
    copied, keep, *_ = patchwork.decided(sources(ball, 25), _copying(1))
    truth, same = bands(ball.heights[1]), bands(ball.heights[0])
    middle = np.s_[S // 4 : S // 2, S // 2 - 12 : S // 2 + 12]
    assert keep[middle].mean() > 0.9
    assert np.abs(copied - truth)[middle].mean() < 0.5 * np.abs(same - truth)[middle].mean()


def test_what_a_turned_figure_has_only_on_its_front_is_left_out() -> None:
    """A face aside, within hair, gives way to hair; what is at the rim as well stays, and so does a box's panel."""
    one = Figure.turned()
    x, y, figure, hair = one.x, one.y, one.there, one.hair

    def back(picture: np.ndarray, matte: np.ndarray) -> np.ndarray:
        return patchwork.painted(flat(picture, matte), _copying(0.95))

    one.assert_hair_for_face(back(one.picture, figure))
    assert np.abs(back(hair, figure) - hair)[figure].mean() < 2
    box, panel = (np.abs(x - 64) < 50) & (np.abs(y - 64) < 50), (np.abs(x - y) < 16) & (np.abs(y - 60) < 30)
    panelled = np.where(panel[..., None], hair[..., ::-1], hair)
    assert patchwork.decided(flat(panelled, box), _copying(1)).keep[panel].mean() > 0.98
