"""Shapes shared by tests: fields, closed meshes, volumes with a picture."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spherelinks.mesh.surface import extract
from spherelinks.shape import Camera, Frame, Volume

ORTHOGRAPHIC = Camera(np.diag((1.0, 1.0, -1.0, 1.0)), np.array((0.0, 0.0, 1.0, 0.0)))
"""A camera on +Z whose picture spans -1 to 1 in x and y."""


def axes(samples: int, half: float = 1.0) -> tuple[NDArray[np.float32], ...]:
    """x, y and z of a cubic grid over -half..half, ready to broadcast."""
    side = np.linspace(-half, half, samples, dtype=np.float32)
    return side[:, None, None], side[None, :, None], side[None, None, :]


def ball(samples: int = 32, radius: float = 0.7) -> NDArray[np.float32]:
    """Signed distance to a ball round the origin, over -1..1."""
    x, y, z = axes(samples)
    return np.sqrt(x**2 + y**2 + z**2) - np.float32(radius)


def torus(samples: int = 48, ring: float = 0.6, tube: float = 0.22) -> NDArray[np.float32]:
    """Signed distance to a torus round the y axis, over -1..1."""
    x, y, z = axes(samples)
    return np.sqrt((np.sqrt(x**2 + z**2) - np.float32(ring)) ** 2 + y**2) - np.float32(tube)


def noise(shape: tuple[int, int, int], seed: int) -> NDArray[np.float32]:
    """White noise: every sample inside or outside at random, also at the border."""
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def mesh_of(field: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """The surface of a cubic field over -1..1."""
    vertices, faces, _ = extract(field, np.full(3, -1.0), 2 / (field.shape[0] - 1))
    return vertices, faces


def volume_of(
    field: NDArray[np.float32], color: tuple[int, int, int] = (90, 140, 200), camera: Camera | None = ORTHOGRAPHIC
) -> Volume:
    """A cubic field over -1..1 as a volume of one colour."""
    grid = np.empty((*field.shape, 3), np.uint8)
    grid[:] = color
    return Volume(field, np.full(3, -1.0), 2 / (field.shape[0] - 1), grid, camera)


def checkerboard(size: int = 512, squares: int = 8) -> Frame:
    """A picture of coloured squares with soft edges, all of it object."""
    y, x = np.mgrid[:size, :size] / size
    wave = np.sin(x * np.pi * squares) * np.sin(y * np.pi * squares)
    level = np.clip(wave * 4, -1, 1) * 0.5 + 0.5
    rgb = np.stack([255 * level, 200 * (1 - level), 60 + 120 * x], axis=-1)
    return Frame(rgb.round().astype(np.uint8), np.ones((size, size), np.float32))


def rotations(faces: NDArray[np.integer]) -> list[tuple[int, ...]]:
    """Faces as a list that does not depend on their order nor on which corner comes first."""
    return sorted(min(tuple(np.roll(face, -k).tolist()) for k in range(3)) for face in faces)
