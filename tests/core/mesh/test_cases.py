"""The case table: what makes every surface closed and 2-manifold, checked case by case and choice by choice."""

from collections import Counter

import pytest

from spherelinks.mesh.cases import (
    EDGES,
    FACES,
    ambiguous,
    choices,
    loops,
    segments,
    shared_face,
    table,
    through_body,
    triangulate,
    unshared,
)

CASES = range(256)


def _inside(case: int, edge: int) -> tuple[bool, bool]:
    axis, corner = EDGES[edge]
    return bool(case >> corner & 1), bool(case >> (corner | 1 << axis) & 1)


def _triangles(case: int, joined: list[int]) -> list[tuple[int, int, int]]:
    counts, edges, first, faces = table()
    choice = sum(1 << ambiguous(case).index(f) for f in joined)
    assert faces[case] == sum(1 << f for f in ambiguous(case))
    flat = edges[first[case] + choice][: 3 * counts[first[case] + choice]].tolist()
    return [tuple(flat[i : i + 3]) for i in range(0, len(flat), 3)]


@pytest.mark.parametrize("case", CASES)
def test_uses_each_cut_edge_once_and_no_other(case: int) -> None:
    cut = {e for e in range(12) if _inside(case, e)[0] != _inside(case, e)[1]}
    for joined in choices(case):
        used = [edge for loop in loops(case, joined) for edge in loop]
        assert len(used) == len(set(used))
        assert set(used) == cut


@pytest.mark.parametrize("case", CASES)
def test_triangles_meet_in_pairs_except_on_cube_faces(case: int) -> None:
    for joined in choices(case):
        found = _triangles(case, joined)
        sides = Counter(t[k : k + 1] + t[(k + 1) % 3 : (k + 1) % 3 + 1] for t in found for k in range(3))
        drawn = [segment for f, face in enumerate(FACES) for segment in segments(case, face, f in joined)]
        assert all(count == 1 for count in sides.values())
        open_sides = {side for side in sides if side[::-1] not in sides}
        assert open_sides == set(drawn), "what is open is what the neighbouring cubes continue"
        diagonals = set(sides) - open_sides
        assert joined or not any(shared_face(*side) is not None for side in diagonals), "a diagonal lies in a cube face"
        assert all(unshared(*side) for side in diagonals), "the next cube may draw the same diagonal"


def test_no_two_cubes_draw_the_same_diagonal_in_their_face() -> None:
    for axis, face, a, b, other_a, other_b in _pairs_on_faces():
        assert shared_face(a, b) == 2 * axis
        assert shared_face(other_a, other_b) == 2 * axis + 1
        assert unshared(a, b) != unshared(other_a, other_b), f"edges {a} and {b} of face {face}"


def _pairs_on_faces() -> list[tuple[int, int, int, int, int, int]]:
    """Axis, face, each two edges on a cube's far face, and what the next cube calls them."""
    found = []
    for axis in range(3):
        bit = 1 << axis
        moved = {e: EDGES.index((a, c ^ bit)) for e, (a, c) in enumerate(EDGES) if a != axis and c & bit}
        found += [(axis, 2 * axis, a, b, moved[a], moved[b]) for a in moved for b in moved if a < b]
    return found


def test_both_cubes_at_a_face_draw_the_same_segments() -> None:
    """A face is seen from its other side as the opposite face of the next cube, with the corners moved along."""
    for axis in range(3):
        bit = 1 << axis
        far, near = FACES[2 * axis], FACES[2 * axis + 1]
        moved = {e: EDGES.index((a, c ^ bit)) for e, (a, c) in enumerate(EDGES) if a != axis and c & bit}
        for pattern in range(16):
            case = sum(1 << corner for i, corner in enumerate(far) if pattern >> i & 1)
            beyond = sum(1 << (corner ^ bit) for i, corner in enumerate(far) if pattern >> i & 1)
            for joined in (False, True) if pattern in {0b0101, 0b1010} else (False,):
                here = {(moved[a], moved[b]) for a, b in segments(case, far, joined)}
                there = {(b, a) for a, b in segments(beyond, near, joined)}
                assert here == there


def test_every_loop_can_be_triangulated_inside_the_cube() -> None:
    for case in CASES:
        for joined in choices(case):
            for loop in loops(case, joined):
                found = triangulate(loop, through_body) or triangulate(loop, unshared)
                assert found is not None
                assert len(found) == len(loop) - 2
                assert joined or found == triangulate(loop, through_body)


def test_joined_corners_are_connected_and_others_are_not() -> None:
    """Of two inside corners across a face: one segment each cuts them off, or one each the outside corners."""
    case = 0b0110  # corners 1 and 2 of the face below
    face = FACES.index(next(f for f in FACES if set(f) == {0, 1, 2, 3}))
    assert ambiguous(case) == [face]
    corner_of = [
        [{EDGES[e][1], EDGES[e][1] | 1 << EDGES[e][0]} for e in segment]
        for joined in (False, True)
        for segment in segments(case, FACES[face], joined)
    ]
    assert [(a & b).pop() for a, b in corner_of[:2]] in ([1, 2], [2, 1])
    assert [(a & b).pop() for a, b in corner_of[2:]] in ([0, 3], [3, 0])
