import numpy as np
import pytest
from meshes import box, joined
from shapes import ball, mesh_of

from spherelinks.mesh.deviation import deviation


def test_a_ball_within_a_ball() -> None:
    outer, (vertices, faces) = mesh_of(ball(64, 0.8))[0], mesh_of(ball(64, 0.6))
    found = deviation(outer, vertices, faces)
    assert (found.largest, found.mean, found.share) == pytest.approx((0.2, 0.2, 0.125), abs=2e-3)


def test_what_stays_does_not_deviate() -> None:
    vertices, faces = mesh_of(ball(48))
    assert deviation(vertices, vertices, faces).largest < 1e-6


def test_a_part_that_is_gone_shows_and_one_that_came_does_not() -> None:
    both, one = joined(box(), box((0, 3, 0))), box()
    assert deviation(both[0], *one).largest == pytest.approx(3)
    assert deviation(one[0], *both).largest == 0
    assert np.isfinite(deviation(np.zeros((1, 3), np.float32), *one).share)
