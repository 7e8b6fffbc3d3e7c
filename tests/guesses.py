"""What a perfect network would say of known bodies."""

import numpy as np

from spherelinks.generation.lift.assembly import Guess
from spherelinks.generation.lift.layout import BIN, BINS, SHARPNESS
from spherelinks.shape import Frame

TANGENT = 0.25


def box_seen(half: tuple[float, float, float], elevation: float, side: int = 64) -> tuple[Guess, Frame]:
    """What a perfect network would say of an upright box round the origin, and the frame it would say it of."""

    def cast(size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        at = (np.arange(size) + 0.5) / size * 2 - 1
        x, y = np.meshgrid(at, -at)
        s, c = np.sin(np.radians(elevation)), np.cos(np.radians(elevation))
        right, up, ahead = np.array([1, 0, 0]), np.array([0, c, -s]), np.array([0, -s, -c])
        # the point at depth d is x (1 + d t), y (1 + d t), d: from d = -1/t on, a straight line
        ray = TANGENT * (x[..., None] * right + y[..., None] * up) + ahead
        eye = -ahead / TANGENT
        with np.errstate(divide="ignore"):
            a, b = ((sign * np.array(half) - eye) / ray for sign in (-1, 1))
        enter, leave = np.minimum(a, b).max(-1), np.maximum(a, b).min(-1)
        return enter - 1 / TANGENT, leave - enter, leave > enter

    front, thickness, hit = cast(side)
    matte = cast(512)[2].astype(np.float32)
    front, thickness = np.where(hit, front, 0), np.where(hit, thickness, 0)
    coarse = thickness.reshape(side // 2, 2, side // 2, 2).max((1, 3))
    profile = SHARPNESS * (coarse[..., None] - (np.arange(BINS) + 0.5) * BIN)
    rgb = np.full((512, 512, 3), (200, 40, 40), np.uint8)
    back = np.full((side // 2, side // 2, 3), (0.1, 0.2, 0.9), np.float32)
    maps = (m.astype(np.float32) for m in (front, thickness, profile))
    return Guess(*maps, back, elevation, TANGENT), Frame(rgb, matte)
