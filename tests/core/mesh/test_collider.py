import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st
from shapes import ball, mesh_of, torus

from spherelinks.mesh.collider import MOST_CORNERS, box, convex
from spherelinks.mesh.topology import examine


def _points(seed: int, count: int, stretch: float) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (rng.standard_normal((count, 3)) * (1, stretch, 1) + rng.standard_normal(3)).astype(np.float32)


def _outside(points: np.ndarray, vertices: np.ndarray, faces: np.ndarray) -> float:
    """How far the points reach out of a convex body."""
    judge = trimesh.Trimesh(vertices, faces, process=False)
    return float(((points[:, None] - judge.triangles[None, :, 0]) * judge.face_normals).sum(axis=2).max())


def _assert_convex(vertices: np.ndarray, faces: np.ndarray) -> None:
    assert (vertices.dtype, faces.dtype) == (np.float32, np.int32)
    topology = examine(vertices, faces)
    assert topology.manifold
    assert (topology.parts, topology.genus) == (1, 0)
    assert topology.volume > 0
    assert _outside(vertices, vertices, faces) < 1e-4 * np.ptp(vertices)


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(4, 3000), st.sampled_from([0.01, 1, 100]))
def test_the_hull_is_convex_has_few_corners_and_the_same_box(seed: int, count: int, stretch: float) -> None:
    points = _points(seed, count, stretch)
    vertices, faces = convex(points)
    _assert_convex(vertices, faces)
    assert len(vertices) <= MOST_CORNERS
    assert {tuple(v) for v in vertices.tolist()} <= {tuple(p) for p in points.tolist()}
    assert np.array_equal(vertices.min(axis=0), points.min(axis=0))
    assert np.array_equal(vertices.max(axis=0), points.max(axis=0))
    again = convex(points)
    assert np.array_equal(again[0], vertices)
    assert np.array_equal(again[1], faces)


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(4, 30))
def test_the_hull_of_few_points_holds_them_all(seed: int, count: int) -> None:
    points = _points(seed, count, 1)
    assert _outside(points, *convex(points)) < 1e-5


@pytest.mark.parametrize("field", [ball(48), torus(64)])
def test_a_round_shape_reaches_out_of_its_hull_by_little(field: np.ndarray) -> None:
    points, _ = mesh_of(field)
    assert _outside(points, *convex(points)) < 0.05 * np.ptp(points, axis=0).max()


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(4, 30))
def test_the_box_is_the_bounding_box(seed: int, count: int) -> None:
    points = _points(seed, count, 3)
    vertices, faces = box(points)
    _assert_convex(vertices, faces)
    assert (len(vertices), len(faces)) == (8, 12)
    assert np.array_equal(vertices.min(axis=0), points.min(axis=0))
    assert np.array_equal(vertices.max(axis=0), points.max(axis=0))
