"""Objects in front of busy backgrounds that no model fits, where the network finds the object."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from spherelinks.picture import background
from spherelinks.picture.decode import Picture
from spherelinks.picture.matte import _recognised, matte
from spherelinks.picture.outline import SIDE, channels, likely

ROBOT = Path(__file__).parents[3] / "docs" / "samples" / "robot.png"


def busy(seed: int) -> tuple[Picture, NDArray[np.bool_]]:
    """The sample robot among boxes and balls a little out of focus, and where it is."""
    rng = np.random.default_rng(seed)
    side = 400
    image = np.full((side, side, 3), rng.uniform(60, 200, 3), np.float32)
    for _ in range(18):
        colour, at = rng.uniform(20, 240, 3).tolist(), rng.integers(0, side, 2).tolist()
        half = rng.integers(15, 70, 2).tolist()
        if rng.random() < 0.5:
            corners = cv2.boxPoints((at, (2 * half[0], 2 * half[1]), rng.uniform(0, 90)))
            cv2.fillPoly(image, [corners.astype(np.int32)], colour)
        else:
            cv2.ellipse(image, at, half, rng.uniform(0, 180), 0, 360, colour, -1)
    image = cv2.GaussianBlur(image, (0, 0), 3)
    robot = Image.open(ROBOT)
    cutout = np.asarray(robot.crop(robot.getbbox()).resize((200, 280)), np.float32)
    cover = np.zeros((side, side, 1), np.float32)
    cover[60:340, 100:300] = cutout[..., 3:] / 255
    image[60:340, 100:300] += (cutout[..., :3] - image[60:340, 100:300]) * cover[60:340, 100:300]
    noisy = np.clip(image + rng.normal(0, 2, image.shape), 0, 255).astype(np.uint8)
    return Picture(noisy, None, "PNG", ""), cover[..., 0] > 0.5


@pytest.mark.parametrize("seed", range(3))
def test_an_object_among_things_is_told_from_them(seed: int) -> None:
    picture, truth = busy(seed)
    lab = cv2.cvtColor(picture.rgb.astype(np.float32) / 255, cv2.COLOR_RGB2Lab)
    assert background.fit(np.asarray(lab, np.float32)).scatter > 4
    expected: list[float] = []
    found = matte(picture, expect=expected.append)
    assert found.shape == truth.shape
    overlap = ((found > 0.5) & truth).sum() / ((found > 0.5) | truth).sum()
    assert overlap > 0.65
    assert expected == [pytest.approx(overlap, abs=0.2)]
    assert (matte(picture) == found).all()


def test_the_likelihood_is_the_objects_and_the_same_every_time() -> None:
    picture, truth = busy(0)
    found = likely(picture.rgb)
    assert found.shape == (SIDE, SIDE)
    assert found.dtype == np.float32
    assert 0 <= found.min() < 0.1 < 0.9 < found.max() <= 1
    small = cv2.resize(truth.astype(np.float32), (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    assert found[small > 0.9].mean() > 0.9
    assert found[small < 0.1].mean() < 0.1
    assert (likely(picture.rgb) == found).all()
    with ThreadPoolExecutor(1) as pool:
        assert (pool.submit(likely, picture.rgb).result() == found).all()


def test_channels_are_colours_as_the_network_was_trained_with() -> None:
    rgb = np.random.default_rng(0).integers(0, 201, (SIDE, SIDE, 3), np.uint8)
    made = channels(rgb)
    assert (made.shape, made.dtype) == ((3, SIDE, SIDE), np.float32)
    colours = made.transpose(1, 2, 0) * (0.229, 0.224, 0.225) + (0.485, 0.456, 0.406)
    np.testing.assert_allclose(colours, rgb / 200, atol=1e-6)  # the brightest is 1
    assert (channels(np.zeros((9, 5, 3), np.uint8)) < 0).all()


def test_what_the_network_finds_is_fine_where_the_picture_is() -> None:
    """A thin rail that hangs on the object is kept, what stands apart and is less than a fiftieth of it is not."""
    seen = np.zeros((SIDE, SIDE), np.float32)
    seen[100:200, 100:200] = 0.98
    seen[150:153, 200:280] = 0.3  # a rail, hardly seen
    seen[150:153, 280:300] = 0.8
    seen[20:26, 20:26] = 0.9
    rgb = np.full((SIDE, SIDE, 3), 200, np.uint8)
    rgb[seen > 0] = (40, 60, 90)
    found = _recognised(rgb, seen, 0.9)
    assert found is not None
    assert found[151, 290] > 0.5
    assert found[:60, :60].max() == 0
    assert _recognised(rgb, seen * 0.9, 0.9) is None
    seen[:, :8] = seen[:, -8:] = seen[:8] = seen[-8:] = 0.98
    assert _recognised(rgb, seen, 0.9) is None  # it is all around
