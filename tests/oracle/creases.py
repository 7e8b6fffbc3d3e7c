"""The kernels of spherelinks.mesh.creases in their original version, compiled by numba."""

from __future__ import annotations

import numpy as np
from numba import njit

_SHARP = np.float32(np.cos(np.radians(20.0)))
_TINY = np.float32(0.1)
_BLOCK = 4
_FLAT = np.cos(np.radians(5.0))
_RINGS = 8
_SAME, _OTHER = np.cos(np.radians(15.0)), np.cos(np.radians(40.0))
_FIT, _OFF, _EDGE, _CORNER = 0.16, 0.8, 1.25, 1.5


@njit(cache=True, nogil=True, error_model="numpy")
def _sharp(points, faces):
    """(V,) whether two faces of a vertex, one listed after the other, lean away from each other."""
    normal = np.full((len(points), 3), np.nan, np.float32)
    sharp = np.zeros(len(points), np.bool_)
    for f in range(len(faces)):
        a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
        ux, uy, uz = points[b, 0] - points[a, 0], points[b, 1] - points[a, 1], points[b, 2] - points[a, 2]
        vx, vy, vz = points[c, 0] - points[a, 0], points[c, 1] - points[a, 1], points[c, 2] - points[a, 2]
        x, y, z = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        double = np.sqrt(x * x + y * y + z * z)
        if double < _TINY:
            continue
        x, y, z = x / double, y / double, z / double
        for v in (a, b, c):
            sharp[v] |= x * normal[v, 0] + y * normal[v, 1] + z * normal[v, 2] < _SHARP
            normal[v, 0], normal[v, 1], normal[v, 2] = x, y, z
    return sharp


@njit(cache=True, nogil=True)
def _block(points, v):
    """The block that a vertex lies in."""
    return np.int64(points[v, 0]) // _BLOCK, np.int64(points[v, 1]) // _BLOCK, np.int64(points[v, 2]) // _BLOCK


@njit(cache=True, nogil=True)
def _round(points, faces, sharp):
    """Numbers of the (n,) faces near sharp vertices; (n, 3) these faces with their vertices numbered anew; what number
    each of the (m,) vertices had; and whether all faces of the vertex are among them."""
    nx, ny, nz = 0, 0, 0
    for v in range(len(points)):
        x, y, z = _block(points, v)
        nx, ny, nz = max(nx, x + 3), max(ny, y + 3), max(nz, z + 3)
    done, reached = np.zeros((nx, ny, nz), np.bool_), np.zeros((nx, ny, nz), np.bool_)
    for v in range(len(points)):
        if sharp[v]:
            x, y, z = _block(points, v)
            if not done[x, y, z]:
                done[x, y, z] = True
                reached[x : x + 3, y : y + 3, z : z + 3] = True
    inside = np.empty(len(points), np.bool_)
    for v in range(len(points)):
        x, y, z = _block(points, v)
        inside[v] = reached[x + 1, y + 1, z + 1]
    band, used = np.empty(len(faces), np.int32), np.empty(len(points), np.int32)
    number = np.full(len(points), -1, np.int32)
    n_band, n_used = 0, 0
    for f in range(len(faces)):
        a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
        if inside[a] or inside[b] or inside[c]:
            band[n_band] = f
            n_band += 1
            for v in (a, b, c):
                if number[v] < 0:
                    number[v], used[n_used] = n_used, v
                    n_used += 1
    near = np.empty((n_band, 3), np.int32)
    for i in range(n_band):
        for k in range(3):
            near[i, k] = number[faces[band[i], k]]
    return band[:n_band].copy(), near, used[:n_used].copy(), inside[used[:n_used]]


