import numpy as np
import pytest
from shapes import axes, ball, mesh_of

from spherelinks.mesh.components import FLOATER, clean
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
    assert removed == 0


def test_floaters_go_and_parts_of_some_size_stay() -> None:
    field = _balls((0, 0, 0, 0.5), (0.7, 0, 0, 0.1), (0, 0.8, 0, 0.5 * FLOATER * 0.9), samples=160)
    vertices, faces, removed = clean(*mesh_of(field))
    assert removed == 1
    assert examine(vertices, faces).parts == 2
    assert vertices[:, 0].max() == pytest.approx(0.8, abs=0.01)
    assert vertices[:, 1].max() == pytest.approx(0.5, abs=0.01)


def test_a_cavity_and_what_floats_in_it_go() -> None:
    hollow = np.maximum(ball(96, 0.9), -ball(96, 0.6))
    field = np.minimum(hollow, ball(96, 0.3))
    vertices, faces = mesh_of(field)
    assert examine(vertices, faces).parts == 3
    vertices, faces, removed = clean(vertices, faces)
    assert removed == 2
    assert examine(vertices, faces).volume == pytest.approx(4 / 3 * np.pi * 0.9**3, rel=0.01)


def test_a_part_inside_the_main_part_s_box_but_outside_it_stays() -> None:
    x, y, z = axes(96)
    ring = np.sqrt((np.sqrt(x**2 + y**2) - 0.7) ** 2 + z**2) - np.float32(0.25)
    vertices, faces, removed = clean(*mesh_of(np.minimum(ring, ball(96, 0.2))))
    assert removed == 0
    assert examine(vertices, faces).parts == 2


def test_a_thousand_floaters() -> None:
    field = ball(100, 0.5)
    places = np.argwhere(np.ones((10, 10, 10), bool)) * 10 + 4
    field[tuple(places.T)] = np.minimum(field[tuple(places.T)], -0.01)
    vertices, faces, removed = clean(*mesh_of(field))
    assert removed > 800
    assert examine(vertices, faces).parts == 1
