"""The far side's colours: what of the picture shows there too, and how a small network chooses.

For each ray the far surface may look like the network's guess, or like a place of the picture: the same pixel, the
pixel mirrored about the object's axis, and the two places that show the point's twins, by mirroring and by a half turn
about the upright axis. The network weighs these sources; what it weighs is as sharp as the picture. A face that it
would copy is calmed afterwards: what the picture shows straight from its front is hardly on the back as well, nor is
what a figure has nowhere near its outline, where front and back meet.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

SOURCES = ("guess", "same", "mirrored", "twin", "turned", "twin's detail", "turned one's detail")
CELLS = 64  # side of the network's input, and of what is coarse
KNOWN = 16  # channels of the input beside the colours of the first five sources
CHANNELS = 15 + KNOWN
_SOFT = (
    CELLS / 24
)  # deviation of the blur that separates detail from coarse colour, which the guess knows better, cells
_PICTURE, MATTE, TWIN_SEEN, _DEEP = slice(3, 6), 15, 17, 21  # the channels with these
_ACROSS = 25  # the channel with the pixel's x
_REGAINED = np.float32(0.35)  # 0.5 would restore all variation that the mean of independent sources loses
#: Half sides of the windows in which the picture is compared with its mirror image, cells, and from and up to which
#: likeness the window shows something straight from its front: the smaller the window, the more chance makes alike.
_WINDOWS = {6: (0.78, 0.86), 9: (0.66, 0.74), 13: (0.5, 0.6), 18: (0.42, 0.5)}
#: So much less is asked of a window that holds the whole breadth of the object, up to a share, as a head's does.
_WHOLE, _LESS = 0.85, 0.14
_FLAT = 0.004  # variance of detail that counts as none
_WITHIN = 0.6  # share of a window that must be the object
_AWAY = np.float32(6)  # what is less than 1 / 6 deep in the outline goes on from front to back, from twice that on none
_FAINT = np.float32(0.75)  # how strong detail may be that stays there, over the median of all detail
_BROAD = 12.0  # deviation of the blur that separates faces from the colour of the whole, cells
#: What lies up to so many cells within the outline is seen from behind, too, and so many rows up and down are compared.
_RIM, _ROWS = 2.0, 2
#: From and up to how far a colour (of 255) differs from all at the rim to be strange; the former is more where the two
#: sides of the rim differ themselves, by so many times the median.
_STRANGE, _STRANGER, _APART = 15.0, 25.0, 1.5
_NEAREST = 4  # colours of the rim from which the distance is a mean
#: Up to and from which share of its convex hull an object may have limbs: boxes, buildings and vessels have panels.
_LIMBS, _NONE = 0.83, 0.87
#: Deviations along rows and columns, cells, of the blurs that carry the rim's colours inwards, and their weights.
_INWARDS = ((3.0, 1.0, 1.0), (8.0, 1.5, 1.0), (16.0, 4.0, 0.02))
_HIDDEN = np.float32(0.15)  # depth behind the visible surface at which a twin is hardly seen


class Sources(NamedTuple):
    """colors : (len(SOURCES), S, S, 3) float32, 0..255; x : (CHANNELS, CELLS, CELLS) float32, the network's input;
    row : (S, S) float32, which row of the picture has the point's mirror image, px"""

    colors: Floats
    x: Floats
    row: Floats


def mixed(given: Sources, shares: Floats) -> Floats:
    """(S, S, 3) float32, 0..255: the mean of the sources by their shares, (len(SOURCES), N, N), which sum to one."""
    size = given.colors.shape[1:3]
    large = [np.asarray(cv2.resize(m, size, interpolation=cv2.INTER_LINEAR), np.float32) for m in shares]
    out = np.zeros(given.colors.shape[1:], np.float32)
    for share, color in zip(large, given.colors, strict=True):
        out += cv2.merge([share] * 3) * color  # twice as fast as numpy's share[..., None]
    # a mean varies less than its parts, the less the more of them share a place
    low, gain = _soft(out), np.square(np.stack(large)).sum(0)[..., None] ** -_REGAINED
    mixed: Floats = np.clip(low + gain * (out - low), 0, 255).astype(np.float32)
    return mixed


