"""Textures of foreign files, decoded."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from spherelinks.picture.limits import MAX_PIXELS, MAX_SIDE

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TGA", "TIFF")


def rgba(data: bytes | memoryview, name: str) -> NDArray[np.uint8]:
    """(H, W, 4) uint8 sRGB and straight alpha of an image file, at most MAX_SIDE px a side.

    Grey and 16-bit samples are scaled to 8 bits. Raises ValueError, with its name, for one that is damaged, of another
    kind than FORMATS, or has more than MAX_PIXELS.
    """
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            if image.width * image.height > MAX_PIXELS:
                raise ValueError(f"image {name} has {image.width} × {image.height} pixels")
            image.draft("RGB", (MAX_SIDE, MAX_SIDE))
            image.load()
            deep = image.mode.startswith("I")
            wide = np.asarray(image) if deep else np.zeros((0, 0), np.uint8)
            eight = Image.fromarray((wide.astype(np.int64) >> 8).clip(0, 255).astype(np.uint8)) if deep else image
            picture = eight.convert("RGBA")
            if max(picture.size) > MAX_SIDE:
                picture.thumbnail((MAX_SIDE, MAX_SIDE))
            return np.asarray(picture)
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError(f"image {name} is damaged or too large") from error
