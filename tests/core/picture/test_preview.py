"""The preview of a matte: what the pipeline would cut out, or what a box encloses."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from spherelinks.errors import InvalidRequest, NoObject
from spherelinks.picture.decode import decode
from spherelinks.picture.matte import matte
from spherelinks.picture.preview import SIDE, preview


def picture(*discs: tuple[int, int, int], size: tuple[int, int] = (240, 160)) -> bytes:
    """A PNG of blue discs (x, y, radius) on light grey."""
    width, height = size
    y, x = np.mgrid[:height, :width]
    pixels = np.full((height, width, 3), 225, np.uint8)
    for cx, cy, radius in discs:
        pixels[(x - cx) ** 2 + (y - cy) ** 2 < radius**2] = (40, 70, 160)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def read(png: bytes) -> np.ndarray:
    shown = Image.open(io.BytesIO(png))
    assert shown.mode == "L"
    return np.asarray(shown).astype(int)


def test_it_is_the_matte_that_a_generation_would_use() -> None:
    data = picture((80, 80, 50))
    png, notes = preview(data)
    assert notes == []
    assert np.abs(read(png) - 255 * matte(decode(data))).max() <= 1
    large = picture((1000, 600, 300), size=(2000, 1200))
    assert read(preview(large)[0]).shape == (round(SIDE * 0.6), SIDE)


def test_a_box_says_which_object() -> None:
    data = picture((60, 80, 30), (180, 80, 30))
    both, one = read(preview(data)[0]), read(preview(data, (0.55, 0.2, 0.95, 0.8))[0])
    assert (both[80, 60], both[80, 180]) == (255, 255)
    assert one[:, :120].max() == 0
    y, x = np.mgrid[:160, :240]
    disc = (x - 180) ** 2 + (y - 80) ** 2 < 30**2
    assert ((one > 127) != disc).sum() < 0.1 * disc.sum()
    assert preview(data, (0.55, 0.2, 0.95, 0.8)) == preview(data, (0.55, 0.2, 0.95, 0.8))


@pytest.mark.parametrize(
    "box", [(0.5, 0, 0.5, 1), (0.9, 0, 0.1, 1), (-0.1, 0, 1, 1), (0, 0, 1, 1), (0, 0, float("nan"), 1)]
)
def test_a_box_that_says_nothing_is_refused(box: tuple[float, float, float, float]) -> None:
    with pytest.raises(InvalidRequest) as caught:
        preview(picture((80, 80, 50)), box)
    assert caught.value.field == "box"


def test_where_nothing_is_there_is_no_object() -> None:
    with pytest.raises(NoObject):
        preview(picture())
