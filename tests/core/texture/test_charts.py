"""Charts are connected, with no more faces and no more curvature than allowed."""

import numpy as np
import pytest
from shapes import ball, mesh_of, noise, torus

from spherelinks.mesh.components import clean
from spherelinks.mesh.simplify import simplify
from spherelinks.mesh.topology import parts, twins
from spherelinks.texture.charts import BEND, CONE, grow, normals

Mesh = tuple[np.ndarray, np.ndarray]


@pytest.fixture(params=["ball", "torus", "noise"])
def mesh(request: pytest.FixtureRequest) -> Mesh:
    field = {"ball": ball(40), "torus": torus(48), "noise": noise((12, 12, 12), 3)}[request.param]
    vertices, faces = simplify(*clean(*mesh_of(field))[:2], 1500)
    return vertices.astype(float), faces


def _grown(mesh: Mesh, most: int, bend: float = BEND, cone: float = CONE) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    points, faces = mesh
    opposite = twins(faces)
    normal, area = normals(points, faces, opposite)
    chart, count = grow(points, faces, opposite, normal, area, np.full(len(faces), most), bend, cone)
    assert np.array_equal(np.unique(chart, return_index=True)[0], np.arange(count))
    return chart, normal, area


def test_charts_are_connected_and_numbered_as_they_appear(mesh: Mesh) -> None:
    points, faces = mesh
    chart, _, _ = _grown(mesh, len(faces))
    assert (np.diff(np.unique(chart, return_index=True)[1]) > 0).all()
    for k in range(chart.max() + 1):
        assert parts(faces[chart == k], len(points)).max() == 0


def test_charts_keep_to_their_limits(mesh: Mesh) -> None:
    for bend, cone in ((BEND, CONE), (BEND / 4, 0.8)):
        chart, normal, area = _grown(mesh, len(mesh[1]), bend, cone)
        for k in np.flatnonzero(np.bincount(chart) > 1):
            own, weight = normal[chart == k], area[chart == k] / area[chart == k].sum()
            mean = weight @ own
            assert np.linalg.norm(mean) > cone - 1e-9
            spread = (own - mean).T @ ((own - mean) * weight[:, None])
            assert np.linalg.eigvalsh(spread)[0] < bend + 1e-3  # three steps of Newton's method


def test_charts_have_no_more_faces_than_allowed(mesh: Mesh) -> None:
    for most in (1, 10, 100):
        assert np.bincount(_grown(mesh, most)[0]).max() <= most


def test_stricter_limits_give_more_charts(mesh: Mesh) -> None:
    counts = [_grown(mesh, len(mesh[1]), BEND / 4**k, (CONE + k) / (1 + k))[0].max() for k in range(3)]
    assert counts == sorted(counts)


def test_normals_are_smooth_and_a_face_without_area_has_none() -> None:
    points = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0.5], [2, 0, 0]], float)
    faces = np.array([[0, 1, 2], [1, 3, 2], [0, 4, 1]], np.int32)
    normal, area = normals(points, faces[2:], twins(faces[2:]))
    assert area == 0
    assert not normal.any()
    normal, area = normals(points, faces[:2], twins(faces[:2]))
    assert np.allclose(np.linalg.norm(normal, axis=1), 1)
    assert normal[0] @ normal[1] > 0.99