@njit(cache=True, nogil=True, error_model="numpy")
def _bent(points, faces):
    """(n,) whether a face of a vertex, or of a neighbour, leans away from its normal, and (n, 3) these normals."""
    across, normal = np.empty((len(faces), 3)), np.zeros((len(points), 3))
    for f in range(len(faces)):
        a, b, c = faces[f]
        ux, uy, uz = points[b, 0] - points[a, 0], points[b, 1] - points[a, 1], points[b, 2] - points[a, 2]
        vx, vy, vz = points[c, 0] - points[a, 0], points[c, 1] - points[a, 1], points[c, 2] - points[a, 2]
        across[f] = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        for k in range(3):
            for d in range(3):
                normal[faces[f, k], d] += across[f, d]
    for v in range(len(points)):
        length = np.sqrt(normal[v, 0] ** 2 + normal[v, 1] ** 2 + normal[v, 2] ** 2)
        for d in range(3):
            normal[v, d] /= max(length, 1e-30)
    bent, around = np.zeros(len(points), np.bool_), np.zeros(len(points), np.bool_)
    for f in range(len(faces)):
        x, y, z = across[f]
        double = np.sqrt(x * x + y * y + z * z)
        if double >= _TINY:
            for k in range(3):
                v = faces[f, k]
                bent[v] |= x * normal[v, 0] + y * normal[v, 1] + z * normal[v, 2] < _FLAT * double
    for f in range(len(faces)):
        a, b, c = faces[f]
        if bent[a] or bent[b] or bent[c]:
            around[a] = around[b] = around[c] = True
    return around, normal


@njit(cache=True, nogil=True)
def _neighbours(faces, zone):
    """Neighbours of the vertices of the zone: those of v are others[start[v] : start[v + 1]]."""
    start = np.zeros(len(zone) + 1, np.int32)
    for f in range(len(faces)):
        for k in range(3):
            v = faces[f, k]
            if zone[v]:
                start[v + 1] += 1
    start = np.cumsum(start).astype(np.int32)
    others, stop = np.empty(start[-1], np.int32), start[:-1].copy()
    for f in range(len(faces)):
        for k in range(3):
            v = faces[f, k]
            if zone[v]:
                others[stop[v]] = faces[f, k + 1 if k < 2 else 0]
                stop[v] += 1
    return start, others


@njit(cache=True, nogil=True, error_model="numpy")
def _planes(points, faces, whole, zone, normal):
    """(n, 7) the plane of each vertex: its unit normal, its distance from the origin, a point of it; and (n,) whether
    the vertex lies in the zone, belongs to that plane and has all its faces here.

    Vertices outside of the zone have the plane of the faces round them. From there planes are handed on, ring by ring:
    a vertex takes the one of its neighbours' that it is nearest to, evened out with those that are much the same, and
    changes it only for one of another side.
    """
    n = len(points)
    plane = np.zeros((n, 7))
    known = ~zone
    for i in range(n):
        for d in range(3):
            plane[i, d], plane[i, 4 + d] = normal[i, d], points[i, d]
            plane[i, 3] += normal[i, d] * points[i, d]
    start, others = _neighbours(faces, zone)
    wanted = np.flatnonzero(zone)
    after, fresh = plane.copy(), np.empty(len(wanted), np.int64)
    settled = np.where(known, 0, -1)  # the ring in which a vertex last took a plane
    for ring in range(1, _RINGS + 1):
        count_fresh = 0
        for v in wanted:
            best, least = -1, np.inf
            if known[v]:
                least = abs(_off(plane, v, points[v, 0], points[v, 1], points[v, 2]))
            for i in range(start[v], start[v + 1]):
                u = others[i]
                if settled[u] == ring - 1:
                    away = abs(_off(plane, u, points[v, 0], points[v, 1], points[v, 2]))
                    if away < least and not (known[v] and _cosine(plane, u, v) > _SAME):
                        best, least = u, away
            if best < 0:
                continue
            nx, ny, nz = plane[best, 0], plane[best, 1], plane[best, 2]
            mx, my, mz, count = plane[best, 4], plane[best, 5], plane[best, 6], 1
            for i in range(start[v], start[v + 1]):
                u = others[i]
                if known[u] and _cosine(plane, u, best) > _SAME:
                    nx, ny, nz = nx + plane[u, 0], ny + plane[u, 1], nz + plane[u, 2]
                    mx, my, mz = mx + plane[u, 4], my + plane[u, 5], mz + plane[u, 6]
                    count += 1
            length = np.sqrt(nx * nx + ny * ny + nz * nz)
            nx, ny, nz, mx, my, mz = nx / length, ny / length, nz / length, mx / count, my / count, mz / count
            after[v] = nx, ny, nz, nx * mx + ny * my + nz * mz, mx, my, mz
            fresh[count_fresh] = v
            count_fresh += 1
        for i in range(count_fresh):
            v = fresh[i]
            known[v], settled[v] = True, ring
            for d in range(7):
                plane[v, d] = after[v, d]
    away = np.zeros(n)
    for v in wanted:
        if known[v]:
            away[v] = abs(_off(plane, v, points[v, 0], points[v, 1], points[v, 2]))
    fits = np.zeros(n, np.bool_)
    for v in wanted:
        if whole[v] and known[v] and away[v] <= _OFF:
            total, count = away[v], 1
            for i in range(start[v], start[v + 1]):
                if zone[others[i]] and known[others[i]]:
                    total += away[others[i]]
                    count += 1
            fits[v] = total <= _FIT * count
    return plane, fits


