"""One view of one object: what is needed to relight it for every picture, and everything the network should predict.

The camera looks at the centre of the object's picture, which fills FILL of a square frame: the crop that
`picture.frame` makes of a user's picture. Units and axes are those of `spherelinks.generation.lift.layout`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from spherelinks.generation.lift.layout import BIN, BINS, FILL, SIDE
from spherelinks.pixels.srgb import to_linear
from training.surface import Floats, Rays, Surface, to_srgb

GRID = 96  # cells along the longest side of the grid that separates inside from outside
BEHIND = 10.0  # depth from which rays are cast back: behind every object
LIGHTS = 6  # lamp positions
LOOKS = 2  # samples of the solid per bin, along four rays per pixel


@dataclass(frozen=True)
class View:
    """Pictures have 2 S pixels a side, maps of depth S, coarse maps S / 2.

    albedo : (2 S, 2 S, 3) uint8, sRGB, unlit, not premultiplied; cover : (2 S, 2 S) uint8, share of the pixel, /255
    facing : (2 S, 2 S, 3) int8, /127, normal of the first surface: right, up, towards the camera
    lamps : (LIGHTS, 3) float32, directions towards the lamps, in the same axes
    shadow : (2 S, 2 S) uint8, bit k set where lamp k is occluded
    front : (S, S) float16, depth of the first surface, with mean 0 over the object; 0 outside it
    thickness : (S, S) float16, from there to the last exit; 0 outside the object
    seen : (S, S) bool, the object's pixels
    far : (2 S, 2 S, 3) uint8, unlit colour of the last surface; back : (S / 2, S / 2, 3) uint8, the same, coarser
    profile : (S / 2, S / 2, BINS) uint8, share of each BIN-long stretch behind the first surface that is solid, /255
    elevation : of the camera, degrees above the horizon
    tangent : of half the field of view
    """

    albedo: NDArray[np.uint8]
    cover: NDArray[np.uint8]
    facing: NDArray[np.int8]
    lamps: Floats
    shadow: NDArray[np.uint8]
    front: NDArray[np.float16]
    thickness: NDArray[np.float16]
    seen: NDArray[np.bool_]
    far: NDArray[np.uint8]
    back: NDArray[np.uint8]
    profile: NDArray[np.uint8]
    elevation: float
    tangent: float


@dataclass(frozen=True)
class Pose:
    """rotation : (3, 3), columns are the camera's right, up and backward; eye : (3,); tangent : of half the view"""

    rotation: Floats
    eye: Floats
    tangent: float

    def rays(self, size: int) -> Floats:
        """(size², 3) directions through the pixels' centres, of length 1 along the view axis."""
        x = ((np.arange(size, dtype=np.float32) + 0.5) / size * 2 - 1) * self.tangent
        gx, gy = np.meshgrid(x, -x)
        directions: Floats = np.stack([gx, gy, np.full_like(gx, -1)], -1).reshape(-1, 3) @ self.rotation.T
        return directions


def upright(azimuth: float) -> Floats:
    """(3, 3): columns are right, up and backward of a level camera at an azimuth in radians, from +Z towards +X."""
    s, c = np.sin(azimuth), np.cos(azimuth)
    return np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]], np.float32)


def aimed(surface: Surface, azimuth: float, elevation: float, distance: float, fill: float) -> Pose:
    """The camera at that place whose square picture has the object in its middle, over the share `fill` of its side."""
    s, c = np.sin(elevation), np.cos(elevation)
    level = upright(azimuth)
    back = level @ np.array([0, s, c], np.float32)
    eye = back * distance
    points = surface.points - eye
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
    """(GRID + 8)³ bool, axes x, y, z: what a flood from outside does not reach once gaps of about a cell are sealed.

    Cell [4, 4, 4] starts at -0.5.
    """
    n = GRID + 8
    points = surface.sample(250_000, rng)
    cells = np.clip(((points + 0.5) * GRID + 4).astype(np.int64), 1, n - 2)
    wall = np.zeros((n, n, n), np.uint8)
    wall[cells[:, 0], cells[:, 1], cells[:, 2]] = 1
    sealed = _dilated(wall)
    outside = _flooded(sealed == 0)
    # Sealing made the hull half a cell to a cell too thick: take that off again, but never the wall itself.
    reached = _dilated(outside.astype(np.uint8)) > 0
    return ~reached | (wall > 0)


