"""Charts by hand: squares, teeth, rings."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spherelinks.mesh.topology import twins
from spherelinks.texture.packing import lay_out


def _block(width: int, height: int, side: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Corners and faces of a block of squares, each cut into two triangles."""
    y, x = np.mgrid[: height + 1, : width + 1]
    points = np.stack([x.ravel(), y.ravel()], axis=1) * side
    a = (y * (width + 1) + x)[:-1, :-1].ravel()
    b = a + width + 1
    faces = np.concatenate([np.stack([a, a + 1, b], 1), np.stack([a + 1, b + 1, b], 1)]).astype(np.int32)
    return points[faces], faces


def _signed(corners: np.ndarray) -> np.ndarray:
    p, q = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    return (p[:, 0] * q[:, 1] - p[:, 1] * q[:, 0]) / 2


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 20), st.floats(0.1, 3)), min_size=1, max_size=30))
def test_all_charts_are_placed_by_one_scale_and_never_mirrored(strips: list[tuple[int, float]]) -> None:
    parts, chart, faces, seen = [], [], [], 0
    for number, (length, side) in enumerate(strips):
        corners, own = _block(length, 1, side)
        parts.append(corners)
        faces.append(own + seen)
        chart.append(np.full(len(own), number))
        seen += own.max() + 1
    corners = np.concatenate(parts)
    placed, _ = lay_out(corners, np.concatenate(chart), twins(np.concatenate(faces)), 4 / 1024)
    assert placed.min() >= 0
    assert placed.max() <= 1
    ratio = _signed(placed) / _signed(corners)
    assert ratio == pytest.approx(np.full(len(ratio), ratio[0]), rel=1e-6)
    assert ratio[0] > 0


def test_a_long_strip_is_cut_to_fill_the_page() -> None:
    corners, faces = _block(100, 1)
    placed, chart = lay_out(corners, np.zeros(len(faces), np.int64), twins(faces), 4 / 1024)
    assert chart.max() > 1
    assert _signed(placed).sum() > 0.6


def test_a_face_that_sticks_out_goes_to_the_chart_whose_notch_it_fills() -> None:
    corners, faces = _block(6, 6)
    chart = (corners.mean(axis=1)[:, 1] > 3).astype(np.int64)
    alone, tooth = 13, 13 + 36  # below the border: with three edges in chart 0, and with two and one in chart 1
    for one in (alone, tooth):
        odd = chart.copy()
        odd[one] = 1
        placed, trimmed = lay_out(corners + np.where(odd == 1, 50.0, 0.0)[:, None, None], odd, twins(faces), 4 / 1024)
        assert len(np.unique(trimmed)) == 2
        assert (np.bincount(trimmed) == 36).all()
        assert (_signed(placed) > 0).all()
