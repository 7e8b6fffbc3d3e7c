import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapes import ball, mesh_of

from spherelinks.mesh.nearest import nearest, sought, tree


def _slowly(points: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Distances to the nearest of many triangles, by quadratic search over a fine lattice of each, refined once."""
    steps = np.linspace(0, 1, 41)
    s, t = (grid.ravel() for grid in np.meshgrid(steps, steps, indexing="ij"))
    s, t = s[s + t <= 1 + 1e-9], t[s + t <= 1 + 1e-9]
    a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
    lattice = a[:, None] + s[:, None] * (b - a)[:, None] + t[:, None] * (c - a)[:, None]
    return np.array([np.linalg.norm(lattice - p, axis=2).min() for p in points])


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 40))
def test_is_the_nearest_of_all(seed: int, faces: int) -> None:
    rng = np.random.default_rng(seed)
    vertices = rng.standard_normal((3 * faces, 3)).astype(np.float32)
    triangles = rng.integers(0, len(vertices), (faces, 3)).astype(np.int32)  # some use a vertex twice
    points = (2 * rng.standard_normal((20, 3))).astype(np.float32)
    found = nearest(points, tree(vertices, triangles))
    expected = _slowly(points, vertices[triangles].astype(np.float64))
    assert (found.distance <= expected + 1e-5).all()
    assert np.allclose(found.distance, expected, atol=0.12)
    assert (found.weights >= -1e-6).all()
    assert np.allclose(found.weights.sum(axis=1), 1, atol=1e-5)
    there = (vertices[triangles[found.face]] * found.weights[..., None]).sum(axis=1)
    assert np.allclose(np.linalg.norm(there - points, axis=1), found.distance, atol=1e-4)
    over = tree(vertices, triangles)
    quickly = sought(points, over)
    assert np.array_equal(quickly.distance, found.distance)
    there = (vertices[triangles[quickly.face]] * quickly.weights[..., None]).sum(axis=1)
    assert np.allclose(np.linalg.norm(there - points, axis=1), found.distance, atol=1e-4)


def test_a_ball_is_as_far_as_its_radius_says() -> None:
    points = np.random.default_rng(0).uniform(-1, 1, (500, 3)).astype(np.float32)
    found = nearest(points, tree(*mesh_of(ball(64, 0.7))))
    assert found.distance == pytest.approx(np.abs(np.linalg.norm(points, axis=1) - 0.7), abs=2e-3)


def test_order_of_the_points_does_not_matter() -> None:
    points = np.random.default_rng(1).uniform(-1, 1, (300, 3)).astype(np.float32)
    over = tree(*mesh_of(ball(24)))
    assert np.array_equal(nearest(points, over).distance[::-1], nearest(points[::-1], over).distance)