def calmed(given: Sources, colors: Floats) -> Floats:
    """The far side's colours, (S, S, 3), without faces.

    Where the picture shows a front, and where a figure has colours that it has nowhere at the rim at about that height,
    the broad colour and faint detail stay; strange colours give way to the rim's.
    """
    cell = (given.x[MATTE] > 0).astype(np.uint8)
    deep = inwards(cell)
    facing, figure = frontal(given.x), limbs(cell)
    if not (figure or facing.any()):
        return colors
    coarse = in_cells(colors)
    odd = strange(coarse, deep) * ((deep - 0.8) / 1.2).clip(0, 1)
    guess = _coarse(given.colors[0])
    calm = guess + within(_coarse(colors) - guess, cell.astype(np.float32), _BROAD, _BROAD)
    calm += odd[..., None] * (_carried_inwards(coarse, deep) - calm)
    detail = colors - from_cells(blurred(coarse), len(colors))
    # less of it the stronger it is: of a face nothing should be left, of hair and cloth all
    rough = in_cells(np.abs(detail)).mean(-1)
    most = _FAINT * np.median(rough[cell > 0])
    less = np.square(np.minimum(1, most / np.maximum(blurred(rough), 1e-3)))
    mask, less = (from_cells(m, len(colors))[..., None] for m in (np.maximum(facing, figure * odd), less))
    calm = from_cells(calm, len(colors))
    out: Floats = np.clip(colors + mask * (calm + less * detail - colors), 0, 255).astype(np.float32)
    return out


def strange(coarse: Floats, deep: Floats) -> Floats:
    """(CELLS, CELLS) in 0..1: how much colours, (CELLS, CELLS, 3), differ from all at the rim at about their height.

    deep : how far inside the outline, cells; 0 outside
    """
    far, usual = np.zeros((CELLS, CELLS), np.float32), []
    rim, channels = (deep > 0) & (deep <= _RIM), cv2.split(coarse)
    for y in np.flatnonzero(rim.any(1)):
        near = slice(max(0, y - _ROWS), y + _ROWS + 1)
        known = np.nonzero(rim[near])
        if len(known[0]) < _NEAREST:
            continue
        columns = np.flatnonzero(deep[y])
        red, green, blue = (np.abs(c[y, columns, None] - c[near][known]) for c in channels)
        apart = np.maximum(np.maximum(red, green), blue)
        far[y, columns] = _nearest(apart)
        middle = (columns[0] + columns[-1]) / 2
        for left in (True, False):
            own, other = rim[y, columns] & ((columns < middle) == left), (known[1] < middle) != left
            if own.any() and other.sum() >= _NEAREST:
                usual.append(_nearest(apart[own][:, other]))
    start = max(_STRANGE, _APART * float(np.median(np.concatenate(usual)))) if usual else _STRANGE
    odd = ((far - start) / _STRANGER).clip(0, 1).astype(np.float32)
    return blurred(cv2.dilate(odd, np.ones((3, 3), np.uint8)))


def _nearest(apart: Floats) -> Floats:
    """The mean of the _NEAREST least of each row."""
    least: Floats = np.partition(apart, _NEAREST - 1, 1)[:, :_NEAREST].mean(1)
    return least


def limbs(cell: NDArray[np.uint8]) -> np.float32:
    """In 0..1: how much the outline is one of a figure, which has a head and limbs, by the share of its convex hull."""
    if not cell.any():
        return np.float32(0)
    hull = cv2.fillConvexPoly(np.zeros_like(cell), cv2.convexHull(cv2.findNonZero(cell)), 1)
    return np.float32(np.clip((_NONE - cell.sum() / hull.sum()) / (_NONE - _LIMBS), 0, 1))


def _carried_inwards(coarse: Floats, deep: Floats) -> Floats:
    """(CELLS, CELLS, 3): what colours would be if those near the outline went on, mostly along rows."""
    weight = np.exp(-np.square(np.maximum(deep - 1.5, 0) / 1.2)) * (deep > 0)
    given = np.dstack([coarse * weight[..., None], weight]).astype(np.float32)
    total = np.zeros_like(given)
    for across, along, share in _INWARDS:
        total += np.float32(share) * cv2.GaussianBlur(
            given, (0, 0), sigmaX=across, sigmaY=along, borderType=cv2.BORDER_CONSTANT
        )
    return np.asarray(total[..., :3] / np.maximum(total[..., 3:], 1e-6), np.float32)


def blurred(coarse: NDArray[Any]) -> Floats:
    """By a cell."""
    return np.asarray(cv2.GaussianBlur(coarse, (0, 0), 1), np.float32)


def frontal(x: Floats) -> Floats:
    """(CELLS, CELLS) in 0..1: the fronts, but for what is near the outline."""
    return np.asarray(fronts(x) * (x[_DEEP] * _AWAY - 1).clip(0, 1), np.float32)


