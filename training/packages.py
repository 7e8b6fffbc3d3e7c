"""Procedural packaging: packets, tins, balls, blocks, slabs, bowls and crates, with lids and with print on them.

Most goods in a shop look like this, but few of the objects available for training do. Unlike the objects of `shapes`,
these are meshes from the start and their print is a texture, so edges and letters are sharp.
"""

from __future__ import annotations

import cv2
import numpy as np
from scipy.stats import special_ortho_group

from training.surface import Floats, Surface

Random = np.random.Generator
AROUND, ALONG = 72, 40  # vertices of an outline, outlines along a body
PRINT = 192  # pixels along a texture's shorter side


def surface(rng: Random) -> Surface:
    """A random body, normalised: some are open, some have a lid, a neck or a foot, some lie on their side."""
    round_, open_ = rng.random() < 0.2, rng.random() < 0.3
    body = _body(rng, 2.0 if round_ else np.exp(rng.uniform(np.log(3), np.log(60))), open_)
    if round_:
        size = np.full(3, 1.0) if rng.random() < 0.6 else rng.uniform(0.5, 1, 3)
    else:
        size = rng.uniform((0.3, 0.15, 0.15), (1, 1.2, 1))
        size[2] = size[0] if rng.random() < 0.5 else size[2]
        if not open_ and rng.random() < 0.2:
            size[rng.integers(3)] *= rng.uniform(0.1, 0.5)
    parts = [(body * size.astype(np.float32), _print(rng), _print(rng))]
    if not round_ and not open_ and rng.random() < 0.35:
        wide, high = rng.uniform(0.3, 1.1), rng.uniform(0.05, 0.5)
        lid = _body(rng, rng.uniform(4, 60), False) * (size * (wide, high, wide)).astype(np.float32)
        lid[..., 1] += np.float32(size[1]) * rng.choice([-1, 1])
        parts.append((lid, _print(rng), _print(rng)))
    whole = _joined(parts)
    if round_:
        return whole.moved(whole.corners @ special_ortho_group.rvs(3, random_state=rng)).normalized()
    if rng.random() < 0.3:
        up, other = rng.choice(3, 2, replace=False)
        corners = whole.corners.copy()
        corners[..., [up, other]] = corners[..., [other, up]] * np.array([1, -1], np.float32)
        return whole.moved(corners).normalized()
    return whole.normalized()


