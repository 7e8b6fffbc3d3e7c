"""A mask: a second picture that says where the object is, so that it need not be looked for."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from spherelinks.errors import InvalidRequest, PictureError
from spherelinks.picture.cutout import CLEAR, SOLID
from spherelinks.picture.decode import Picture, decode
from spherelinks.picture.limits import MAX_SIDE

FIELD = "mask"
_SPECKS = 0.0005  # share of the picture below which the object is none
_GREY = (64, 192)  # neither black nor white
_MOST_GREY = 0.25  # share of a mask that may be so, such as the soft edge of fur
_HINT = "Send a picture in which the object is white, or opaque, and the rest black, or transparent."


def read(data: bytes) -> Picture:
    """The mask in a file's bytes, under the limits of any picture. Raises PictureError, with the field."""
    try:
        return decode(data)
    except PictureError as error:
        raise type(error)(f"{FIELD}: {error.message}", hint=error.hint, field=FIELD) from error


def check(picture: Picture, mask: Picture) -> None:
    """Raises InvalidRequest for a mask whose proportions are not the picture's, or that separates nothing.

    That is one without an object or without a background, or one that is grey rather than black and white.
    """
    (height, width), (tall, wide) = mask.rgb.shape[:2], picture.rgb.shape[:2]
    if abs(width * tall - wide * height) > max(height, width, tall, wide):  # they differ by more than a pixel
        read = f" (sides above {MAX_SIDE} px are scaled down)" if MAX_SIDE in (height, width, tall, wide) else ""
        raise _refused(
            f"has {width} × {height} pixels and the picture {wide} × {tall}{read}: their proportions differ.",
            "Send a mask of the picture's size, or of its proportions.",
        )
    values, kind = _values(mask)
    grey = float(((values >= _GREY[0]) & (values < _GREY[1])).mean())
    if kind == "brightness" and grey > _MOST_GREY:
        raise _refused(f"is neither black nor white over {100 * grey:.0f} % of it.")
    share = float((values >= SOLID).mean())
    empty, full = ("black", "white") if kind == "brightness" else ("transparent", "opaque")
    if share < _SPECKS:
        raise _refused(f"is {empty} {'everywhere' if share == 0 else 'except for specks'}: it shows no object.")
    if share > 1 - _SPECKS:
        raise _refused(f"is {full} everywhere: it leaves no background.")


def matte(picture: Picture, mask: Picture, say: Callable[[str], None] = lambda note: None) -> NDArray[np.float32]:
    """The foreground alpha that the mask gives the picture, (H, W) float32 in 0..1.

    A mask with transparent pixels gives its alpha, any other its brightness; it is scaled to the picture's size.
    `say` is told which. Raises InvalidRequest as ``check`` does.
    """
    check(picture, mask)
    values, kind = _values(mask)
    say(f"The object was cut out by the {kind} of the mask that was given.")
    values = np.where(values < CLEAR, 0, np.where(values > 255 - CLEAR, 255, values))  # a JPEG's black is none
    alpha = np.asarray(values / np.float32(255), np.float32)
    height, width = picture.rgb.shape[:2]
    if alpha.shape != (height, width):
        larger = width > alpha.shape[1]
        method = cv2.INTER_CUBIC if larger else cv2.INTER_AREA
        alpha = np.asarray(cv2.resize(alpha, (width, height), interpolation=method), np.float32)
    return np.clip(alpha, 0, 1)


def _values(mask: Picture) -> tuple[NDArray[np.uint8], str]:
    """How much of each pixel is the object, (H, W) uint8, and what of the mask says so."""
    if mask.alpha is not None and mask.alpha.min() < SOLID:
        return mask.alpha, "transparency"
    return np.asarray(cv2.cvtColor(mask.rgb, cv2.COLOR_RGB2GRAY), np.uint8), "brightness"


def _refused(fault: str, hint: str = _HINT) -> InvalidRequest:
    return InvalidRequest(f"{FIELD} {fault}", hint=hint, field=FIELD)
