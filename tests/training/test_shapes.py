from collections.abc import Callable

import numpy as np
import pytest

pytest.importorskip("embreex", reason="training needs embreex: training/requirements.txt")


from spherelinks.mesh.topology import examine
from training import shapes


def _red(p: np.ndarray) -> np.ndarray:
    return np.broadcast_to(np.array([1, 0, 0], np.float32), p.shape)


@pytest.mark.parametrize("make", sorted(set(shapes.KINDS), key=lambda kind: kind.__name__))
def test_every_kind_fits_its_grid(make: Callable[[np.random.Generator], shapes.Solid]) -> None:
    """No seed may build past the grid's border, where it would be cut."""
    edge = np.linspace(-1.6, 1.6, 24, dtype=np.float32)
    points = np.stack(np.meshgrid(edge, edge, edge, indexing="ij"), -1).reshape(-1, 3)
    border = (np.abs(points) > 1.59).any(1)
    for seed in range(8):
        solid = make(np.random.default_rng(seed))
        assert (solid.distance(points[border]) > 0).all(), seed


def test_surfaces_are_closed_coloured_and_normalised() -> None:
    for seed in range(5):
        surface = shapes.surface(np.random.default_rng(seed))
        vertices, index = np.unique(surface.corners.reshape(-1, 3), axis=0, return_inverse=True)
        assert examine(vertices, index.reshape(-1, 3).astype(np.int32)).closed
        assert np.ptp(vertices, axis=0).max() == pytest.approx(1, abs=1e-5)
        assert surface.tint.min() >= 0
        assert surface.tint.max() <= 1


def test_distances_of_the_simple_bodies() -> None:
    p = np.array([[2, 0, 0], [0, 0, 0], [0.5, 0, 0]], np.float32)
    np.testing.assert_allclose(shapes.box(1, 1, 1, _red).distance(p), [1, -1, -0.5], atol=1e-6)
    np.testing.assert_allclose(shapes.ball(1, 1, 1, _red).distance(p)[[0, 2]], [1, -0.5], atol=1e-6)
    np.testing.assert_allclose(
        shapes.rod((-1, 0, 0), (1, 0, 0), 0.2, 0.2, _red).distance(p), [0.8, -0.2, -0.2], atol=1e-6
    )
    np.testing.assert_allclose(shapes.ring(1, 0.1, _red).distance(p), [0.9, 0.9, 0.4], atol=1e-6)


def test_turns_are_right_handed() -> None:
    arm = shapes.ball(0.1, 0.1, 0.1, _red).moved(x=1)
    tip = np.array([[0, 0, -1]], np.float32)  # x turned about y by 90 degrees
    assert arm.turned(1, 90).distance(tip)[0] < 0
    assert arm.turned(2, 90).distance(np.array([[0, 1, 0]], np.float32))[0] < 0