def _body(rng: Random, sharp: float, open_: bool) -> Floats:
    """(F, 3, 3) corners: outlines stacked along y that shrink to a point at both ends.

    sharp: 2 gives a sphere's profile, more gives flatter ends. An open body goes up to its rim and down again inside.
    """
    kind = rng.choice(["square", "round", "polygon"], p=[0.45, 0.4, 0.15]) if sharp > 2 else "round"
    angle = np.linspace(0, 2 * np.pi, AROUND, endpoint=False) + 1e-3
    c, s = np.cos(angle), np.sin(angle)
    outline = np.stack([c, s], 1)
    if kind == "square":  # a superellipse, whose corners are rounded like those of real boxes
        power = 2 / np.exp(rng.uniform(np.log(4), np.log(80)))
        outline = np.stack([np.sign(c) * np.abs(c) ** power, np.sign(s) * np.abs(s) ** power], 1)
    elif kind == "polygon":
        step = 2 * np.pi / rng.integers(3, 9)
        outline = outline / np.cos(angle % step - step / 2)[:, None]
    high = np.linspace(-np.pi / 2, np.pi / 2, ALONG)
    if open_:  # above the middle the walls are vertical
        rim, wall = rng.uniform(0, np.pi / 2), rng.uniform(0.06, 0.2)
        half = np.linspace(-np.pi / 2, rim, ALONG // 2)
        high = np.concatenate([half, half[::-1]])
    radius, y = np.abs(np.cos(high)) ** (2 / sharp), np.sign(high) * np.abs(np.sin(high)) ** (2 / sharp)
    if open_:
        radius = np.where(high > 0, 1, radius)
    radius[[0, -1]] = 0
    if sharp > 2 or open_:
        taper = rng.uniform(-0.6, 0.6) if rng.random() < 0.4 else 0.0
        bulge = rng.uniform(-0.3, 0.3) if rng.random() < 0.3 else 0.0
        radius = radius * (1 + taper * y + bulge * (1 - y**2))
    if open_:
        inner = np.arange(ALONG) >= ALONG // 2
        radius = np.where(inner, radius * (1 - wall), radius)
        y = np.where(inner & (high < rim), y + wall * (y.max() - y) / np.ptp(y), y)
    rings = np.empty((ALONG, AROUND, 3))
    rings[..., 0], rings[..., 2] = radius[:, None] * outline[:, 0], radius[:, None] * outline[:, 1]
    rings[..., 1] = y[:, None]
    after = np.roll(rings, -1, 1)
    a, b, c_, d = rings[:-1], rings[1:], after[1:], after[:-1]
    faces = np.concatenate([np.stack([a, b, c_], 2), np.stack([a, c_, d], 2)]).reshape(-1, 3, 3)
    edges = np.linalg.norm(faces - np.roll(faces, 1, 1), axis=2)
    corners: Floats = faces[edges.min(1) > 1e-7].astype(np.float32)
    return corners


def _joined(parts: list[tuple[Floats, Floats, Floats]]) -> Surface:
    """One surface from parts, each given by its (F, 3, 3) corners, the print on its sides and the print on its ends."""
    uvs, ids, textures = [], [], []
    for corners, sides, ends in parts:
        normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        end = np.abs(normal[:, 1]) > 0.8 * np.linalg.norm(normal, axis=1)
        low, high = corners.reshape(-1, 3).min(0), corners.reshape(-1, 3).max(0)
        x, y, z = np.moveaxis((corners - low) / np.maximum(high - low, 1e-6), -1, 0)
        # All four sides show the same picture, as on a packet; it runs along x or z, whichever the side follows.
        wide = np.where((np.abs(normal[:, 0]) > np.abs(normal[:, 2]))[:, None], z, x)
        uvs.append(np.where(end[:, None, None], np.stack([x, z], -1), np.stack([wide, 1 - y], -1)))
        ids.append(len(textures) + end.astype(np.int32))
        textures += [sides, ends]
    corners = np.concatenate([part[0] for part in parts])
    uv: Floats = (np.concatenate(uvs) * 0.998 + 0.001).astype(np.float32)
    return Surface(corners, uv, np.ones_like(corners), np.concatenate(ids).astype(np.int32), textures)


def _print(rng: Random) -> Floats:
    """(PRINT, PRINT, 3): a single colour, or bars, discs, letters and blurred pictures on one."""
    image = np.empty((PRINT, PRINT, 3), np.uint8)
    image[:] = _ink(rng)
    for _ in range(0 if rng.random() < 0.3 else rng.integers(1, 9)):
        x, y = (int(v) for v in rng.integers(0, PRINT, 2))
        wide, high = (int(v) for v in rng.integers(PRINT // 20, PRINT // 2, 2))
        kind, ink = rng.integers(5), _ink(rng)
        if kind == 0:
            cv2.rectangle(image, (x, y), (x + wide, y + high), ink, -1)
        elif kind == 1:
            cv2.circle(image, (x, y), high // 2, ink, -1, cv2.LINE_AA)
        elif kind == 2:
            letters = "".join(chr(v) for v in rng.integers(65, 91, rng.integers(2, 9)))
            cv2.putText(image, letters, (x // 2, y), cv2.FONT_HERSHEY_DUPLEX, wide / 50, ink, 2, cv2.LINE_AA)
        elif kind == 3:
            cv2.rectangle(image, (0, y), (PRINT, y + high // 3), ink, -1)
        else:
            photo = cv2.resize(rng.integers(0, 256, (6, 6, 3), np.uint8), (wide, high), interpolation=cv2.INTER_CUBIC)
            place = image[y : y + high, x : x + wide]
            place[:] = photo[: place.shape[0], : place.shape[1]]
    return image.astype(np.float32) / 255


def _ink(rng: Random) -> tuple[int, int, int]:
    r, g, b = (rng.random(3) * rng.uniform(80, 255) + rng.uniform(0, 100)).clip(0, 255).astype(int).tolist()
    return r, g, b