@njit(cache=True, nogil=True, error_model="numpy")
def _off(plane, v, x, y, z):
    """How far a point is above the plane of a vertex."""
    return plane[v, 0] * x + plane[v, 1] * y + plane[v, 2] * z - plane[v, 3]


@njit(cache=True, nogil=True, error_model="numpy")
def _cosine(plane, a, b):
    """That of the planes of two vertices."""
    return plane[a, 0] * plane[b, 0] + plane[a, 1] * plane[b, 1] + plane[a, 2] * plane[b, 2]


@njit(cache=True, nogil=True, error_model="numpy")
def _crosses(plane, known, a, b):
    """Whether two vertices lie on different sides of an edge of the shape."""
    return known[a] and known[b] and _cosine(plane, a, b) < _OTHER


@njit(cache=True, nogil=True, error_model="numpy")
def _crossed(faces, plane, known):
    """Numbers of the faces that have a vertex with an edge from one side of an edge of the shape to the other."""
    active = np.zeros(len(plane), np.bool_)
    for f in range(len(faces)):
        a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
        if known[a] or known[b] or known[c]:
            for one, other in ((a, b), (b, c), (c, a)):
                if _crosses(plane, known, one, other):
                    active[one] = active[other] = True
    hot, count = np.empty(len(faces), np.int32), 0
    for f in range(len(faces)):
        if active[faces[f, 0]] or active[faces[f, 1]] or active[faces[f, 2]]:
            hot[count] = f
            count += 1
    return hot[:count].copy()


@njit(cache=True, nogil=True, error_model="numpy")
def _outward(at, p, q, r, normal):
    """Whether a triangle has area and faces along a unit normal."""
    ux, uy, uz = at[q, 0] - at[p, 0], at[q, 1] - at[p, 1], at[q, 2] - at[p, 2]
    vx, vy, vz = at[r, 0] - at[p, 0], at[r, 1] - at[p, 1], at[r, 2] - at[p, 2]
    x, y, z = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
    dot = x * normal[0] + y * normal[1] + z * normal[2]
    return dot > 1e-5 and dot * dot > 0.01 * (x * x + y * y + z * z)


