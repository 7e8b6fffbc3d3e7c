"""Textures of foreign files, decoded."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from spherelinks.errors import PictureError
from spherelinks.picture import png
from spherelinks.picture.limits import MAX_PIXELS, MAX_SIDE

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TGA", "TIFF")


def rgba(data: bytes | memoryview, name: str) -> NDArray[np.uint8]:
    """(H, W, 4) uint8 sRGB and straight alpha of an image file, at most MAX_SIDE px a side.

    Grey and 16-bit samples are scaled to 8 bits. Raises ValueError, with its name, for one that is damaged, of another
    kind than FORMATS, or has more than MAX_PIXELS.
    """
    try:
        said = png.chunks(bytes(data)) if bytes(data[:8]) == png.SIGNATURE else None
        with Image.open(io.BytesIO(data if said is None else said.pixels), formats=FORMATS) as image:
            if image.width * image.height > MAX_PIXELS:
                raise ValueError(f"image {name} has {image.width} × {image.height} pixels")
            image.draft("RGB", (MAX_SIDE, MAX_SIDE))
            if image.mode == "F":
                raise ValueError(f"image {name} has samples in floating point, which are not read")
            image.load()
            picture = _eight(image if said is None else png.keyed(image, said)).convert("RGBA")
            if max(picture.size) > MAX_SIDE:
                picture.thumbnail((MAX_SIDE, MAX_SIDE))
            return np.asarray(picture)
    except (OSError, SyntaxError, Image.DecompressionBombError, PictureError) as error:
        raise ValueError(f"image {name} is damaged or too large") from error


def _eight(image: Image.Image) -> Image.Image:
    """The image with 8 bits in each sample."""
    if not image.mode.startswith("I"):
        return image
    wide = np.asarray(image)
    grey = Image.fromarray((wide.astype(np.int64) >> 8).clip(0, 255).astype(np.uint8))
    if (clear := image.info.get("transparency")) is not None:
        grey.putalpha(Image.fromarray(np.where(wide == clear, 0, 255).astype(np.uint8)))
    return grey
