"""From what the network says of a frame to a shape that stands upright: unprojection, the signed field, the colours.

Two frames of reference, in the unit of `layout`: the *view*, (x, y, d) with d away from the viewer, and the *upright*
one, glTF's axes with the photographed side towards +Z, which is the view turned about x by the camera's elevation.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray

from spherelinks.errors import GeneratorFailed
from spherelinks.generators.lift.layout import BIN, SHARPNESS
from spherelinks.shape import Camera, Frame, Volume

Floats = NDArray[np.float32]

#: Samples of the grid, spent on the box that the shape fills, and the most along a side.
SAMPLES, MOST = 128**3, 224
#: Samples of margin round the shape.
MARGIN = 3
#: The least that lies behind any visible point, and before any last exit: walls thinner than this would tear.
SKIN = 0.045
#: Distances are kept within this many samples of the surface.
BAND = 4.0
#: Side of the matte that cuts the silhouette.
OUTLINE = 256
#: Shares of the way from front to back over which the picture's colour gives way to the far side's.
FADE = (0.25, 0.65)
#: How near (of 255) the far side's colour must come to the picture's on the same ray for the picture's, which is sharp,
#: to show there too: on views of known objects this brings detail back at no cost in accuracy.
AGREE = 25.0
#: The far side's colours are medians of what they may be, and so greyer than any of it: they get the picture's
#: saturation, by this factor at most.
VIVID = 1.8


@dataclass(frozen=True)
class Guess:
    """What the network says of a frame.

    front, thickness : (N, N), depth of the visible surface and from there to the last exit
    profile : (M, M, BINS), log odds that the middle of each stretch of BIN behind the visible surface is solid
    back : (M, M, 3) in 0..1, sRGB, colour of the last surface
    elevation : of the camera above the horizon, degrees; tangent : of half the field of view
    """

    front: Floats
    thickness: Floats
    profile: Floats
    back: Floats
    elevation: float
    tangent: float


def assemble(guess: Guess, frame: Frame) -> Volume:
    """The shape, upright. Raises GeneratorFailed where the guess or the matte holds none."""
    maps = (guess.front, guess.thickness, guess.profile, guess.back)
    if not all(np.isfinite(m).all() for m in maps):
        raise GeneratorFailed("lift's network returned numbers that are not finite.", hint=_HINT)
    outline = _outline(frame.matte)
    inside = np.asarray(cv2.resize(frame.matte, guess.front.shape, interpolation=cv2.INTER_AREA)) > 0.5
    if inside.sum() < 30:
        raise GeneratorFailed("The object is too thin or too small for lift to make a shape of.", hint=_HINT)
    front, thickness = _spread(guess.front, inside), _spread(np.maximum(guess.thickness, SKIN), inside)
    coarse = np.asarray(cv2.resize(frame.matte, guess.profile.shape[:2], interpolation=cv2.INTER_AREA)) > 0.5
    profile, back = (_spread(m, coarse) if coarse.any() else m for m in (guess.profile, guess.back))

    turn, tangent = np.radians(guess.elevation), guess.tangent
    s, c = float(np.sin(turn)), float(np.cos(turn))
    low, high = _bounds(front, thickness, inside, s, c, tangent)
    spacing = float(max((np.prod(high - low) / SAMPLES) ** (1 / 3), (high - low).max() / (MOST - 2 * MARGIN)))
    low = low - MARGIN * spacing
    shape = tuple(int(n) for n in np.ceil((high - low) / spacing) + MARGIN + 1)
    picture = np.asarray(cv2.resize(frame.rgb, (OUTLINE, OUTLINE), interpolation=cv2.INTER_AREA), np.float32)
    back = _vivid(back * 255, coarse, picture[outline < 0])
    field, color = np.empty(shape, np.float32), np.empty((*shape, 3), np.uint8)
    _sample(
        field, color, low, spacing, s, c, tangent,
        outline, picture, front, thickness, np.ascontiguousarray(profile), back,
        BIN, SHARPNESS, SKIN, BAND * spacing, FADE, AGREE,
    )  # fmt: skip
    if not (field < 0).any():
        raise GeneratorFailed("lift's shape came out empty.", hint=_HINT)
    return Volume(field, low, spacing, color, camera(guess.elevation, tangent))


_HINT = "Use a picture in which the object is larger and its outline clean, or the generator 'inflate'."


def camera(elevation: float, tangent: float) -> Camera:
    """The camera of the frame over the upright shape: elevation in degrees, tangent of half the field of view."""
    s, c = np.sin(np.radians(elevation)), np.cos(np.radians(elevation))
    depth = np.array([0.0, -s, -c, 0.0])  # away from the viewer
    right, up, one = np.array([1.0, 0, 0, 0]), np.array([0, c, -s, 0]), np.array([0, 0, 0, 1.0])
    return Camera(np.stack([right, up, depth, tangent * depth + one]), np.array([0, s / tangent, c / tangent, 1.0]))


def _outline(matte: Floats) -> Floats:
    """(OUTLINE, OUTLINE): distance to the matte's 0.5 contour in half widths of the frame, negative inside."""
    matte = np.asarray(cv2.resize(matte, (OUTLINE, OUTLINE), interpolation=cv2.INTER_AREA), np.float32)
    inside = (matte > 0.5).astype(np.uint8)
    out = cv2.distanceTransform(1 - inside, cv2.DIST_L2, cv2.DIST_MASK_5)
    deep = cv2.distanceTransform(inside, cv2.DIST_L2, cv2.DIST_MASK_5)
    # Next to the contour the matte itself says where between two pixels it runs.
    distance = np.where(np.maximum(out, deep) <= 1, 0.5 - matte, np.where(inside > 0, 0.5 - deep, out - 0.5))
    reach: Floats = np.minimum(distance, OUTLINE).astype(np.float32) * np.float32(2 / OUTLINE)
    return reach


