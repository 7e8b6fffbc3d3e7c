"""Makes a balanced mesh 2-manifold by separating parts that only touch."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spherelinks.mesh.topology import Faces, Vertices, compact, fans, half_edges, twins
from spherelinks.native import kernel

#: A split vertex moves this share of the way to the middle of each fan's other corners, and at most this share of the
#: mesh's longest side.
APART, FURTHEST = 0.05, 0.002

_find_fresh = kernel("repair_fresh", "faces: i4[F,3] < count", "F", "count: int", "fresh: b1[F]*")


def separate(
    vertices: Vertices, faces: Faces, opposite: NDArray[np.int64] | None = None
) -> tuple[Vertices, Faces, bool]:
    """Split edges and vertices where sheets touch, so that each sheet becomes a closed 2-manifold.

    The mesh must be balanced: along each edge as many faces run one way as the other (the boundary of a solid, also
    after any sequence of edge collapses). Around an edge of more than two faces, faces that bound the same wedge of
    solid are joined (Guéziec et al. 2001, "Cutting and Stitching", with matching by wedge). Copies of a split vertex
    move slightly into their own fan, so that programs that merge vertices by position keep them apart. Back-to-back
    faces, and faces that use a vertex twice, enclose nothing and are dropped.

    opposite : (3F,) the faces' twins, where they are known; they may be written to

    Returns (V', 3) float32 and (F', 3) int32, empty if there were only such faces; and whether it had nothing to split:
    the mesh was closed and 2-manifold.
    """
    given = len(faces)
    vertices, faces = compact(vertices, _drop_flat(faces))
    if opposite is None or len(faces) < given:
        opposite = twins(faces)
    pinched = bool((opposite < 0).any())
    if pinched:
        _match_wedges(vertices, faces, opposite)
    label, count = fans(opposite)
    if not pinched and count == len(vertices):
        return vertices, faces, len(faces) > 0
    start, end = half_edges(faces)
    home = np.empty(count, np.int64)  # the vertex each fan stands on
    home[label] = start
    position = vertices[home].astype(np.float64)
    split = (np.bincount(home, minlength=len(vertices)) > 1)[home]
    width = np.bincount(label, minlength=count)[:, None]
    centre = np.stack([np.bincount(label, vertices[end, axis], count) for axis in range(3)], axis=1) / width
    shift = APART * (centre - position)[split]
    most = FURTHEST * np.ptp(vertices, axis=0).max(initial=0)
    position[split] += shift * np.minimum(1, most / np.maximum(np.linalg.norm(shift, axis=1, keepdims=True), 1e-30))
    return *_split_double_edges(position.astype(np.float32), label.reshape(-1, 3), opposite), False


def apart(vertices: Vertices, faces: Faces) -> tuple[Vertices, Faces]:
    """Move every vertex that coincides with an earlier one slightly towards its neighbours.

    Programs merge coincident vertices, which would create edges of four faces. Collapses in a plane leave such
    vertices, and so does rounding to float32. (V, 3) float32 and (F, 3) int32, a closed manifold.
    """
    for _ in range(4):
        moved = again(vertices)
        if not moved.any():
            break
        start, end = half_edges(faces)
        near = moved[start]
        start, end = start[near], end[near]
        width = np.bincount(start, minlength=len(vertices))[:, None].clip(1)
        centre = np.stack([np.bincount(start, vertices[end, axis], len(vertices)) for axis in range(3)], axis=1) / width
        vertices = vertices.copy()
        vertices[moved] += (APART * (centre - vertices)[moved]).astype(np.float32)
    return vertices, faces


def again(vertices: Vertices) -> NDArray[np.bool_]:
    """(V,) whether an earlier vertex has the same position."""
    same = np.zeros(len(vertices), np.bool_)
    x = np.sort(vertices[:, 0])  # which hardly any share
    shared = np.flatnonzero(np.isin(vertices[:, 0], x[1:][x[1:] == x[:-1]]))
    order = shared[np.lexsort(vertices[shared].T)]
    same[order[1:]] = (vertices[order[1:]] == vertices[order[:-1]]).all(axis=1)
    return same


def three_cornered(faces: Faces) -> NDArray[np.bool_]:
    """(F,) whether a face uses no vertex twice."""
    a, b, c = faces.T
    whole: NDArray[np.bool_] = (a != b) & (b != c) & (c != a)
    return whole


def with_three_corners(faces: Faces) -> Faces:
    """Without faces that use a vertex twice; the same array if there are none."""
    whole = three_cornered(faces)
    return faces if whole.all() else faces[whole]


def fresh(faces: Faces, n_vertices: int) -> NDArray[np.bool_]:
    """(F,) whether a face is the first to have its three vertices, in whatever order."""
    first = np.empty(len(faces), np.bool_)
    _find_fresh(np.ascontiguousarray(faces), n_vertices, first)
    return first


def _drop_flat(faces: Faces) -> Faces:
    """Without faces that use a vertex twice and without back-to-back pairs of faces."""
    faces = with_three_corners(faces)
    if fresh(faces, int(faces.max(initial=-1)) + 1).all():
        return faces
    turned = np.sort(faces, axis=1)
    _, same, count = np.unique(turned, axis=0, return_inverse=True, return_counts=True)
    # an even permutation of the sorted corners counts +1, an odd one -1; faces that cancel out are dropped
    even = (faces[:, 0] < faces[:, 1]) ^ (faces[:, 1] < faces[:, 2]) ^ (faces[:, 0] < faces[:, 2])
    same = same.ravel()
    keep = np.ones(len(faces), bool)
    for group in np.flatnonzero(count > 1):
        members = np.flatnonzero(same == group)
        forward, backward = members[even[members]], members[~even[members]]
        pairs = min(len(forward), len(backward))
        keep[forward[:pairs]] = keep[backward[:pairs]] = False
    return faces[keep]


def _match_wedges(vertices: Vertices, faces: Faces, opposite: NDArray[np.int64]) -> None:
    """Fill in the twins round edges of more than two faces; in place."""
    start, end = half_edges(faces)
    loose = np.flatnonzero(opposite < 0)
    edges: dict[tuple[int, int], list[int]] = {}
    for h in loose:
        a, b = int(start[h]), int(end[h])
        edges.setdefault((min(a, b), max(a, b)), []).append(int(h))
    for (a, b), around in edges.items():
        axis = vertices[b].astype(np.float64) - vertices[a]
        u = np.cross(axis, np.eye(3)[np.abs(axis).argmin()])
        v = np.cross(axis, u) / max(float(np.linalg.norm(axis)), 1e-30)
        arms = vertices[[faces[h // 3, (h + 2) % 3] for h in around]].astype(np.float64) - vertices[a]
        angle = np.arctan2(arms @ v, arms @ u)
        # seen along the edge, solid lies clockwise of a face that runs along it and ends at the next that runs against
        turn = [around[i] for i in np.argsort(-angle, kind="stable")]
        waiting: list[int] = []
        for h in turn + turn:
            if opposite[h] >= 0:
                continue
            if start[h] == a:
                if h not in waiting:
                    waiting.append(h)
            elif waiting:
                other = waiting.pop()
                opposite[h], opposite[other] = other, h


def _split_double_edges(vertices: Vertices, faces: Faces, opposite: NDArray[np.int64]) -> tuple[Vertices, Faces]:
    """Give an edge that joins the same two vertices a second time a vertex in its middle."""
    start, end = half_edges(faces)
    key = start * len(vertices) + end
    order = np.argsort(key, kind="stable")
    again = order[1:][key[order[1:]] == key[order[:-1]]]
    if not len(again):
        return vertices, faces
    doubles = sorted({min(int(h), int(opposite[h])) for h in again})
    points, triangles = list(vertices), [(int(a), int(b), int(c)) for a, b, c in faces]
    middle: dict[int, int] = {}
    for h in doubles:
        apexes = vertices[[faces[g // 3, (g + 2) % 3] for g in (h, int(opposite[h]))]].mean(axis=0)
        halfway = (vertices[start[h]] + vertices[end[h]]) / 2
        middle[h] = middle[int(opposite[h])] = len(points)
        points.append(halfway + np.float32(APART) * (apexes - halfway))
    for f in {h // 3 for h in middle}:
        ring: list[int] = []
        for k in range(3):
            ring.append(int(faces[f, k]))
            if 3 * f + k in middle:
                ring.append(middle[3 * f + k])
        turned = ring.index(middle[next(3 * f + k for k in range(3) if 3 * f + k in middle)])
        ring = ring[turned:] + ring[:turned]  # a fan from a middle point: no sliver along its own edge
        triangles[f] = (ring[0], ring[1], ring[2])
        triangles += [(ring[0], ring[i], ring[i + 1]) for i in range(2, len(ring) - 1)]
    return np.array(points, np.float32), np.array(triangles, np.int32)
