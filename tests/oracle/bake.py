"""The kernels of spherelinks.texture.bake in their original version, compiled by numba."""

from __future__ import annotations

import numpy as np
from numba import njit

GRAZING = 0.05


@njit(cache=True, nogil=True, error_model="numpy")
def _between(image, x, y):
    """Where (x, y), in pixels with centres at .5, lies in an image, clamped to its border: the pixels to the left and
    right, those above and below, and how far it is from the left one and from the upper one."""
    h, w = image.shape[:2]
    x, y = min(max(x - 0.5, 0.0), w - 1.0), min(max(y - 0.5, 0.0), h - 1.0)
    x0, y0 = int(x), int(y)
    return x0, min(x0 + 1, w - 1), y0, min(y0 + 1, h - 1), x - x0, y - y0


@njit(cache=True, nogil=True, error_model="numpy")
def _level(image, x, y):
    """An (H, W) image at a place, bilinear."""
    x0, x1, y0, y1, fx, fy = _between(image, x, y)
    above = image[y0, x0] * (1 - fx) + image[y0, x1] * fx
    below = image[y1, x0] * (1 - fx) + image[y1, x1] * fx
    return above * (1 - fy) + below * fy


@njit(cache=True, nogil=True, error_model="numpy")
def _shown(image, x, y):
    """An (H, W, 3) uint8 image at a place, bilinear, in whole numbers: those are the faster here."""
    x0, x1, y0, y1, fx, fy = _between(image, x, y)
    right, under = int(fx * 256 + 0.5), int(fy * 256 + 0.5)
    a, b, c, d = (256 - right) * (256 - under), right * (256 - under), (256 - right) * under, right * under
    return (
        (a * image[y0, x0, 0] + b * image[y0, x1, 0] + c * image[y1, x0, 0] + d * image[y1, x1, 0]) / 65536,
        (a * image[y0, x0, 1] + b * image[y0, x1, 1] + c * image[y1, x0, 1] + d * image[y1, x1, 1]) / 65536,
        (a * image[y0, x0, 2] + b * image[y0, x1, 2] + c * image[y1, x0, 2] + d * image[y1, x1, 2]) / 65536,
    )


@njit(cache=True, nogil=True, error_model="numpy")
def _known(grid, x, y, z):
    """An (X, Y, Z, 3) uint8 grid at sample coordinates, trilinear, clamped to its border; in whole numbers, too."""
    nx, ny, nz = grid.shape[:3]
    x, y, z = min(max(x, 0.0), nx - 1.0), min(max(y, 0.0), ny - 1.0), min(max(z, 0.0), nz - 1.0)
    x0, y0, z0 = int(x), int(y), int(z)
    x1, y1, z1 = min(x0 + 1, nx - 1), min(y0 + 1, ny - 1), min(z0 + 1, nz - 1)
    fx, fy, fz = int((x - x0) * 256 + 0.5), int((y - y0) * 256 + 0.5), int((z - z0) * 256 + 0.5)
    r = g = b = 0
    for i, wx in ((x0, 256 - fx), (x1, fx)):
        for j, wy in ((y0, 256 - fy), (y1, fy)):
            near, far = wx * wy * (256 - fz), wx * wy * fz
            r += near * grid[i, j, z0, 0] + far * grid[i, j, z1, 0]
            g += near * grid[i, j, z0, 1] + far * grid[i, j, z1, 1]
            b += near * grid[i, j, z0, 2] + far * grid[i, j, z1, 2]
    return r / 2**24, g / 2**24, b / 2**24


@njit(cache=True, nogil=True)
def _sampled(grid, places):
    """(N, 3) float32 of an (X, Y, Z, 3) grid at (N, 3) sample coordinates."""
    out = np.empty((len(places), 3), np.float32)
    for i in range(len(places)):
        out[i, 0], out[i, 1], out[i, 2] = _known(grid, places[i, 0], places[i, 1], places[i, 2])
    return out


@njit(cache=True, nogil=True)
def _seen(traits, matrix, picture, strength, depth, bias):
    """(N, 3) float32 colours of the picture at points of the surface, and how far (N,) each may be trusted, 0..1."""
    shown, weight = np.zeros((len(traits), 3), np.float32), np.zeros(len(traits), np.float32)
    for i in range(len(traits)):
        weight[i], x, y = _trust(traits[i], matrix, strength, depth, bias)
        if weight[i] > 0:
            shown[i, 0], shown[i, 1], shown[i, 2] = _shown(picture, x * picture.shape[1], y * picture.shape[0])
    return shown, weight


