"""The case table of marching cubes, derived from one rule instead of typed in.

A cube has 8 corners, numbered by bits (bit 0: +x, bit 1: +y, bit 2: +z), and 12 edges. For each of the 256 ways in
which corners can be inside, the surface crosses the cube in closed loops over the cut edges:

- On each cube face, every run of neighbouring inside corners is cut off by one segment. A face whose inside corners lie
  across from each other is ambiguous (Nielson & Hamann 1991): each of them is cut off on its own, or the two are joined
  and each outside corner is cut off. Either choice belongs to the face alone, so both cubes that share the face draw
  the same segments and no gap can open (Lorensen & Cline 1987 lacked such a rule).
- Segments run so that the inside lies to one side, which chains them into loops; each cut edge is on exactly one.
- Loops are triangulated without any diagonal that lies in a cube face. A diagonal in a face could meet the same
  diagonal of the cube next door and make an edge of four triangles; a diagonal through the cube's body cannot. Some
  loops over joined corners leave no choice but diagonals in faces. Of the two cubes at a face, the lower one then draws
  those between parallel edges and the upper one the others, so that no two ever meet.

Hence every triangle edge is shared by exactly two triangles and every vertex has one fan round its grid edge: the
surface of any field whose border is outside is a closed 2-manifold. The tests check all cases and choices.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

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


def ambiguous(case: int) -> list[int]:
    """Numbers of the faces of a case whose inside corners lie across from each other."""
    corners = [[case >> c & 1 for c in face] for face in FACES]
    return [f for f, (a, b, c, d) in enumerate(corners) if a == c != b == d]


def segments(case: int, face: tuple[int, int, int, int], joined: bool = False) -> list[Segment]:
    """Segments (from edge, to edge) that the surface of a case draws on a cube face; joined only if ambiguous."""
    inside = [bool(case >> c & 1) for c in face]
    crossing = [_EDGE_OF_CORNERS[frozenset((face[i], face[(i + 1) % 4]))] for i in range(4)]
    found = []
    for i in range(4):
        if inside[i] and not inside[i - 1]:  # a run of inside corners starts at i
            last = i
            while inside[(last + 1) % 4]:
                last += 1
            found.append((crossing[i - 1], crossing[last % 4]))
    if joined:
        (a, b), (c, d) = found
        return [(a, d), (c, b)]
    return found


def loops(case: int, joined: Collection[int] = ()) -> list[list[int]]:
    """Closed loops of cut edges, each counter-clockwise seen from outside the body.

    joined : numbers of the ambiguous faces whose inside corners are joined
    """
    following = dict(segment for f, face in enumerate(FACES) for segment in segments(case, face, f in joined))
    found = []
    while following:
        loop = [next(iter(following))]
        while (after := following.pop(loop[-1])) != loop[0]:
            loop.append(after)
        found.append(loop)
    return found


def choices(case: int) -> list[list[int]]:
    """Which of the ambiguous faces of a case can be joined: none of them first, all of them last."""
    faces = ambiguous(case)
    return [[f for i, f in enumerate(faces) if choice >> i & 1] for choice in range(1 << len(faces))]


def shared_face(a: int, b: int) -> int | None:
    """The number of the cube face that two cube edges lie on, if any."""
    corners = {EDGES[e][1] for e in (a, b)} | {EDGES[e][1] | 1 << EDGES[e][0] for e in (a, b)}
    return next((f for f, face in enumerate(FACES) if corners <= set(face)), None)


def through_body(a: int, b: int) -> bool:
    """Whether a diagonal between two cube edges lies in no cube face."""
    return shared_face(a, b) is None


def unshared(a: int, b: int) -> bool:
    """Whether no other cube draws a diagonal between two cube edges where this one does."""
    face = shared_face(a, b)
    return face is None or (face % 2 == 0) == (EDGES[a][0] == EDGES[b][0])


def triangulate(loop: list[int], fits: Callable[[int, int], bool]) -> list[Triangle] | None:
    """Triangles of a loop in its own orientation, all of whose diagonals fit; None where impossible."""
    if len(loop) == 3:
        return [(loop[0], loop[1], loop[2])]
    for apex in range(1, len(loop) - 1):  # of the triangle on the side that closes the loop
        sides = [(loop[0], loop[apex])] * (apex > 1) + [(loop[apex], loop[-1])] * (apex < len(loop) - 2)
        if not all(fits(a, b) for a, b in sides):
            continue
        before = triangulate(loop[: apex + 1], fits) if apex > 1 else []
        after = triangulate(loop[apex:], fits) if apex < len(loop) - 2 else []
        if before is not None and after is not None:
            return [*before, (loop[0], loop[apex], loop[-1]), *after]
    return None


def triangles(case: int, joined: Collection[int] = ()) -> list[Triangle]:
    """The triangles of a case, by the cube edges that their corners lie on."""
    found: list[Triangle] = []
    for loop in loops(case, joined):
        more = triangulate(loop, through_body) or triangulate(loop, unshared)
        if more is None:
            raise AssertionError(f"case {case}: loop {loop} has no triangulation inside the cube")
        found += more
    return found


def table() -> tuple[NDArray[np.int8], NDArray[np.int8], NDArray[np.int64], NDArray[np.int64]]:
    """The triangles of all cases and choices.

    Returns (R,) their number and (R, 3 * most) their cube edges, three a triangle, padded with -1; (256,) the first row
    of each case and (256,) bits of its ambiguous faces. Bit i of a choice, added to the first row, joins the i-th of
    these faces.
    """
    every = [[triangles(case, joined) for joined in choices(case)] for case in range(256)]
    rows = [np.ravel(row).astype(np.int8) for group in every for row in group]
    edges = np.full((len(rows), max(map(len, rows))), -1, np.int8)
    for row, flat in zip(edges, rows, strict=True):
        row[: len(flat)] = flat
    first = np.cumsum([0] + [len(group) for group in every[:-1]])
    faces = np.array([sum(1 << f for f in ambiguous(case)) for case in range(256)])
    return np.array([len(flat) // 3 for flat in rows], np.int8), edges, first, faces
