"""The matte a picture would get, to be looked at and mended before a model is made of it."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from spherelinks.errors import InvalidRequest, NoObject
from spherelinks.picture.decode import Picture, decode
from spherelinks.picture.matte import matte
from spherelinks.picture.mattes import Find

SIDE = 1024
"""Longest side of a preview, px."""

Box = tuple[float, float, float, float]
"""Left, top, right and bottom, as shares of the picture's width and height."""

_WORK = 384  # GrabCut is slow above this
_ROUNDS = 4
_LEAST = 0.02  # of the picture's width and height


def preview(data: bytes, box: Box | None = None, find: Find | None = None) -> tuple[bytes, list[str]]:
    """The matte as a PNG of 8-bit grey, white where the object is, and what the user should know.

    data : a picture's file
    box : where the object is; None looks for it as a generation does
    find : what looks for it, as ``matte`` takes it

    Raises PictureError, NoObject, and InvalidRequest for a box that encloses nothing or everything.
    """
    picture = decode(data)
    notes = list(picture.notes)
    alpha = matte(picture, notes.append, find=find) if box is None else boxed(picture, box, notes.append)
    height, width = alpha.shape
    scale = min(1.0, SIDE / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    grey = np.asarray(np.round(255 * cv2.resize(alpha, size, interpolation=cv2.INTER_AREA)), np.uint8)
    return cv2.imencode(".png", grey)[1].tobytes(), notes


def boxed(picture: Picture, box: Box, say: Callable[[str], None] = lambda note: None) -> NDArray[np.float32]:
    """The foreground alpha of the object that a box encloses, (H, W) float32 in 0..1.

    GrabCut (Rother, Kolmogorov, Blake 2004) begun from the box: all outside it is background. Deterministic.

    Raises InvalidRequest for a box that encloses nothing or everything, NoObject if nothing in it stands out.
    """
    left, top, right, bottom = box
    inside = 0 <= left < right <= 1 and 0 <= top < bottom <= 1
    if not inside or min(right - left, bottom - top) < _LEAST:
        raise InvalidRequest(
            f"box is {', '.join(f'{side:g}' for side in box)}: it encloses nothing of the picture.",
            hint="Draw a box round the object.",
            field="box",
        )
    height, width = picture.rgb.shape[:2]
    scale = min(1.0, _WORK / max(height, width))
    small = np.asarray(
        cv2.resize(
            picture.rgb, (max(3, round(width * scale)), max(3, round(height * scale))), interpolation=cv2.INTER_AREA
        )
    )
    tall, wide = small.shape[:2]
    x, y = round(left * wide), round(top * tall)
    across, down = (
        min(max(2, round((right - left) * wide)), wide - x),
        min(max(2, round((bottom - top) * tall)), tall - y),
    )
    if across * down >= wide * tall:
        raise InvalidRequest(
            "box is the whole picture.", hint="Leave some of the background outside the box.", field="box"
        )
    state = np.zeros((tall, wide), np.uint8)
    cv2.setRNGSeed(0)  # the colour clustering starts at random, from a generator per thread
    cv2.grabCut(
        small[..., ::-1].copy(), state, (x, y, across, down), np.zeros((1, 65)), np.zeros((1, 65)), _ROUNDS,
        cv2.GC_INIT_WITH_RECT,
    )  # fmt: skip
    found = np.isin(state, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.float32)
    if not found.any():
        raise NoObject("Nothing in the box stands out.", hint="Draw the box closer round the object, or paint it.")
    say("The object was looked for in the box alone.")
    soft = cv2.GaussianBlur(found, (0, 0), 0.7)
    return np.asarray(np.clip(cv2.resize(soft, (width, height), interpolation=cv2.INTER_LINEAR), 0, 1), np.float32)
