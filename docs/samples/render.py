"""The sample pictures: five objects as signed distance fields, sphere-traced with NumPy.

``python docs/samples/render.py`` writes them all next to this file; names as arguments choose some of them, ``--view
back`` shows them from behind, and ``--size 256 --samples 1`` gives a quick look. The same versions of NumPy and Pillow
give the same files.

Points are (3, N) float32 arrays: +Y up, the camera looks from +Z, y = 0 is the ground, one unit is about the height of
an object. A shape maps points to signed distances, a paint maps points on a shape to linear RGB. Distance functions and
soft shadows follow Inigo Quilez's articles (https://iquilezles.org/articles/).
"""

# mypy: disable-error-code=no-any-return
# (NumPy's ufuncs are typed as returning Any)

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from spherelinks.pixels.srgb import to_linear, to_srgb

Floats = NDArray[np.floating[Any]]
Shape = Callable[[Floats], Floats]
Paint = Callable[[Floats], Floats]

HERE = Path(__file__).parent
VIEWS = {"front": 0, "back": 180, "left": -90, "right": 90}
"""By how many degrees the camera has gone round the object; left and right are the viewer's, who faces the front."""
REACH = 1.1  # radius about a scene's target that holds every part
CHUNK = 1 << 15  # rays traced together: small enough to stay in the cache


def vector(values: ArrayLike) -> Floats:
    """A column that broadcasts over points."""
    return np.asarray(values, np.float32).reshape(-1, 1)


def length(p: Floats) -> Floats:
    return np.sqrt((p * p).sum(0))


def unit(p: Floats) -> Floats:
    return p / np.maximum(length(p), 1e-9)