def fronts(x: Floats) -> Floats:
    """(CELLS, CELLS) in 0..1: where the network's input shows something straight from its front, as a face is.

    There the picture is like its mirror image about an upright axis, and what it shows is least likely to be on the
    back as well.
    """
    matte = (x[MATTE] > 0).astype(np.float32)
    picture = np.ascontiguousarray(x[_PICTURE].transpose(1, 2, 0))
    # without what is the same all along a row, which is like its mirror image about any axis
    fine, coarse = (within(picture, matte, *sigma) for sigma in ((0.7, 0.7), (5.0, 0.6)))
    detail = (fine - coarse) * cv2.erode(matte, np.ones((3, 3), np.uint8))[..., None]
    breadth = matte.sum(1)
    # an axis is the sum of a column and its twin; from an odd one, between two columns, the first is half a cell away
    reach = max(_WINDOWS)
    axes = np.arange(2 * min(_WINDOWS), 2 * (CELLS - min(_WINDOWS)))
    columns = (axes + 1) // 2 + np.arange(-reach, reach + 1)[:, None]
    twins = axes - columns
    there = (np.minimum(columns, twins) >= 0) & (np.maximum(columns, twins) < CELLS)
    pairs = _pairs(detail, matte)[np.where(there, columns, 0), np.where(there, twins, 0)]
    pairs[~there] = 0
    found = np.zeros((CELLS, CELLS), np.float32)
    for half, (some, full) in _WINDOWS.items():
        side = 2 * half + 1
        rows = pairs[reach - half : reach + half].sum(0)
        rows[::2] += pairs[reach + half, ::2]  # odd axes have one column less so near
        # of each window: the product with the mirror image, the energy, what is the object; and of its rows
        sums = np.concatenate([rows.reshape(-1, CELLS), breadth[None]]).T.copy()
        means = cv2.boxFilter(sums, -1, (1, side), normalize=False, borderType=cv2.BORDER_CONSTANT) / side**2
        both, whole, inside = means[:, :-1].reshape(CELLS, -1, 3).transpose(2, 0, 1)
        alike = np.where(inside > _WITHIN, both / (whole + _FLAT), 0)
        alike += np.where(inside > _WHOLE * means[:, -1:], np.float32(_LESS), 0)
        sure = ((alike - some) / (full - some)).clip(0, 1).astype(np.float32)
        tall = cv2.dilate(sure, np.ones((side, 1), np.uint8))
        near = there & (np.abs(columns - axes / 2) <= half)
        for k in np.flatnonzero(sure.any(0)):
            wide = columns[near[:, k], k]
            found[:, wide] = np.maximum(found[:, wide], tall[:, k, None])
    return np.asarray(cv2.GaussianBlur(found, (0, 0), 1.5), np.float32)


def _pairs(detail: Floats, matte: Floats) -> Floats:
    """(CELLS, CELLS, 3, CELLS), of any two columns and each row: the product of the details, (CELLS, CELLS, 3), half
    the sum of their squares, and whether both are the object. Rows come last, where sums over columns are fastest."""
    energy, matte = np.square(detail).sum(-1).T.copy(), matte.T.copy()
    pairs = np.empty((CELLS, CELLS, 3, CELLS), np.float32)
    red, green, blue = (c[:, None] * c for c in detail.transpose(2, 1, 0).copy())
    pairs[:, :, 0] = red + green + blue
    pairs[:, :, 1] = (energy[:, None] + energy) / 2
    pairs[:, :, 2] = matte[:, None] * matte
    return pairs


def within(values: Floats, matte: Floats, across: float, along: float) -> Floats:
    """(CELLS, CELLS) or (CELLS, CELLS, C), blurred within the matte, by deviations in cells."""
    total, share = (
        cv2.GaussianBlur(m, (0, 0), sigmaX=across, sigmaY=along, borderType=cv2.BORDER_CONSTANT).reshape(
            *matte.shape, -1
        )
        for m in (values.reshape(*matte.shape, -1) * matte[..., None], matte)
    )
    return np.asarray((total / np.maximum(share, 1e-3)).reshape(values.shape), np.float32)


def mirrored(x: Floats) -> Floats:
    """(CHANNELS, CELLS, CELLS): the input of the mirrored picture."""
    flipped = x[..., ::-1].copy()
    flipped[_ACROSS] *= -1
    return flipped


