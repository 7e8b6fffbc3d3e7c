import numpy as np
import pytest
from scipy import ndimage

from spherelinks import threads
from spherelinks.generation.lift.cleaning import BLOCK, REGROWN, blurred, cleaned, euler, riddled
from spherelinks.mesh.components import clean
from spherelinks.mesh.surface import extract
from spherelinks.mesh.topology import Topology, examine


def _found(field: np.ndarray) -> Topology:
    vertices, faces, _ = extract(field, np.zeros(3), 1.0)
    return examine(*clean(vertices, faces)[:2])


def _places(shape: tuple[int, int, int]) -> list[np.ndarray]:
    """Coordinates of a grid's samples from its middle."""
    return np.meshgrid(*(np.arange(n, dtype=np.float32) - np.float32((n - 1) / 2) for n in shape), indexing="ij")


def _kept(distance: np.ndarray) -> np.ndarray:
    return np.clip(distance, -4, 4).astype(np.float32)


def test_cobwebs_go_unless_the_picture_shows_them() -> None:
    """Shreds a sample thick between two slabs, which hold each other by a post."""
    x, y, z = np.meshgrid(*3 * [np.arange(48, dtype=np.float32) - 23.5], indexing="ij")
    aside = np.maximum(np.abs(x), np.abs(y)) - 18
    slabs = np.maximum(aside, np.abs(np.abs(z) - 12) - 4)
    body = np.minimum(slabs, np.maximum(np.maximum(np.abs(x), np.abs(y)) - 6, np.abs(z) - 12))
    shreds = (np.random.default_rng(0).random(x.shape) < 0.4) & (np.abs(y) < 1) & (aside < -2) & (np.abs(z) < 10)
    field = np.clip(np.where(shreds & (body > 0), -0.5, body), -4, 4).astype(np.float32)

    nothing, everything = np.zeros_like(field), np.ones_like(field)
    before, after = _found(field), _found(cleaned(field, 1.0, nothing))
    assert before.genus + before.parts > 9
    assert (after.genus, after.parts) == (0, 1)
    assert after.volume == pytest.approx(_found(np.clip(body, -4, 4).astype(np.float32)).volume, rel=0.05)
    rod = np.clip(np.hypot(x, y) - 1.6, -4, 4).astype(np.float32)
    assert (cleaned(rod, 1.0, everything) < 0).any((0, 1)).all()
    assert not (cleaned(rod, 1.0, nothing) < 0).any()


def test_a_wall_full_of_holes_is_closed_and_a_handle_by_itself_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mug whose wall is riddled on one side, and whose handle is a ring."""
    x, y, z = _places((112, 64, 64))
    away = np.hypot(x + 12, z)
    wall = np.maximum(np.abs(away - 20) - 2.5, np.abs(y) - 24)
    ring = np.hypot(np.hypot(x - 12, y) - 16, z) - 4
    whole = _kept(np.minimum(wall, np.maximum(ring, 18 - away)))
    pores = np.hypot((y + 4) % 7 - 3.5, (z + 3.5) % 7 - 3.5) - 2.2
    holed = _kept(np.where((x < -18) & (np.abs(y) < 18), np.maximum(whole, -pores), whole))
    nothing = np.zeros_like(whole)
    assert _found(whole).genus == 2  # it has no bottom
    assert _found(blurred(holed, 1.5) - np.float32(REGROWN)).genus > 10
    mended = cleaned(holed, 1.0, nothing)
    after = _found(mended)
    assert (after.genus, after.parts) == (2, 1)
    far = np.s_[56:]
    unbroken = blurred(whole, 1.5) - np.float32(REGROWN)
    assert np.array_equal(mended[far], unbroken[far])
    assert np.array_equal(cleaned(whole, 1.0, nothing), unbroken)
    solid = blurred(holed, 1.5) < REGROWN
    assert (mended[solid] < 0).all()  # the wall is filled, not removed
    monkeypatch.setattr(threads, "count", lambda: 1)
    assert cleaned(holed, 1.0, nothing).tobytes() == mended.tobytes()


def test_the_euler_characteristic_is_parts_and_cavities_less_handles_block_by_block() -> None:
    x, y, z = _places((41, 30, 70))
    ring = np.hypot(np.hypot(x, y) - 9, z + 20) - 3
    ball = np.sqrt(x**2 + y**2 + (z - 18) ** 2)
    for solid, known in ((ring, 0), (ball - 9, 1), (np.abs(ball - 7) - 3, 2), (np.minimum(ring, ball - 9), 1)):
        assert euler(solid.astype(np.float32)).sum() == known
    noise = np.random.default_rng(1).normal(0, 1, (41, 30, 70)).astype(np.float32)
    inside = noise < 0
    parts = ndimage.label(inside)[1]
    empty = np.pad(~inside, 1, constant_values=True)
    cavities = ndimage.label(empty, np.ones((3, 3, 3)))[1] - 1
    sums = euler(noise)
    assert sums.shape == (11, 8, 18)
    assert parts + cavities - sums.sum() > 100  # handles, which noise has many of
    alone = noise.copy()
    alone[BLOCK + 1 :] = 1  # what a block counts is its own, and of the next one's first layer what it shares with it
    assert np.array_equal(euler(alone)[0], sums[0])
    assert not riddled((ball - 9).astype(np.float32)).any()
    assert riddled(noise).max() == 1


def test_some_planes_are_blurred_as_among_all() -> None:
    field = np.random.default_rng(0).normal(0, 1, (21, 47, 53)).astype(np.float32)
    for sigma in (1.5, 0.8):
        whole = blurred(field, sigma)
        for first, end in ((0, 21), (0, 1), (3, 9), (10, 11), (20, 21)):
            assert np.array_equal(blurred(field, sigma, slice(first, end)), whole[first:end])
