"""The generator without a network: inflates the silhouette like a balloon, symmetrically front and back.

The body's height above the picture plane is the square root of a Poisson equation's solution, which meets the
silhouette at a right angle and grows with its width: the inflation of Repoussé (Joshi & Carr 2008), after Teddy
(Igarashi et al. 1999). It is the baseline for every other generator, and the fallback that always works.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from spherelinks.errors import GeneratorFailed
from spherelinks.native import kernel
from spherelinks.options import Options
from spherelinks.pixels.padding import fill
from spherelinks.report import Reason
from spherelinks.shape import Camera, Frame, Progress, Volume

#: Samples of the grid, spent on the box that the body fills, and the most along a side.
SAMPLES, MOST = 128**3, 224
#: Cells across the frame, however little of it the object fills.
FINEST = 1024
#: Samples of margin round the body.
MARGIN = 3
#: Between these the pressure varies over the body: at 2 a band becomes a pipe, at 4 a disc becomes a ball. It changes
#: over this share of the body's greatest width.
PRESSURE, SMOOTH = (2.0, 4.0), 0.25
#: Depth of the body for its width. A little more than round scores best on scanned objects: many are boxes and cans.
THICKNESS = 1.15
#: The far side is painted from so many cells at the outline; fully so from this share of the body's depth on.
RIM, REACH = 4, 0.6


_relax = kernel("inflate_solve", "matte: f4[H,W]", "H", "W", "relaxation: float", "sweeps: int", "u: f8[H,W]*")
_blend = kernel("inflate_across", "front: u1[X,Y,3]", "inside: b1[X,Y]", "X", "Y", "rim: int", "color: f4[X,Y,3]*")


class Inflate:
    """Implements :class:`spherelinks.generation.base.Generator`; the same frame gives the same shape."""

    def generate(self, frame: Frame, options: Options, progress: Progress) -> Volume:
        """The inflated silhouette, seen by an orthographic camera; the frame spans -0.5 to 0.5 in x and y.

        Raises GeneratorFailed if the matte covers too little to make a body.
        """
        cells = _resolution(frame.matte)
        matte, rgb = _shrunk(frame, cells)
        top, bottom, left, right = _box(matte)
        matte, rgb = matte[top:bottom, left:right], rgb[top:bottom, left:right]
        spacing = 1 / cells
        progress(0.1)

        square = _height_squared(matte) * spacing**2
        progress(0.6)

        half = int(np.ceil(np.sqrt(square.max()) / spacing)) + MARGIN
        z = np.arange(-half, half + 1) * spacing
        # image rows run down, y runs up: (row, column) -> (x, y)
        square = np.ascontiguousarray(square[::-1].T)
        field = _distance(square, z, spacing)
        color = _color(np.ascontiguousarray(rgb[::-1].transpose(1, 0, 2)), square, z)
        # sample (column, row) of the margined picture lies at its pixel's centre
        origin = np.array([(left - MARGIN + 0.5) * spacing - 0.5, 0.5 - (bottom - MARGIN - 0.5) * spacing, z[0]])
        progress(1.0)
        camera = Camera(np.diag((2.0, 2.0, -1.0, 1.0)), np.array((0.0, 0.0, 1.0, 0.0)))
        return Volume(field, origin, spacing, color, camera, doubts=(_DOUBT,))


_DOUBT = Reason(
    code="outline_only",
    level="low",
    message="inflate uses only the outline: depth and the far side are guesses.",
    hint="The generator lift uses all of the picture.",
)


def _resolution(matte: NDArray[np.float32]) -> int:
    """Cells across the frame, such that the body's box takes about SAMPLES of them."""
    inside = matte > 0.5
    if not inside.any():
        raise GeneratorFailed("The matte is empty: there is no outline to inflate.", hint=_HINT)
    size = len(matte)
    width, height = (int(np.ptp(np.flatnonzero(inside.any(axis=axis)))) + 1 for axis in (0, 1))
    padded = np.pad(inside, 1).astype(np.uint8)
    thickness = 2 * float(cv2.distanceTransform(padded, cv2.DIST_L2, cv2.DIST_MASK_5).max())
    cells = (SAMPLES / (width * height * thickness)) ** (1 / 3) * size
    return int(np.clip(cells, 16, min(MOST * size / max(width, height), FINEST)))


_HINT = "Use a picture in which the object is larger, or one with a cleaner outline."


