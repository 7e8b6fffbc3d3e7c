"""Whether a picture of the back is of the front's object, by colour: the two meet at the outline."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from spherelinks.generation.lift.farside import CELLS, Floats, in_cells, inwards
from spherelinks.shape import Frame

#: What lies up to so many cells within the outline is looked at; its like on the other picture is looked for so many
#: rows up and down and columns aside.
_RIM, _ROWS, _COLUMNS = 2.5, 3, 12
#: Weights of light and hue; light, 0..1, that is added before hues are compared, as those of dark colours are noise.
_LIGHT, _HUE, _DIM = 0.35, 0.35, 0.25
#: By which factor one of the pictures may be brighter.
_BRIGHTER = 1.6


def apart(front: Frame, back: Frame) -> float:
    """The median difference between a colour at one picture's outline and the nearest of those at about the same place
    of the other's, which is mirrored for it; 0 for equal colours, about .35 between black and white.

    On rendered pictures of 60 objects in studio light, front and back differ by .007 in the median, .046 in the
    95th percentile and .118 at most, those of different objects by .026 in the 5th percentile and .113 in the median.
    """
    (one, known), (other, others) = _cells(front), _cells(back)
    other, others = other[:, ::-1], others[:, ::-1]
    if not (known.any() and others.any()):
        return 0.0
    factor = one[known].mean(-1).mean() / max(float(other[others].mean(-1).mean()), 1e-3)
    pair = _features(one), _features(other * np.float32(np.clip(factor, 1 / _BRIGHTER, _BRIGHTER)))
    found = [*_nearest(pair[0], known, pair[1], others), *_nearest(pair[1], others, pair[0], known)]
    return float(np.median(found)) if found else 0.0


def _cells(frame: Frame) -> tuple[Floats, NDArray[np.bool_]]:
    """(CELLS, CELLS, 3) in 0..1, and where the rim is."""
    matte = frame.matte.astype(np.float32)
    total = in_cells(np.dstack([frame.rgb * (matte / 255)[..., None], matte]).astype(np.float32))
    deep = inwards(total[..., 3] > 0.5)
    color = np.asarray(total[..., :3] / np.maximum(total[..., 3:], np.float32(1e-3)), np.float32)
    return color, (deep > 0.5) & (deep <= _RIM)


def _features(color: Floats) -> Floats:
    """(..., 3) of (..., 3) colours: what tells paints apart."""
    red, green, blue = cv2.split(color)
    light = color.mean(-1)
    scale = np.float32(_HUE) / (light + np.float32(_DIM))
    return np.dstack([np.float32(_LIGHT) * light, scale * (red - green), scale * (blue - (red + green) / 2)])


def _nearest(one: Floats, known: NDArray[np.bool_], other: Floats, others: NDArray[np.bool_]) -> list[float]:
    """From each place at one's rim to the nearest two of the other's at about the same place, the mean distance."""
    found: list[float] = []
    for y in range(CELLS):
        columns = np.flatnonzero(known[y])
        rows = slice(max(0, y - _ROWS), y + _ROWS + 1)
        at = np.nonzero(others[rows])
        if not len(columns) or not len(at[0]):
            continue
        distance = np.linalg.norm(one[y, columns, None] - other[rows][at], axis=-1)
        distance[np.abs(columns[:, None] - at[1]) >= _COLUMNS] = np.inf
        two = np.sort(distance, 1)[:, :2].mean(1)
        found.extend(two[np.isfinite(two)].tolist())
    return found
