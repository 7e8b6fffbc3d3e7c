import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st
from meshes import box as box_mesh
from meshes import joined
from shapes import ball, mesh_of, noise, torus

from spherelinks.mesh.collider import MOST_BODIES, MOST_CORNERS, box, convex, decomposed
from spherelinks.mesh.components import clean
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


def _volume(bodies: list[tuple[np.ndarray, np.ndarray]]) -> float:
    return sum(examine(*body).volume for body in bodies)


def test_a_chair_is_some_boxes() -> None:
    legs = [box_at((x, 0, z), (0.1, 0.5, 0.1)) for x in (0, 0.9) for z in (0, 0.9)]
    chair = trimesh.boolean.union([*legs, box_at((0, 0.45, 0), (1, 0.1, 1)), box_at((0, 0.5, 0), (1, 1, 0.1))])
    bodies = decomposed(chair.vertices.astype(np.float32), chair.faces.astype(np.int32))
    for body in bodies:
        _assert_convex(*body)
    assert 4 <= len(bodies) <= MOST_BODIES
    assert _volume(bodies) == pytest.approx(chair.volume, rel=0.25)
    assert chair.convex_hull.volume > 4 * chair.volume


def box_at(low: tuple[float, float, float], size: tuple[float, float, float]) -> trimesh.Trimesh:
    return trimesh.Trimesh(*box_mesh(low, size), process=False)


def test_what_is_convex_is_one_body() -> None:
    assert len(decomposed(*mesh_of(ball(32)))) == 1
    assert len(decomposed(*box_mesh())) == 1


def test_there_are_never_too_many() -> None:
    apart = joined(*[box_mesh((2 * i, 0, 0)) for i in range(40)])
    assert len(decomposed(*apart)) == MOST_BODIES
    assert len(decomposed(*mesh_of(torus(48)))) <= MOST_BODIES


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_of_any_surface_every_body_is_convex_and_the_same_again(seed: int) -> None:
    vertices, faces, _ = clean(*mesh_of(noise((10, 10, 10), seed)))
    bodies = decomposed(vertices, faces)
    assert 1 <= len(bodies) <= MOST_BODIES
    for body in bodies:
        _assert_convex(*body)
        assert len(body[0]) <= MOST_CORNERS
    for one, other in zip(bodies, decomposed(vertices, faces), strict=True):
        assert np.array_equal(one[0], other[0])
