import numpy as np
import pytest
import trimesh
from shapes import ball, mesh_of

from spherelinks.mesh.repair import again, apart, separate
from spherelinks.mesh.topology import examine

CUBE = trimesh.creation.box()


def _glued(*offsets: tuple[float, float, float]) -> tuple[np.ndarray, np.ndarray]:
    """Unit boxes at these places, with vertices of equal position merged."""
    mesh = trimesh.util.concatenate([CUBE.copy().apply_translation(offset) for offset in offsets])
    mesh.merge_vertices()
    return mesh.vertices.astype(np.float32), mesh.faces.astype(np.int32)


def _assert_sound(vertices: np.ndarray, faces: np.ndarray) -> None:
    assert examine(vertices, faces).manifold
    judge = trimesh.Trimesh(vertices, faces, process=True)
    assert judge.is_watertight
    assert len(judge.vertices) == len(vertices)


def test_a_sound_mesh_stays_as_it_is() -> None:
    vertices, faces = mesh_of(ball(16))
    same, also, whole = separate(vertices, faces)
    assert whole
    assert (same == vertices).all()
    assert (also == faces).all()


@pytest.mark.parametrize("second", [(1, 1, 0), (1, 1, 1)], ids=["edge", "corner"])
def test_boxes_that_touch_come_apart(second: tuple[float, float, float]) -> None:
    vertices, faces = _glued((0, 0, 0), second)
    assert not examine(vertices, faces).manifold
    vertices, faces, whole = separate(vertices, faces)
    assert not whole
    _assert_sound(vertices, faces)
    topology = examine(vertices, faces)
    assert topology.parts == 2
    assert topology.volume == pytest.approx(2, rel=0.1)
    assert topology.volume < 2, "apart means into themselves, not into each other"


def test_a_ring_of_boxes_pinched_at_an_edge() -> None:
    """Both sheets at the pinched edge belong to one body, so its vertices cannot simply be doubled on both sides."""
    vertices, faces = _glued((0, 0, 0), (1, 1, 0), (0, 2, 0), (-1, 1, 0))
    vertices, faces, whole = separate(vertices, faces)
    assert not whole
    _assert_sound(vertices, faces)


def test_faces_back_to_back_and_flat_ones_go() -> None:
    vertices, faces = mesh_of(ball(16))
    n = len(vertices)
    pillow = np.array([(n, n + 1, n + 2), (n + 1, n, n + 2), (0, 0, 1)], np.int32)
    more = np.concatenate([vertices, np.eye(3, dtype=np.float32) * 3])
    cleaned, kept, _ = separate(more, np.concatenate([faces, pillow]))
    assert len(kept) == len(faces)
    _assert_sound(cleaned, kept)


def test_nothing_but_a_pillow_leaves_nothing() -> None:
    vertices, faces, _ = separate(np.eye(3, dtype=np.float32), np.array([(0, 1, 2), (2, 1, 0)], np.int32))
    assert len(faces) == len(vertices) == 0


def test_vertices_of_one_place_are_moved_apart_and_the_first_stays() -> None:
    vertices, faces = mesh_of(ball(24))
    start = faces[::7, 0]
    vertices[start] = vertices[faces[::7, 1]]
    moved, same = apart(vertices, faces)
    assert same is faces
    assert len(np.unique(moved, axis=0)) == len(vertices)
    assert np.array_equal(np.unique(vertices, axis=0), np.unique(moved[~again(vertices)], axis=0))
    assert np.abs(moved - vertices).max() < 0.02