def _shrunk(frame: Frame, cells: int) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Matte and colours at the grid's resolution, with MARGIN empty cells round them; colours reach everywhere."""
    how = cv2.INTER_AREA if cells < len(frame.matte) else cv2.INTER_LINEAR
    matte = np.asarray(cv2.resize(frame.matte, (cells, cells), interpolation=how), np.float32)
    rgb = np.asarray(cv2.resize(frame.rgb, (cells, cells), interpolation=how), np.uint8)
    # colours at the outline are mixed with the background's: take those one cell further in
    core = cv2.erode((matte > 0.9).astype(np.uint8), np.ones((3, 3), np.uint8), borderValue=1) > 0
    rgb = fill(rgb, core) if core.any() else rgb
    return np.pad(matte, MARGIN), np.pad(rgb, ((MARGIN, MARGIN), (MARGIN, MARGIN), (0, 0)), mode="edge")


def _box(matte: NDArray[np.float32]) -> tuple[int, int, int, int]:
    """Top, bottom, left and right of the object's cells with MARGIN round them."""
    inside = matte > 0.5
    if not inside.any():
        raise GeneratorFailed("The object is too thin to be inflated.", hint=_HINT)
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    return (
        int(rows[0]) - MARGIN, int(rows[-1]) + 1 + MARGIN, int(columns[0]) - MARGIN, int(columns[-1]) + 1 + MARGIN
    )  # fmt: skip


def _height_squared(matte: NDArray[np.float32]) -> NDArray[np.float64]:
    """(H, W) squared height of the body in cells², zero on the matte's 0.5 contour and negative outside it.

    Poisson's equation alone makes a disc half as thick, for its width, as a band: if discs become balls, arms become
    ribbons standing on edge. So the solution is scaled, smoothly over the body, to be as thick as wide along the
    outline's medial axis.
    """
    inside = matte > 0.5
    depth = cv2.distanceTransform(inside.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
    reach = 2 * max(float(depth.max()), 1.0)
    relaxation = 2 / (1 + np.sin(np.pi / (reach + 1)))  # the best for a square of that side (Young 1954)
    square = _solve(matte, relaxation, int(4 * reach) + 16)
    middle = inside & (depth >= cv2.dilate(depth, np.ones((3, 3), np.uint8)) - 0.4)
    wide, solved = (
        cv2.GaussianBlur(np.where(middle, values, 0), (0, 0), max(SMOOTH * reach, 1.0), borderType=cv2.BORDER_CONSTANT)
        for values in (depth.astype(np.float64) ** 2, square)
    )
    square *= THICKNESS**2 * np.clip(wide / np.maximum(solved, 1e-9), *PRESSURE)
    outside = cv2.distanceTransform((~inside).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
    return np.where(inside | (square < 0), square, -PRESSURE[1] * outside)


def _solve(matte: NDArray[np.float32], relaxation: float, sweeps: int) -> NDArray[np.float64]:
    """Laplace(u) = -1 inside the matte's 0.5 contour, u = 0 on it, by successive over-relaxation.

    If a cell's neighbour is outside, the position of the contour between the two sets the difference quotient (Gibou et
    al. 2002), so the outline is accurate to a fraction of a cell. Cells next to the contour get the negative value of
    linear extrapolation.
    """
    u = np.zeros(matte.shape)
    _relax(np.ascontiguousarray(matte), relaxation, sweeps, u)
    return u


def _distance(square: NDArray[np.floating], z: NDArray[np.floating], spacing: float) -> NDArray[np.float32]:
    """(X, Y, Z) signed distance to z² = square, to first order (Taubin 1994), kept within a few samples of 0."""
    along, across = np.gradient(square, spacing)
    level = z**2 - square[:, :, None]
    steep = np.sqrt((along**2 + across**2)[:, :, None] + 4 * z**2 + spacing**2)
    distance: NDArray[np.float32] = np.clip(level / steep, -4 * spacing, 4 * spacing).astype(np.float32)
    return distance


def _color(front: NDArray[np.uint8], square: NDArray[np.floating], z: NDArray[np.floating]) -> NDArray[np.uint8]:
    """(X, Y, Z, 3) colours: the picture in front; behind, the outline's colours, continued across.

    A mirror image would put a second face on the back of the head. What is seen at the left and right outline, such as
    hair, sleeves and trouser legs, continues behind at the same height. It is blended in with the distance behind the
    outline, so that no seam shows.
    """
    change = cv2.GaussianBlur(_across(front, square > 0, RIM), (0, 0), 2.0) - front
    share = np.clip(-z / (REACH * np.sqrt(square.max())), 0, 1)
    share = share * share * (3 - 2 * share)
    color = np.empty((*front.shape[:2], len(z), 3), np.uint8)
    for k, part in enumerate(share.astype(np.float32)):
        color[:, :, k] = front + part * change + np.float32(0.5) if part > 0 else front
    return color


def _across(front: NDArray[np.uint8], inside: NDArray[np.bool_], rim: int) -> NDArray[np.float32]:
    """(X, Y, 3) float32: each run of inside cells along x blends from the colour at one end to that at the other."""
    color = front.astype(np.float32)
    _blend(front, inside, rim, color)
    return color
