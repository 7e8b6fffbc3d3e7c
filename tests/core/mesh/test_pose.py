import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spherelinks.mesh.pose import stand
from spherelinks.options import MEASURES


def _points(seed: int, scale: float = 1.0, shift: float = 0.0) -> np.ndarray:
    return (np.random.default_rng(seed).standard_normal((20, 3)) * scale + shift * scale).astype(np.float32)


@given(st.integers(0, 2**32 - 1), st.floats(1e-3, 1e3), st.floats(-1e3, 1e3))
def test_stands_on_the_ground_centred_and_one_metre_long(seed: int, scale: float, shift: float) -> None:
    points = _points(seed, scale, shift)
    posed = stand(points).place(points)
    low, high = posed.min(axis=0), posed.max(axis=0)
    assert np.isclose((high - low).max(), 1, atol=1e-5)
    assert np.isclose(low[1], 0, atol=1e-6)
    assert np.allclose((low + high)[[0, 2]], 0, atol=1e-5)


@given(st.integers(0, 2**32 - 1), st.sampled_from(MEASURES), st.floats(1e-3, 1e3))
def test_the_measure_is_exact(seed: int, measure: str, length: float) -> None:
    points = _points(seed)
    side = np.ptp(stand(points, measure, length).place(points).astype(np.float64), axis=0)
    found = {"width": side[0], "height": side[1], "depth": side[2], "longest": side.max()}[measure]
    assert found == pytest.approx(length, rel=1e-6)
    assert found == pytest.approx(length, abs=1e-3)


@given(st.integers(0, 2**32 - 1))
def test_the_pivot_moves_the_shape_up_or_down_only(seed: int) -> None:
    points = _points(seed)
    on, amid = (stand(points, "height", 2.0, pivot=pivot).place(points) for pivot in ("base", "center"))
    assert np.allclose(amid.min(axis=0) + amid.max(axis=0), 0, atol=1e-5)
    assert np.allclose(on - amid, (0, 1, 0), atol=1e-5)


def test_keeps_directions_and_proportions() -> None:
    points = np.array([(0, 5, 0), (2, 5, 0), (0, 9, 1)], np.float32)
    assert stand(points, "longest", 2.0).place(points).tolist() == [[-0.5, 0, -0.25], [0.5, 0, -0.25], [-0.5, 2, 0.25]]
    assert stand(points, "width", 4.0).place(points).tolist() == [[-2, 0, -1], [2, 0, -1], [-2, 8, 1]]
