import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from meshes import NASTY, box, joined, mangled, sheet, soup
from scipy.ndimage import map_coordinates
from shapes import ball, mesh_of, torus

from spherelinks.mesh.components import clean
from spherelinks.mesh.distance import BAND, HALF, Distance, signed
from spherelinks.mesh.surface import extract
from spherelinks.mesh.topology import examine


def _at(distance: Distance, points: np.ndarray) -> np.ndarray:
    """The field at points, in samples."""
    place = (points - distance.origin) / distance.spacing
    return map_coordinates(distance.field, place.T, order=1, mode="nearest") / distance.spacing


def _on(vertices: np.ndarray, faces: np.ndarray, count: int = 4000) -> np.ndarray:
    """Points all over a mesh, edges and corners among them."""
    rng = np.random.default_rng(0)
    weights = rng.dirichlet((0.7, 0.7, 0.7), count)[..., None]
    area = np.linalg.norm(np.cross(*np.moveaxis(np.diff(vertices[faces], axis=1), 1, 0)), axis=1)
    picked = rng.choice(len(faces), count, p=area / area.sum())
    return (vertices[faces[picked]] * weights).sum(axis=1)


@pytest.mark.parametrize("name", NASTY)
def test_no_part_of_the_surface_lies_far_outside_the_solid(name: str) -> None:
    vertices, faces = NASTY[name]
    distance = signed(vertices, faces, 64)
    assert _at(distance, _on(vertices, faces)).max() < HALF


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_of_whatever_is_left_of_a_mesh_nothing_is_lost(seed: int) -> None:
    rng = np.random.default_rng(seed)
    turn = np.linalg.qr(rng.standard_normal((3, 3)))[0]
    whole = joined(box(size=(1, 0.6, 0.3)), box((0.4, 0.5, 0.1), (0.2, 0.8, 0.05)), sheet(6))
    vertices, faces = mangled(whole, rng)
    vertices = (vertices @ turn).astype(np.float32)
    distance = signed(vertices, faces, 48)
    assert _at(distance, _on(vertices, faces)).max() < HALF
    made = extract(distance.field, distance.origin, distance.spacing)
    assert examine(*made[:2]).manifold
    assert not made[2]


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32 - 1), st.booleans())
def test_a_closed_body_keeps_its_size_however_its_faces_look(seed: int, turn: bool) -> None:
    rng = np.random.default_rng(seed)
    for mesh, volume in ((box(size=(1, 0.6, 0.4)), 0.24), (mesh_of(torus(48)), 2 * np.pi**2 * 0.6 * 0.22**2)):
        vertices, faces = soup(mesh)
        faces = np.where((rng.random(len(faces)) < 0.5)[:, None], faces[:, ::-1], faces)
        if turn:
            vertices = (vertices @ np.linalg.qr(rng.standard_normal((3, 3)))[0]).astype(np.float32)
        distance = signed(vertices, faces, 96)
        assert distance.thickened < 0.001
        vertices, faces, _ = extract(distance.field, distance.origin, distance.spacing)
        vertices, faces, removed = clean(vertices, faces)  # at a corner a lone sample may be taken for a body
        assert removed.share < 1e-3
        topology = examine(vertices, faces)
        assert topology.volume == pytest.approx(volume, rel=0.01)
        assert topology.parts == 1


def test_is_the_distance_near_a_ball() -> None:
    distance = signed(*mesh_of(ball(80, 0.7)), 64)
    points = np.stack(np.meshgrid(*3 * [np.linspace(-0.7, 0.7, 30)]), axis=-1).reshape(-1, 3)
    expected = (np.linalg.norm(points, axis=1) - 0.7) / distance.spacing
    found = _at(distance, points)
    near = np.abs(expected) < 1
    assert np.abs(found - expected)[near].max() < 0.15
    assert (np.sign(found) == np.sign(expected))[~near].all()
    assert np.abs(found).max() <= BAND


def test_a_cavity_is_filled() -> None:
    vertices, faces = NASTY["box in a box"]
    assert (signed(vertices, faces, 48).field[14:-14, 14:-14, 14:-14] < 0).all()


def test_cloth_becomes_a_plate() -> None:
    distance = signed(*sheet(), 96)
    assert distance.thickened == pytest.approx(1, abs=0.01)
    vertices, faces, _ = extract(distance.field, distance.origin, distance.spacing)
    topology = examine(vertices, faces)
    assert (topology.parts, topology.genus) == (1, 0)
    assert 2 * topology.volume / topology.area == pytest.approx(2 * HALF * distance.spacing, rel=0.1)
