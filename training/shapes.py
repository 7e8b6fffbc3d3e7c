"""Procedural objects from signed distances: household things, vehicles, plants, figures, toys.

For those who have no assets, and to add variety to the few scans there are. A `Solid` is a function from points (N, 3)
to distances (N,), negative inside, together with a paint; its methods chain. Units are arbitrary, since surfaces are
normalised.
The distances follow https://iquilezles.org/articles/distfunctions/, the chaining follows fogleman/sdf.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spherelinks.mesh.surface import extract
from training.surface import Surface

Floats = NDArray[np.float32]
Distance = Callable[[Floats], Floats]
Paint = Callable[[Floats], Floats]
GRID = 80  # samples along each side of the grid that surfaces are extracted from


@dataclass(frozen=True)
class Solid:
    distance: Distance
    paint: Paint

    def moved(self, x: float = 0, y: float = 0, z: float = 0) -> Solid:
        by = np.array([x, y, z], np.float32)
        return Solid(lambda p: self.distance(p - by), lambda p: self.paint(p - by))

    def turned(self, axis: int, degrees: float) -> Solid:
        """Rotated about x, y or z (0, 1, 2), counter-clockwise as seen from the axis's positive end."""
        s, c = np.sin(np.radians(degrees)), np.cos(np.radians(degrees))
        m = np.eye(3, dtype=np.float32)
        i, j = (axis + 1) % 3, (axis + 2) % 3
        m[i, i], m[i, j], m[j, i], m[j, j] = c, -s, s, c
        return Solid(lambda p: self.distance(p @ m), lambda p: self.paint(p @ m))

    def mirrored(self, axis: int = 0) -> Solid:
        """The half at positive coordinates of the axis, and its mirror image."""

        def folded(p: Floats) -> Floats:
            q = p.copy()
            q[:, axis] = np.abs(q[:, axis])
            return q

        return Solid(lambda p: self.distance(folded(p)), lambda p: self.paint(folded(p)))

    def around(self, count: int) -> Solid:
        """`count` copies evenly spaced around the y axis."""
        return union(*(self.turned(1, 360 * i / count) for i in range(count)))

    def without(self, other: Solid) -> Solid:
        return Solid(lambda p: np.maximum(self.distance(p), -other.distance(p)), self.paint)


def union(*parts: Solid, smooth: float = 0.0) -> Solid:
    """The union of all parts, blended over about `smooth`; each point takes the paint of the nearest part."""

    def distance(p: Floats) -> Floats:
        near = parts[0].distance(p)
        for part in parts[1:]:
            d = part.distance(p)
            if smooth:
                h = np.maximum(smooth - np.abs(near - d), 0) / smooth
                near = np.minimum(near, d) - h * h * smooth / 4
            else:
                near = np.minimum(near, d)
        return near

    def paint(p: Floats) -> Floats:
        nearest = np.argmin([part.distance(p) for part in parts], axis=0)
        color = np.empty((len(p), 3), np.float32)
        for i, part in enumerate(parts):
            m = nearest == i
            if m.any():
                color[m] = part.paint(p[m])
        return color

    return Solid(distance, paint)


def box(x: float, y: float, z: float, paint: Paint, round_: float = 0.0) -> Solid:
    """A box, by its half sizes, with edges rounded by the radius `round_`."""
    half = np.array([x, y, z], np.float32) - np.float32(round_)

    def distance(p: Floats) -> Floats:
        q = np.abs(p) - half
        return np.linalg.norm(np.maximum(q, 0), axis=1) + np.minimum(q.max(1), 0) - np.float32(round_)

    return Solid(distance, paint)


def ball(x: float, y: float, z: float, paint: Paint) -> Solid:
    """An ellipsoid, by its radii; the distance is exact only for a sphere."""
    radii = np.array([x, y, z], np.float32)

    def distance(p: Floats) -> Floats:
        k = np.linalg.norm(p / radii, axis=1)
        return (k - 1) * k / np.maximum(np.linalg.norm(p / radii**2, axis=1), 1e-6)

    return Solid(distance, paint)


