import numpy as np
import pytest
from shapes import ball, mesh_of, torus

from spherelinks.mesh.topology import compact, examine, parts, twins

TETRAHEDRON = np.array([(0, 2, 1), (0, 1, 3), (1, 2, 3), (0, 3, 2)], np.int32)
CORNERS = np.array([(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)], np.float32)


def test_a_tetrahedron() -> None:
    topology = examine(CORNERS, TETRAHEDRON)
    assert (topology.closed, topology.manifold, topology.parts, topology.genus) == (True, True, 1, 0)
    assert topology.volume == pytest.approx(1 / 6)
    assert topology.area == pytest.approx(1.5 + np.sqrt(3) / 2)


def test_inside_out_has_negative_volume() -> None:
    assert examine(CORNERS, TETRAHEDRON[:, ::-1]).volume == pytest.approx(-1 / 6)


@pytest.mark.parametrize("broken", [TETRAHEDRON[:3], np.concatenate([TETRAHEDRON[:3], TETRAHEDRON[3:, ::-1]])])
def test_a_hole_or_a_turned_face_is_not_closed(broken: np.ndarray) -> None:
    topology = examine(CORNERS, broken)
    assert not topology.closed
    assert topology.genus == -1


def test_two_bodies_that_share_a_vertex_are_closed_but_not_manifold() -> None:
    second = np.where(TETRAHEDRON == 0, 0, TETRAHEDRON + 3).astype(np.int32)
    topology = examine(np.concatenate([CORNERS, -CORNERS[1:]]), np.concatenate([TETRAHEDRON, second]))
    assert topology.closed
    assert not topology.manifold


def test_genus_counts_handles_over_all_parts() -> None:
    a, b = mesh_of(torus()), mesh_of(ball())
    both = np.concatenate([a[0], b[0]]), np.concatenate([a[1], b[1] + len(a[0])])
    topology = examine(*both)
    assert (topology.genus, topology.parts) == (1, 2)
    assert parts(both[1], len(both[0])).tolist() == [0] * len(a[1]) + [1] * len(b[1])


def test_twins_pair_up() -> None:
    faces = mesh_of(ball(16))[1]
    other = twins(faces)
    assert (other[other] == np.arange(3 * len(faces))).all()
    start, end = faces.ravel(), faces[:, [1, 2, 0]].ravel()
    assert (start[other] == end).all()


def test_an_empty_mesh_is_not_closed() -> None:
    assert not examine(np.zeros((0, 3), np.float32), np.zeros((0, 3), np.int32)).closed


def test_compact_drops_unused_vertices_only() -> None:
    vertices, faces = compact(CORNERS, TETRAHEDRON[1:2])
    assert vertices.tolist() == [[0, 0, 0], [1, 0, 0], [0, 0, 1]]
    assert faces.tolist() == [[0, 1, 2]]
