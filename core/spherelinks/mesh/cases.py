"""The case table of marching cubes, derived from one rule instead of typed in.

A cube has 8 corners, numbered by bits (bit 0: +x, bit 1: +y, bit 2: +z), and 12 edges. For each of the 256 ways in
which corners can be inside, the surface crosses the cube in closed loops over the cut edges:

- On each cube face, every run of neighbouring inside corners is cut off by one segment. Where two inside corners lie
  across from each other, each is cut off on its own. The rule depends on the face alone, so both cubes that share the
  face draw the same segments and no gap can open (Lorensen & Cline 1987 lacked such a rule; see Nielson & Hamann 1991).
- Segments run so that the inside lies to one side, which chains them into loops; each cut edge is on exactly one.
- Loops are triangulated without any diagonal that lies in a cube face. A diagonal in a face could meet the same
  diagonal of the cube next door and make an edge of four triangles; a diagonal through the cube's body cannot.

Hence every triangle edge is shared by exactly two triangles and every vertex has one fan round its grid edge: the
surface of any field whose border is outside is a closed 2-manifold. The tests check all 256 cases.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Segment = tuple[int, int]
Triangle = tuple[int, int, int]

#: Edges as (axis, corner at the lower end); the upper end is that corner plus the axis' bit.
EDGES: tuple[Segment, ...] = tuple((axis, c) for axis in range(3) for c in range(8) if not c >> axis & 1)
_EDGE_OF_CORNERS = {frozenset((c, c | 1 << axis)): e for e, (axis, c) in enumerate(EDGES)}


def _faces() -> tuple[tuple[int, int, int, int], ...]:
    """The corners of each cube face, counter-clockwise seen from outside the cube."""
    faces = []
    for axis in range(3):
        u, v = 1 << (axis + 1) % 3, 1 << (axis + 2) % 3
        ring = (0, u, u | v, v)
        faces.append(tuple(c | 1 << axis for c in ring))
        faces.append(tuple(reversed(ring)))
    return tuple((f[0], f[1], f[2], f[3]) for f in faces)


FACES = _faces()


def segments(case: int, face: tuple[int, int, int, int]) -> list[Segment]:
    """Segments (from edge, to edge) that the surface of a case draws on a cube face."""
    inside = [bool(case >> c & 1) for c in face]
    crossing = [_EDGE_OF_CORNERS[frozenset((face[i], face[(i + 1) % 4]))] for i in range(4)]
    found = []
    for i in range(4):
        if inside[i] and not inside[i - 1]:  # a run of inside corners starts at i
            last = i
            while inside[(last + 1) % 4]:
                last += 1
            found.append((crossing[i - 1], crossing[last % 4]))
    return found


def loops(case: int) -> list[list[int]]:
    """Closed loops of cut edges, each counter-clockwise seen from outside the body."""
    following = dict(segment for face in FACES for segment in segments(case, face))
    found = []
    while following:
        loop = [next(iter(following))]
        while (after := following.pop(loop[-1])) != loop[0]:
            loop.append(after)
        found.append(loop)
    return found


def share_face(a: int, b: int) -> bool:
    """Whether two cube edges lie on one cube face."""
    corners = {EDGES[e][1] for e in (a, b)} | {EDGES[e][1] | 1 << EDGES[e][0] for e in (a, b)}
    return any(corners <= set(face) for face in FACES)


def triangulate(loop: list[int]) -> list[Triangle] | None:
    """Triangles of a loop in its own orientation, none with an inner side in a cube face; None where impossible."""
    if len(loop) == 3:
        return [(loop[0], loop[1], loop[2])]
    for apex in range(1, len(loop) - 1):  # of the triangle on the side that closes the loop
        sides = [(loop[0], loop[apex])] * (apex > 1) + [(loop[apex], loop[-1])] * (apex < len(loop) - 2)
        if any(share_face(a, b) for a, b in sides):
            continue
        before = triangulate(loop[: apex + 1]) if apex > 1 else []
        after = triangulate(loop[apex:]) if apex < len(loop) - 2 else []
        if before is not None and after is not None:
            return [*before, (loop[0], loop[apex], loop[-1]), *after]
    return None


def table() -> tuple[NDArray[np.int8], NDArray[np.int8]]:
    """(256,) number of triangles and (256, 3 * most) their cube edges, three a triangle, padded with -1."""
    cases: list[list[int]] = []
    for case in range(256):
        flat: list[int] = []
        for loop in loops(case):
            triangles = triangulate(loop)
            if triangles is None:
                raise AssertionError(f"case {case}: loop {loop} has no triangulation inside the cube")
            flat.extend(edge for triangle in triangles for edge in triangle)
        cases.append(flat)
    edges = np.full((256, max(map(len, cases))), -1, np.int8)
    for case, flat in enumerate(cases):
        edges[case, : len(flat)] = flat
    return np.array([len(flat) // 3 for flat in cases], np.int8), edges
