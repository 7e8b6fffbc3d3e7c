"""From the network's output for a frame to an upright shape: unprojection, the signed field, the colours.

Two frames of reference, in the unit of `layout`: the *view*, (x, y, d) with d away from the viewer, and the *upright*
one, glTF's axes with the photographed side towards +Z, which is the view turned about x by the camera's elevation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from spherelinks import threads
from spherelinks.errors import GeneratorFailed
from spherelinks.generation.lift import farside
from spherelinks.generation.lift.cleaning import SLAB, Floats, cleaned, enlarged
from spherelinks.generation.lift.layout import BIN, SHARPNESS
from spherelinks.native import kernel
from spherelinks.shape import Camera, Colors, Frame, Volume

Maps = tuple[NDArray[np.bool_], NDArray[np.bool_], Floats, Floats, Floats, Floats]
Box = tuple[NDArray[np.float64], NDArray[np.float64]]

#: Samples of the grid, spent on the box that the shape fills, and the most along a side.
SAMPLES, MOST = 128**3, 224
#: Samples of margin round the shape.
MARGIN = 3
#: The minimum thickness behind any visible point, and before any last exit: thinner walls would tear.
SKIN = 0.045
#: Distances are kept within this many samples of the surface.
BAND = 4.0
#: Side of the matte that cuts the silhouette.
OUTLINE = 256
#: A part up to twice so many px of OUTLINE across is slender: what the picture itself shows so is blurred less.
SLENDER = 4
#: Range of the way from front to back over which the picture's colour blends into the far side's.
FADE = (0.25, 0.65)
#: The same into what a painter has made.
FADE_PAINTED = (0.0, 0.3)
#: How near (of 255) the far side's colour must come to the picture's on the same ray for the picture's, which is sharp,
#: to show there too, where no painter chooses: on views of known objects it costs no accuracy.
AGREE = 25.0
#: The far side's colours are medians of the plausible ones, and so greyer than any of them: they are scaled to the
#: picture's saturation, by at most this factor.
VIVID = 1.8


_measure = kernel(
    "assembly_measured", "field: f4[X,Y,Z]*", "X", "Y", "Z", "low: f8[3]", "spacing: float", "s: float", "c: float",
    "tangent: float", "outline: f4[O,O]", "O", "front: f4[N,N]", "thickness: f4[N,N]", "N", "profile: f4[M,M,B]", "M",
    "B", "width: float", "sharpness: float", "skin: float", "band: float", "first: int", "end: int",
)  # fmt: skip
_color = kernel(
    "assembly_colored", "asked: u1[X,Y,Z]*", "color: u1[X,Y,Z,3]*", "X", "Y", "Z", "low: f8[3]", "spacing: float",
    "s: float", "c: float", "tangent: float", "picture: f4[O,O,3]", "O", "front: f4[N,N]", "thickness: f4[N,N]", "N",
    "back: f4[K,K,3]", "K", "fade_begin: float", "fade_end: float", "agree: float", "first: int", "end: int",
)  # fmt: skip


@dataclass(frozen=True)
class Guess:
    """The network's output for a frame.

    front, thickness : (N, N), depth of the visible surface and from there to the last exit
    profile : (M, M, BINS), log odds that the middle of each stretch of BIN behind the visible surface is solid
    back : (M, M, 3) in 0..1, sRGB, colour of the last surface
    elevation : of the camera above the horizon, degrees; tangent : of half the field of view
    disagreement : between the picture and its mirror image on the depth of the visible surface, in the mean
    """

    front: Floats
    thickness: Floats
    profile: Floats
    back: Floats
    elevation: float
    tangent: float
    disagreement: float = 0.0


#: How the far side is coloured: from what it may look like to (S, S, 3) float32, 0..255.
Painter = Callable[[farside.Sources], Floats]


def assemble(guess: Guess, frame: Frame, painter: Painter | None = None, box: Box | None = None) -> Volume:
    """The shape, upright; without a painter the far side's colours are the guess.

    box : lowest and highest corner of what the grid covers; None for what the guess fills

    Raises GeneratorFailed if the guess or the matte contains no shape.
    """
    maps = (guess.front, guess.thickness, guess.profile, guess.back)
    if not all(np.isfinite(m).all() for m in maps):
        raise GeneratorFailed("lift's network returned numbers that are not finite.", hint=_HINT)
    outline = outlined(frame.matte)
    known = inside, _, front, thickness, profile, _ = filled(guess, frame.matte)

    turn, tangent = np.radians(guess.elevation), guess.tangent
    s, c = float(np.sin(turn)), float(np.cos(turn))
    low, high = box or _bounds(front, thickness, inside, s, c, tangent)
    spacing = float(max((np.prod(high - low) / SAMPLES) ** (1 / 3), (high - low).max() / (MOST - 2 * MARGIN)))
    low = low - MARGIN * spacing
    shape = tuple(int(n) for n in np.ceil((high - low) / spacing) + MARGIN + 1)
    picture = resized(frame.rgb.astype(np.float32), OUTLINE)
    view, profile, band = (low, spacing, s, c, tangent), np.ascontiguousarray(profile), BAND * spacing
    field = np.empty(shape, np.float32)
    with threads.pool(1) as aside:
        far = aside.submit(_far_side, guess, frame.matte, outline, known, picture, painter)
        _measured(field, *view, outline, front, thickness, profile, BIN, SHARPNESS, SKIN, band)
        field = cleaned(field, spacing, _at_grid(_slender(outline), field.shape, low, spacing, s, c, tangent))
        back, fade, agree = far.result()
    if not (field < 0).any():
        raise GeneratorFailed("lift's shape came out empty.", hint=_HINT)

    def work_out(asked: NDArray[np.uint8], color: NDArray[np.uint8]) -> None:
        _colored(asked, color, *view, picture, front, thickness, back, *fade, agree)

    return Volume(field, low, spacing, Colors(shape, work_out), camera(guess.elevation, tangent))


_HINT = "Use a picture in which the object is larger and its outline clean, or the generator 'inflate'."


def _far_side(
    guess: Guess, matte: Floats, outline: Floats, maps: Maps, picture: Floats, painter: Painter | None
) -> tuple[Floats, tuple[float, float], float]:
    """The far side's colours, which the field does not wait for, and how they are joined to the picture's: over which
    range, and how near they must come to them."""
    if painter is None:
        _, coarse, _, _, _, back = maps
        return _vivid(back * 255, coarse, picture[outline < 0]), FADE, AGREE
    given = _sources(guess, maps, resized(matte, len(picture)), picture)
    return painter(given), FADE_PAINTED, 0.0


def sources(guess: Guess, frame: Frame, side: int) -> farside.Sources:
    """What the far side may look like, in maps of `side` px."""
    picture = resized(frame.rgb.astype(np.float32), side)
    return _sources(guess, filled(guess, frame.matte), resized(frame.matte, side), picture)


def _sources(guess: Guess, maps: Maps, matte: Floats, picture: Floats) -> farside.Sources:
    """The same, in maps as large as matte and picture; `maps` is what :func:`filled` returns."""
    _, coarse, front, thickness, _, back = maps
    side = len(matte)
    back = _vivid(back * 255, coarse, picture[matte > 0.5])
    front, thickness, back = (
        np.asarray(cv2.resize(m, (side, side), interpolation=cv2.INTER_LINEAR), np.float32)
        for m in (front, thickness, back)
    )
    turn = float(np.radians(guess.elevation))
    return farside.sources(picture, matte, front, thickness, back, turn, guess.tangent)


def filled(guess: Guess, matte: Floats) -> Maps:
    """Where the object is in fine and in coarse maps, and front, thickness, profile and back, continued beyond it.

    Raises GeneratorFailed if it is nowhere.
    """
    inside = resized(matte, len(guess.front)) > 0.5
    if inside.sum() < 30:
        raise GeneratorFailed("The object is too thin or too small for lift to make a shape of.", hint=_HINT)
    coarse = resized(matte, len(guess.profile)) > 0.5
    front, thickness = _spread(guess.front, inside), _spread(np.maximum(guess.thickness, SKIN), inside)
    profile, back = (_spread(m, coarse) if coarse.any() else m for m in (guess.profile, guess.back))
    return inside, coarse, front, thickness, profile, back


def resized(values: Floats, side: int) -> Floats:
    return np.asarray(cv2.resize(values, (side, side), interpolation=cv2.INTER_AREA), np.float32)


def _slender(outline: Floats) -> Floats:
    """(OUTLINE, OUTLINE) in 0..1: where the picture shows the object slender, from SLENDER down, and round about."""
    inside = (outline < 0).astype(np.uint8)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * SLENDER + 1, 2 * SLENDER + 1))
    slender = cv2.dilate(inside - np.asarray(cv2.morphologyEx(inside, cv2.MORPH_OPEN, disc), np.uint8), disc)
    return np.asarray(cv2.GaussianBlur(slender.astype(np.float32), (0, 0), SLENDER / 2), np.float32)


def _at_grid(
    image: Floats,
    shape: tuple[int, ...],
    low: NDArray[np.float64],
    spacing: float,
    s: float,
    c: float,
    tangent: float,
) -> Floats:
    """An image of the frame at each sample of the upright grid, by way of every fourth along each axis."""
    axes = [first + spacing * np.linspace(0, n - 1, -(-n // 4)) for first, n in zip(low, shape, strict=True)]
    x, up, ahead = np.meshgrid(*axes, indexing="ij")
    scale = np.maximum(1 - (up * s + ahead * c) * tangent, 0.05)
    u, v = ((1 + side / scale) / 2 * OUTLINE - 0.5 for side in (x, ahead * s - up * c))
    seen = [
        cv2.remap(image, a, b, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        for a, b in zip(u.astype(np.float32), v.astype(np.float32), strict=True)
    ]
    return enlarged(np.stack(seen), shape)


def camera(elevation: float, tangent: float) -> Camera:
    """The camera of the frame over the upright shape: elevation in degrees, tangent of half the field of view."""
    s, c = np.sin(np.radians(elevation)), np.cos(np.radians(elevation))
    depth = np.array([0.0, -s, -c, 0.0])  # away from the viewer
    right, up, one = np.array([1.0, 0, 0, 0]), np.array([0, c, -s, 0]), np.array([0, 0, 0, 1.0])
    return Camera(np.stack([right, up, depth, tangent * depth + one]), np.array([0, s / tangent, c / tangent, 1.0]))


def outlined(matte: Floats) -> Floats:
    """(OUTLINE, OUTLINE): distance to the matte's 0.5 contour in half widths of the frame, negative inside."""
    matte = resized(matte, OUTLINE)
    inside = (matte > 0.5).astype(np.uint8)
    out = cv2.distanceTransform(1 - inside, cv2.DIST_L2, cv2.DIST_MASK_5)
    deep = cv2.distanceTransform(inside, cv2.DIST_L2, cv2.DIST_MASK_5)
    # Next to the contour the matte itself says where between two pixels it runs.
    distance = np.where(np.maximum(out, deep) <= 1, 0.5 - matte, np.where(inside > 0, 0.5 - deep, out - 0.5))
    reach: Floats = np.minimum(distance, OUTLINE).astype(np.float32) * np.float32(2 / OUTLINE)
    return reach


