"""The kernels that several pictures of one object need are bit-identical to the same in NumPy."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from spherelinks.generation.lift import fusion
from spherelinks.generation.lift.calibration import sampled


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.integers(2, 40), st.sampled_from([(), (1,), (3,)]))
def test_an_image_is_looked_up_between_its_pixels(seed: int, side: int, channels: tuple[int, ...]) -> None:
    rng = np.random.default_rng(seed)
    image = rng.normal(0, 10, (side, side, *channels)).astype(np.float32)
    x, y = rng.uniform(-1.3, 1.3, (2, 50))  # some are out of the frame
    x[:4], y[:4] = (-1, 1, 0, 1), (1, -1, 0, 1)  # corners and the middle
    u = np.clip((x + 1) * (side / 2) - 0.5, 0, side - 1.001)
    v = np.clip((1 - y) * (side / 2) - 0.5, 0, side - 1.001)
    left, top = u.astype(int), v.astype(int)
    across, down = ((place - np.floor(place)).reshape(-1, *[1] * len(channels)) for place in (u, v))
    wide = image.astype(np.float64)
    above = wide[top, left] * (1 - across) + wide[top, left + 1] * across
    below = wide[top + 1, left] * (1 - across) + wide[top + 1, left + 1] * across
    np.testing.assert_array_equal(sampled(image, x, y), above * (1 - down) + below * down)


def least_along(field: NDArray[np.float32], start: NDArray[np.float32], way: NDArray[np.float32],
                steps: NDArray[np.float32], best: NDArray[np.float32]) -> NDArray[np.float32]:  # fmt: skip
    """(R,): the least of a field's nearest samples along rays, and of `best`; what lies out of the grid is left out."""
    at = np.rint(start[:, None] + steps[:, None] * way[:, None])  # of two samples as near, the even one
    known = ((at >= 0) & (at < field.shape)).all(-1)
    x, y, z = np.where(known[..., None], at, 0).astype(int).transpose(2, 0, 1)
    return np.asarray(np.minimum(best, np.where(known, field[x, y, z], np.inf).min(1)), np.float32)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.tuples(*[st.integers(1, 9)] * 3), st.booleans())
def test_a_ray_meets_the_least_sample_along_it(seed: int, shape: tuple[int, int, int], halves: bool) -> None:
    rng = np.random.default_rng(seed)
    field = rng.normal(0, 1, shape).astype(np.float32)
    start, way = rng.normal(0, 4, (2, 30, 3)).astype(np.float32)
    steps = np.linspace(-3, 3, 13, dtype=np.float32)
    if halves:  # places right between two samples
        start, way = np.rint(start) + np.float32(0.5), np.rint(way)
    best = rng.normal(0, 1, 30).astype(np.float32)
    best[:3] = -np.inf, np.inf, 0
    wanted, found = least_along(field, start, way, steps, best), best.copy()
    fusion._meet(field, start, way, steps, found, 0, 17)
    np.testing.assert_array_equal(found, [*wanted[:17], *best[17:]])  # the others belong to another thread
    fusion._meet(field, start, way, steps, found, 17, 40)
    np.testing.assert_array_equal(found, wanted)
