"""Objects in front of busy backgrounds that no model fits, where our network finds the object."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from spherelinks.picture import background
from spherelinks.picture.decode import Picture
from spherelinks.picture.matte import matte
from spherelinks.picture.outline import CHANNELS, SIDE, channels, likely

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
    found = matte(picture)
    assert found.shape == truth.shape
    assert ((found > 0.5) & truth).sum() / ((found > 0.5) | truth).sum() > 0.65
    assert (matte(picture) == found).all()


def test_a_mirrored_picture_gives_the_mirrored_likelihood() -> None:
    picture, _ = busy(0)
    straight, other = likely(picture.rgb), likely(np.ascontiguousarray(picture.rgb[:, ::-1]))
    assert straight.shape == (SIDE, SIDE)
    assert 0 <= straight.min() < 0.1 < 0.9 < straight.max() <= 1
    np.testing.assert_allclose(straight, other[:, ::-1], atol=1e-3)


def test_channels_are_the_colours_and_the_place() -> None:
    rgb = np.random.default_rng(0).random((SIDE, SIDE, 3), np.float32)
    made = channels(rgb)
    assert made.shape == (CHANNELS, SIDE, SIDE)
    np.testing.assert_allclose(made[:3].transpose(1, 2, 0) / 2 + 0.5, rgb, atol=1e-6)
    assert made[3, 0, 0] < 0 < made[3, 0, -1]  # x, rightwards
    assert made[4, 0, 0] > 0 > made[4, -1, 0]  # y, upwards