def _spread(values: Floats, known: NDArray[np.bool_]) -> Floats:
    """The same map with its unknown pixels as the nearest known one's."""
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
    wanted = float(np.ptp(picture, axis=1).mean()) if len(picture) else 0.0
    had = float(np.ptp(back[known], axis=1).mean()) if known.any() else 0.0
    grey = back.mean(-1, keepdims=True)
    vivid: Floats = np.clip(grey + np.clip(wanted / max(had, 1.0), 1, VIVID) * (back - grey), 0, 255).astype(np.float32)
    return vivid


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


@njit(cache=True, nogil=True)
def _blend(image, u, v, out):  # type: ignore[no-untyped-def]
    """An (H, W, C) image at (u, v) in 0..1, rightwards and down, bilinear, clamped to its border, into out[C]."""
    height, width, channels = image.shape
    x, y = min(max(u * width - 0.5, 0.0), width - 1.0), min(max(v * height - 0.5, 0.0), height - 1.0)
    x0, y0 = int(x), int(y)
    x1, y1 = min(x0 + 1, width - 1), min(y0 + 1, height - 1)
    fx, fy = x - x0, y - y0
    for k in range(channels):
        above = image[y0, x0, k] * (1 - fx) + image[y0, x1, k] * fx
        below = image[y1, x0, k] * (1 - fx) + image[y1, x1, k] * fx
        out[k] = above * (1 - fy) + below * fy


@njit(cache=True, nogil=True)
def _look(image, u, v):  # type: ignore[no-untyped-def]
    """An (H, W) image at (u, v), likewise."""
    height, width = image.shape
    x, y = min(max(u * width - 0.5, 0.0), width - 1.0), min(max(v * height - 0.5, 0.0), height - 1.0)
    x0, y0 = int(x), int(y)
    x1, y1 = min(x0 + 1, width - 1), min(y0 + 1, height - 1)
    fx, fy = x - x0, y - y0
    above = image[y0, x0] * (1 - fx) + image[y0, x1] * fx
    below = image[y1, x0] * (1 - fx) + image[y1, x1] * fx
    return above * (1 - fy) + below * fy


@njit(cache=True, nogil=True)
def _odds(profile, u, v, place):  # type: ignore[no-untyped-def]
    """The profile's log odds at (u, v) and `place` in bins behind the front, trilinear, clamped to its ends."""
    height, width, bins = profile.shape
    x, y = min(max(u * width - 0.5, 0.0), width - 1.0), min(max(v * height - 0.5, 0.0), height - 1.0)
    z = min(max(place - 0.5, 0.0), bins - 1.0)
    x0, y0, z0 = int(x), int(y), int(z)
    x1, y1, z1 = min(x0 + 1, width - 1), min(y0 + 1, height - 1), min(z0 + 1, bins - 1)
    fx, fy, fz = x - x0, y - y0, z - z0
    near = (profile[y0, x0, z0] * (1 - fx) + profile[y0, x1, z0] * fx) * (1 - fy) + (
        profile[y1, x0, z0] * (1 - fx) + profile[y1, x1, z0] * fx
    ) * fy
    far = (profile[y0, x0, z1] * (1 - fx) + profile[y0, x1, z1] * fx) * (1 - fy) + (
        profile[y1, x0, z1] * (1 - fx) + profile[y1, x1, z1] * fx
    ) * fy
    return near * (1 - fz) + far * fz


@njit(cache=True, nogil=True)
def _sample(  # type: ignore[no-untyped-def]
    field, color, low, spacing, s, c, tangent, outline, picture, front, thickness, profile, back,
    width, sharpness, skin, band, fade, agree,
):  # fmt: skip
    """Fill field (X, Y, Z) and color (X, Y, Z, 3) of the upright grid.

    Along each ray the body is the front's skin, the back's skin, and what the profile calls solid between the two;
    across the rays it is what the matte covers.
    """
    near, far = np.zeros(3), np.zeros(3)
    for i in range(field.shape[0]):
        x = low[0] + i * spacing
        for j in range(field.shape[1]):
            up = low[1] + j * spacing
            for k in range(field.shape[2]):
                ahead = low[2] + k * spacing
                y, d = up * c - ahead * s, -(up * s + ahead * c)
                scale = 1 + d * tangent
                field[i, j, k] = band
                if scale < 0.05:
                    color[i, j, k] = 128
                    continue
                u, v = (x / scale + 1) / 2, (1 - y / scale) / 2
                depth = d - _look(front, u, v)
                whole = _look(thickness, u, v)
                edge = _look(outline, u, v) * scale
                if edge < band:
                    body = -_odds(profile, u, v, depth / width) / sharpness
                    body = max(body, depth - whole)
                    body = min(body, depth - min(skin, whole), max(whole - skin - depth, depth - whole))
                    field[i, j, k] = min(max(edge, max(-depth, body), -band), band)
                _blend(picture, u, v, near)
                share = (min(max(depth / whole, fade[0]), fade[1]) - fade[0]) / (fade[1] - fade[0])
                if share > 0:
                    _blend(back, u, v, far)
                    apart = (near[0] - far[0]) ** 2 + (near[1] - far[1]) ** 2 + (near[2] - far[2]) ** 2
                    share *= 1 - np.exp(-apart / (2 * agree**2))
                    for n in range(3):
                        near[n] += share * (far[n] - near[n])
                for n in range(3):
                    color[i, j, k, n] = np.uint8(min(max(near[n] + 0.5, 0.0), 255.0))
