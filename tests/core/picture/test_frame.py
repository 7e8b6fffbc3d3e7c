"""The frame: square, centred, filled to 85 %, and free of the background's colour."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from spherelinks.errors import NoObject
from spherelinks.picture.decode import Picture
from spherelinks.picture.frame import (
    FILL,
    MAX_SIDE,
    MIN_SIDE,
    _mix,
    _sum_up,
    continued,
    few_pixels,
    frame,
    touches_border,
)

Floats = NDArray[np.float32]


def box(height: int, width: int, top: int, left: int, down: int, across: int) -> Floats:
    matte = np.zeros((height, width), np.float32)
    matte[top : top + down, left : left + across] = 1
    return matte


def coloured(matte: Floats, inside: tuple[int, int, int], outside: tuple[int, int, int]) -> Picture:
    """Mixed as a camera mixes them: object over ground by the matte."""
    mixed = matte[..., None] * np.array(inside) + (1 - matte[..., None]) * np.array(outside)
    return Picture(np.rint(mixed).astype(np.uint8), None, "PNG", "")


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_every_object_ends_square_centred_and_of_one_size(data: st.DataObject) -> None:
    height, width = data.draw(st.integers(20, 700)), data.draw(st.integers(20, 700))
    down, across = data.draw(st.integers(10, height)), data.draw(st.integers(10, width))
    top, left = data.draw(st.integers(0, height - down)), data.draw(st.integers(0, width - across))
    matte = box(height, width, top, left, down, across)
    framed = frame(coloured(matte, (200, 80, 30), (0, 0, 255)), matte)

    side = framed.rgb.shape[0]
    assert framed.rgb.shape == (side, side, 3)
    assert framed.matte.shape == (side, side)
    assert (framed.rgb.dtype, framed.matte.dtype) == (np.uint8, np.float32)
    assert MIN_SIDE <= side <= MAX_SIDE
    assert framed.matte.min() >= 0
    assert framed.matte.max() <= 1
    assert not framed.matte[[0, -1]].any()
    assert not framed.matte[:, [0, -1]].any()

    pixel = side / round(max(down, across) / FILL)  # a pixel of the picture, in pixels of the frame
    rows, columns = (np.flatnonzero((framed.matte > 0.5).any(axis=axis)) for axis in (1, 0))
    tall, wide = rows[-1] - rows[0] + 1, columns[-1] - columns[0] + 1
    assert max(tall, wide) == pytest.approx(FILL * side, abs=pixel + 2)
    assert (tall, wide) == pytest.approx((down * pixel, across * pixel), abs=pixel + 2)
    assert (rows[0] + rows[-1] + 1) / 2 == pytest.approx(side / 2, abs=pixel / 2 + 1.5)
    assert (columns[0] + columns[-1] + 1) / 2 == pytest.approx(side / 2, abs=pixel / 2 + 1.5)
    assert np.abs(framed.rgb.astype(int) - [200, 80, 30]).max() <= 2


@pytest.mark.parametrize(("longest", "side"), [(40, 512), (300, 512), (500, 640), (700, 832), (1900, 1024)])
def test_the_frame_keeps_the_objects_own_resolution(longest: int, side: int) -> None:
    matte = box(2000, 2000, 10, 20, longest, longest // 2)
    assert frame(coloured(matte, (9, 9, 9), (99, 99, 99)), matte).rgb.shape[0] == side


@pytest.mark.parametrize("radius", [12, 120, 700])
def test_no_fringe_of_the_grounds_colour_remains(radius: int) -> None:
    y, x = np.mgrid[0:1600, 0:1600]
    matte = np.clip((radius - np.hypot(x - 800, y - 800)) / 3 + 0.5, 0, 1).astype(np.float32)
    framed = frame(coloured(matte, (230, 200, 40), (0, 0, 255)), matte)
    assert np.abs(framed.rgb.astype(int) - [230, 200, 40]).max() <= 8  # the matte's last 5 % are ground, too


def test_colours_are_continued_from_the_nearest_part() -> None:
    matte = box(400, 400, 100, 100, 200, 200)
    rgb = np.zeros((400, 400, 3), np.uint8)
    rgb[:, :200], rgb[:, 200:] = (255, 0, 0), (0, 255, 0)
    rgb[matte == 0] = (0, 0, 255)
    seen = frame(Picture(rgb, None, "PNG", ""), matte).rgb.astype(int)
    side = len(seen)
    left, right = seen[side // 2, side // 50], seen[side // 2, -side // 50]
    assert left[0] > 200 > 60 > left[2]
    assert right[1] > 200 > 60 > right[2]
    assert seen[..., 2].max() <= 2


def test_the_kernels_compute_what_numpy_does_to_the_bit() -> None:
    rng = np.random.default_rng(0)
    weighted, colour = rng.random((37, 23, 4), np.float32), 255 * rng.random((37, 23, 3), np.float32)
    weighted[rng.random((37, 23)) < 0.3] = 0
    sums = 4 * weighted
    sums /= np.maximum(sums[..., 3:], 1)
    trust = weighted[..., 3:]
    mixed = weighted[..., :3] / np.maximum(trust, 1e-12) * trust + colour * (1 - trust)
    _mix(weighted, colour)
    summed = np.zeros((38, 24, 4), np.float32)
    _sum_up(weighted, summed)
    assert colour.tobytes() == mixed.tobytes()
    assert summed.tobytes() == np.pad(sums, ((0, 1), (0, 1), (0, 0))).tobytes()


@pytest.mark.parametrize("size", [(1, 1), (1, 6), (7, 1), (2, 2), (301, 33), (300, 517)])
def test_colours_of_any_size_are_continued_as_numpy_does_it(size: tuple[int, int]) -> None:
    rng = np.random.default_rng(1)
    colour, matte = 255 * rng.random((*size, 3), np.float32), rng.choice(np.float32([0, 0.4, 0.96, 1]), size)
    inner = np.asarray(cv2.erode(matte, np.ones((3, 3), np.uint8)))
    trust = np.where(inner >= 0.95, 1, np.where(matte >= 0.95, 0.25, 1e-3 * matte)).astype(np.float32)[..., None]

    def pull_push(weighted: np.ndarray) -> np.ndarray:
        height, width = weighted.shape[:2]
        if max(height, width) == 1:
            return weighted[..., :3] / np.maximum(weighted[..., 3:], 1e-12)
        even = np.pad(weighted, ((0, height % 2), (0, width % 2), (0, 0)))
        coarse = 4 * cv2.resize(even, (even.shape[1] // 2, even.shape[0] // 2), interpolation=cv2.INTER_AREA)
        coarse = coarse.reshape(len(even) // 2, -1, 4) / np.maximum(coarse.reshape(len(even) // 2, -1, 4)[..., 3:], 1)
        beyond = cv2.resize(pull_push(coarse), (even.shape[1], even.shape[0]), interpolation=cv2.INTER_LINEAR)
        beyond, own = beyond[:height, :width], weighted[..., 3:]
        return weighted[..., :3] / np.maximum(own, 1e-12) * own + beyond * (1 - own)

    wanted = pull_push(np.concatenate([colour * trust, trust], -1))
    assert continued(colour, matte).tobytes() == wanted.astype(np.float32).tobytes()


def test_an_object_that_is_nowhere_solid_keeps_its_colour() -> None:
    matte = 0.7 * box(300, 300, 80, 80, 140, 140)
    framed = frame(Picture(np.full((300, 300, 3), (90, 160, 200), np.uint8), None, "PNG", ""), matte)
    assert np.abs(framed.rgb.astype(int) - [90, 160, 200]).max() <= 1
    assert framed.matte.max() == pytest.approx(0.7, abs=0.06)


def test_detail_survives_at_the_objects_own_size() -> None:
    rng = np.random.default_rng(0)
    rgb = rng.integers(0, 256, (640, 640, 3), np.uint8)
    matte = box(640, 640, 48, 48, 544, 544)  # 640 px of frame for 640 px of picture: nothing is resampled
    seen = frame(Picture(rgb, None, "PNG", ""), matte)
    assert (seen.rgb[50:590, 50:590] == rgb[50:590, 50:590]).all()


@pytest.mark.parametrize(("down", "across", "few"), [(127, 30, "30 × 127"), (128, 30, None), (30, 128, None)])
def test_an_object_of_few_pixels_is_noticed(down: int, across: int, few: str | None) -> None:
    said = few_pixels(box(200, 200, 5, 6, down, across))
    assert said is None if few is None else said is not None and few in said


def test_a_matte_of_nothing_is_refused() -> None:
    with pytest.raises(NoObject):
        frame(Picture(np.zeros((9, 9, 3), np.uint8), None, "PNG", ""), np.full((9, 9), 0.4, np.float32))


@pytest.mark.parametrize(
    ("matte", "touching"),
    [
        (box(100, 100, 20, 20, 40, 40), False),
        (box(100, 100, 60, 20, 40, 40), True),
        (box(100, 100, 0, 20, 40, 40), True),
        (box(100, 100, 20, 0, 40, 40), True),
        (box(100, 100, 20, 60, 40, 40), True),
        (np.zeros((10, 10), np.float32), False),
    ],
)
def test_objects_cut_by_the_border_are_noticed(matte: Floats, touching: bool) -> None:
    assert touches_border(matte) is touching


def test_a_cut_out_trimmed_to_its_object_is_not_cut() -> None:
    y, x = np.mgrid[0:1000, 0:1000]
    assert not touches_border((np.hypot(x - 499.5, y - 499.5) < 500).astype(np.float32))
