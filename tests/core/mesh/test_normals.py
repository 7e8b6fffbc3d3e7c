import numpy as np
from shapes import ball, mesh_of

from spherelinks.mesh.normals import vertex_normals


def test_a_ball_s_normals_point_away_from_its_centre() -> None:
    vertices, faces = mesh_of(ball(48))
    normals = vertex_normals(vertices, faces)
    radial = vertices / np.linalg.norm(vertices, axis=1, keepdims=True)
    along = np.einsum("ij,ij->i", normals, radial)
    assert along.min() > 0.95
    assert along.mean() > 0.998
    assert np.allclose(np.linalg.norm(normals, axis=1), 1, atol=1e-6)


def test_triangles_of_a_flat_corner_count_by_angle() -> None:
    """A cube's corner: the side that is cut into two triangles there weighs no more than the others."""
    vertices = np.array([(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0), (0, 0, 1), (0, 1, 1), (1, 0, 1)], np.float32)
    faces = np.array([(0, 2, 1), (0, 3, 2), (0, 4, 5), (0, 5, 3), (0, 1, 4), (1, 6, 4)], np.int32)
    assert np.allclose(vertex_normals(vertices, faces)[0], -np.ones(3) / np.sqrt(3), atol=1e-6)


def test_without_area_a_normal_still_has_length_one() -> None:
    vertices = np.array([(0, 0, 0), (1, 0, 0), (2, 0, 0), (5, 5, 5)], np.float32)
    normals = vertex_normals(vertices, np.array([(0, 1, 2)], np.int32))
    assert (normals == (0, 1, 0)).all()
