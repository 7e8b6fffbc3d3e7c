from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("embreex", reason="training needs embreex: training/requirements.txt")
pytest.importorskip("scipy", reason="training needs scipy: training/requirements.txt")


from scipy import ndimage

from spherelinks.generation.lift.layout import BIN, BINS, SIDE
from training import shapes
from training.light import lit
from training.surface import Rays, Surface
from training.view import View, deformed, pooled, solid, stretched, take


def _surface(kind: shapes.Solid) -> Surface:
    old = shapes.KINDS
    try:
        shapes.KINDS = (lambda rng: kind,)
        return shapes.surface(np.random.default_rng(3))
    finally:
        shapes.KINDS = old


def _view(surface: Surface, seed: int = 0) -> View:
    rng = np.random.default_rng(seed)
    return take(surface, Rays(surface), solid(surface, rng), rng)


def _red(p: np.ndarray) -> np.ndarray:
    return np.broadcast_to(np.array([0.8, 0.1, 0.1], np.float32), p.shape)


@pytest.mark.parametrize("seed", range(4))
def test_maps_of_a_ball(seed: int) -> None:
    """The frame is filled, the middle is thickest, the profile agrees with the thickness."""
    view = _view(_surface(shapes.ball(1, 1, 1, _red)), seed)
    seen = view.seen
    assert (view.front[~seen] == 0).all()
    assert (view.thickness[~seen] == 0).all()
    columns = np.flatnonzero(seen.any(0))
    assert len(columns) == pytest.approx(0.85 * SIDE, abs=2)
    assert len(np.flatnonzero(view.cover.any(0))) == pytest.approx(0.85 * 2 * SIDE, abs=4)
    assert view.front[seen].astype(float).mean() == pytest.approx(0, abs=0.01)
    # as wide as thick, but measured nearer to the viewer than the middle, where half the frame's width is less
    assert 1.7 < view.thickness.max() < 2.3
    solid_share = view.profile.astype(float).sum(-1) * BIN / 255
    whole = pooled(view.thickness, 2)
    inside = (pooled(seen, 2) == 1) & (whole > 0.3)
    assert np.abs(solid_share - whole)[inside].mean() < 0.04
    assert view.facing[SIDE, SIDE, 2] > 60  # towards the camera
    assert np.ptp(view.albedo[view.cover == 255].astype(int), axis=0).max() <= 1


def test_unprojected_maps_lie_on_the_ball() -> None:
    """The units that `layout` promises: the surface seen and the last exit, put back in space, are one sphere."""
    view = _view(_surface(shapes.ball(1, 1, 1, _red)), 1)
    # at the outline a pixel averages depths that differ much
    seen = ndimage.binary_erosion(view.seen, iterations=2)
    at = (np.arange(SIDE) + 0.5) / SIDE * 2 - 1
    x, y = np.meshgrid(at, -at)
    points = []
    for depth in (view.front[seen].astype(float), (view.front + view.thickness)[seen].astype(float)):
        scale = 1 + depth * view.tangent
        points.append(np.stack([x[seen] * scale, y[seen] * scale, depth], 1))
    points = np.concatenate(points)
    # a sphere's equation is linear in its centre and in radius² - centre²
    system = np.concatenate([2 * points, np.ones((len(points), 1))], 1)
    answer, *_ = np.linalg.lstsq(system, (points**2).sum(1), rcond=None)
    radius = np.sqrt(answer[3] + answer[:3] @ answer[:3])
    np.testing.assert_allclose(np.linalg.norm(points - answer[:3], axis=1), radius, rtol=0.02)


def test_the_far_side_is_what_is_seen_from_behind() -> None:
    """A ball with a painted half: which half a pixel's last surface shows is where its first one does not."""

    ball = _surface(shapes.ball(1, 1, 1, _red))
    tint = np.where(ball.corners[..., 2:] > 0, np.array([0.9, 0.1, 0.1]), np.array([0.1, 0.1, 0.9]))
    surface = replace(ball, tint=tint.astype(np.float32))
    rays, inside = Rays(surface), solid(surface, np.random.default_rng(0))
    for seed in range(4):
        view = take(surface, rays, inside, np.random.default_rng(seed), facing=20)
        whole = ndimage.binary_erosion(view.cover == 255, iterations=8)
        near, far = (colors[whole].astype(float).mean(0) for colors in (view.albedo, view.far))
        assert near[0] > 3 * near[2]  # from the front it is red
        assert far[2] > 3 * far[0]
        assert np.abs(pooled(view.far, 4) - view.back)[pooled(whole, 4) == 1].max() < 3