def rod(a: tuple[float, float, float], b: tuple[float, float, float], start: float, end: float, paint: Paint) -> Solid:
    """A capsule from a to b, with radius `start` at a and `end` at b."""
    first, along = np.array(a, np.float32), np.array(b, np.float32) - np.array(a, np.float32)

    def distance(p: Floats) -> Floats:
        t = np.clip((p - first) @ along / max(float(along @ along), 1e-9), 0, 1)
        return np.linalg.norm(p - first - t[:, None] * along, axis=1) - (start + t * (end - start))

    return Solid(distance, paint)


def ring(radius: float, thick: float, paint: Paint) -> Solid:
    """A torus about z."""

    def distance(p: Floats) -> Floats:
        return np.hypot(np.hypot(p[:, 0], p[:, 1]) - radius, p[:, 2]) - np.float32(thick)

    return Solid(distance, paint)


def turned(radii: list[float], paint: Paint, height: float = 1.0) -> Solid:
    """A solid of revolution about y, from -height to height, smoothly through evenly spaced radii."""
    at = np.linspace(-height, height, len(radii))
    fine = np.linspace(-height, height, 64)
    smooth = np.interp(fine, at, radii)
    kernel = np.hanning(2 * (64 // len(radii)) + 3)
    padded = np.pad(smooth, len(kernel) // 2, mode="edge")
    smooth = np.convolve(padded, kernel / kernel.sum(), mode="valid")
    steep = 1 / np.sqrt(1 + float(np.abs(np.gradient(smooth, fine)).max()) ** 2)

    def distance(p: Floats) -> Floats:
        across = (np.hypot(p[:, 0], p[:, 2]) - np.interp(p[:, 1], fine, smooth)) * steep
        return np.maximum(across, np.abs(p[:, 1]) - height).astype(np.float32)

    return Solid(distance, paint)


Random = np.random.Generator


def painted(rng: Random) -> Paint:
    """A random paint: one colour, bands, a label or blotches."""
    a, b = (np.clip(rng.random(3) * rng.uniform(0.3, 1) + rng.uniform(0, 0.3), 0, 1) for _ in range(2))
    kind = rng.choice(["plain", "bands", "label", "blotches"], p=[0.45, 0.2, 0.2, 0.15])
    wave, phase = rng.normal(0, 9, (3, 3)), rng.uniform(0, 6, 3)
    axis, often, low, high = rng.integers(3), rng.uniform(3, 14), rng.uniform(-0.6, 0), rng.uniform(0.1, 0.6)

    def paint(p: Floats) -> Floats:
        if kind == "bands":
            m = np.sin(p[:, axis] * often + phase[0]) > 0
        elif kind == "label":
            m = (p[:, 1] > low) & (p[:, 1] < high)
        elif kind == "blotches":
            m = np.sin(p @ wave + phase).sum(1) > 0.5
        else:
            m = np.zeros(len(p), bool)
        return np.where(m[:, None], b, a).astype(np.float32)

    return paint


def bottle(rng: Random) -> Solid:
    body, neck = rng.uniform(0.25, 0.5), rng.uniform(0.08, 0.18)
    radii = [body * rng.uniform(0.8, 1), body, body * rng.uniform(0.8, 1.05), body, neck * 1.4, neck, neck]
    cap = turned([neck * 1.15] * 3, painted(rng), rng.uniform(0.05, 0.12)).moved(y=1.0)
    return union(turned(radii, painted(rng)), cap)


def vessel(rng: Random) -> Solid:
    """A mug, glass, bowl, pot or bucket: open at the top, perhaps with a handle."""
    height, top = rng.uniform(0.3, 1), rng.uniform(0.5, 0.9)
    bottom, wall = top * rng.uniform(0.4, 1), rng.uniform(0.05, 0.09)
    radii = [bottom, (bottom + top) / 2 * rng.uniform(0.9, 1.15), top]
    paint = painted(rng)
    hollow = turned([max(r - wall, 0.05) for r in radii], paint, height).moved(y=wall * 1.5)
    cup = turned(radii, paint, height).without(hollow)
    if rng.random() < 0.5:
        handle = ring(height * rng.uniform(0.35, 0.6), rng.uniform(0.05, 0.09), painted(rng))
        side = handle.moved(x=(bottom + top) / 2).without(turned([top] * 3, paint, 2))
        cup = union(cup, side if rng.random() < 0.7 else side.mirrored())
    return cup


def carton(rng: Random) -> Solid:
    x, y, z = rng.uniform(0.15, 1, 3)
    whole = box(x, y, z, painted(rng), rng.uniform(0.01, 0.12))
    if rng.random() < 0.4:
        inner = box(max(x - 0.08, 0.05), y, max(z - 0.08, 0.05), painted(rng)).moved(y=0.15)
        whole = whole.without(inner)
    if rng.random() < 0.4:
        whole = union(whole, box(x * rng.uniform(0.3, 0.8), 0.05, z * 0.7, painted(rng), 0.02).moved(y=y))
    return whole


def table(rng: Random) -> Solid:
    x, z, leg = rng.uniform(0.5, 1), rng.uniform(0.35, 0.8), rng.uniform(0.04, 0.08)
    height, paint = rng.uniform(0.3, 0.8), painted(rng)
    if rng.random() < 0.3:
        top = turned([x] * 3, paint, 0.06).moved(y=height)
        foot = turned([x * 0.5] * 3, paint, 0.05).moved(y=-height)
        return union(top, foot, rod((0, -height, 0), (0, height, 0), leg, leg, painted(rng)))
    splay = rng.uniform(0, 0.15)
    post = rod((x - leg, height, z - leg), (x - leg + splay, -height, z - leg + splay), leg, leg * 0.8, painted(rng))
    return union(box(x, rng.uniform(0.04, 0.12), z, paint, 0.03).moved(y=height), post.mirrored(0).mirrored(2))


def chair(rng: Random) -> Solid:
    w, d, leg = rng.uniform(0.35, 0.5), rng.uniform(0.35, 0.5), rng.uniform(0.035, 0.07)
    paint, height, back = painted(rng), rng.uniform(0.3, 0.5), rng.uniform(0.4, 0.8)
    parts = [
        box(w, rng.uniform(0.04, 0.12), d, paint, 0.03),
        rod((w - leg, 0, d - leg), (w - leg, -height, d - leg), leg, leg, painted(rng)).mirrored(0).mirrored(2),
    ]
    lean = box(w, back / 2, 0.05, paint if rng.random() < 0.6 else painted(rng), 0.03).turned(0, rng.uniform(-14, 0))
    if rng.random() < 0.3:
        lean = lean.without(box(w * 0.7, back * 0.3, 0.3, paint))
    parts.append(lean.moved(y=back / 2, z=-d))
    if rng.random() < 0.35:
        parts.append(box(0.05, 0.04, d * 0.9, painted(rng), 0.02).moved(x=w, y=rng.uniform(0.2, 0.3)).mirrored(0))
        parts.append(rod((w, 0, d * 0.8), (w, 0.22, d * 0.8), 0.035, 0.035, paint).mirrored(0))
    return union(*parts)


def lamp(rng: Random) -> Solid:
    foot = turned([rng.uniform(0.25, 0.5), 0.2, 0.06], painted(rng), 0.1).moved(y=-1)
    stem = rod((0, -1, 0), (0, 0.6, 0), 0.05, 0.04, painted(rng))
    low, high = rng.uniform(0.35, 0.6), rng.uniform(0.15, 0.4)
    shade = turned([low, (low + high) / 2, high], painted(rng), 0.3).moved(y=0.7)
    return union(foot, stem, shade)


def tool(rng: Random) -> Solid:
    """A hammer, brush, spoon, screwdriver or ladle, lying or standing."""
    grip = rod(
        (0, -1, 0), (0, rng.uniform(-0.1, 0.3), 0), rng.uniform(0.07, 0.12), rng.uniform(0.06, 0.1), painted(rng)
    )
    shaft = rod((0, -0.5, 0), (0, 0.8, 0), 0.05, rng.uniform(0.04, 0.06), painted(rng))
    heads = [
        lambda: box(rng.uniform(0.25, 0.45), 0.12, 0.12, painted(rng), 0.03),
        lambda: ball(rng.uniform(0.15, 0.3), rng.uniform(0.2, 0.35), rng.uniform(0.06, 0.1), painted(rng)),
        lambda: box(rng.uniform(0.1, 0.3), 0.2, 0.06, painted(rng), 0.02),
        lambda: rod((0, -0.2, 0), (0, 0.3, 0), 0.05, 0.02, painted(rng)),
    ]
    whole = union(grip, shaft, heads[rng.integers(len(heads))]().moved(y=0.85))
    return whole.turned(2, 90).turned(0, rng.uniform(0, 90)) if rng.random() < 0.6 else whole


def figure(rng: Random) -> Solid:
    """A doll, robot or teddy."""
    paint, soft = painted(rng), rng.uniform(0.02, 0.2)
    w, arm, leg = rng.uniform(0.22, 0.42), rng.uniform(0.07, 0.14), rng.uniform(0.09, 0.16)
    head, square = rng.uniform(0.18, 0.38), rng.random() < 0.3
    reach, drop = rng.uniform(0.1, 0.5), rng.uniform(-0.4, 0.35)
    skull = (
        box(head, head, head, painted(rng), 0.05) if square else ball(head, head * rng.uniform(0.9, 1.2), head, paint)
    )
    trunk = (
        box(w, 0.38, w * 0.7, painted(rng), 0.08) if square else ball(w, 0.42, w * rng.uniform(0.6, 1), painted(rng))
    )
    parts = [
        trunk,
        skull.moved(y=0.35 + head),
        rod((w * 0.8, 0.22, 0), (w + reach, 0.22 + drop, rng.uniform(-0.1, 0.3)), arm, arm * 0.8, paint).mirrored(0),
        rod((w * 0.5, -0.25, 0), (w * 0.6, -0.8, 0), leg, leg * 0.8, painted(rng)).mirrored(0),
        ball(leg, leg * 0.7, leg * 1.6, paint).moved(x=w * 0.6, y=-0.85, z=leg * 0.6).mirrored(0),
    ]
    if rng.random() < 0.5:
        parts.append(
            ball(head * 0.4, head * 0.4, head * 0.2, painted(rng)).moved(x=head * 0.8, y=0.4 + head * 1.8).mirrored(0)
        )
    return union(*parts, smooth=0 if square else soft)


def beast(rng: Random) -> Solid:
    """An animal with four legs, a head, ears and a tail, facing +z."""
    paint, leg = painted(rng), rng.uniform(0.06, 0.13)
    w, h, length, tall = rng.uniform(0.2, 0.4), rng.uniform(0.2, 0.4), rng.uniform(0.4, 0.8), rng.uniform(0.3, 0.7)
    head, up = rng.uniform(0.16, 0.32), rng.uniform(0.1, 0.6)
    parts = [
        ball(w, h, length, paint),
        rod((w * 0.6, 0, length * 0.65), (w * 0.7, -tall, length * 0.65), leg, leg * 0.8, paint)
        .mirrored(0)
        .mirrored(2),
        rod((0, 0, length * 0.7), (0, up, length + head * 0.5), h * 0.6, head * 0.7, paint),
        ball(head * 0.8, head * 0.8, head * 1.2, paint).moved(y=up, z=length + head),
        rod((0, h * 0.3, -length * 0.9), (0, rng.uniform(-0.3, 0.5), -length - 0.4), 0.07, 0.04, painted(rng)),
        ball(0.06, rng.uniform(0.1, 0.25), 0.04, painted(rng))
        .moved(x=head * 0.6, y=up + head, z=length + head * 0.6)
        .mirrored(0),
    ]
    return union(*parts, smooth=rng.uniform(0.03, 0.15))


def vehicle(rng: Random) -> Solid:
    paint, length, w = painted(rng), rng.uniform(0.6, 1), rng.uniform(0.3, 0.5)
    wheel, dark = rng.uniform(0.14, 0.24), np.full(3, 0.08, np.float32)
    tyre = turned([wheel * 0.9, wheel, wheel * 0.9], lambda p: np.broadcast_to(dark, p.shape), 0.08).turned(2, 90)
    cabin = box(w * 0.9, rng.uniform(0.14, 0.3), length * rng.uniform(0.25, 0.6), painted(rng), 0.08)
    body = box(w, rng.uniform(0.14, 0.26), length, paint, 0.08)
    axle = length * rng.uniform(0.55, 0.75)
    return union(
        body, cabin.moved(y=0.32, z=rng.uniform(-0.3, 0.2)), tyre.moved(x=w, y=-0.2, z=axle).mirrored(0).mirrored(2)
    )


def plant(rng: Random) -> Solid:
    pot = turned([rng.uniform(0.2, 0.3), rng.uniform(0.28, 0.42)], painted(rng), 0.25).moved(y=-0.75)
    green = np.array([rng.uniform(0.1, 0.4), rng.uniform(0.35, 0.8), rng.uniform(0.05, 0.3)], np.float32)
    leaf: Paint = lambda p: np.broadcast_to(green, p.shape)  # noqa: E731
    if rng.random() < 0.4:
        crown = [ball(*rng.uniform(0.25, 0.5, 3), leaf).moved(*rng.uniform(-0.25, 0.25, 3)) for _ in range(4)]
        return union(pot, rod((0, -0.6, 0), (0, 0, 0), 0.08, 0.06, painted(rng)), *crown)
    leaves = [
        ball(0.11, rng.uniform(0.35, 0.6), 0.05, leaf)
        .moved(y=0.4)
        .turned(0, rng.uniform(10, 60))
        .turned(1, a + rng.uniform(-20, 20))
        for a in range(0, 360, 60)
    ]
    return union(pot, *(one.moved(y=-0.5) for one in leaves))


def shoe(rng: Random) -> Solid:
    paint, length, w = painted(rng), rng.uniform(0.7, 1), rng.uniform(0.25, 0.36)
    sole = box(w, 0.08, length, painted(rng), 0.07)
    toe = ball(w, rng.uniform(0.2, 0.3), length * 0.55, paint).moved(z=length * 0.42, y=0.08)
    heel = rod((0, 0.1, -length * 0.55), (0, rng.uniform(0.3, 0.8), -length * 0.6), w * 0.95, w * 0.75, paint)
    opening = ball(w * 0.5, 0.5, w * 0.55, paint).moved(y=0.8, z=-length * 0.6)
    return union(sole, union(toe, heel, smooth=0.4).without(opening))


def arch(rng: Random) -> Solid:
    """A house, shelf or gate: a box with openings, perhaps with a roof."""
    x, y, z, paint = rng.uniform(0.4, 0.9), rng.uniform(0.4, 0.9), rng.uniform(0.2, 0.7), painted(rng)
    whole = box(x, y, z, paint, 0.02)
    rows = rng.integers(1, 4)
    for i in range(rows):
        hole = box(x * 0.82, y * 0.7 / rows, z, painted(rng)).moved(y=y * ((2 * i + 1) / rows - 1), z=z * 0.25)
        whole = whole.without(hole)
    if rng.random() < 0.4:
        slope = min(x * 0.8, (1.5 - y) / 1.42)
        roof = box(slope, slope, z * 1.1, painted(rng), 0.02).turned(2, 45)
        whole = union(whole, roof.without(box(3, 3, 3, paint).moved(y=-3)).moved(y=y))
    return whole


KINDS = (
    bottle,
    vessel,
    vessel,
    carton,
    carton,
    table,
    chair,
    lamp,
    tool,
    tool,
    figure,
    beast,
    vehicle,
    plant,
    shoe,
    arch,
)


def surface(rng: Random) -> Surface:
    """A random object, normalised, with a colour per corner. Some are turned, as things in pictures are."""
    solid = KINDS[rng.integers(len(KINDS))](rng)
    if rng.random() < 0.3:
        solid = solid.turned(1, rng.uniform(0, 360))
    side = np.linspace(-1.6, 1.6, GRID, dtype=np.float32)
    points = np.stack(np.meshgrid(side, side, side, indexing="ij"), -1).reshape(-1, 3)
    field = solid.distance(points).astype(np.float32).reshape(GRID, GRID, GRID)
    vertices, faces, _ = extract(field, np.full(3, -1.6), 3.2 / (GRID - 1))
    corners = vertices[faces]
    tint = solid.paint(corners.reshape(-1, 3)).reshape(-1, 3, 3)
    flat = np.zeros((*faces.shape, 2), np.float32)
    return Surface(corners, flat, tint.astype(np.float32), np.full(len(faces), -1, np.int32), []).normalized()
