"""One picture of one object, and all that the network should say about it.

The camera looks at the centre of the object's picture, which fills FILL of a square frame: the crop that
`picture.frame` makes of a user's picture. Units and axes are those of `spherelinks.generators.lift.layout`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from spherelinks.generators.lift.layout import BIN, BINS, FILL
from training.surface import Floats, Rays, Surface, to_linear, to_srgb

FINE, COARSE = 128, 64  # sides of the maps, pixels
GRID = 96  # cells along the longest side of the grid that tells inside from outside
BEHIND = 10.0  # depth from which rays look back: past every object


@dataclass(frozen=True)
class View:
    """
    picture : (FINE, FINE, 4) uint8, straight sRGB and coverage
    front : (FINE, FINE) float16, depth of the first surface; NaN beside the object
    thickness : (FINE, FINE) float16, from there to the last exit; NaN beside the object
    back : (COARSE, COARSE, 3) uint8, flat colour of the last surface
    normal : (COARSE, COARSE, 3) int8, /127, normal of the first surface, upright, facing as the camera does
    profile : (COARSE, COARSE, BINS) uint8, share of each stretch of BIN behind the first surface that is solid, /255
    elevation : degrees above the horizon
    tangent : of half the field of view
    """

    picture: NDArray[np.uint8]
    front: NDArray[np.float16]
    thickness: NDArray[np.float16]
    back: NDArray[np.uint8]
    normal: NDArray[np.int8]
    profile: NDArray[np.uint8]
    elevation: float
    tangent: float


@dataclass(frozen=True)
class Pose:
    """rotation: (3, 3), columns are the camera's right, up and backward axes; eye (3,); tangent of half the field."""

    rotation: Floats
    eye: Floats
    tangent: float

    def rays(self, size: int) -> Floats:
        """(size², 3) directions through the pixels' centres, one unit deep along the view axis."""
        x = ((np.arange(size, dtype=np.float32) + 0.5) / size * 2 - 1) * self.tangent
        gx, gy = np.meshgrid(x, -x)
        directions: Floats = np.stack([gx, gy, np.full_like(gx, -1)], -1).reshape(-1, 3) @ self.rotation.T
        return directions


def upright(azimuth: float) -> Floats:
    """(3, 3): columns are right, up and backward of a level camera at that azimuth (radians, from +Z towards +X)."""
    s, c = np.sin(azimuth), np.cos(azimuth)
    return np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]], np.float32)


def aimed(surface: Surface, azimuth: float, elevation: float, distance: float, fill: float) -> Pose:
    """The camera at that place whose square picture holds the object in its middle, over `fill` of its side."""
    s, c = np.sin(elevation), np.cos(elevation)
    level = upright(azimuth)
    back = level @ np.array([0, s, c], np.float32)
    eye = back * distance
    points = np.unique(surface.corners.reshape(-1, 3), axis=0) - eye
    for _ in range(4):
        right = np.cross([0, 1, 0], back)
        right /= np.linalg.norm(right)
        rotation = np.stack([right, np.cross(back, right), back], 1).astype(np.float32)
        q = points @ rotation
        x, y = q[:, 0] / -q[:, 2], q[:, 1] / -q[:, 2]
        middle = np.array([(x.min() + x.max()) / 2, (y.min() + y.max()) / 2, -1])
        back = -(rotation @ middle) / np.linalg.norm(middle)
    half = max(np.ptp(x), np.ptp(y)) / 2 / fill
    return Pose(rotation, eye.astype(np.float32), float(half))


def solid(surface: Surface, rng: np.random.Generator) -> NDArray[np.bool_]:
    """(GRID + 8)³: what a flood from outside does not reach once gaps of about a cell are closed; cell [4, 4, 4] begins
    at -0.5. Axes x, y, z."""
    n = GRID + 8
    points = surface.sample(250_000, rng)
    cells = np.clip(((points + 0.5) * GRID + 4).astype(np.int64), 1, n - 2)
    wall = np.zeros((n, n, n), np.uint8)
    wall[cells[:, 0], cells[:, 1], cells[:, 2]] = 1
    sealed = _dilated(wall)
    outside = _flooded(sealed == 0)
    # The seal made the hull half a cell to a cell too thick: give that back, but never the wall itself.
    reached = _dilated(outside.astype(np.uint8)) > 0
    return ~reached | (wall > 0)


