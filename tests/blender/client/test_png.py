"""Blender's pixels become PNGs that every program reads the same way."""

import io

import numpy as np
import pytest
from PIL import Image

from blender_addon.client import png


def decoded(data):
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGBA"))


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_channels_and_rows_are_kept(channels):
    pixels = np.random.default_rng(1).random((5, 7, channels), np.float32)
    image = decoded(png.encode(pixels, linear=False))
    expected = (pixels[::-1] * 255 + 0.5).astype(np.uint8)
    color = expected[..., :1] if channels < 3 else expected[..., :3]
    np.testing.assert_array_equal(image[..., :3], np.broadcast_to(color, (5, 7, 3)))
    alpha = expected[..., -1] if channels in (2, 4) else 255
    np.testing.assert_array_equal(image[..., 3], np.broadcast_to(alpha, (5, 7)))


def test_linear_light_becomes_srgb():
    image = decoded(png.encode(np.full((2, 2, 3), 0.5, np.float32), linear=True))
    assert image[0, 0, 0] == 188  # half the light in sRGB


def test_large_pictures_are_halved():
    image = decoded(png.encode(np.zeros((30, 5000, 3), np.float32), linear=False))
    assert image.shape[:2] == (7, 1250)
