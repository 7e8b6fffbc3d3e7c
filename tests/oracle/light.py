"""The kernels of spherelinks.render.light in their original version, compiled by numba."""

from __future__ import annotations

import numpy as np
from numba import njit

FLOOR, SKY, KEY_POWER, GLOSS = 0.36, 0.34, 0.62, 0.05
WRAP = 0.35
SHOULDER = 0.7


@njit(cache=True, nogil=True)
def shade(
    image, first, end, ids, points, faces, uv, normals, tangents, up, key, texture, relief, shadow, linear, encoded
):
    """Draw the rows from `first` to before `end`: each face that a pixel shows, by its share, averaged in linear light.

    image : (S, S, 4) uint8, zeros, filled: sRGB with straight alpha
    ids : (2 S, 2 S) int32, the face that each of a pixel's four samples shows; points : (V, 3) float64, the corners as
    `visible` takes them; uv : (V, 2); normals : (V, 3) in the camera's axes, as `tangents` (V, 4), empty without a
    normal map, `up`, the vertical, and `key`, towards the key light; texture : (H, W, 4) uint8, sRGB and how open each
    place is to the room's light, its texels about as large as a pixel; relief : (H, W, 3) uint8 normal map; shadow :
    (S, S) float32, how dark the ground is where nothing stands before it; linear, encoded : LINEAR and ENCODED
    """
    size = len(ids) // 2
    height, width = texture.shape[:2]
    total, bent, four = np.empty(3), np.empty(3), np.empty(4, np.int32)
    # over a face these are linear: each corner's share of 1 / distance, as value at the origin and slopes
    plane = np.zeros((3, 3))
    half = np.array((key[0], key[1], key[2] + 1.0))
    half /= np.sqrt(half[0] ** 2 + half[1] ** 2 + half[2] ** 2)
    for row in range(first, end):
        drawn = -1
        for column in range(size):
            for s in range(4):
                four[s] = ids[2 * row + s // 2, 2 * column + s % 2]
            seen = 0
            total[:] = 0
            for s in range(4):
                f = four[s]
                if f < 0:
                    continue
                x, y, count = 0.0, 0.0, 0
                for t in range(s, 4):
                    if four[t] == f:
                        x, y, count = x + t % 2, y + t // 2, count + 1
                        four[t] = -1
                x, y = 2 * column + x / count, 2 * row + y / count
                seen += count
                i, j, k = faces[f, 0], faces[f, 1], faces[f, 2]
                if f != drawn:
                    _shares(points, i, j, k, plane)
                    drawn = f
                a = plane[0, 0] + plane[0, 1] * x + plane[0, 2] * y
                b = plane[1, 0] + plane[1, 1] * x + plane[1, 2] * y
                c = plane[2, 0] + plane[2, 1] * x + plane[2, 2] * y
                whole = 1 / (a + b + c)
                a, b, c = a * whole, b * whole, c * whole

                nx = a * normals[i, 0] + b * normals[j, 0] + c * normals[k, 0]
                ny = a * normals[i, 1] + b * normals[j, 1] + c * normals[k, 1]
                nz = a * normals[i, 2] + b * normals[j, 2] + c * normals[k, 2]
                u = min(max((a * uv[i, 0] + b * uv[j, 0] + c * uv[k, 0]) * width - 0.5, 0.0), width - 1.0)
                v = min(max((a * uv[i, 1] + b * uv[j, 1] + c * uv[k, 1]) * height - 0.5, 0.0), height - 1.0)
                u0, v0 = int(u), int(v)
                u1, v1 = min(u0 + 1, width - 1), min(v0 + 1, height - 1)
                fu, fv = u - u0, v - v0
                if len(tangents):
                    tx = a * tangents[i, 0] + b * tangents[j, 0] + c * tangents[k, 0]
                    ty = a * tangents[i, 1] + b * tangents[j, 1] + c * tangents[k, 1]
                    tz = a * tangents[i, 2] + b * tangents[j, 2] + c * tangents[k, 2]
                    for d in range(3):
                        above = relief[v0, u0, d] * (1 - fu) + relief[v0, u1, d] * fu
                        below = relief[v1, u0, d] * (1 - fu) + relief[v1, u1, d] * fu
                        bent[d] = (above * (1 - fv) + below * fv) / 127.5 - 1
                    rise = bent[1] * tangents[i, 3]
                    nx, ny, nz = (
                        tx * bent[0] + (ny * tz - nz * ty) * rise + nx * bent[2],
                        ty * bent[0] + (nz * tx - nx * tz) * rise + ny * bent[2],
                        tz * bent[0] + (nx * ty - ny * tx) * rise + nz * bent[2],
                    )
                unit = 1 / (np.sqrt(nx * nx + ny * ny + nz * nz) + 1e-12)
                lamp = unit * (nx * key[0] + ny * key[1] + nz * key[2])
                sky = unit * (nx * up[0] + ny * up[1] + nz * up[2])
                above = texture[v0, u0, 3] * (1 - fu) + texture[v0, u1, 3] * fu
                below = texture[v1, u0, 3] * (1 - fu) + texture[v1, u1, 3] * fu
                light = (FLOOR + SKY * (0.5 + 0.5 * sky)) * (above * (1 - fv) + below * fv) / 255
                light += KEY_POWER * max((lamp + WRAP) / (1 + WRAP), 0.0)
                shine = max(unit * (nx * half[0] + ny * half[1] + nz * half[2]), 0.0) ** 16 * GLOSS

                for d in range(3):
                    above = linear[texture[v0, u0, d]] * (1 - fu) + linear[texture[v0, u1, d]] * fu
                    below = linear[texture[v1, u0, d]] * (1 - fu) + linear[texture[v1, u1, d]] * fu
                    total[d] += count * ((above * (1 - fv) + below * fv) * light + shine)
            covered = seen / 4
            alpha = covered + (1 - covered) * shadow[row, column]
            if alpha > 0:
                for d in range(3):
                    value = total[d] / max(seen, 1)
                    if value > SHOULDER:
                        value = 1 - (1 - SHOULDER) * np.exp((SHOULDER - value) / (1 - SHOULDER))
                    level = encoded[int(value * 1024 + 0.5)]
                    image[row, column, d] = np.uint8(level * covered / alpha + 0.5)
                image[row, column, 3] = np.uint8(255 * alpha + 0.5)


@njit(cache=True, nogil=True)
def _shares(points, i, j, k, plane):
    """Into plane[corner]: the corner's share of 1 / distance at sample (x, y) as value, x slope and y slope."""
    ax, ay = points[i, 0] - 0.5, points[i, 1] - 0.5
    bx, by = points[j, 0] - 0.5 - ax, points[j, 1] - 0.5 - ay
    cx, cy = points[k, 0] - 0.5 - ax, points[k, 1] - 0.5 - ay
    double = bx * cy - by * cx
    plane[1, 1], plane[1, 2] = cy / double, -cx / double
    plane[2, 1], plane[2, 2] = -by / double, bx / double
    plane[0, 1], plane[0, 2] = -plane[1, 1] - plane[2, 1], -plane[1, 2] - plane[2, 2]
    for n in range(3):
        plane[n, 0] = (1.0 if n == 0 else 0.0) - plane[n, 1] * ax - plane[n, 2] * ay
    for n, vertex in enumerate((i, j, k)):
        for m in range(3):
            plane[n, m] *= points[vertex, 2]
