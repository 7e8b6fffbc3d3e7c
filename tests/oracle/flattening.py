"""The kernels of spherelinks.texture.flattening in their original version, compiled by numba."""

from __future__ import annotations

import numpy as np
from numba import njit

_ROUNDS, _STEPS, _MORE = 3, 8, 0.7
_NEEDLE = 1e-3
_STRAIN = 0.01


@njit(cache=True, nogil=True)
def cut(opposite, chart, count):
    """Order the faces by chart and number the places of their corners.

    opposite (3F,) int64 twins, chart (F,) int64, count charts. Returns
    order : (F,) int64, the faces, of which chart k has those from first[k] to first[k + 1]
    first : (count + 1,) int64
    place : (3F,) uint32, of each corner in that order: corners of one vertex whose faces hang together within the chart
        share a place; numbered from 0 in each chart
    places : (count,) int64, how many each chart has
    joined : (3F,) int64, the twins in that order, counted from the chart's first half-edge; -1 if there is a seam
    """
    first = np.zeros(count + 1, np.int64)
    for f in range(len(chart)):
        first[chart[f] + 1] += 1
    for k in range(count):
        first[k + 1] += first[k]
    fill, order, at = first.copy(), np.empty(len(chart), np.int64), np.empty(len(chart), np.int64)
    for f in range(len(chart)):
        at[f] = fill[chart[f]]
        order[at[f]] = f
        fill[chart[f]] += 1
    joined = np.full(len(opposite), -1, np.int64)
    for g in range(len(order)):
        k = chart[order[g]]
        for c in range(3):
            h = opposite[3 * order[g] + c]
            if h >= 0 and chart[h // 3] == k:
                joined[3 * g + c] = 3 * (at[h // 3] - first[k]) + h % 3
    none = np.uint32(0xFFFFFFFF)
    place, places = np.full(len(opposite), none, np.uint32), np.zeros(count, np.int64)
    for k in range(count):
        start = 3 * first[k]
        for seed in range(start, 3 * first[k + 1]):
            if place[seed] != none:
                continue
            number = np.uint32(places[k])
            places[k] += 1
            h = seed
            while h >= start and place[h] == none:  # all round the vertex, or up to a seam
                place[h] = number
                h = start + joined[h - 1 if h % 3 else h + 2]
            h = start + joined[seed] if h < start else -1
            while h >= start:  # then from the seed the other way
                h = h + 1 if h % 3 < 2 else h - 2
                place[h] = number
                h = start + joined[h]
    return order, first, place, places, joined


@njit(cache=True, nogil=True)
def lay(points, faces, normal, area, order, first, place, places, joined, corners, good, begin, end):
    """Flatten the charts from `begin` to before `end`; several threads may do so at once with different ones.

    points (V, 3) float64, faces (F, 3), normal (F, 3), area (F,); the following from :func:`cut`
    corners : (F, 3, 2) float64, filled: y upwards, seen from outside, in the points' unit
    good : (count,) bool, filled: whether the chart has little distortion, no face overlaps another, and all face up
    """
    for k in range(begin, end):
        own = order[first[k] : first[k + 1]]
        at, twin = place[3 * first[k] : 3 * first[k + 1]], joined[3 * first[k] : 3 * first[k + 1]]
        uv, shape, turn = _projected(points, faces, normal, area, own, at, places[k])
        _relax(shape, turn, at, twin, uv)
        good[k] = _sound(shape, at, uv) and not _crosses(at, twin, uv)
        for h in range(len(at)):
            corners[own[h // 3], h % 3, 0], corners[own[h // 3], h % 3, 1] = uv[at[h], 0], uv[at[h], 1]


@njit(cache=True, nogil=True)
def _double(a, b, c):
    """Twice the signed area of a triangle."""
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


@njit(cache=True, nogil=True)
def _projected(points, faces, normal, area, own, at, places):
    """What a chart starts from, `own` being its faces and `at` their corners' places.

    Returns (places, 2) points on the plane across the mean normal; of each face laid flat with its first corner at 0,
    the second's x, the third's x and y; and the cosine and sine by which its first edge is turned as the normal turns,
    the shortest way, onto the mean normal: which unrolls cylinders, nearly cones, and does not depend on a path.
    """
    x = y = z = 0.0
    for f in own:
        x, y, z = x + area[f] * normal[f, 0], y + area[f] * normal[f, 1], z + area[f] * normal[f, 2]
    length = np.sqrt(x * x + y * y + z * z)
    if length > 0:
        x, y, z = x / length, y / length, z / length
    else:
        x, y, z = 0.0, 0.0, 1.0
    # two axes across it (Duff et al. 2017, "Building an orthonormal basis, revisited")
    sign = 1.0 if z >= 0 else -1.0
    s, t = -1 / (sign + z), -x * y / (sign + z)
    ux, uy, uz = 1 + sign * x * x * s, sign * t, -sign * x
    vx, vy, vz = t, sign + y * y * s, -y
    uv, shape, turn = np.empty((places, 2)), np.empty((len(own), 3)), np.empty((len(own), 2))
    origin = points[faces[own[0], 0]]
    for g in range(len(own)):
        f = own[g]
        for k in range(3):
            p = points[faces[f, k]]
            dx, dy, dz = p[0] - origin[0], p[1] - origin[1], p[2] - origin[2]
            uv[at[3 * g + k], 0] = dx * ux + dy * uy + dz * uz
            uv[at[3 * g + k], 1] = dx * vx + dy * vy + dz * vz
        a, b, c = points[faces[f, 0]], points[faces[f, 1]], points[faces[f, 2]]
        px, py, pz = b[0] - a[0], b[1] - a[1], b[2] - a[2]
        qx, qy, qz = c[0] - a[0], c[1] - a[1], c[2] - a[2]
        base = max(np.sqrt(px * px + py * py + pz * pz), 1e-12)
        along = (px * qx + py * qy + pz * qz) / base
        height = np.sqrt(max(qx * qx + qy * qy + qz * qz - along * along, 0.0))
        shape[g, 0], shape[g, 1], shape[g, 2] = base, along, max(height, _NEEDLE * max(base, abs(along)))
        nx, ny, nz = normal[f, 0] + x, normal[f, 1] + y, normal[f, 2] + z
        back = (nx * px + ny * py + nz * pz) / max(nx * x + ny * y + nz * z, 1e-9)
        px, py, pz = px - back * nx, py - back * ny, pz - back * nz
        cosine, sine = px * ux + py * uy + pz * uz, px * vx + py * vy + pz * vz
        length = np.sqrt(cosine * cosine + sine * sine)
        turn[g, 0], turn[g, 1] = (cosine / length, sine / length) if length > 0 else (1.0, 0.0)
    return uv, shape, turn


@njit(cache=True, nogil=True)
def _relax(shape, turn, at, joined, uv):
    """Move a chart's places to where its faces keep their shapes as far as possible; `uv` and `turn` in place.

    As rigid as possible (Liu et al. 2008, "A local/global approach to mesh parameterization"): each face is turned to
    where it fits best, then the places are found that fit all faces best, and so on.
    """
    weight = np.empty(len(at))  # half the cotangent opposite each half-edge
    for g in range(len(shape)):
        x1, x2, y2 = shape[g]
        weight[3 * g] = (x2 * (x2 - x1) + y2 * y2) / (2 * x1 * y2)
        weight[3 * g + 1] = x2 / (2 * y2)
        weight[3 * g + 2] = (x1 - x2) / (2 * y2)
    # unsigned, as numba looks at the sign of each signed index
    one, two, both = np.empty(len(at), np.uint32), np.empty(len(at), np.uint32), np.empty(len(at))
    edges = 0
    for h in range(len(at)):
        if joined[h] <= h:
            one[edges], two[edges] = at[h], at[h + 1 if h % 3 < 2 else h - 2]
            both[edges] = weight[h] + (weight[joined[h]] if joined[h] >= 0 else 0.0)
            edges += 1
    one, two, both = one[:edges], two[:edges], both[:edges]
    for k in range(_ROUNDS):
        if k:
            _fit(shape, weight, at, uv, turn)
        _solve(one, two, both, _wanted(shape, weight, at, turn, len(uv)), uv)


@njit(cache=True, nogil=True)
def _fit(shape, weight, at, uv, turn):
    """Turn each face to where its edges lie closest to those between the places."""
    for g in range(len(shape)):
        i, j, k = at[3 * g], at[3 * g + 1], at[3 * g + 2]
        x1, x2, y2 = shape[g]
        ax, ay, bx, by = uv[j, 0] - uv[i, 0], uv[j, 1] - uv[i, 1], uv[k, 0] - uv[i, 0], uv[k, 1] - uv[i, 1]
        p, q, r = weight[3 * g], weight[3 * g + 1], weight[3 * g + 2]
        cosine = p * x1 * ax + q * ((x2 - x1) * (bx - ax) + y2 * (by - ay)) + r * (x2 * bx + y2 * by)
        sine = p * x1 * ay + q * ((x2 - x1) * (by - ay) - y2 * (bx - ax)) + r * (x2 * by - y2 * bx)
        length = np.sqrt(cosine * cosine + sine * sine)
        if length > 0:
            turn[g, 0], turn[g, 1] = cosine / length, sine / length


@njit(cache=True, nogil=True)
def _wanted(shape, weight, at, turn, places):
    """(places, 2) what the Laplacian of the places should be: at each, the sum of the weighted edges that end there."""
    wanted = np.zeros((places, 2))
    for g in range(len(shape)):
        i, j, k = at[3 * g], at[3 * g + 1], at[3 * g + 2]
        x1, x2, y2 = shape[g]
        cosine, sine = turn[g]
        p, q, r = weight[3 * g], weight[3 * g + 1], weight[3 * g + 2]
        # from i to j, from j to k, from i to k
        ax, ay = p * cosine * x1, p * sine * x1
        bx, by = q * (cosine * (x2 - x1) - sine * y2), q * (sine * (x2 - x1) + cosine * y2)
        cx, cy = r * (cosine * x2 - sine * y2), r * (sine * x2 + cosine * y2)
        wanted[i, 0] -= ax + cx
        wanted[i, 1] -= ay + cy
        wanted[j, 0] += ax - bx
        wanted[j, 1] += ay - by
        wanted[k, 0] += bx + cx
        wanted[k, 1] += by + cy
    return wanted


@njit(cache=True, nogil=True)
def _solve(one, two, weight, rest, uv):
    """Bring the places' Laplacian to `rest`, which is used up, by conjugate gradients; `uv` in place.

    Both coordinates go as one system, preconditioned by its diagonal.
    """
    n = len(uv)
    inverse, step, image = np.zeros(n), np.empty((n, 2)), np.empty((n, 2))
    for e in range(len(one)):
        inverse[one[e]] += weight[e]
        inverse[two[e]] += weight[e]
    _times(one, two, weight, uv, image)
    power = size = 0.0
    for i in range(n):
        inverse[i] = 1 / inverse[i] if inverse[i] > 1e-12 else 0.0
        for c in range(2):
            size += rest[i, c] * rest[i, c] * inverse[i]
            rest[i, c] -= image[i, c]
            step[i, c] = rest[i, c] * inverse[i]
            power += rest[i, c] * step[i, c]
    enough = max(1e-5 * power, 1e-20 * size)  # below that all is rounding
    for _ in range(_STEPS + int(_MORE * np.sqrt(n))):
        _times(one, two, weight, step, image)
        curve = 0.0
        for i in range(n):
            curve += step[i, 0] * image[i, 0] + step[i, 1] * image[i, 1]
        if power <= enough or curve <= 0:
            break
        far, before, power = power / curve, power, 0.0
        for i in range(n):
            for c in range(2):
                uv[i, c] += far * step[i, c]
                rest[i, c] -= far * image[i, c]
                power += rest[i, c] * rest[i, c] * inverse[i]
        for i in range(n):
            for c in range(2):
                step[i, c] = rest[i, c] * inverse[i] + power / before * step[i, c]


@njit(cache=True, nogil=True)
def _times(one, two, weight, vector, image):
    """The Laplacian of weighted edges times a vector of places."""
    image[:] = 0
    for e in range(len(one)):
        i, j = one[e], two[e]
        x, y = weight[e] * (vector[i, 0] - vector[j, 0]), weight[e] * (vector[i, 1] - vector[j, 1])
        image[i, 0] += x
        image[i, 1] += y
        image[j, 0] -= x
        image[j, 1] -= y


@njit(cache=True, nogil=True)
def _sound(shape, at, uv):
    """Whether all of a chart's triangles lie face up and are not strained much in the mean over their area."""
    strain, whole = 0.0, 0.0
    for g in range(len(shape)):
        a, b, c = uv[at[3 * g]], uv[at[3 * g + 1]], uv[at[3 * g + 2]]
        double = _double(a, b, c)
        if double <= 0:
            return False
        # the map's derivatives along the base and across it; the singular values' squares add up to theirs
        x1, x2, y2 = shape[g]
        px, py = (b[0] - a[0]) / x1, (b[1] - a[1]) / x1
        qx, qy = (c[0] - a[0] - px * x2) / y2, (c[1] - a[1] - py * x2) / y2
        squares = px * px + py * py + qx * qx + qy * qy
        strain += x1 * y2 * (squares - 2 * np.sqrt(squares + 2 * double / (x1 * y2)) + 2)
        whole += x1 * y2
    return strain <= _STRAIN * whole


@njit(cache=True, nogil=True)
def _crosses(at, joined, uv):
    """Whether a chart's outline crosses or touches itself, or has not just one loop that runs round the chart.

    Where it does not, and all triangles lie face up, none lies on another: as many triangles lie on a point as the
    outline winds round it, which is once within the outer loop and not at all within the holes.
    """
    count = outer = 0
    seen = np.zeros(len(at), np.bool_)
    number, left = np.empty((len(at), 2), np.int32), np.empty(len(at))
    for seed in range(len(at)):
        if joined[seed] >= 0 or seen[seed]:
            continue
        h, double = seed, 0.0
        while not seen[h]:
            seen[h] = True
            after = h + 1 if h % 3 < 2 else h - 2
            i, j = at[h], at[after]
            double += uv[i, 0] * uv[j, 1] - uv[j, 0] * uv[i, 1]
            number[count, 0], number[count, 1], left[count] = i, j, min(uv[i, 0], uv[j, 0])
            count += 1
            while joined[after] >= 0:
                after = joined[after] + 1 if joined[after] % 3 < 2 else joined[after] - 2
            h = after
        outer += double > 0
    if outer != 1:
        return True
    order = np.argsort(left[:count])
    for s in range(count):
        i, j = number[order[s]]
        right = max(uv[i, 0], uv[j, 0])
        bottom, top = min(uv[i, 1], uv[j, 1]), max(uv[i, 1], uv[j, 1])
        for t in range(s + 1, count):
            if left[order[t]] > right:
                break
            k, m = number[order[t]]
            if max(uv[k, 1], uv[m, 1]) < bottom or min(uv[k, 1], uv[m, 1]) > top:
                continue
            if i in (k, m) or j in (k, m):  # neighbours
                continue
            if (
                _double(uv[i], uv[j], uv[k]) * _double(uv[i], uv[j], uv[m]) <= 0
                and _double(uv[k], uv[m], uv[i]) * _double(uv[k], uv[m], uv[j]) <= 0
            ):
                return True
    return False
