import numpy as np
from shapes import axes, ball, mesh_of

from spherelinks.mesh.normals import CREASE, fan_normals, vertex_normals
from spherelinks.mesh.simplify import simplify
from spherelinks.mesh.topology import twins


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


def test_shading_breaks_at_sharp_edges() -> None:
    """Every corner of a box's faces has the normal of its side, so that light does not run round the edge."""
    x, y, z = axes(48)
    block = np.maximum(np.maximum(np.abs(x) - 0.7, np.abs(y) - 0.5), np.abs(z) - 0.6).astype(np.float32)
    vertices, faces = simplify(*mesh_of(block), 400)
    fans, normals = fan_normals(vertices, faces, twins(faces))
    a, b, c = np.moveaxis(vertices[faces].astype(float), 1, 0)
    flat = np.cross(b - a, c - a)
    large = np.linalg.norm(flat, axis=1) > 1e-3
    flat /= np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-30)
    assert np.einsum("fkc,fc->fk", normals[fans], flat)[large].min() > 0.99
    assert np.allclose(np.linalg.norm(normals, axis=1), 1, atol=1e-6)


def test_smooth_shapes_have_one_fan_a_vertex() -> None:
    vertices, faces = simplify(*mesh_of(ball(48)), 1000)
    fans, normals = fan_normals(vertices, faces, twins(faces))
    assert len(normals) == len(vertices)
    assert np.allclose(normals[fans], vertex_normals(vertices, faces)[faces], atol=1e-6)


def test_a_sharp_edge_that_ends_does_not_break_the_shading_there() -> None:
    """A ridge that runs out in the middle of a sheet: there all faces hang together."""
    around = np.linspace(-np.pi, np.pi, 36, endpoint=False)
    ring = np.stack([np.cos(around), np.sin(around), np.exp(-np.abs(around))], axis=1)
    vertices = np.concatenate([[(0, 0, 0)], ring]).astype(np.float32)
    number = np.arange(36)
    faces = np.stack([0 * number, 1 + number, 1 + (number + 1) % 36], axis=1).astype(np.int32)
    flat = np.cross(vertices[faces[:, 1]], vertices[faces[:, 2]])
    flat /= np.linalg.norm(flat, axis=1, keepdims=True)
    assert ((flat * np.roll(flat, 1, axis=0)).sum(axis=1) < CREASE).sum() == 1
    fans, _ = fan_normals(vertices, faces, twins(faces))
    assert len(np.unique(fans[:, 0])) == 1
    assert len(np.unique(fans[:, 1:])) == 37, "the ridge's other end is broken, on the sheet's border"
