import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spherelinks.mesh.box import box, middle, sides
from spherelinks.native import kernel


@pytest.mark.parametrize("kind", ["f4", "f8"])
@given(seed=st.integers(0, 2**32), count=st.integers(1, 300), strided=st.booleans())
def test_the_box_round_points_is_numpy_s(kind: str, seed: int, count: int, strided: bool) -> None:
    points = np.random.default_rng(seed).normal(0, 1, (2 * count, 3)).astype(kind)[:: 2 if strided else 1]
    low, high = box(points)
    assert (low.dtype, high.dtype) == (kind, kind)
    assert np.array_equal(low, points.min(axis=0))
    assert np.array_equal(high, points.max(axis=0))
    assert np.array_equal(sides(points), np.ptp(points, axis=0))


def test_no_points_have_no_box() -> None:
    with pytest.raises(ValueError, match="no points"):
        box(np.zeros((0, 3), np.float32))


@pytest.mark.parametrize("kind", ["i4", "i8"])
@pytest.mark.parametrize("none", ["", " | -1"])
@given(seed=st.integers(0, 2**32), size=st.integers(1, 40), wrong=st.integers(-(2**31), 2**31 - 1))
def test_an_index_that_is_out_of_range_is_named(kind: str, none: str, seed: int, size: int, wrong: int) -> None:
    rng = np.random.default_rng(seed)
    values = rng.integers(-1 if none else 0, 7, size).astype(kind)
    call = kernel("no_such_kernel", f"values: {kind}[N] < most{none}", "N", "most: int")
    with pytest.raises(AttributeError, match="no_such_kernel"):  # all are in range, so that it is looked for
        call(values, 7)
    values[rng.integers(size)] = wrong
    fine = (-1 if none else 0) <= wrong < 7
    with pytest.raises(AttributeError if fine else ValueError, match="no_such_kernel"):
        call(values, 7)


@given(seed=st.integers(0, 2**32), count=st.integers(1, 300), strided=st.booleans())
def test_the_middle_of_points_is_their_mean_to_the_bit(seed: int, count: int, strided: bool) -> None:
    points = np.random.default_rng(seed).normal(3, 1, (2 * count, 3)).astype(np.float32)[:: 2 if strided else 1]
    assert np.array_equal(middle(points), points.mean(axis=0, dtype=np.float64))
