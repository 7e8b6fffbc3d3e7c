"""The case table: what makes every surface closed and 2-manifold, checked case by case."""

from collections import Counter

import pytest

from spherelinks.mesh.cases import EDGES, FACES, loops, segments, share_face, table, triangulate

CASES = range(256)


def _inside(case: int, edge: int) -> tuple[bool, bool]:
    axis, corner = EDGES[edge]
    return bool(case >> corner & 1), bool(case >> (corner | 1 << axis) & 1)


def _triangles(case: int) -> list[tuple[int, int, int]]:
    counts, edges = table()
    flat = edges[case][: 3 * counts[case]].tolist()
    return [tuple(flat[i : i + 3]) for i in range(0, len(flat), 3)]


@pytest.mark.parametrize("case", CASES)
def test_uses_each_cut_edge_once_and_no_other(case: int) -> None:
    cut = {e for e in range(12) if _inside(case, e)[0] != _inside(case, e)[1]}
    used = [edge for loop in loops(case) for edge in loop]
    assert len(used) == len(set(used))
    assert set(used) == cut


@pytest.mark.parametrize("case", CASES)
def test_triangles_meet_in_pairs_except_on_cube_faces(case: int) -> None:
    sides = Counter(t[k : k + 1] + t[(k + 1) % 3 : (k + 1) % 3 + 1] for t in _triangles(case) for k in range(3))
    drawn = [segment for face in FACES for segment in segments(case, face)]
    assert all(count == 1 for count in sides.values())
    open_sides = {side for side in sides if side[::-1] not in sides}
    assert open_sides == set(drawn), "what is open is what the neighbouring cubes continue"
    assert not any(share_face(*side) for side in set(sides) - open_sides), "a diagonal lies in a cube face"


def test_both_cubes_at_a_face_draw_the_same_segments() -> None:
    """A face is seen from its other side as the opposite face of the next cube, with the corners moved along."""
    for axis in range(3):
        bit = 1 << axis
        far, near = FACES[2 * axis], FACES[2 * axis + 1]
        moved = {e: EDGES.index((a, c ^ bit)) for e, (a, c) in enumerate(EDGES) if a != axis and c & bit}
        for pattern in range(16):
            case = sum(1 << corner for i, corner in enumerate(far) if pattern >> i & 1)
            beyond = sum(1 << (corner ^ bit) for i, corner in enumerate(far) if pattern >> i & 1)
            here = {(moved[a], moved[b]) for a, b in segments(case, far)}
            there = {(b, a) for a, b in segments(beyond, near)}
            assert here == there


def test_every_loop_can_be_triangulated_inside_the_cube() -> None:
    for case in CASES:
        for loop in loops(case):
            triangles = triangulate(loop)
            assert triangles is not None
            assert len(triangles) == len(loop) - 2