def _spread(values: Floats, known: NDArray[np.bool_]) -> Floats:
    """The same map, its unknown pixels filled with the nearest known one."""
    _, label = cv2.distanceTransformWithLabels(
        (~known).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    rows, columns = np.nonzero(known)
    place = np.zeros(label.max() + 1, np.int64)
    place[label[rows, columns]] = np.arange(len(rows))
    nearest = place[label]
    spread: Floats = np.ascontiguousarray(values[rows[nearest], columns[nearest]], np.float32)
    return spread


def _vivid(back: Floats, known: NDArray[np.bool_], picture: Floats) -> Floats:
    """The (M, M, 3) colours of the far side, 0..255, as far from grey on average as the (N, 3) of the picture."""
    wanted = float(_chroma(picture).mean()) if len(picture) else 0.0
    had = float(_chroma(back[known]).mean()) if known.any() else 0.0
    grey = back.mean(-1, keepdims=True)
    vivid: Floats = np.clip(grey + np.clip(wanted / max(had, 1.0), 1, VIVID) * (back - grey), 0, 255).astype(np.float32)
    return vivid


def _chroma(colors: Floats) -> Floats:
    """(N, 3) -> (N,): each one's range, as np.ptp gives it, which is slow along so short an axis."""
    r, g, b = colors.T
    chroma: Floats = np.maximum(np.maximum(r, g), b) - np.minimum(np.minimum(r, g), b)
    return chroma


def _bounds(
    front: Floats, thickness: Floats, inside: NDArray[np.bool_], s: float, c: float, tangent: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Lowest and highest corner of the upright box round both surfaces; a pixel's width to spare."""
    size = len(front)
    rows, columns = np.nonzero(inside)
    x, y = (columns + 0.5) / size * 2 - 1, 1 - (rows + 0.5) / size * 2
    points = []
    for d in (front[inside].astype(np.float64), (front + thickness)[inside].astype(np.float64)):
        px, py = x * (1 + d * tangent), y * (1 + d * tangent)
        points.append(np.stack([px, py * c - d * s, -py * s - d * c], 1))
    both = np.concatenate(points)
    return both.min(0) - 2 / size, both.max(0) + 2 / size


def _measured(
    field: Floats,
    low: NDArray[np.float64],
    spacing: float,
    s: float,
    c: float,
    tangent: float,
    outline: Floats,
    front: Floats,
    thickness: Floats,
    profile: Floats,
    width: float,
    sharpness: float,
    skin: float,
    band: float,
) -> None:
    """Fill field (X, Y, Z) of the upright grid.

    Along each ray the body is the front's skin, the back's skin, and what the profile calls solid in between; across
    the rays it is what the matte covers.
    """

    def fill(first: int) -> None:
        _measure(
            field, low, spacing, s, c, tangent, outline, front, thickness, profile, width, sharpness, skin, band,
            first, min(first + SLAB, len(field)),
        )  # fmt: skip

    threads.each(fill, range(0, len(field), SLAB))


def _colored(
    asked: NDArray[np.uint8],
    color: NDArray[np.uint8],
    low: NDArray[np.float64],
    spacing: float,
    s: float,
    c: float,
    tangent: float,
    picture: Floats,
    front: Floats,
    thickness: Floats,
    back: Floats,
    fade_begin: float,
    fade_end: float,
    agree: float,
) -> None:
    """Fill color (X, Y, Z, 3) of the upright grid where asked (X, Y, Z) is 1, which becomes 2."""

    def fill(first: int) -> None:
        _color(
            asked, color, low, spacing, s, c, tangent, picture, front, thickness, back, fade_begin, fade_end, agree,
            first, min(first + SLAB, len(color)),
        )  # fmt: skip

    threads.each(fill, range(0, len(color), SLAB))
