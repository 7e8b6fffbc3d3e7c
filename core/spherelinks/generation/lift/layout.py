"""What training, network and inference must agree on: sizes, units, the input's channels.

Lengths along and across the view are in half widths of the frame at the reference depth, the mean depth of the visible
surface. A point at depth d from there, away from the viewer, seen at (x, y) of the frame (both in -1..1, y up), is at
(x (1 + d t), y (1 + d t), d), t being the tangent of half the field of view.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from spherelinks.native import kernel

# default side of the network's input and fine outputs, pixels; coarse outputs have half of it, the picture
# twice as many
SIDE = 64
FILL = 0.85  # share of the frame that the object's longer side takes
BINS = 48  # stretches of the occupancy profile behind the visible surface
BIN = 0.05  # length of one
SHARPNESS = 12.0  # log odds of the profile per unit of depth, where only the thickness speaks
KNOWN = 8  # channels of the input at its own resolution
CHANNELS = KNOWN + 12  # and with the picture's next finer detail
STATE = 4  # channels of the sampler's state: corrections of thickness and of the far side's red, green and blue
UNIT = 0.25  # of those channels
COARSE = 4  # pixels of the fine maps along a pixel of the state
# The camera's two scalars are scores over bins: lowest, highest, how many.
ELEVATIONS = (-12.0, 63.0, 26)  # degrees above the horizon
TANGENTS = (-2.5, -0.5, 17)  # natural logarithm of t


_relax = kernel("layout_relaxed", "inside: b1[N,N]", "N", "pressure: float", "sweeps: int", "u: f4[N,N]*")


def channels(rgb: NDArray[np.float32], matte: NDArray[np.float32]) -> NDArray[np.float32]:
    """The network's input, (CHANNELS, S, S): colour over grey, matte, x, y, distance to the matte's outline, height of
    a balloon of that outline over the picture, and the details of colour and matte that twice the resolution adds:
    horizontal, vertical and diagonal differences, as in a Haar wavelet.

    rgb: (2 S, 2 S, 3) in 0..1, straight; matte: (2 S, 2 S) in 0..1; S a multiple of 16.
    """
    both = np.concatenate([(rgb - 0.5) * matte[..., None] * 2, matte[..., None] * 2 - 1], -1).transpose(2, 0, 1)
    across, along = both[:, :, ::2] - both[:, :, 1::2], (both[:, :, ::2] + both[:, :, 1::2]) / 2
    mean = (along[:, ::2] + along[:, 1::2]) / 2
    detail = ((across[:, ::2] + across[:, 1::2]) / 2, along[:, ::2] - along[:, 1::2], across[:, ::2] - across[:, 1::2])
    side = mean.shape[1]
    matte = mean[3] / 2 + 0.5
    x = ((np.arange(side, dtype=np.float32) + 0.5) / side * 2 - 1).astype(np.float32)
    gx, gy = np.meshgrid(x, -x)
    inside = cv2.distanceTransform((matte > 0.5).astype(np.uint8), cv2.DIST_L2, 3) * (4 / side)
    known = np.stack([gx, gy, inside, balloon(matte)])
    return np.concatenate([mean, known, *detail]).astype(np.float32)


def mirrored(x: NDArray[np.float32]) -> NDArray[np.float32]:
    """(CHANNELS, S, S): the input of the mirrored picture."""
    flipped = x[..., ::-1].copy()
    flipped[4] *= -1  # x
    flipped[KNOWN : KNOWN + 4] *= -1  # differences across
    flipped[KNOWN + 8 :] *= -1  # and crosswise
    return flipped


def balloon(matte: NDArray[np.float32]) -> NDArray[np.float32]:
    """(S, S): the root of the solution of Laplace(u) = -4 inside the matte, 0 outside; a ball for a disc.

    The inflation of `generation.inflate`, solved at a low resolution, which is enough for a first guess.
    """
    side = len(matte)
    cells = min(side, 64)
    small = cv2.resize(matte, (cells, cells), interpolation=cv2.INTER_AREA) if side != cells else matte
    square = _relaxed(small > 0.5, 4 * (2 / cells) ** 2, 100)
    high: NDArray[np.float32] = np.sqrt(cv2.resize(square, (side, side), interpolation=cv2.INTER_LINEAR))
    return high


def _relaxed(inside: NDArray[np.bool_], pressure: float, sweeps: int) -> NDArray[np.float32]:
    """Successive over-relaxation (Young 1954) with the factor that is best for a square half as wide as the grid."""
    u = np.zeros(inside.shape, np.float32)
    _relax(inside, pressure, sweeps, u)
    return u


def centres(bins: tuple[float, float, int]) -> NDArray[np.float32]:
    return np.linspace(*bins, dtype=np.float32)


def expected(scores: NDArray[np.float32], bins: tuple[float, float, int]) -> float:
    """The mean of the distribution that the scores of the bins describe."""
    weight = np.exp(scores - scores.max())
    return float((weight * centres(bins)).sum() / weight.sum())