@njit(cache=True, nogil=True, error_model="numpy")
def _trust(trait, matrix, strength, depth, bias):
    """Weight of the picture's colour at a surface point, given its traits, and where in the picture, 0..1, that is."""
    vx, vy, vz, w = trait[0], trait[1], trait[2], trait[6]
    towards = trait[7] * vx + trait[8] * vy + trait[9] * vz
    if towards <= 0 or not abs(w) > 1e-12:
        return 0.0, 0.0, 0.0
    length = np.sqrt(vx * vx + vy * vy + vz * vz) + 1e-30
    normal = np.sqrt(trait[7] * trait[7] + trait[8] * trait[8] + trait[9] * trait[9])
    cosine = min(towards / (length * normal), 1.0)
    if cosine <= GRAZING:
        return 0.0, 0.0, 0.0
    x, y = (trait[3] / w + 1) / 2, (1 - trait[4] / w) / 2
    if not (0 <= x < 1 and 0 <= y < 1):
        return 0.0, 0.0, 0.0
    size = len(strength)
    weight = min((cosine - GRAZING) * 4, 1.0) * _level(strength, x * size, y * size)
    if weight <= 0:
        return 0.0, 0.0, 0.0
    # the point, brought forward by the tolerance, more where the surface is steep across a depth pixel
    nearer = bias * (1 + np.sqrt(1 - cosine * cosine) / cosine) / length
    z = trait[5] + nearer * (matrix[2, 0] * vx + matrix[2, 1] * vy + matrix[2, 2] * vz)
    z /= w + nearer * (matrix[3, 0] * vx + matrix[3, 1] * vy + matrix[3, 2] * vz)
    column, line, last = int(x * len(depth)), int(y * len(depth)), len(depth) - 1
    left, right = max(column - 1, 0), min(column + 1, last)
    in_view = 0
    for j in (max(line - 1, 0), line, min(line + 1, last)):
        in_view += (z <= depth[j, left]) + (z <= depth[j, column]) + (z <= depth[j, right])
    return weight * (in_view / 9) ** 2, x, y


@njit(cache=True, nogil=True, error_model="numpy")
def _paint(
    texture, covered, first, end, traits, places, offset, uv, faces,
    known, grid, matrix, picture, strength, depth, bias, left,
):  # fmt: skip
    """Colour the rows from `first` up to `end` of a square texture, and mark what is covered; in place.

    places : (W, 3) float64 sample coordinates in the grid
    """
    size = len(texture)
    # of a face: its traits, places and offset where its first corner is, and how they change along x and along y
    corner, across, along, here = np.empty((3, 16)), np.empty(16), np.empty(16), np.empty(16)
    for f in range(len(faces)):
        i, j, k = faces[f]
        ax, ay = float(uv[i, 0]), float(uv[i, 1])
        bx, by = uv[j, 0] - ax, uv[j, 1] - ay
        cx, cy = uv[k, 0] - ax, uv[k, 1] - ay
        double = bx * cy - by * cx
        if not abs(double) > 1e-12:
            continue
        top = max(first, int(np.ceil(ay + min(0.0, by, cy) - 0.5)))
        bottom = min(end - 1, int(np.floor(ay + max(0.0, by, cy) - 0.5)))
        if top > bottom:
            continue
        turned = False  # whether some of the face may look at the viewer
        for n in range(3):
            v = faces[f, n]
            corner[n, :10], corner[n, 10:13], corner[n, 13:] = traits[v], places[v], offset[v]
            turned |= corner[n, 0] * corner[n, 7] + corner[n, 1] * corner[n, 8] + corner[n, 2] * corner[n, 9] > 0
        turned &= len(depth) > 0
        for d in range(16):
            b, c = corner[1, d] - corner[0, d], corner[2, d] - corner[0, d]
            across[d], along[d] = (b * cy - c * by) / double, (c * bx - b * cx) / double
        for y in range(top, bottom + 1):
            py = y + 0.5 - ay
            # weights of the second and third corner are linear along the row: b0 + db * px, c0 + dc * px
            b0, db, c0, dc = -py * cx / double, cy / double, bx * py / double, -by / double
            low, high = -ax, size - ax
            for start, step in ((b0, db), (c0, dc), (1 - b0 - c0, -db - dc)):
                if step > 0:
                    low = max(low, (-1e-6 - start) / step)
                elif step < 0:
                    high = min(high, (-1e-6 - start) / step)
                elif start < -1e-6:
                    high = -np.inf
            for x in range(max(0, int(np.ceil(low + ax - 0.5))), int(min(size - 1.0, np.floor(high + ax - 0.5))) + 1):
                if len(left) and not left[y, x]:
                    continue
                px = x + 0.5 - ax
                for d in range(16):
                    here[d] = corner[0, d] + along[d] * py + across[d] * px
                weight, r, g, b = 0.0, 0.0, 0.0, 0.0
                if turned:
                    weight, u, v = _trust(here, matrix, strength, depth, bias)
                    if weight > 0:
                        r, g, b = _shown(picture, u * len(picture), v * len(picture))
                if weight < 1:
                    if len(known):
                        own = (float(known[y, x, 0]), float(known[y, x, 1]), float(known[y, x, 2]))
                    else:
                        own = _known(grid, here[10], here[11], here[12])
                    r = weight * r + (1 - weight) * min(max(own[0] + here[13], 0.0), 255.0)
                    g = weight * g + (1 - weight) * min(max(own[1] + here[14], 0.0), 255.0)
                    b = weight * b + (1 - weight) * min(max(own[2] + here[15], 0.0), 255.0)
                texture[y, x, 0], texture[y, x, 1], texture[y, x, 2] = (
                    np.uint8(r + 0.5),
                    np.uint8(g + 0.5),
                    np.uint8(b + 0.5),
                )
                covered[y, x] = True