def sources(
    picture: Floats, matte: Floats, front: Floats, thickness: Floats, guess: Floats, elevation: float, tangent: float
) -> Sources:
    """What the far side may look like.

    picture, matte, front, thickness, guess : (S, S, ...) float32, colours in 0..255, the depths known everywhere
    elevation : of the camera, radians; tangent : of half the field of view
    """
    side = len(picture)
    at = ((np.arange(side, dtype=np.float32) + 0.5) / side * 2 - 1).astype(np.float32)
    gx, gy = np.meshgrid(at, -at)
    s, c = float(np.sin(elevation)), float(np.cos(elevation))
    inside = matte > 0.5
    x, y, z = _upright(gx, gy, front + thickness, s, c, tangent)
    near = _upright(gx, gy, front, s, c, tangent)
    axis, depth = (_middle(np.concatenate([far[inside], first[inside]])) for far, first in ((x, near[0]), (z, near[2])))

    def seen(x: Floats, z: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        """Colour of the picture where it shows a point, how well it is seen there, how far behind the surface it is,
        and which row of the picture that is."""
        up, d = y * c - z * s, -(y * s + z * c)
        scale = np.maximum(1 + d * np.float32(tangent), 0.05)
        u, v = (x / scale + 1) * (side / 2) - 0.5, (1 - up / scale) * (side / 2) - 0.5
        color, over, surface = (
            np.asarray(cv2.remap(m, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32)
            for m in (picture, matte, front)
        )
        behind: Floats = d - surface
        return color, over * np.exp(-np.square(np.maximum(behind, 0) / _HIDDEN)), behind, v.astype(np.float32)

    twin, twin_seen, twin_behind, row = seen(x, 2 * depth - z)
    turned, turned_seen, turned_behind, _ = seen(2 * axis - x, 2 * depth - z)
    opposite = np.ascontiguousarray(picture[:, ::-1])
    plain, *soft = (_soft(m) for m in (guess, picture, opposite, twin, turned))
    detail = [m - low for m, low in zip((picture, opposite, twin, turned), soft, strict=True)]
    whole = [guess, picture, opposite, twin, turned]
    colors = np.stack([*whole, plain + detail[2], plain + detail[3]])
    rough = [(x + y + z) / np.float32(3) / 32 for x, y, z in (np.moveaxis(np.abs(m), -1, 0) for m in detail)]
    deep = inwards(inside) * (4 / side)
    back = front + thickness
    slope = np.hypot(*np.gradient(back, 2 / side)).clip(0, 4) / 2
    known = [
        matte * 2 - 1, matte[:, ::-1] * 2 - 1, twin_seen, turned_seen, twin_behind.clip(-1, 1),
        turned_behind.clip(-1, 1), deep.clip(0, 1), front, thickness, slope, gx, gy, *rough,
    ]  # fmt: skip
    given = [*(m / np.float32(127.5) - 1 for m in whole), *known]
    cells = [in_cells(m) for m in given]
    x = np.concatenate([np.atleast_3d(m).transpose(2, 0, 1) for m in cells]).astype(np.float32)
    return Sources(colors, x, row)


def _middle(values: Floats) -> np.float32:
    """The middle between low and high values, outliers aside; 0 if there are none."""
    return np.float32(np.quantile(values, (0.02, 0.98)).mean() if len(values) else 0)


def _upright(gx: Floats, gy: Floats, d: Floats, s: float, c: float, tangent: float) -> tuple[Floats, Floats, Floats]:
    """The points at depth d along the rays, in upright axes."""
    scale = 1 + d * np.float32(tangent)
    px, py = gx * scale, gy * scale
    return px, py * c - d * s, -(py * s + d * c)


def _soft(color: Floats) -> Floats:
    """The colours without detail finer than about _SOFT cells."""
    return from_cells(_coarse(color), len(color))


def _coarse(color: Floats) -> Floats:
    """The same, (CELLS, CELLS, 3)."""
    return np.asarray(cv2.GaussianBlur(in_cells(color), (0, 0), _SOFT, borderType=cv2.BORDER_REPLICATE), np.float32)


def in_cells(fine: Floats) -> Floats:
    """An image's means over cells, (CELLS, CELLS, ...)."""
    return np.asarray(cv2.resize(fine, (CELLS, CELLS), interpolation=cv2.INTER_AREA), np.float32)


def from_cells(coarse: Floats, side: int) -> Floats:
    """A map of cells as an image of a side, px."""
    return np.asarray(cv2.resize(coarse, (side, side), interpolation=cv2.INTER_LINEAR), np.float32)


def inwards(inside: NDArray[Any]) -> Floats:
    """How far each place is within what is inside; 0 outside."""
    return np.asarray(cv2.distanceTransform(inside.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5), np.float32)
