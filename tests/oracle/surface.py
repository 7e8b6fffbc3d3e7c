"""The kernels of spherelinks.mesh.surface in their original version, compiled by numba."""

from __future__ import annotations

import numpy as np
from numba import njit

DE_BRUIJN = np.uint64(0x03F79D71B4CB0A89)
_BIT_INDEX = np.zeros(64, np.int64)
_BIT_INDEX[[(int(DE_BRUIJN) << bit & 0xFFFFFFFFFFFFFFFF) >> 58 for bit in range(64)]] = np.arange(64)
CLEARANCE = np.float32(1 / 64)
_ROUNDING = 1e-4


@njit(cache=True, nogil=True)
def _grown(array, used):
    """A copy of twice the length that keeps the rows in use."""
    bigger = np.empty((2 * len(array), 3), array.dtype)
    bigger[:used] = array[:used]
    return bigger


@njit(cache=True, nogil=True)
def _convex(field, x, y, z, axis):
    """Whether the field is convex round the grid face that starts at (x, y, z) across an axis: along all lines through
    the 4 x 4 samples round it, through those of the layers before and behind, and from layer to layer."""
    i, j, k = x, y, z  # the sample that all others are counted from, and steps across the face and along its sides
    ai, aj, ak = int(axis == 0), int(axis == 1), int(axis == 2)
    ui, uj, uk = ak, ai, aj
    vi, vj, vk = aj, ak, ai
    for d, n, at in ((0, field.shape[0], x), (1, field.shape[1], y), (2, field.shape[2], z)):
        if at < 1 or at + (1 if d == axis else 2) >= n:
            return False
    spread = 0.0
    for u in range(2):
        for v in range(2):
            spread += abs(np.float64(field[i + u * ui + v * vi, j + u * uj + v * vj, k + u * uk + v * vk]))
    least = -_ROUNDING * spread
    for a in range(-1, 2):
        for u in range(-1, 3):
            for v in range(-1, 3):
                p, q, r = i + a * ai + u * ui + v * vi, j + a * aj + u * uj + v * vj, k + a * ak + u * uk + v * vk
                twice = 2 * np.float64(field[p, q, r])
                for da, du, dv in ((1, 0, 0), (0, 1, 0), (0, 0, 1), (0, 1, 1), (0, 1, -1)):
                    if (da and a != 0) or (du and not 0 <= u <= 1) or (dv and not 0 <= v <= 1):
                        continue
                    dp, dq, dr = da * ai + du * ui + dv * vi, da * aj + du * uj + dv * vj, da * ak + du * uk + dv * vk
                    if np.float64(field[p - dp, q - dq, r - dr]) + field[p + dp, q + dq, r + dr] - twice < least:
                        return False
    return True


@njit(cache=True, nogil=True)
def _marched(field, inside, triangles_of, edges_of, first_of, ambiguous_of, edge_axis, edge_corner, bit_index):
    """Points in grid units and faces, in one pass over x that works on 64 samples along z at a time.

    The id of the vertex on the grid edge that starts at (x, y, z) along an axis is kept in ids[x & 1, axis, y, z]:
    two slabs are enough, and each id is written before it is read, so they are never cleared.
    """
    nx, ny, nz = field.shape
    words = inside.shape[2]
    one = np.uint64(1)
    top = np.uint64(63)
    ids = np.empty((2, 3, ny, nz), np.int32)
    points = np.empty((max(1024, nx * ny), 3), np.float32)
    faces = np.empty((max(2048, 2 * nx * ny), 3), np.int32)
    n_points = 0
    n_faces = 0
    low, high = CLEARANCE, np.float32(1) - CLEARANCE
    here = np.empty(4, np.uint64)  # signs of a cube's four rows, and the same one sample further along z
    ahead = np.empty(4, np.uint64)
    for x in range(nx):
        slab = x & 1
        for y in range(ny):
            for w in range(words):
                # vertices on the edges that end in this row along x, and on those that start in it along y and z
                row = inside[x, y, w]
                for axis in range(3):
                    ax, bx, by, bz, home = x, x, y, 0, slab
                    if axis == 0:
                        if x == 0:
                            continue
                        ax, home = x - 1, slab ^ 1
                        cut = inside[ax, y, w] ^ row
                    elif axis == 1:
                        if y + 1 == ny:
                            continue
                        by = y + 1
                        cut = row ^ inside[x, by, w]
                    else:
                        bz = 1
                        cut = row ^ (row >> one)
                        if w + 1 < words:
                            cut ^= inside[x, y, w + 1] << top
                    while cut:
                        z = 64 * w + bit_index[((cut & (~cut + one)) * DE_BRUIJN) >> np.uint64(58)]
                        cut &= cut - one
                        a, b = field[ax, y, z], field[bx, by, z + bz]
                        t = min(max(a / (a - b), low), high)
                        if n_points == len(points):
                            points = _grown(points, n_points)
                        points[n_points, 0] = ax + (t if axis == 0 else 0)
                        points[n_points, 1] = y + (t if axis == 1 else 0)
                        points[n_points, 2] = z + (t if axis == 2 else 0)
                        ids[home, axis, y, z] = n_points
                        n_points += 1
        if x == 0:
            continue
        for y in range(ny - 1):
            for w in range(words):
                some = np.uint64(0)
                every = ~some
                some_ahead, every_ahead = some, every
                for r in range(4):
                    row_x, row_y = x - 1 + (r & 1), y + (r >> 1)
                    here[r] = inside[row_x, row_y, w]
                    ahead[r] = here[r] >> one
                    if w + 1 < words:
                        ahead[r] |= inside[row_x, row_y, w + 1] << top
                    some |= here[r]
                    every &= here[r]
                    some_ahead |= ahead[r]
                    every_ahead &= ahead[r]
                crossed = (some | some_ahead) & ~(every & every_ahead)
                while crossed:
                    bit = np.uint64(bit_index[((crossed & (~crossed + one)) * DE_BRUIJN) >> np.uint64(58)])
                    crossed &= crossed - one
                    z = 64 * w + np.int64(bit)
                    case = np.uint64(0)
                    for r in range(4):
                        case |= (here[r] >> bit & one) << np.uint64(r)
                        case |= (ahead[r] >> bit & one) << np.uint64(r + 4)
                    row, choice = first_of[case], 1
                    for side in range(6):
                        if ambiguous_of[case] >> side & 1:
                            axis = side // 2
                            far = 1 - side % 2
                            if _convex(
                                field, x - 1 + far * (axis == 0), y + far * (axis == 1), z + far * (axis == 2), axis
                            ):
                                row += choice
                            choice *= 2
                    count = triangles_of[row]
                    if n_faces + count > len(faces):
                        faces = _grown(faces, n_faces)
                    for i in range(count):
                        for k in range(3):
                            edge = edges_of[row, 3 * i + k]
                            corner = edge_corner[edge]
                            home = slab ^ 1 ^ (corner & 1)
                            faces[n_faces, k] = ids[home, edge_axis[edge], y + (corner >> 1 & 1), z + (corner >> 2)]
                        n_faces += 1
    return points[:n_points].copy(), faces[:n_faces].copy()


def _march(*given):
    return _marched(*given, _BIT_INDEX)
