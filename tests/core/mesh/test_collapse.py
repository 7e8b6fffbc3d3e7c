import numpy as np
import pytest
from shapes import ball, mesh_of, noise, torus

from spherelinks.mesh.collapse import closed_up, free, laid_out, price, quadrics, sweep
from spherelinks.mesh.components import clean
from spherelinks.mesh.topology import compact, examine, twins


def swept(vertices: np.ndarray, faces: np.ndarray, side: np.ndarray, of: int, most: int) -> tuple[np.ndarray, ...]:
    """Points, faces that are left and how many went, after one sweep of one side without a limit."""
    points = vertices.astype(np.float64)
    start, twin = laid_out(faces, twins(faces))
    gone, cost = np.zeros(len(faces), np.bool_), np.full(len(start), np.float32(np.inf))
    side = free(start, twin, side)
    quadric = quadrics(points, faces)
    price(start, twin, gone, points, quadric, side, of, cost)
    removed = sweep(start, twin, gone, points, quadric, side, of, cost, most, np.float64(np.finfo(np.float32).max))
    return points, start.reshape(-1, 4)[~gone, :3], removed, twin.reshape(-1, 4)[~gone, :3], gone


@pytest.mark.parametrize("seed", range(8))
def test_each_collapse_keeps_the_surface_a_manifold_of_its_kind(seed: int) -> None:
    vertices, faces, _ = clean(*mesh_of(noise((12, 12, 12), seed)))
    before = examine(vertices, faces)
    for most in (2, 40, len(faces)):
        points, left, removed, *_ = swept(vertices, faces, np.zeros(len(vertices), np.int8), 0, most)
        after = examine(points.astype(np.float32), left)
        assert len(left) == len(faces) - removed
        assert 0 < removed <= most
        assert (after.manifold, after.genus, after.parts) == (True, before.genus, before.parts)


def test_the_twins_of_what_is_left_are_those_of_its_faces() -> None:
    vertices, faces = mesh_of(torus(32))
    _, left, _, twin, gone = swept(vertices, faces, np.zeros(len(vertices), np.int8), 0, len(faces) // 2)
    number = np.cumsum(~gone) - 1
    assert np.array_equal(3 * number[twin >> 2] + (twin & 3), twins(left).reshape(-1, 3))


def test_a_side_leaves_the_other_and_the_border_between_them_alone() -> None:
    vertices, faces = mesh_of(ball(32))
    side = (vertices[:, 0] > 0).astype(np.int8)
    points, left, removed, *_ = swept(vertices, faces, side, 1, len(faces))
    assert removed > len(faces) // 8
    there = (side[faces] == 0).any(axis=1)
    assert np.array_equal(points[side == 0], vertices[side == 0])
    assert np.array_equal(left[(side[left] == 0).any(axis=1)], faces[there])
    assert examine(points.astype(np.float32), left).manifold


def test_a_mesh_that_is_closed_up_is_swept_on_as_if_it_were_not() -> None:
    """With costs that stay, and with vertices that stay on one side."""
    vertices, faces = mesh_of(torus(32))
    side = (vertices[:, 0] > 0.5).astype(np.int8)
    results = []
    for closed in (False, True):
        points, own = vertices.astype(np.float64), side.copy()
        start, twin = laid_out(faces, twins(faces))
        gone, cost = np.zeros(len(faces), np.bool_), np.full(len(start), np.float32(np.inf))
        quadric = quadrics(points, faces)
        half = len(faces) // 2
        price(start, twin, gone, points, quadric, own, 0, cost, 0, half)
        price(start, twin, gone, points, quadric, own, 0, cost, half)
        limit = float(np.median(cost[cost < np.inf]))
        went = sweep(start, twin, gone, points, quadric, own, 0, cost, len(faces), limit)
        assert went > 0
        if closed:
            left, kept, number = closed_up(start, twin, gone, points, quadric, own, cost)
            assert (left, kept) == (len(faces) - went, len(vertices) - went // 2)
            assert np.array_equal(number, np.where(gone, -1, np.cumsum(~gone) - 1))
            start, twin, cost, gone = start[: 4 * left], twin[: 4 * left], cost[: 4 * left], np.zeros(left, np.bool_)
            points, quadric, own = points[:kept], quadric[:kept], own[:kept]
            assert np.array_equal(
                twin.reshape(-1, 4)[:, :3].ravel() // 4 * 3 + twin.reshape(-1, 4)[:, :3].ravel() % 4,
                twins(start.reshape(-1, 4)[:, :3]),
            )
        sweep(start, twin, gone, points, quadric, own, 0, cost, len(faces), 4 * limit)
        results.append(compact(points, start.reshape(-1, 4)[~gone, :3]))
    assert np.array_equal(results[0][0], results[1][0])
    assert np.array_equal(results[0][1], results[1][1])
