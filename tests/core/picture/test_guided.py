"""The guided filter against the plain definition, one box at a time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spherelinks.picture.guided import guide_of, guided_filter

Floats = NDArray[np.float32]


def reference(guide: Floats, mask: Floats, radius: int, epsilon: float) -> NDArray[np.float64]:
    """He, Sun, Tang (2010), equations 14 to 16: in each box a ridge regression of the mask on the colours."""
    height, width = mask.shape
    padded_guide = np.pad(guide, ((radius, radius), (radius, radius), (0, 0)), mode="symmetric").astype(np.float64)
    padded_mask = np.pad(mask, radius, mode="symmetric").astype(np.float64)
    side = 2 * radius + 1
    lines = np.zeros((height, width, 4))
    for row in range(height):
        for column in range(width):
            colours = padded_guide[row : row + side, column : column + side].reshape(-1, 3)
            values = padded_mask[row : row + side, column : column + side].ravel()
            covariance = np.cov(colours.T, bias=True) + epsilon * np.eye(3)
            joint = (colours * values[:, None]).mean(axis=0) - colours.mean(axis=0) * values.mean()
            slope = np.linalg.solve(covariance, joint)
            lines[row, column] = [*slope, values.mean() - slope @ colours.mean(axis=0)]
    padded = np.pad(lines, ((radius, radius), (radius, radius), (0, 0)), mode="symmetric")
    result = np.zeros((height, width))
    for row in range(height):
        for column in range(width):
            *slope, offset = padded[row : row + side, column : column + side].reshape(-1, 4).mean(axis=0)
            result[row, column] = np.dot(slope, guide[row, column]) + offset
    return result


def test_it_is_what_the_paper_defines() -> None:
    rng = np.random.default_rng(0)
    guide = rng.random((14, 17, 3), np.float32)
    mask = (rng.random((14, 17)) > 0.5).astype(np.float32)
    found = guided_filter(guide_of(guide, 2), mask, epsilon=0.01)
    np.testing.assert_allclose(found, reference(guide, mask, 2, 0.01), atol=1e-4)


def test_a_coarse_mask_takes_on_the_edge_of_the_guide() -> None:
    guide = np.full((64, 64, 3), 0.2, np.float32)
    guide[:, 30:] = (0.8, 0.3, 0.6)
    mask = np.zeros((64, 64), np.float32)
    mask[:, 31:] = 1
    found = guided_filter(guide_of(guide, 4), mask, epsilon=1e-4) > 0.5
    assert (found == (np.arange(64) >= 30)).all()


def test_fitted_small_it_is_evaluated_large() -> None:
    large = np.full((128, 128, 3), 0.2, np.float32)
    large[40:] = 0.9
    small, mask = large[::4, ::4], (np.arange(32) >= 10)[:, None] * np.ones((32, 32), np.float32)
    found = guided_filter(guide_of(small, 3), mask.astype(np.float32), epsilon=1e-4, onto=large)
    assert found.shape == (128, 128)
    assert ((found > 0.5) == (np.arange(128) >= 40)[:, None]).all()