def smoothstep(low: float, high: float, x: Floats) -> Floats:
    t = np.clip((x - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


# Shapes


def sphere(radius: float, center: ArrayLike = (0, 0, 0)) -> Shape:
    c = vector(center)
    return lambda p: length(p - c) - radius


def ellipsoid(radii: ArrayLike, center: ArrayLike = (0, 0, 0)) -> Shape:
    r, c = vector(radii), vector(center)

    def distance(p: Floats) -> Floats:
        q = (p - c) / r
        k = length(q)
        return k * (k - 1) / np.maximum(length(q / r), 1e-6)

    return distance


def box(half: ArrayLike, center: ArrayLike = (0, 0, 0), rounding: float = 0.0) -> Shape:
    h, c = vector(half) - np.float32(rounding), vector(center)

    def distance(p: Floats) -> Floats:
        q = np.abs(p - c) - h
        return length(np.maximum(q, 0)) + np.minimum(q.max(0), 0) - rounding

    return distance


def disc(radius: float, low: float, high: float, rounding: float = 0.0) -> Shape:
    """A cylinder round the y axis from y = low to high."""
    middle, half = (low + high) / 2, (high - low) / 2 - rounding

    def distance(p: Floats) -> Floats:
        across = np.hypot(p[0], p[2]) - (radius - rounding)
        along = np.abs(p[1] - middle) - half
        outside = np.hypot(np.maximum(across, 0), np.maximum(along, 0))
        return outside + np.minimum(np.maximum(across, along), 0) - rounding

    return distance


def stick(start: ArrayLike, end: ArrayLike, radius: float, end_radius: float | None = None) -> Shape:
    """A capsule whose radius runs from one end to the other; a bound, tight where the radii are alike."""
    a, b = vector(start), vector(end)
    axis, tip = b - a, radius if end_radius is None else end_radius
    scale = np.float32(1 / (axis * axis).sum())

    def distance(p: Floats) -> Floats:
        q = p - a
        t = np.clip((q * axis).sum(0) * scale, 0, 1)
        return length(q - axis * t) - (radius + (tip - radius) * t)

    return distance


def link(half: float, major: float, minor: float, center: ArrayLike) -> Shape:
    """A torus in the xy plane, drawn out along y."""
    c = vector(center)

    def distance(p: Floats) -> Floats:
        x, y, z = p - c
        return np.hypot(np.hypot(x, np.maximum(np.abs(y) - half, 0)) - major, z * 0.8) - minor

    return distance


def union(*shapes: Shape, blend: float = 0.0) -> Shape:
    """The least of the distances, with a fillet about as wide as ``blend``."""

    def distance(p: Floats) -> Floats:
        return reduce(lambda a, b: smooth_min(a, b, blend), (s(p) for s in shapes))

    return distance


def common(a: Shape, b: Shape, blend: float = 0.0) -> Shape:
    return lambda p: -smooth_min(-a(p), -b(p), blend)


def minus(a: Shape, b: Shape, blend: float = 0.0) -> Shape:
    return lambda p: -smooth_min(-a(p), b(p), blend)


def smooth_min(a: Floats, b: Floats, blend: float) -> Floats:
    if not blend:
        return np.minimum(a, b)
    h = np.maximum(blend - np.abs(a - b), 0) / blend
    return np.minimum(a, b) - h * h * (blend / 4)


def above(height: float) -> Shape:
    return lambda p: height - p[1]


def turned(shape: Shape, axis: int, degrees: float, center: ArrayLike = (0, 0, 0)) -> Shape:
    """The shape turned about a line through ``center`` parallel to an axis (0, 1, 2 for x, y, z)."""
    c, inverse = vector(center), rotation(axis, -degrees)
    return lambda p: shape(inverse @ (p - c) + c)


def mirrored(shape: Shape) -> Shape:
    """The half at x > 0 on both sides."""
    return lambda p: shape(np.stack([np.abs(p[0]), p[1], p[2]]))


def rotation(axis: int, degrees: float) -> Floats:
    angle = np.deg2rad(degrees)
    i, j = (axis + 1) % 3, (axis + 2) % 3
    m = np.eye(3, dtype=np.float32)
    m[i, i] = m[j, j] = np.cos(angle)
    m[j, i] = np.sin(angle)
    m[i, j] = -m[j, i]
    return m


def noise(p: Floats) -> Floats:
    """Value noise in 0..1 with a period of one unit."""
    cell = np.floor(p)
    t = p - cell
    t = t * t * (3 - 2 * t)
    x, y, z = cell.astype(np.int64).astype(np.uint32)

    def corner(i: int, j: int, k: int) -> Floats:
        h = (x + np.uint32(i)) * np.uint32(374761393)
        h = (h ^ ((y + np.uint32(j)) * np.uint32(668265263))) * np.uint32(2246822519)
        h = (h ^ ((z + np.uint32(k)) * np.uint32(3266489917))) * np.uint32(2654435761)
        h ^= h >> np.uint32(15)
        return (h & np.uint32(0xFFFF)).astype(np.float32) / np.float32(0xFFFF)

    rows = [corner(0, j, k) * (1 - t[0]) + corner(1, j, k) * t[0] for k in (0, 1) for j in (0, 1)]
    return (rows[0] * (1 - t[1]) + rows[1] * t[1]) * (1 - t[2]) + (rows[2] * (1 - t[1]) + rows[3] * t[1]) * t[2]


# Paints


def rgb(code: str) -> Floats:
    """A CSS colour as linear RGB, (3, 1)."""
    return to_linear(vector([int(code[i : i + 2], 16) / 255 for i in (1, 3, 5)])).astype(np.float32)


def plain(code: str) -> Paint:
    color = rgb(code)
    return lambda p: np.broadcast_to(color, p.shape)


def mix(a: Floats, b: Floats, t: Floats) -> Floats:
    return a + (b - a) * t


def wood(light: str, dark: str) -> Paint:
    a, b = rgb(light), rgb(dark)

    def paint(p: Floats) -> Floats:
        grain = noise(p * vector([60, 5, 60])) * 0.6 + noise(p * vector([150, 9, 150])) * 0.4
        return mix(a, b, grain)

    return paint


@dataclass(frozen=True)
class Part:
    """A shape of one material. ``gloss``: strength of the reflections, ``blur``: how soft they are, 0..1."""

    shape: Shape
    paint: Paint
    gloss: float = 0.5
    blur: float = 0.5
    glow: float = 0.0


def placed(part: Part, offset: ArrayLike, scale: float, lean: float) -> Part:
    """The part scaled, leant about z and moved, its paint with it."""
    o, inverse = vector(offset), rotation(2, -lean) / np.float32(scale)
    return replace(
        part, shape=lambda p: part.shape(inverse @ (p - o)) * scale, paint=lambda p: part.paint(inverse @ (p - o))
    )


# Scenes


@dataclass(frozen=True)
class Scene:
    """``turn`` and ``rise``: where the camera stands, degrees; ``fit``: the height of the view at the target.

    ``backdrop``: None for a picture with alpha, else two colours: middle and rim, or top and bottom of a gradient.
    """

    name: str
    parts: list[Part]
    target: tuple[float, float, float]
    turn: float
    rise: float
    fit: float
    backdrop: tuple[str, str] | None = None
    gradient: bool = False


def toadstool() -> list[Part]:
    dome = ellipsoid((0.47, 0.37, 0.47), (0, 0.62, 0))
    hollow = ellipsoid((0.42, 0.11, 0.42), (0, 0.60, 0))
    cap = minus(common(dome, above(0.60), 0.07), hollow, 0.03)
    stem = union(stick((0, 0.10, 0), (0, 0.62, 0), 0.145, 0.095), sphere(0.165, (0, 0.10, 0)), blend=0.1)
    skirt = minus(ellipsoid((0.20, 0.12, 0.20), (0, 0.47, 0)), ellipsoid((0.23, 0.12, 0.23), (0, 0.43, 0)), 0.02)

    random = np.random.default_rng(5)
    spots = []
    for i in range(30):
        high = 1 - (i + 0.5) / 30 * 0.93
        angle = i * 2.399963 + random.uniform(-0.25, 0.25)
        wide = np.sqrt(1 - high * high)
        radius = random.uniform(0.035, 0.072) * (0.65 + 0.45 * high)
        on = np.array([0.47 * wide * np.cos(angle), 0.62 + 0.37 * high, 0.47 * wide * np.sin(angle)])
        inward = unit(vector((on - [0, 0.62, 0]) / [0.47**2, 0.37**2, 0.47**2]))[:, 0]
        spots.append(sphere(radius * 1.3, on - inward * radius * 0.9))

    red, crimson, ivory, shade = rgb("#d02417"), rgb("#8f0f10"), rgb("#f6ead2"), rgb("#c9ab84")

    def cap_paint(p: Floats) -> Floats:
        gills = 0.5 + 0.5 * np.cos(np.arctan2(p[2], p[0]) * 56)
        under = smoothstep(0.012, -0.012, hollow(p) - 0.004)
        top = mix(crimson, red, smoothstep(0.58, 0.88, p[1]))
        return mix(top, mix(shade, ivory, gills), under)

    def stem_paint(p: Floats) -> Floats:
        streaks = noise(np.stack([np.arctan2(p[2], p[0]) * 7, p[1] * 3, 0 * p[0]]))
        return mix(ivory, shade, streaks * 0.55 + 0.5 * smoothstep(0.22, 0.0, p[1]))

    return [
        Part(cap, cap_paint, gloss=1.0, blur=0.25),
        Part(union(*spots), plain("#fbf3e3"), gloss=0.15, blur=0.9),
        Part(union(stem, skirt, blend=0.04), stem_paint, gloss=0.15, blur=0.9),
    ]


def toadstools() -> list[Part]:
    moss, fern = rgb("#6d8a3c"), rgb("#30481f")
    mound = ellipsoid((0.54, 0.13, 0.46), (0.08, 0, 0.04))

    def lumpy(p: Floats) -> Floats:
        return mound(p) - (noise(p * 22) * 0.035 + noise(p * 48) * 0.012) * smoothstep(0.2, 0.05, np.abs(mound(p)))

    def mossy(p: Floats) -> Floats:
        return mix(fern, moss, np.clip(noise(p * 48) * 0.8 + noise(p * 22) * 0.8 - 0.3, 0, 1))

    tall = [placed(part, (-0.06, 0.05, -0.04), 1.0, 4) for part in toadstool()]
    small = [placed(part, (0.36, 0.07, 0.22), 0.42, -13) for part in toadstool()]
    return [*tall, *small, Part(common(lumpy, above(0.0), 0.02), mossy, gloss=0.05, blur=1.0)]


def mug() -> list[Part]:
    outer = union(disc(0.40, 0.0, 0.86, 0.035), ellipsoid((0.415, 0.5, 0.415), (0, 0.40, 0)), blend=0.06)
    outer = common(common(outer, above(0.0), 0.03), lambda p: p[1] - 0.86, 0.03)
    handle = link(0.10, 0.165, 0.052, (0.43, 0.44, 0))
    body = minus(union(outer, handle, blend=0.07), disc(0.345, 0.07, 1.2, 0.06), 0.03)
    clay, iron = rgb("#d9c3a0"), rgb("#7d5c3f")
    glaze, deep, rim, cream = rgb("#1d8289"), rgb("#0b4258"), rgb("#b98a5a"), rgb("#f7efdd")

    def paint(p: Floats) -> Floats:
        angle, y = np.arctan2(p[2], p[0]), p[1]
        drips = 0.05 * np.sin(angle * 5 + 0.6) + 0.03 * np.sin(angle * 11 + 2) + 0.012 * np.sin(angle * 23)
        line = 0.24 + drips
        inside = smoothstep(0.375, 0.365, np.hypot(p[0], p[2]))
        line = line - inside
        speckles = smoothstep(0.80, 0.86, noise(p * 70)) * 0.8
        stone = mix(clay, iron, speckles)
        color = mix(deep, glaze, smoothstep(0.0, 0.16, y - line) * 0.85 + 0.15 * noise(p * 9))
        # a painted band: diamonds between two lines, on the wall only, not on the handle
        along = np.abs(((angle * 15 / (2 * np.pi)) % 1) - 0.5) * 2
        diamond = along + np.abs(y - 0.60) / 0.075
        band = smoothstep(0.80, 0.72, diamond) * (1 - smoothstep(0.44, 0.36, diamond))
        band = np.maximum(band, smoothstep(0.22, 0.16, diamond))
        band = np.maximum(band, smoothstep(0.012, 0.007, np.abs(np.abs(y - 0.60) - 0.115)))
        band = band * (1 - inside) * smoothstep(0.02, 0.012, np.abs(outer(p)))
        color = mix(color, cream, band * 0.95)
        color = mix(color, rim, smoothstep(0.835, 0.855, y + 0.01 * noise(p * 14)))
        return mix(stone, color, smoothstep(-0.006, 0.006, y - line))

    def coffee(p: Floats) -> Floats:
        return mix(rgb("#2b1409"), rgb("#8a5a2e"), smoothstep(0.29, 0.345, np.hypot(p[0], p[2]) + 0.02 * noise(p * 20)))

    return [Part(body, paint, gloss=1.0, blur=0.2), Part(disc(0.36, 0.3, 0.74), coffee, gloss=1.0, blur=0.1)]


def duck() -> list[Part]:
    body = union(
        ellipsoid((0.34, 0.26, 0.42), (0, 0.27, -0.02)),
        ellipsoid((0.24, 0.2, 0.22), (0, 0.33, 0.2)),
        turned(ellipsoid((0.15, 0.08, 0.2), (0, 0.42, -0.40)), 0, 42, (0, 0.42, -0.40)),
        blend=0.2,
    )
    head = union(sphere(0.235, (0, 0.72, 0.19)), ellipsoid((0.05, 0.07, 0.06), (0, 0.95, 0.13)), blend=0.08)
    wing = turned(ellipsoid((0.065, 0.13, 0.22), (0.31, 0.335, -0.05)), 0, 20, (0.31, 0.335, -0.05))
    whole = common(union(union(body, head, blend=0.16), mirrored(wing), blend=0.02), above(0.0), 0.06)
    upper = ellipsoid((0.125, 0.038, 0.13), (0, 0.70, 0.43))
    lower = ellipsoid((0.10, 0.03, 0.10), (0, 0.655, 0.41))
    bill = union(turned(upper, 0, -12, (0, 0.70, 0.40)), turned(lower, 0, 10, (0, 0.655, 0.40)), blend=0.015)
    eye = turned(ellipsoid((0.042, 0.056, 0.02), (0, 0.785, 0.425)), 1, 33, (0, 0.72, 0.19))
    white = turned(ellipsoid((0.06, 0.08, 0.03), (0, 0.785, 0.405)), 1, 33, (0, 0.72, 0.19))
    return [
        Part(whole, plain("#ffa600"), gloss=1.0, blur=0.2),
        Part(bill, plain("#ee4f10"), gloss=0.9, blur=0.25),
        Part(mirrored(white), plain("#fdfaf2"), gloss=1.0, blur=0.15),
        Part(mirrored(eye), plain("#14100e"), gloss=1.2, blur=0.05),
    ]


def robot() -> list[Part]:
    head = box((0.27, 0.19, 0.21), (0, 0.93, 0), 0.08)
    trunk = union(box((0.25, 0.22, 0.17), (0, 0.47, 0), 0.07), box((0.19, 0.08, 0.14), (0, 0.24, 0), 0.05), blend=0.05)
    visor = box((0.215, 0.125, 0.03), (0, 0.935, 0.20), 0.03)
    ears = mirrored(turned(disc(0.085, 0.0, 0.06, 0.02), 2, -90))
    ears_at = vector((0.26, 0.93, 0))
    eye = mirrored(ellipsoid((0.036, 0.055, 0.02), (0.095, 0.955, 0.228)))
    smile = common(link(0.0, 0.055, 0.012, (0, 0.905, 0.232)), lambda p: p[1] - 0.885)
    boots = mirrored(common(ellipsoid((0.125, 0.13, 0.185), (0.145, 0.02, 0.04)), above(0.0), 0.03))
    legs = mirrored(stick((0.13, 0.10, 0), (0.11, 0.24, 0), 0.055))
    upper_arm = stick((0.29, 0.58, 0), (0.40, 0.44, 0.03), 0.05)
    fore_arm = stick((0.40, 0.44, 0.03), (0.41, 0.31, 0.12), 0.048)
    hand = minus(sphere(0.085, (0.41, 0.255, 0.16)), box((0.03, 0.07, 0.2), (0.41, 0.20, 0.22), 0.02), 0.02)
    wave_arm = stick((-0.40, 0.60, 0.05), (-0.46, 0.76, 0.12), 0.048)
    wave_upper = stick((-0.29, 0.58, 0), (-0.40, 0.60, 0.05), 0.05)
    wave_hand = minus(sphere(0.085, (-0.475, 0.82, 0.145)), box((0.03, 0.07, 0.2), (-0.49, 0.88, 0.16), 0.02), 0.02)
    neck = disc(0.09, 0.66, 0.78, 0.01)
    antenna = union(stick((0, 1.1, 0), (0, 1.24, 0), 0.016), disc(0.06, 1.1, 1.135, 0.015), blend=0.02)
    shoulder = mirrored(sphere(0.075, (0.27, 0.585, 0)))
    panel = box((0.155, 0.11, 0.02), (0, 0.50, 0.165), 0.02)
    dial = turned(disc(0.062, -0.02, 0.02, 0.008), 0, 90)
    dial_at = vector((-0.065, 0.505, 0.185))
    heart = [sphere(0.022, (0.045 + 0.06 * i, 0.465, 0.183)) for i in range(2)]
    slots = [box((0.055, 0.012, 0.02), (0.075, 0.53 + 0.035 * i, 0.175), 0.008) for i in range(2)]

    orange, paint_dark = rgb("#ef6a2b"), rgb("#c4481a")

    def shell(p: Floats) -> Floats:
        stripe = smoothstep(0.012, 0.006, np.abs(p[1] - 0.33))
        return mix(orange, paint_dark, stripe)

    return [
        Part(union(trunk, head), shell, gloss=0.8, blur=0.3),
        Part(
            union(boots, shoulder, lambda p: ears(np.stack([np.abs(p[0]), p[1], p[2]]) - ears_at)),
            plain("#2a8c8f"),
            0.7,
            0.35,
        ),
        Part(visor, plain("#10202b"), gloss=1.3, blur=0.1),
        Part(union(eye, smile), plain("#7ff4ff"), gloss=0.5, blur=0.3, glow=0.9),
        Part(union(legs, neck, antenna, upper_arm, fore_arm, wave_arm, wave_upper), plain("#8d949c"), 1.2, 0.35),
        Part(union(hand, wave_hand, blend=0), plain("#f4ead6"), gloss=0.6, blur=0.4),
        Part(panel, plain("#f4ead6"), gloss=0.5, blur=0.5),
        Part(lambda p: dial(p - dial_at), plain("#2a8c8f"), gloss=0.8, blur=0.3),
        Part(union(heart[0]), plain("#e0322f"), gloss=1.0, blur=0.2, glow=0.3),
        Part(union(heart[1], sphere(0.055, (0, 1.27, 0))), plain("#ffd23e"), gloss=1.0, blur=0.2, glow=0.25),
        Part(union(*slots), plain("#10202b"), gloss=0.6, blur=0.4),
    ]


def armchair() -> list[Part]:
    base = box((0.40, 0.10, 0.36), (0, 0.27, 0), 0.05)
    back = turned(box((0.36, 0.36, 0.10), (0, 0.62, -0.30), 0.09), 0, -9, (0, 0.3, -0.3))
    arms = mirrored(
        union(
            box((0.075, 0.18, 0.35), (0.41, 0.37, 0.02), 0.06),
            stick((0.42, 0.53, -0.26), (0.42, 0.53, 0.29), 0.095),
            blend=0.06,
        )
    )
    seat = box((0.325, 0.085, 0.36), (0, 0.42, 0.06), 0.075)
    cushion = turned(
        turned(
            union(
                box((0.2, 0.17, 0.035), (0, 0.66, -0.11), 0.03),
                ellipsoid((0.19, 0.16, 0.085), (0, 0.66, -0.11)),
                blend=0.08,
            ),
            0,
            -16,
            (0, 0.5, -0.1),
        ),
        2,
        10,
        (0, 0.6, 0),
    )
    legs = union(
        *(mirrored(stick((0.31, 0.18, z), (0.37, 0.022, z * 1.16), 0.038, 0.022)) for z in (-0.28, 0.28)), blend=0
    )
    green, shade = rgb("#2f7360"), rgb("#23564a")

    def velvet(p: Floats) -> Floats:
        return mix(green, shade, noise(p * 30) * 0.5 + noise(p * 5) * 0.5)

    mustard, thread = rgb("#e0a526"), rgb("#fff0c4")

    def woven(p: Floats) -> Floats:
        zig = np.abs(((p[0] * 9) % 1) - 0.5) * 0.16
        rows = ((p[1] + zig) * 14) % 1
        return mix(mustard, thread, smoothstep(0.28, 0.22, np.abs(rows - 0.5)))

    return [
        Part(union(base, back, arms, blend=0.015), velvet, gloss=0.12, blur=1.0),
        Part(seat, velvet, gloss=0.12, blur=1.0),
        Part(cushion, woven, gloss=0.1, blur=1.0),
        Part(legs, wood("#b97f4a", "#7a4a24"), gloss=0.5, blur=0.5),
    ]


SCENES = [
    Scene("robot.png", robot(), target=(0, 0.64, 0), turn=-26, rise=16, fit=1.5),
    Scene("mug.jpg", mug(), (0.08, 0.42, 0), 28, 22, 1.28, ("#f4b6a4", "#dc8d7c")),
    Scene("duck.webp", duck(), (0, 0.46, 0.02), 34, 17, 1.28, ("#b4e0ea", "#7cc0d0")),
    Scene("toadstool.jpg", toadstools(), (0.03, 0.47, 0), 24, 12, 1.4, ("#5d4f8f", "#eaa58f"), gradient=True),
    Scene("armchair.jpg", armchair(), (0, 0.46, 0), 33, 20, 1.42, ("#cbd8e4", "#a7bacd")),
]


# Rendering

# The lights stand where a photographer would put them, as seen from the camera: a large soft box high on the left, a
# strip low on the right, a lamp behind.
BOXES = (((-0.72, 0.72, 0.55), 0.30, 0.26, 9.0), ((0.93, 0.12, 0.25), 0.07, 0.55, 4.0))
KEY, RIM = unit(vector(BOXES[0][0])), unit(vector((0.75, 0.5, -0.75)))
KEY_COLOR, RIM_COLOR = vector((2.05, 1.92, 1.76)), vector((0.8, 0.88, 1.0))
SKY, GROUND = vector((0.56, 0.60, 0.66)), vector((0.27, 0.25, 0.23))


def distance_to(parts: list[Part], p: Floats) -> Floats:
    return reduce(np.minimum, (part.shape(p) for part in parts))


def trace(scene: Scene, origin: Floats, rays: Floats) -> tuple[NDArray[np.intp], Floats]:
    """Which rays hit a part, and where: indices (H,), points (3, H)."""
    o = origin - vector(scene.target)
    along = (o * rays).sum(0)
    inside = along * along - (o * o).sum(0) + REACH**2
    alive = np.flatnonzero(inside > 0)
    t = -along[alive] - np.sqrt(inside[alive])
    end = t + 2 * np.sqrt(inside[alive])
    hits, depths = [], []
    for _ in range(160):
        d = distance_to(scene.parts, origin + rays[:, alive] * t)
        t = t + d * np.float32(0.9)
        hit = d < 4e-4
        hits.append(alive[hit])
        depths.append(t[hit])
        keep = ~hit & (t < end)
        alive, t, end = alive[keep], t[keep], end[keep]
        if not alive.size:
            break
    index, depth = np.concatenate(hits), np.concatenate(depths)
    return index, origin + rays[:, index] * depth


def normals(scene: Scene, p: Floats) -> Floats:
    steps = [vector(corner) for corner in ((1, -1, -1), (-1, -1, 1), (-1, 1, -1), (1, 1, 1))]
    return unit(reduce(np.add, (step * distance_to(scene.parts, p + step * np.float32(8e-4)) for step in steps)))


def visible(scene: Scene, p: Floats, direction: Floats, sharpness: float, far: float = 1.6) -> Floats:
    """How much of a round light is seen from the points past what lies nearer than ``far``, 0..1."""
    direction = np.broadcast_to(direction, p.shape)
    seen = np.ones(p.shape[1], np.float32)
    t = np.full(p.shape[1], 0.015, np.float32)
    at = np.arange(p.shape[1])
    for _ in range(40):
        d = distance_to(scene.parts, p[:, at] + direction[:, at] * t[at])
        seen[at] = np.minimum(seen[at], 0.5 + 0.5 * sharpness * d / t[at])
        t[at] += np.clip(d, 0.012, 0.06)
        at = at[(t[at] < far) & (seen[at] > 0)]
        if not at.size:
            break
    seen = np.clip(seen, 0, 1)
    return seen * seen * (3 - 2 * seen)


def openness(scene: Scene, p: Floats, n: Floats) -> Floats:
    """Ambient occlusion, 0..1, of parts and ground, by the distance left at steps along the normal."""
    closed = np.zeros(p.shape[1], np.float32)
    steps = np.array([0.01, 0.03, 0.07, 0.14, 0.24], np.float32)
    for h in steps:
        q = p + n * h
        closed += np.clip(1 - np.minimum(distance_to(scene.parts, q), q[1] + 0.004) / h, 0, 1)
    return 1 - 0.85 * closed / len(steps)


def studio(direction: Floats, blur: float) -> Floats:
    """The room that glossy things reflect."""
    up = direction[1]
    room = mix(GROUND * 0.6, SKY, smoothstep(-0.5, 0.9, up)) * 0.5
    edge = 0.03 + 0.6 * blur * blur
    for center, wide, high, power in BOXES:
        c = unit(vector(center))
        side = unit(np.cross(c[:, 0], (0, 1, 0)).astype(np.float32).reshape(3, 1))
        over = np.cross(side[:, 0], c[:, 0]).reshape(3, 1).astype(np.float32)
        x, y = np.abs((direction * side).sum(0)), np.abs((direction * over).sum(0))
        lit = smoothstep(wide + edge, wide - edge, x) * smoothstep(high + edge, high - edge, y)
        room = room + lit * ((direction * c).sum(0) > 0) * (power * (1 - 0.7 * blur))
    return room


def shade(scene: Scene, p: Floats, rays: Floats) -> Floats:
    """Linear light from points on the parts towards the camera, (3, N)."""
    n = normals(scene, p)
    owner = np.argmin(np.stack([part.shape(p) for part in scene.parts]), axis=0)
    lifted = p + n * np.float32(0.004)
    open_ = openness(scene, p, n)
    yaw = rotation(1, scene.turn)
    key, rim = (np.maximum((n * (yaw @ lamp)).sum(0), 0) * visible(scene, lifted, yaw @ lamp, 5) for lamp in (KEY, RIM))
    sky = mix(GROUND, SKY, 0.5 + 0.5 * n[1])
    mirror = rays - 2 * (rays * n).sum(0) * n
    cleared = visible(scene, lifted, mirror, 4, far=0.8) * np.sqrt(open_)
    facing = np.clip(1 + (rays * n).sum(0), 0, 1)

    out = np.zeros_like(p)
    for i, part in enumerate(scene.parts):
        at = np.flatnonzero(owner == i)
        if not at.size:
            continue
        color = part.paint(p[:, at])
        # light that bounces within a crease takes on the colour of the crease
        ambient = open_[at] / (1 - color * (1 - open_[at]))
        body = color * (KEY_COLOR * key[at] + RIM_COLOR * rim[at] + sky[:, at] * ambient)
        fresnel = 0.04 + 0.96 * facing[at] ** 5 * (1 - part.blur) ** 2
        shine = studio(yaw.T @ mirror[:, at], part.blur) * fresnel * cleared[at] * part.gloss
        sheen = color * facing[at] ** 3 * part.blur * sky[:, at] * open_[at] * 0.6
        out[:, at] = body + shine + sheen + color * part.glow
    return out


def tone(light: Floats) -> Floats:
    """Display value 0..1 of linear light: the ACES curve as fitted by Narkowicz (2015), sRGB encoded."""
    x = light * 0.72
    return to_srgb(np.clip(x * (2.51 * x + 0.03) / (x * (2.43 * x + 0.59) + 0.14), 0, 1)).astype(np.float32)


def backdrop(scene: Scene, origin: Floats, rays: Floats, u: Floats, v: Floats) -> Floats:
    """The display colour behind the object, darkened where the object shades the ground."""
    assert scene.backdrop
    a, b = (to_srgb(rgb(code)) for code in scene.backdrop)
    far = v if scene.gradient else smoothstep(0.25, 0.85, np.hypot(u - 0.5, v - 0.5))
    color = mix(a, b, far)
    floor = np.flatnonzero(rays[1] < -0.02)
    p = origin + rays[:, floor] * (-origin[1] / rays[1, floor])
    near = np.flatnonzero(length(p) < 2.4)
    floor, p = floor[near], p[:, near]
    up = np.zeros_like(p)
    up[1] = 1
    lit = visible(scene, p, rotation(1, scene.turn) @ KEY, 3) * 0.45 + visible(scene, p, up, 1.2, far=0.6) * 0.3 + 0.25
    contact = np.clip(distance_to(scene.parts, p) / 0.16, 0, 1)
    color[:, floor] *= mix(rgb("#857b74") ** 0.45, vector((1, 1, 1)), lit * (0.72 + 0.28 * np.sqrt(contact)))
    return color


def look(scene: Scene, u: Floats, v: Floats) -> Floats:
    """Display colour and alpha, (4, N), premultiplied, at points of the picture: 0..1 to the right and downwards."""
    view = rotation(1, scene.turn) @ rotation(0, -scene.rise)
    away = 3.6 * scene.fit
    origin = vector(scene.target) + view @ vector((0, 0, away))
    rays = view @ unit(np.stack([(u - 0.5) * scene.fit, (0.5 - v) * scene.fit, np.full_like(u, -away)]))
    seen = np.zeros((4, u.size), np.float32)
    hit, p = trace(scene, origin, rays)
    if hit.size:
        seen[:3, hit], seen[3, hit] = tone(shade(scene, p, rays[:, hit])), 1
    if scene.backdrop:
        free = np.flatnonzero(seen[3] == 0)
        seen[:3, free], seen[3, free] = backdrop(scene, origin, rays[:, free], u[free], v[free]), 1
    return seen


def render(scene: Scene, size: int, samples: int) -> NDArray[np.uint8]:
    """The picture, (size, size, 4) uint8, sRGB with straight alpha; ``samples`` rays for each pixel on an edge."""

    def cast(pixels: NDArray[np.intp], dx: float, dy: float) -> Floats:
        tiles = []
        for at in np.array_split(pixels, -(-pixels.size // CHUNK)):
            u, v = (at % size + dx) / size, (at // size + dy) / size
            tiles.append(look(scene, u.astype(np.float32), v.astype(np.float32)))
        return np.concatenate(tiles, axis=1)

    picture = cast(np.arange(size * size), 0.5, 0.5)
    square = picture.reshape(4, size, size)
    around = np.stack([np.roll(square, (y, x), (1, 2)) for y in (-1, 0, 1) for x in (-1, 0, 1)])
    edges = np.flatnonzero((np.ptp(around, axis=0) > 0.03).any(0))
    picture[:, edges] = 0
    for i in range(samples):
        # a rank-1 lattice spreads the samples over the pixel
        picture[:, edges] += cast(edges, (i + 0.5) / samples, (i * 0.618034 + 0.5) % 1) / samples
    picture[:3] /= np.maximum(picture[3], 1e-6)
    return (np.clip(picture, 0, 1).T.reshape(size, size, 4) * 255 + 0.5).astype(np.uint8)


def write(pixels: NDArray[np.uint8], path: Path) -> None:
    image = Image.fromarray(pixels)
    if path.suffix == ".png":
        image.save(path, optimize=True)
    elif path.suffix == ".webp":
        image.convert("RGB").save(path, quality=88, method=6)
    else:
        image.convert("RGB").save(path, quality=90, optimize=True, subsampling=0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="which pictures; all of them when none is named")
    parser.add_argument("--size", type=int, default=1024)
    parser.add_argument("--samples", type=int, default=8)
    parser.add_argument("--view", choices=VIEWS, default="front", help="another side is written into sides/")
    parser.add_argument("--out", type=Path, default=HERE)
    arguments = parser.parse_args()
    for scene in SCENES:
        if not arguments.names or scene.name in arguments.names:
            path = arguments.out / scene.name
            if arguments.view != "front":
                path = path.parent / "sides" / f"{path.stem}_{arguments.view}{path.suffix}"
            seen = replace(scene, turn=scene.turn + VIEWS[arguments.view])
            write(render(seen, arguments.size, arguments.samples), path)
            print(path.name, flush=True)


if __name__ == "__main__":
    main()
