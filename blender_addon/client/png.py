"""Pixels as a PNG, for pictures that exist only in Blender."""

from __future__ import annotations

import struct
import zlib

import numpy as np
from numpy.typing import NDArray

SIDE = 2048
"""Longest side of what is sent, px: a server uses no more."""


def encode(pixels: NDArray[np.float32], *, linear: bool) -> bytes:
    """A PNG of (H, W, 1..4) floats in 0..1, the first row at the bottom as Blender has them.

    linear : the values are linear light and become sRGB. Pictures longer than SIDE are halved until they are not.
    """
    height, width, channels = pixels.shape
    color = np.ones((height, width, 4), np.float32)
    color[..., :3] = pixels[..., :1] if channels < 3 else pixels[..., :3]
    if channels in (2, 4):
        color[..., 3] = pixels[..., -1]
    color = color[::-1]
    while max(color.shape[:2]) > SIDE and min(color.shape[:2]) > 1:
        even = color[: color.shape[0] // 2 * 2, : color.shape[1] // 2 * 2]
        color = (even[::2, ::2] + even[1::2, ::2] + even[::2, 1::2] + even[1::2, 1::2]) * np.float32(0.25)
    if linear:
        light = np.clip(color[..., :3], 0, None)
        # IEC 61966-2-1
        color[..., :3] = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    rows = (np.clip(color, 0, 1) * 255 + 0.5).astype(np.uint8)
    filtered = np.concatenate([np.zeros((len(rows), 1), np.uint8), rows.reshape(len(rows), -1)], axis=1)
    head = struct.pack(">IIBBBBB", rows.shape[1], rows.shape[0], 8, 6, 0, 0, 0)
    data = zlib.compress(filtered.tobytes(), 6)
    chunks = (_chunk(b"IHDR", head), _chunk(b"IDAT", data), _chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