def _dilated(mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Dilated by one cell along each axis (6-neighbourhood)."""
    out = mask.copy()
    for axis in range(3):
        a, b = np.moveaxis(out, axis, 0), np.moveaxis(mask, axis, 0)
        a[1:] |= b[:-1]
        a[:-1] |= b[1:]
    return out


def _flooded(free: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The free cells that are connected to the grid's corner."""
    labels, _ = ndimage.label(free)
    reached: NDArray[np.bool_] = labels == labels[0, 0, 0]
    return reached


def take(
    surface: Surface,
    rays: Rays,
    inside: NDArray[np.bool_],
    rng: np.random.Generator,
    side: int = SIDE,
    facing: float = 180.0,
) -> View:
    """A random view of a normalised surface, with maps of `side` pixels, at most `facing` degrees off its front, +Z.

    Raises ValueError if hardly any of the object is visible.
    """
    azimuth = ((rng.uniform(0, 2 * np.pi) + np.pi) % (2 * np.pi) - np.pi) * facing / 180
    elevation = np.radians(rng.uniform(0, 40) if rng.random() < 0.9 else rng.uniform(-10, 60))
    pose = aimed(surface, azimuth, elevation, 1.5 * 3.0 ** rng.random(), FILL * rng.uniform(0.98, 1.02))
    # Centring the object tilts the view axis a little, and the elevation that matters is that of the axis.
    elevation = float(np.degrees(np.arcsin(np.clip(pose.rotation[1, 2], -1, 1))))

    n = 4 * side
    directions = pose.rays(n)
    first = rays.first(np.broadcast_to(pose.eye, directions.shape), directions)
    hit = first.face >= 0
    if hit.sum() < 60 * 16:
        raise ValueError("too little of the object is seen")
    ahead = directions[hit]
    normal = rays.normals[first.face[hit]]
    normal = np.where(np.einsum("nc,nc->n", normal, ahead)[:, None] > 0, -normal, normal)
    albedo, facing = np.zeros((n * n, 3), np.float32), np.zeros((n * n, 3), np.float32)
    albedo[hit] = to_linear(surface.color(first.face[hit], first.u[hit], first.v[hit]).clip(0, 1))
    facing[hit] = normal @ pose.rotation
    cover = pooled(hit.reshape(n, n), 2)
    some = np.maximum(cover, 1e-6)[..., None]
    facing = pooled(facing.reshape(n, n, 3), 2)
    facing /= np.maximum(np.linalg.norm(facing, axis=-1, keepdims=True), 1e-6)
    lamps = np.stack([rng.normal(0, 0.8, LIGHTS), rng.uniform(0.1, 1.3, LIGHTS), rng.uniform(0.2, 1, LIGHTS)], 1)
    lamps = (lamps / np.linalg.norm(lamps, axis=1, keepdims=True)).astype(np.float32)

    depth = np.where(hit, first.distance, 0)
    reference = float(depth.sum() / hit.sum())
    half = reference * pose.tangent
    ahead = pose.rays(n)
    last = rays.first(pose.eye + BEHIND * ahead, -ahead)
    met = last.face >= 0
    exit_ = np.where(met, BEHIND - last.distance, 0).reshape(n, n)
    share = pooled(hit.reshape(n, n), 4)
    seen = share >= 0.5
    near = pooled(depth.reshape(n, n), 4) / np.maximum(share, 1e-6)
    exit_ = pooled(exit_, 4) / np.maximum(pooled(met.reshape(n, n), 4), 1e-6)
    front = (near - near[seen].mean()) / half
    thickness = np.maximum(exit_ - near, 0) / half

    paint = np.zeros((n * n, 3), np.float32)
    paint[met] = surface.color(last.face[met], last.u[met], last.v[met]).clip(0, 1)
    paint, weight = pooled(paint.reshape(n, n, 3), 2), pooled(met.reshape(n, n), 2)[..., None]
    far = paint / np.maximum(weight, 1e-6)
    back = pooled(paint, 4) / np.maximum(pooled(weight, 4), 1e-6)

    directions, start = pose.rays(side), near.reshape(-1)
    profile = np.zeros((side * side, BINS), np.float32)
    there = seen.reshape(-1)
    profile[there] = _profile(inside, pose, directions[there], start[there], half)
    some_seen = np.maximum(pooled(seen, 2), 1e-6)[..., None]
    profile = pooled(profile.reshape(side, side, BINS), 2) / some_seen
    return View(
        _bytes(to_srgb(pooled(albedo.reshape(n, n, 3), 2) / some)),
        _bytes(cover),
        np.rint(facing * 127).astype(np.int8),
        lamps,
        _shadow(rays, pose, hit, depth, facing, lamps, side),
        np.where(seen, front, 0).astype(np.float16),
        np.where(seen, thickness, 0).astype(np.float16),
        seen,
        _bytes(far),
        _bytes(back),
        _bytes(profile),
        elevation,
        pose.tangent,
    )


def pooled(values: NDArray[np.generic], by: int) -> Floats:
    """(by H, by W, ...) -> (H, W, ...): means over `by` x `by` cells; `by` is a power of two."""
    v = values.astype(np.float32)
    while by > 1:
        v = v[::2] + v[1::2]
        v = (v[:, ::2] + v[:, 1::2]) * np.float32(0.25)
        by //= 2
    return v


def _bytes(values: Floats) -> NDArray[np.uint8]:
    return (values * 255 + 0.5).clip(0, 255).astype(np.uint8)


def _profile(
    inside: NDArray[np.bool_], pose: Pose, directions: Floats, start: Floats, half: float
) -> NDArray[np.float32]:
    """(N, BINS): share of each bin behind `start` that is solid, from LOOKS samples per bin."""
    steps = (np.arange(BINS * LOOKS, dtype=np.float32) + 0.5) / LOOKS * (BIN * half)
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
    share: NDArray[np.float32] = count.reshape(len(start), BINS, LOOKS).mean(2, dtype=np.float32)
    return share


def _shadow(
    rays: Rays, pose: Pose, hit: NDArray[np.bool_], depth: Floats, facing: Floats, lamps: Floats, side: int
) -> NDArray[np.uint8]:
    """(2 S, 2 S): bit k set where something is between the first surface and lamp k; one ray per pixel."""
    n = 4 * side
    corner = np.arange(n * n).reshape(n, n)[::2, ::2].reshape(-1)
    corner = corner[hit[corner]]
    directions = pose.rays(n)[corner]
    pixel = (corner // n // 2) * (2 * side) + (corner % n) // 2
    normal = facing.reshape(-1, 3)[pixel]
    point = pose.eye + directions * depth[corner, None] + (normal @ pose.rotation.T) * 1e-3
    shadow = np.zeros(4 * side * side, np.uint8)
    for k, lamp in enumerate(lamps):
        lit = np.flatnonzero(normal @ lamp > 0)
        toward = np.broadcast_to(pose.rotation @ lamp, (len(lit), 3))
        shadow[pixel[lit[rays.blocked(point[lit], toward)]]] |= np.uint8(1 << k)
    return shadow.reshape(2 * side, 2 * side)


def stretched(surface: Surface, rng: np.random.Generator) -> Surface:
    """The surface scaled along each axis: another object of its kind, with its right angles kept."""
    return surface.moved(surface.corners * np.exp(rng.uniform(-0.35, 0.35, 3)).astype(np.float32)).normalized()


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
