import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree
from shapes import ball, mesh_of, noise, torus

from spherelinks.errors import GeneratorFailed
from spherelinks.mesh.surface import CLEARANCE, extract
from spherelinks.mesh.topology import examine

ORIGIN = np.zeros(3)


@settings(max_examples=60, deadline=None)
@given(st.tuples(*[st.integers(1, 9)] * 2, st.integers(1, 130)), st.integers(0, 2**32 - 1), st.floats(-1.5, 1.5))
def test_any_field_gives_a_closed_manifold(shape: tuple[int, int, int], seed: int, level: float) -> None:
    field = noise(shape, seed) + np.float32(level)
    if not (field < 0).any():
        field[tuple(n // 2 for n in shape)] = -1
    vertices, faces, _ = extract(field, ORIGIN, 1.0)
    topology = examine(vertices, faces)
    assert topology.closed
    assert topology.manifold
    assert topology.volume > 0
    judge = trimesh.Trimesh(vertices, faces, process=True)  # merges vertices of equal position
    assert judge.is_watertight
    assert judge.is_winding_consistent
    assert len(judge.vertices) == len(vertices)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_vertices_lie_where_the_field_changes_sign(seed: int) -> None:
    """Against the definition: one vertex on each grid edge that the surface cuts, at the linear zero, and no other,
    as noise has no smooth sides that an edge could lie between."""
    field = np.pad(noise((6, 7, 70), seed), 1, constant_values=1)
    expected = []
    for axis in range(3):
        a, b = (np.moveaxis(np.moveaxis(field, axis, 0)[s], 0, axis) for s in (slice(None, -1), slice(1, None)))
        cut = (a < 0) != (b < 0)
        points = np.argwhere(cut).astype(float)
        points[:, axis] += np.clip(a[cut] / (a[cut] - b[cut]), CLEARANCE, 1 - CLEARANCE)
        expected.append(points)
    vertices, _, _ = extract(field, ORIGIN, 1.0)
    distance, nearest = cKDTree(vertices).query(np.concatenate(expected))
    assert distance.max() < 1e-5
    assert sorted(nearest) == list(range(len(vertices)))


@pytest.mark.parametrize("samples", [24, 64, 100])
def test_a_ball_has_its_size(samples: int) -> None:
    vertices, faces = mesh_of(ball(samples, 0.7))
    topology = examine(vertices, faces)
    assert topology.volume == pytest.approx(4 / 3 * np.pi * 0.7**3, rel=20 / samples**2)
    assert topology.area == pytest.approx(4 * np.pi * 0.7**2, rel=20 / samples**2)
    assert np.abs(np.linalg.norm(vertices, axis=1) - 0.7).max() < 0.05 / samples * 2


def test_a_torus_has_a_hole() -> None:
    assert examine(*mesh_of(torus())).genus == 1


def test_origin_and_spacing_place_the_surface() -> None:
    vertices, _, _ = extract(ball(32, 0.5), np.array((10.0, 20.0, 30.0)), 2 / 31)
    assert np.allclose((vertices.min(axis=0) + vertices.max(axis=0)) / 2, (11, 21, 31), atol=1e-3)


@pytest.mark.parametrize("field", [-np.ones((1, 1, 1)), -np.ones((5, 4, 3)), -np.ones((1, 9, 1))])
def test_a_shape_at_the_border_is_closed_there_and_says_so(field: np.ndarray) -> None:
    vertices, faces, cut = extract(field.astype(np.float32), ORIGIN, 1.0)
    assert cut
    assert examine(vertices, faces).manifold
    assert np.allclose(vertices.max(axis=0), np.array(field.shape) - 0.5)


def test_one_voxel_is_an_octahedron() -> None:
    field = np.ones((3, 3, 3), np.float32)
    field[1, 1, 1] = -1
    vertices, faces, cut = extract(field, ORIGIN, 1.0)
    assert (len(vertices), len(faces), cut) == (6, 8, False)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_refuses_a_field_that_is_not_finite(value: float) -> None:
    field = ball(16)
    field[3, 4, 5] = value
    with pytest.raises(GeneratorFailed, match="samples, 1 are NaN or infinite"):
        extract(field, ORIGIN, 1.0)


def test_refuses_an_empty_shape() -> None:
    with pytest.raises(GeneratorFailed, match="empty"):
        extract(np.ones((8, 8, 8), np.float32), ORIGIN, 1.0)


@pytest.mark.parametrize("shape", [(0, 4, 4), (4, 4)])
def test_refuses_what_is_no_grid(shape: tuple[int, ...]) -> None:
    with pytest.raises(GeneratorFailed, match="not a grid"):
        extract(np.zeros(shape, np.float32), ORIGIN, 1.0)