def test_lamps_light_what_faces_them_and_shadows_lie_behind_things() -> None:
    """Under one lamp a ball is brightest where its normal points at the lamp; a plate's shadow falls on the ball."""
    view = _view(_surface(shapes.ball(1, 1, 1, _red)), 2)
    inside = ndimage.binary_erosion(view.cover == 255, iterations=3)
    facing = view.facing.astype(float) / 127
    np.testing.assert_allclose(np.linalg.norm(facing[inside], axis=-1), 1, atol=0.02)
    for k, lamp in enumerate(view.lamps):
        # a ball shades only what is turned away, which needs no shadow to be dark
        assert (view.shadow[inside & (facing @ lamp > 0.2)] >> k & 1).mean() < 0.01
    one = lit(view.albedo, view.facing, view.shadow, view.lamps, view.elevation, None)
    brightest = np.unravel_index(np.where(inside, one.sum(-1), -1).argmax(), inside.shape)
    toward = np.where(inside, facing @ view.lamps[0], -1)
    assert toward[brightest] > 0.98 * toward.max()

    covered = _view(
        _surface(shapes.union(shapes.ball(1, 1, 1, _red), shapes.box(1.4, 0.05, 1.4, _red).moved(y=1.4))), 2
    )
    assert (covered.shadow != 0).any()


def test_light_is_the_seeds() -> None:
    view = _view(_surface(shapes.ball(1, 1, 1, _red)))
    fields = (view.albedo, view.facing, view.shadow, view.lamps, view.elevation)
    a, b, c = (lit(*fields, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert a.tobytes() == b.tobytes()
    assert a.tobytes() != c.tobytes()
    assert a.min() >= 0
    assert a.max() <= 1


def test_a_vessel_is_hollow() -> None:
    whole = shapes.turned([0.7] * 3, _red, 0.8)
    cup = whole.without(shapes.turned([0.6] * 3, _red, 0.8).moved(y=0.2))
    full, hollow = (solid(_surface(s), np.random.default_rng(0)).sum() for s in (whole, cup))
    assert hollow < 0.55 * full


def test_a_sealed_hollow_counts_as_full() -> None:
    shell = shapes.ball(1, 1, 1, _red).without(shapes.ball(0.8, 0.8, 0.8, _red))
    full, sealed = (solid(_surface(s), np.random.default_rng(0)).sum() for s in (shapes.ball(1, 1, 1, _red), shell))
    assert sealed == pytest.approx(full, rel=0.02)


def test_views_are_the_seeds() -> None:
    surface = shapes.surface(np.random.default_rng(5))
    a, b, c = (_view(surface, seed) for seed in (1, 1, 2))
    for name in ("albedo", "shadow", "front", "profile"):
        assert getattr(a, name).tobytes() == getattr(b, name).tobytes()
    assert a.albedo.tobytes() != c.albedo.tobytes()
    assert a.profile.shape[-1] == BINS


@pytest.mark.parametrize("seed", range(3))
def test_a_stretched_object_is_normalised_and_keeps_its_right_angles(seed: int) -> None:
    surface = _surface(shapes.box(0.3, 0.9, 0.3, _red))
    a = surface.corners.reshape(-1, 3)
    b = stretched(surface, np.random.default_rng(seed)).corners.reshape(-1, 3)
    assert np.ptp(b, axis=0).max() == pytest.approx(1, abs=1e-5)
    factors = np.ptp(b, axis=0) / np.ptp(a, axis=0)
    np.testing.assert_allclose(b, (a - (a.max(0) + a.min(0)) / 2) * factors, atol=1e-5)
    assert np.ptp(factors) > 0.05


@pytest.mark.parametrize("seed", range(3))
def test_a_deformed_object_is_normalised_and_upright(seed: int) -> None:
    surface = _surface(shapes.box(0.3, 0.9, 0.3, _red).moved(y=0.1))
    bent = deformed(surface, np.random.default_rng(seed)).corners.reshape(-1, 3)
    assert np.ptp(bent, axis=0).max() == pytest.approx(1, abs=1e-5)
    np.testing.assert_allclose(bent.max(0) + bent.min(0), 0, atol=1e-5)
    assert np.ptp(bent[:, 1]) == np.ptp(bent, axis=0).max()
