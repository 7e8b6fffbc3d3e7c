"""The kernels of spherelinks.generation.lift.assembly in their original version, compiled by numba."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def _blend(image, u, v, out):
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
def _look(image, u, v):
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
def _odds(profile, u, v, place):
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
def _sample(
    field, color, low, spacing, s, c, tangent, outline, picture, front, thickness, profile, back,
    width, sharpness, skin, band, fade, agree,
):  # fmt: skip
    """Fill field (X, Y, Z) and color (X, Y, Z, 3) of the upright grid.

    Along each ray the body is the front's skin, the back's skin, and what the profile calls solid in between; across
    the rays it is what the matte covers.
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
                share = (min(max(depth / whole, fade[0]), fade[1]) - fade[0]) / (fade[1] - fade[0])
                if share < 1 or agree > 0:
                    _blend(picture, u, v, near)
                if share > 0:
                    _blend(back, u, v, far)
                    if agree > 0:
                        apart = (near[0] - far[0]) ** 2 + (near[1] - far[1]) ** 2 + (near[2] - far[2]) ** 2
                        share *= 1 - np.exp(-apart / (2 * agree**2))
                    for n in range(3):
                        near[n] = near[n] + share * (far[n] - near[n]) if share < 1 or agree > 0 else far[n]
                for n in range(3):
                    color[i, j, k, n] = np.uint8(min(max(near[n] + 0.5, 0.0), 255.0))


def _measured(field, *given):
    """The field alone."""
    *view, outline, front, thickness, profile, width, sharpness, skin, band = given
    picture, back = np.zeros((*outline.shape, 3), np.float32), np.zeros((1, 1, 3), np.float32)
    color, maps = np.empty((*field.shape, 3), np.uint8), (outline, picture, front, thickness, profile, back)
    _sample(field, color, *view, *maps, width, sharpness, skin, band, (0.0, 1.0), 0.0)


def _colored(asked, color, *given):
    """The colours that are asked for, of all."""
    *view, picture, front, thickness, back, fade_begin, fade_end, agree = given
    outline, profile = np.zeros(picture.shape[:2], np.float32), np.zeros((1, 1, 1), np.float32)
    every, maps = np.empty_like(color), (outline, picture, front, thickness, profile, back)
    _sample(np.empty(asked.shape, np.float32), every, *view, *maps, 1.0, 1.0, 0.0, 1.0, (fade_begin, fade_end), agree)
    wanted = asked == 1
    color[wanted], asked[wanted] = every[wanted], 2