@njit(cache=True, nogil=True, error_model="numpy")
def _cut(points, faces, opposite, plane, known):
    """(n, 3) places of the vertices and (m, 3) of added ones, numbered after them; (c, 3) the first piece of each face
    that is cut, the other pieces of all of them, and (c,) the numbers of these faces.

    What cannot be cut soundly is taken out of `known`, and all is done again without it, until nothing is left to take.
    A vertex taken out stays on the bevel and no longer has a plane: its piece of a face has to face as the whole did.
    """
    n = len(points)
    active, unsound, at, own = np.zeros(n, np.bool_), np.zeros(n, np.bool_), np.empty(3), np.empty(3)
    moved = points.copy()
    on = np.empty((3 * len(faces), 3))  # the point where a half-edge is cut
    cut = np.zeros(3 * len(faces), np.bool_)
    tri, trail = np.empty((6, 3), np.int64), np.empty((7, 3))
    owner = np.empty(6, np.int64)
    again = len(faces) > 0
    while again:
        again = False
        for f in range(len(faces)):
            for k in range(3):
                active[faces[f, k]] = False
        for f in range(len(faces)):
            for k in range(3):
                a, b = faces[f, k], faces[f, k + 1 if k < 2 else 0]
                cut[3 * f + k] = _crosses(plane, known, a, b)
                if cut[3 * f + k]:
                    active[a] = active[b] = True
        for f in range(len(faces)):
            for k in range(3):
                v = faces[f, k]
                away = _off(plane, v, points[v, 0], points[v, 1], points[v, 2]) if active[v] else 0.0
                for d in range(3):
                    moved[v, d] = points[v, d] - away * plane[v, d]
        for f in range(len(faces)):
            for k in range(3):
                h = 3 * f + k
                if not cut[h] or h > opposite[h]:
                    continue
                a, b = faces[f, k], faces[f, k + 1 if k < 2 else 0]
                da = abs(_off(plane, b, moved[a, 0], moved[a, 1], moved[a, 2]))
                db = abs(_off(plane, a, moved[b, 0], moved[b, 1], moved[b, 2]))
                t = min(max(da / (da + db), 0.02), 0.98) if da + db > 0 else 0.5
                for d in range(3):
                    at[d] = moved[a, d] + t * (moved[b, d] - moved[a, d])
                c = _cosine(plane, a, b)
                ra, rb = -_off(plane, a, at[0], at[1], at[2]), -_off(plane, b, at[0], at[1], at[2])
                alpha, beta = (ra - c * rb) / (1 - c * c), (rb - c * ra) / (1 - c * c)
                far = 0.0
                for d in range(3):
                    p = at[d] + alpha * plane[a, d] + beta * plane[b, d]
                    on[h, d] = on[opposite[h], d] = p
                    far += (p - points[a, d] - t * (points[b, d] - points[a, d])) ** 2
                if not far <= _EDGE * _EDGE:
                    known[a] = known[b] = False
                    again = True
        if again:
            continue
        for f in range(len(faces)):
            if active[faces[f, 0]] or active[faces[f, 1]] or active[faces[f, 2]]:
                count, fine = _pieces(f, points, moved, faces, plane, cut, on, tri, owner, trail)
                a, b, c = faces[f]
                ux, uy, uz = points[b, 0] - points[a, 0], points[b, 1] - points[a, 1], points[b, 2] - points[a, 2]
                vx, vy, vz = points[c, 0] - points[a, 0], points[c, 1] - points[a, 1], points[c, 2] - points[a, 2]
                own[:] = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
                own /= max(np.sqrt(own[0] ** 2 + own[1] ** 2 + own[2] ** 2), 1e-30)
                for i in range(count):
                    p, q, r = tri[i]
                    v = faces[f, owner[i]]
                    if _outward(trail, p, q, r, plane[v, :3] if known[v] else own):
                        continue
                    if known[v]:
                        unsound[v] = again = True
                    else:
                        fine = False
                if not fine:
                    for k in range(3):
                        unsound[faces[f, k]] = True
                    again = True
        known[unsound] = False
    number = np.full(3 * len(faces), -1, np.int64)
    total = np.count_nonzero(cut)
    added = np.empty((total, 3))
    first, rest, of = np.empty((total, 3), np.int64), np.empty((2 * total, 3), np.int64), np.empty(total, np.int64)
    count, n_rest, n_of = 0, 0, 0
    for f in range(len(faces)):
        for k in range(3):
            h = 3 * f + k
            if cut[h] and h < opposite[h]:
                number[h] = number[opposite[h]] = count
                for d in range(3):
                    added[count, d] = on[h, d]
                count += 1
    names = np.empty(7, np.int64)
    for f in range(len(faces)):
        if not (cut[3 * f] or cut[3 * f + 1] or cut[3 * f + 2]):
            continue
        pieces, _ = _pieces(f, points, moved, faces, plane, cut, on, tri, owner, trail)
        for k in range(3):
            names[k], names[3 + k] = faces[f, k], n + number[3 * f + k]
        if pieces == 6:
            names[6] = n + count
            for d in range(3):
                added[count, d] = trail[6, d]
            count += 1
        of[n_of] = f
        for k in range(3):
            first[n_of, k] = names[tri[0, k]]
        n_of += 1
        for i in range(1, pieces):
            for k in range(3):
                rest[n_rest, k] = names[tri[i, k]]
            n_rest += 1
    return moved, added[:count].copy(), first[:n_of].copy(), rest[:n_rest].copy(), of[:n_of].copy()


