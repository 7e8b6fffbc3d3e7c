"""Textures as the bytes of image files."""

from __future__ import annotations

import io

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from spherelinks.errors import GeneratorFailed
from spherelinks.options import TextureFormat

JPEG_QUALITY = 92
WEBP_QUALITY = 90
#: Higher levels take much longer and save little.
PNG_LEVEL = 3


def encoded(texture: NDArray[np.uint8], texture_format: TextureFormat) -> bytes:
    """The file of an (S, S, 3) uint8 sRGB texture: JPEG, PNG or WebP, these also with alpha, (S, S, 4).

    Raises GeneratorFailed.
    """
    if texture_format == "webp":
        buffer = io.BytesIO()
        Image.fromarray(texture).save(buffer, "WEBP", quality=WEBP_QUALITY, method=2)
        return buffer.getvalue()
    if texture_format == "jpeg":
        # chroma at full resolution: neighbouring charts are texels apart, and subsampled chroma bleeds across their
        # borders
        flags = [
            cv2.IMWRITE_JPEG_QUALITY,
            JPEG_QUALITY,
            cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
            cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
        ]
    else:
        flags = [cv2.IMWRITE_PNG_COMPRESSION, PNG_LEVEL]
    way = cv2.COLOR_RGB2BGR if texture.shape[2] == 3 else cv2.COLOR_RGBA2BGRA
    done, data = cv2.imencode(f".{texture_format}", cv2.cvtColor(texture, way), flags)
    if not done:
        raise GeneratorFailed(f"The {len(texture)} px texture could not be encoded as {texture_format}.")
    return bytes(data)
