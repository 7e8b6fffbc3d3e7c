import numpy as np
import pytest
from scipy import ndimage

from spherelinks import threads
from spherelinks.generation.lift.cleaning import (
    BLOCK,
    BLURS,
    FILLED,
    REGROWN,
    REPLACED,
    blur,
    blurred,
    cleaned,
    euler,
    joined,
    riddled,
)
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


def test_a_part_that_hardly_hangs_apart_is_joined_and_others_are_left_alone() -> None:
    """A block, and a bar before it, across a gap in which the field has its least value along a thin rod."""
    x, y, z = _places((64, 40, 40))
    block, bar = np.maximum(np.abs(x + 12), np.abs(y)) - 12, np.maximum(np.abs(x - 16), np.abs(y) + 9) - 11
    two = np.maximum(np.minimum(block, bar), np.abs(z) - 6)
    rod = np.maximum(np.hypot(y, z) - 2, np.abs(x - 2) - 5)
    crumb = np.sqrt((x + 11.5) ** 2 + (y - 16.5) ** 2 + z**2) - 0.7
    for least, parts in ((0.4, 1), (0.9, 1), (1.4, 2)):
        apart = _kept(np.minimum(np.minimum(two, np.maximum(rod, least)), crumb))
        assert _found(apart).parts == 2
        changed = joined(apart.copy(), 1.0)
        assert _found(changed).parts == parts
        assert (changed <= apart).all()
        far = (x < -8) | (x > 12)
        assert np.array_equal(changed[far], apart[far])
        assert ndimage.label(changed < 0)[1] == parts + 1  # the crumb, which is dropped later
        if parts == 2:
            assert np.array_equal(changed, apart)


def test_parts_are_joined_from_the_length_on_that_is_kept() -> None:
    """Above a beam of 60 samples, of which a twentieth is kept: a row of four is just long enough."""
    for length, parts in ((2, 2), (3, 2), (4, 1)):
        field = np.full((70, 12, 12), 0.2, np.float32)
        field[5:65, 3:6, 4:7] = -1
        field[30 : 30 + length, 7, 5] = -1
        assert ndimage.label(joined(field, 1.0) < 0)[1] == parts


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


def test_some_rows_are_blurred_as_among_all() -> None:
    generator = np.random.default_rng(0)
    field = generator.normal(0, 1, (41, 67, 53)).astype(np.float32)
    for sigma in (1.5, 0.8, 2.2, 3.0):
        whole = blurred(field, sigma)
        for first, end, low, high in ((0, 41, 0, 67), (0, 1, 0, 1), (3, 9, 20, 40), (40, 41, 66, 67), (20, 21, 0, 67)):
            wanted = np.zeros(field.shape[:2], bool)
            wanted[first:end, low:high] = generator.random((end - first, high - low)) < 0.5
            out, told = np.full_like(field, np.nan), np.zeros_like(wanted)

            def use(planes: slice, columns: slice, told: np.ndarray = told) -> None:
                told[planes, columns.start // 53 : -(-columns.stop // 53)] = True

            blur(field, sigma, wanted, out, use)
            assert np.array_equal(out[wanted], whole[wanted])
            assert told[wanted].all()


def test_what_is_mended_is_as_if_the_whole_were_reckoned(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pierced wall, which is filled, beside a foam, which is replaced; and a slender part."""
    generator = np.random.default_rng(2)
    x, y, z = _places((87, 62, 66))
    pores = np.hypot((y + 4) % 7 - 3.5, (z + 3.5) % 7 - 3.5) - 2.2
    wall = np.maximum(np.abs(x + 30) - 2.5, np.maximum(np.abs(y), np.abs(z)) - 24)
    foam = blurred(generator.normal(0, 60, x.shape).astype(np.float32), 1.4)
    ball = np.sqrt((x - 20) ** 2 + y**2 + z**2) - 18
    field = _kept(np.minimum(np.maximum(wall, -pores), np.maximum(ball, foam)))
    slender = np.clip(y / 9, 0, 1).astype(np.float32)

    known = blurred(field, BLURS[0])
    known += (blurred(field, BLURS[1]) - known) * slender
    known -= np.float32(REGROWN * 0.7)
    place = (np.arange(len(field)) + 0.5) / BLOCK - 0.5
    for (sigma, out), fills in ((FILLED, True), (REPLACED, False)):
        share = riddled(known)
        assert share.max() == 1
        low = share[np.maximum(np.floor(place), 0).astype(int)]
        step = share[np.minimum(np.floor(place) + 1, len(share) - 1).astype(int)] - low
        share = (low + (place - np.floor(place))[:, None, None] * step).astype(np.float32)
        change = blurred(field, sigma) - np.float32(out * 0.7) - known
        known += (np.minimum(change, 0) if fills else change) * share
    assert cleaned(field, 0.7, slender).tobytes() == known.tobytes()
    monkeypatch.setattr(threads, "count", lambda: 1)
    assert cleaned(field, 0.7, slender).tobytes() == known.tobytes()