@njit(cache=True, nogil=True, error_model="numpy")
def _piece(tri, owner, i, p, q, r, k):
    tri[i, 0], tri[i, 1], tri[i, 2], owner[i] = p, q, r, k


@njit(cache=True, nogil=True, error_model="numpy")
def _pieces(f, points, moved, faces, plane, cut, on, tri, owner, trail):
    """Cut a face up: into `tri` the pieces, by numbers 0 to 2 of its corners, 3 to 5 of the points on its edges and 6
    of the one inside; into `owner` the corner whose plane each lies in; into `trail` (7, 3) where they all are.

    Returns how many pieces there are, and whether the point inside is where it may be.
    """
    count = 0
    for k in range(3):
        for d in range(3):
            trail[k, d], trail[3 + k, d] = moved[faces[f, k], d], on[3 * f + k, d]
        count += cut[3 * f + k]
    if count == 0:
        for k in range(3):
            _piece(tri, owner, k, 0, 1, 2, k)
        return 3, True
    if count == 1:
        k = 0 if cut[3 * f] else (1 if cut[3 * f + 1] else 2)
        a, b, c = k, (k + 1) % 3, (k + 2) % 3
        _piece(tri, owner, 0, a, 3 + k, c, a)
        _piece(tri, owner, 1, 3 + k, b, c, b)
        return 2, True
    if count == 2:
        k = 2 if not cut[3 * f] else (0 if not cut[3 * f + 1] else 1)  # the corner between the edges that are cut
        a, b, c = k, (k + 1) % 3, (k + 2) % 3
        p, q = 3 + a, 3 + c
        _piece(tri, owner, 0, a, p, q, a)
        one, two = 0.0, 0.0
        for d in range(3):
            one += (trail[p, d] - trail[c, d]) ** 2
            two += (trail[q, d] - trail[b, d]) ** 2
        if one <= two:
            _piece(tri, owner, 1, p, b, c, b)
            _piece(tri, owner, 2, p, c, q, c)
        else:
            _piece(tri, owner, 1, p, b, q, b)
            _piece(tri, owner, 2, q, b, c, c)
        return 3, True
    a, b, c = faces[f]
    bc = np.cross(plane[b, :3], plane[c, :3])
    ca = np.cross(plane[c, :3], plane[a, :3])
    ab = np.cross(plane[a, :3], plane[b, :3])
    whole = plane[a, 0] * bc[0] + plane[a, 1] * bc[1] + plane[a, 2] * bc[2]
    far = 0.0
    for d in range(3):
        trail[6, d] = (plane[a, 3] * bc[d] + plane[b, 3] * ca[d] + plane[c, 3] * ab[d]) / whole
        far += (trail[6, d] - (points[a, d] + points[b, d] + points[c, d]) / 3) ** 2
    for k in range(3):
        _piece(tri, owner, 2 * k, 6, k, 3 + k, k)
        tri[2 * k + 1], owner[2 * k + 1] = (6, 3 + (k + 2) % 3, k), k
    return 6, abs(whole) > 0.1 and far <= _CORNER * _CORNER