def _dilated(mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """By one cell along each axis (a 6-neighbourhood)."""
    out = mask.copy()
    for axis in range(3):
        a, b = np.moveaxis(out, axis, 0), np.moveaxis(mask, axis, 0)
        a[1:] |= b[:-1]
        a[:-1] |= b[1:]
    return out


def _flooded(free: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Of the free cells, those connected with the grid's corner."""
    labels, _ = ndimage.label(free)
    reached: NDArray[np.bool_] = labels == labels[0, 0, 0]
    return reached


def take(surface: Surface, rays: Rays, inside: NDArray[np.bool_], rng: np.random.Generator) -> View:
    """A random view of a normalised surface. Raises ValueError where next to nothing of it is seen."""
    azimuth = rng.uniform(0, 2 * np.pi)
    elevation = np.radians(rng.uniform(0, 40) if rng.random() < 0.9 else rng.uniform(-10, 60))
    pose = aimed(surface, azimuth, elevation, 1.5 * 3.0 ** rng.random(), FILL * rng.uniform(0.98, 1.02))
    # Aiming at the picture's middle tilts the axis a little: the elevation that matters is the axis's.
    elevation = float(np.degrees(np.arcsin(np.clip(pose.rotation[1, 2], -1, 1))))
    azimuth = float(np.arctan2(pose.rotation[0, 2], pose.rotation[2, 2]))

    directions = pose.rays(FINE)
    origins = np.broadcast_to(pose.eye, directions.shape)
    first = rays.first(origins, directions)
    seen = first.face >= 0
    if seen.sum() < 60:
        raise ValueError("too little of the object is seen")
    last = rays.first(origins + BEHIND * directions, -directions)
    reference = float(first.distance[seen].mean())
    half = reference * pose.tangent
    exit_ = np.maximum(BEHIND - last.distance, first.distance)
    front = np.where(seen, (first.distance - reference) / half, np.nan).reshape(FINE, FINE)
    thickness = np.where(seen, (exit_ - first.distance) / half, np.nan).reshape(FINE, FINE)

    directions = pose.rays(COARSE)
    origins = np.broadcast_to(pose.eye, directions.shape)
    near = rays.first(origins, directions)
    m = near.face >= 0
    far = rays.first(origins[m] + BEHIND * directions[m], -directions[m])
    back = np.zeros((COARSE * COARSE, 3), np.uint8)
    back[m] = surface.color(far.face, far.u, far.v).clip(0, 1) * 255 + 0.5
    normals = rays.normals[near.face[m]]
    normals = np.where((normals * directions[m]).sum(1, keepdims=True) > 0, -normals, normals) @ upright(azimuth)
    normal = np.zeros((COARSE * COARSE, 3), np.int8)
    normal[m] = np.rint(normals * 127)
    profile = np.zeros((COARSE * COARSE, BINS), np.uint8)
    profile[m] = _profile(inside, pose, directions[m], near.distance[m], half)

    shape = (COARSE, COARSE)
    return View(
        _picture(surface, rays, pose, rng),
        front.astype(np.float16),
        thickness.astype(np.float16),
        back.reshape(*shape, 3),
        normal.reshape(*shape, 3),
        profile.reshape(*shape, BINS),
        elevation,
        pose.tangent,
    )


def _profile(
    inside: NDArray[np.bool_], pose: Pose, directions: Floats, start: Floats, half: float
) -> NDArray[np.uint8]:
    """(N, BINS): share of each bin behind `start` that is solid, from four looks a bin, /255."""
    looks = 4
    steps = (np.arange(BINS * looks, dtype=np.float32) + 0.5) / looks * (BIN * half)
    n = len(inside)
    depth = start[:, None] + steps
    count = np.zeros(depth.shape, np.bool_)
    index = np.zeros(depth.shape, np.int64)
    valid = np.ones(depth.shape, np.bool_)
    for axis in range(3):
        cell = ((pose.eye[axis] + 0.5) * GRID + 4 + depth * (directions[:, axis, None] * GRID)).astype(np.int32)
        valid &= (cell >= 0) & (cell < n)
        index = index * n + cell
    count[valid] = inside.reshape(-1)[index[valid]]
    share: NDArray[np.uint8] = (count.reshape(len(start), BINS, looks).mean(2) * 255).astype(np.uint8)
    return share


def _picture(surface: Surface, rays: Rays, pose: Pose, rng: np.random.Generator) -> NDArray[np.uint8]:
    """(FINE, FINE, 4): Lambert shading under one to three lights with shadows, 2x2 rays a pixel."""
    size = FINE * 2
    directions = pose.rays(size)
    hit = rays.first(np.broadcast_to(pose.eye, directions.shape), directions)
    m = hit.face >= 0
    ahead = directions[m]
    normal = rays.normals[hit.face[m]]
    normal = np.where((normal * ahead).sum(1, keepdims=True) > 0, -normal, normal)
    point = pose.eye + ahead * hit.distance[m, None] + normal * 1e-3
    shade = np.full(int(m.sum()), rng.uniform(0.25, 0.65), np.float32)
    if rng.random() < 0.3:  # a sky: brighter from above
        shade *= 1 + rng.uniform(0, 0.4) * normal[:, 1]
    for _ in range(rng.integers(1, 4)):
        toward = pose.rotation @ np.array([rng.normal(0, 0.8), rng.uniform(0.1, 1.3), rng.uniform(0.2, 1)], np.float32)
        toward /= np.linalg.norm(toward)
        lit = normal @ toward
        facing = np.flatnonzero(lit > 0)
        free = facing[~rays.blocked(point[facing], np.broadcast_to(toward, (len(facing), 3)))]
        shade[free] += rng.uniform(0.25, 0.9) * lit[free]
    rgb = np.zeros((size * size, 3), np.float32)
    base = to_linear(surface.color(hit.face[m], hit.u[m], hit.v[m]).clip(0, 1))
    rgb[m] = to_srgb(base * shade[:, None])
    cover = m.astype(np.float32).reshape(FINE, 2, FINE, 2).mean((1, 3))
    rgb = rgb.reshape(FINE, 2, FINE, 2, 3).mean((1, 3)) / np.maximum(cover, 1e-6)[..., None]
    return (np.concatenate([rgb, cover[..., None]], -1) * 255 + 0.5).clip(0, 255).astype(np.uint8)


def deformed(surface: Surface, rng: np.random.Generator) -> Surface:
    """The surface stretched, tapered, bent and twisted a little: another object of its kind, still upright."""
    p = surface.corners * np.exp(rng.uniform(-0.35, 0.35, 3)).astype(np.float32)
    y = p[..., 1]
    p = p * (1 + rng.uniform(-0.5, 0.5) * y[..., None] * np.array([1, 0, 1], np.float32))
    angle = rng.uniform(-0.6, 0.6) * y
    s, c = np.sin(angle), np.cos(angle)
    x, z = c * p[..., 0] + s * p[..., 2], c * p[..., 2] - s * p[..., 0]
    x = x + rng.uniform(-0.3, 0.3) * z**2
    z = z + rng.uniform(-0.3, 0.3) * y**2
    return surface.moved(np.stack([x, y, z], -1)).normalized()
