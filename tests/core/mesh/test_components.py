import numpy as np
import pytest
from meshes import box, joined
from shapes import axes, ball, mesh_of

from spherelinks.mesh.components import FLOATER, Removed, _near, clean
from spherelinks.mesh.topology import examine


def _balls(*placed: tuple[float, float, float, float], samples: int = 96) -> np.ndarray:
    x, y, z = axes(samples)
    return np.minimum.reduce(
        [np.sqrt((x - a) ** 2 + (y - b) ** 2 + (z - c) ** 2) - np.float32(r) for a, b, c, r in placed]
    )


def test_one_body_is_left_alone() -> None:
    vertices, faces = mesh_of(ball())
    kept, same, removed = clean(vertices, faces)
    assert kept is vertices
    assert same is faces
    assert removed == Removed()


def test_floaters_go_and_parts_of_some_size_stay() -> None:
    field = _balls((0, 0, 0, 0.5), (0.7, 0, 0, 0.1), (0, 0.8, 0, 0.5 * FLOATER * 0.9), samples=160)
    vertices, faces, removed = clean(*mesh_of(field))
    assert (removed.floaters, removed.hidden) == (1, 0)
    assert 0 < removed.share < 0.01
    assert examine(vertices, faces).parts == 2
    assert vertices[:, 0].max() == pytest.approx(0.8, abs=0.01)
    assert vertices[:, 1].max() == pytest.approx(0.5, abs=0.01)


def test_a_cavity_and_what_floats_in_it_go() -> None:
    hollow = np.maximum(ball(96, 0.9), -ball(96, 0.6))
    field = np.minimum(hollow, ball(96, 0.3))
    vertices, faces = mesh_of(field)
    assert examine(vertices, faces).parts == 3
    vertices, faces, removed = clean(vertices, faces)
    assert (removed.floaters, removed.hidden, removed.share) == (0, 2, 0)
    assert examine(vertices, faces).volume == pytest.approx(4 / 3 * np.pi * 0.9**3, rel=0.01)


def test_a_part_inside_the_main_part_s_box_but_outside_it_stays() -> None:
    x, y, z = axes(96)
    ring = np.sqrt((np.sqrt(x**2 + y**2) - 0.7) ** 2 + z**2) - np.float32(0.25)
    vertices, faces, removed = clean(*mesh_of(np.minimum(ring, ball(96, 0.2))))
    assert removed == Removed()
    assert examine(vertices, faces).parts == 2


def _scene(*placed: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
    """Balls on the x axis by place and radius, each a mesh of its own."""
    vertices, faces = mesh_of(ball(48, 0.7))
    return (
        np.concatenate([vertices * np.float32(r / 0.7) + np.float32((x, 0, 0)) for x, r in placed]),
        np.concatenate([faces + i * len(vertices) for i in range(len(placed))]).astype(np.int32),
    )


def test_a_small_part_that_touches_stays_if_asked() -> None:
    eye, far = (1.0, 0.02), (1.2, 0.02)
    vertices, _, removed = clean(*_scene((0, 1.0), eye, far), touching=True)
    assert removed.floaters == 1
    assert vertices[:, 0].max() == pytest.approx(1.02, abs=0.01)
    assert clean(*_scene((0, 1.0), eye, far))[2].floaters == 2


def test_a_small_part_that_runs_through_a_large_one_touches_it() -> None:
    """Though its corners are far from the other's surface, for its size."""
    body, middle = box((-1, -1, -1), (2, 2, 2)), 0.085
    small = [box((0, at - middle / 2, 0), (middle,) * 3) for at in (1.0, 1.2)]
    vertices, faces, removed = clean(*joined(body, *small), touching=True)
    assert (removed.floaters, removed.hidden) == (1, 0)
    assert len(faces) == 24
    assert vertices[:, 1].max() == pytest.approx(1 + middle / 2)


def test_a_part_that_reaches_out_of_another_stays() -> None:
    assert clean(*_scene((0, 1.0), (0.95, 0.1), (-0.95, 0.1)))[2] == Removed()
    assert clean(*_scene((0, 1.0), (0.8, 0.1)))[2].hidden == 1


def test_a_thousand_floaters() -> None:
    field = ball(100, 0.5)
    places = np.argwhere(np.ones((10, 10, 10), bool)) * 10 + 4
    field[tuple(places.T)] = np.minimum(field[tuple(places.T)], -0.01)
    vertices, faces, removed = clean(*mesh_of(field))
    assert removed.floaters > 800
    assert removed.share > 0.001
    assert examine(vertices, faces).parts == 1


def test_a_part_all_of_whose_corners_lie_in_another_stays_if_it_shows_between_them() -> None:
    vertices, faces = mesh_of(_frame())
    pane = box((-0.55, -0.55, -0.05), (1.1, 1.1, 0.1))
    for turned in ([0, 1, 2], [1, 2, 0], [2, 0, 1]):
        points, whole = joined((vertices, faces), pane)
        points = np.ascontiguousarray(points[:, turned])
        assert len(clean(points, whole)[1]) == len(whole)
    buried = joined((vertices, faces), box((-0.6, -0.6, -0.05), (0.1, 1.2, 0.1)))  # in one of its bars
    assert clean(*buried)[2] == Removed(hidden=1)


def _frame() -> np.ndarray:
    """The field of four bars round a square opening."""
    x, y, z = axes(48)
    across = np.maximum(abs(x), abs(y))
    return np.maximum(abs(across - 0.55) - 0.15, abs(z) - 0.15)


def test_faces_near_a_box_are_found() -> None:
    """All whose box meets one, and none that is further from all than a cell of the grid."""
    rng = np.random.default_rng(2)
    corners = (
        rng.normal(size=(600, 1, 3)) + rng.normal(size=(600, 3, 3)) * rng.choice([0.01, 0.5], (600, 1, 1))
    ).astype(np.float32)
    vertices, faces = corners.reshape(-1, 3), np.arange(1800, dtype=np.int32).reshape(-1, 3)
    low = rng.normal(size=(5, 3)) * 0.6
    high = low + rng.uniform(0, 0.3, (5, 3))

    def met(more: np.ndarray | float) -> np.ndarray:
        below = (corners.min(1)[:, None] <= high + more).all(-1)
        return (below & (corners.max(1)[:, None] >= low - more).all(-1)).any(1)

    found = _near(vertices, faces, low, high)
    assert found[met(0)].all()
    assert not found[~met((high.max(0) - low.min(0)) / 64)].any()
    assert 10 < found.sum() < 590
    assert not _near(vertices, faces, low[:0], high[:0]).any()
