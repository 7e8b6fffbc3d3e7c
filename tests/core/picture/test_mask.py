"""A mask says where the object is, whatever the picture shows; one that does not fit, or says nothing, is refused."""

from __future__ import annotations

import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from spherelinks.errors import InvalidRequest, PictureUnreadable
from spherelinks.picture import mask
from spherelinks.picture.decode import decode

Bytes = NDArray[np.uint8]
Y, X = np.mgrid[-1:1:240j, -1:1:320j]
DISC = np.hypot(X, Y * 0.75) < 0.5
NOISE = np.random.default_rng(3).integers(0, 255, (240, 320, 3), dtype=np.uint8)


def encoded(pixels: Bytes, kind: str = "PNG", size: tuple[int, int] | None = None) -> bytes:
    image = Image.fromarray(pixels)
    file = io.BytesIO()
    (image.resize(size, Image.Resampling.BILINEAR) if size else image).save(file, kind)
    return file.getvalue()


def white(where: NDArray[np.bool_]) -> Bytes:
    return np.where(where, 255, 0).astype(np.uint8)


PICTURE = decode(encoded(NOISE))


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (encoded(white(DISC)), "brightness"),
        (encoded(white(DISC), "JPEG"), "brightness"),
        (encoded(white(DISC), "WEBP"), "brightness"),
        (encoded(np.dstack([NOISE, white(DISC)])), "transparency"),
        (encoded(white(DISC), size=(160, 120)), "brightness"),
        (encoded(white(DISC), size=(1280, 960)), "brightness"),
        (encoded(white(DISC), size=(213, 160)), "brightness"),  # the same proportions but for rounding
    ],
)
def test_white_or_opaque_is_the_object(data: bytes, told: str) -> None:
    notes: list[str] = []
    found = mask.matte(PICTURE, mask.read(data), notes.append)
    assert (found.shape, found.dtype) == (DISC.shape, np.float32)
    assert ((found > 0.5) ^ DISC).mean() < 0.004
    assert found.min() == 0
    assert found.max() == 1
    assert len(notes) == 1
    assert told in notes[0]


def test_soft_edges_stay_soft() -> None:
    soft = np.clip(255 * (2 - 3 * np.hypot(X, Y)), 0, 255).astype(np.uint8)
    found = mask.matte(PICTURE, mask.read(encoded(soft)))
    between = (soft >= 8) & (soft <= 247)
    assert np.allclose(found[between], soft[between] / 255)


@pytest.mark.parametrize(
    ("pixels", "named"),
    [
        (white(DISC.T), "240 × 320 pixels and the picture 320 × 240"),
        (white(DISC[:, :300]), "300 × 240"),
        (np.zeros_like(NOISE), "black everywhere"),
        (np.full_like(NOISE, 255), "white everywhere"),
        (white(np.hypot(X, Y) == np.hypot(X, Y).min()), "except for specks"),
        (np.dstack([NOISE, white(X > 2)]), "transparent everywhere"),
        (NOISE, "neither black nor white over"),
        (np.full_like(NOISE, 128), "neither black nor white over 100 %"),
        (np.full_like(NOISE, 100), "neither black nor white over 100 %"),
    ],
)
def test_a_mask_that_cannot_be_meant_is_refused(pixels: Bytes, named: str) -> None:
    with pytest.raises(InvalidRequest, match=named) as refused:
        mask.matte(PICTURE, mask.read(encoded(pixels)))
    assert refused.value.message.startswith("mask ")
    assert refused.value.field == "mask"
    assert refused.value.hint


def test_what_cannot_be_read_is_said_of_the_mask() -> None:
    with pytest.raises(PictureUnreadable, match=r"^mask: This is a GIF file") as refused:
        mask.read(b"GIF89a")
    assert refused.value.field == "mask"
