import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from meshes import NASTY, box, joined, mangled, sheet, soup
from shapes import ball, mesh_of, torus

from spherelinks.errors import GeneratorFailed
from spherelinks.mesh import solid as module
from spherelinks.mesh.solid import solid
from spherelinks.mesh.topology import examine

#: Those whose triangles are good as they are, and how many there then are.
KEPT = {
    "inside out": 12,
    "soup": 12,
    "two boxes that share an edge": 24,
    "two boxes that share a corner": 24,
    "two boxes through each other": 24,
    "box in a box": 24,
    "a ring, faces doubled": len(mesh_of(torus(24))[1]),
}


@pytest.mark.parametrize("name", NASTY)
def test_nasty_meshes_become_one_sound_surface(name: str) -> None:
    made = solid(*NASTY[name], samples=96)
    topology = examine(made.vertices, made.faces)
    assert topology.manifold
    assert topology.volume > 0
    if name in KEPT:
        assert (len(made.faces), made.notes) == (KEPT[name], ())
    elif name != "a thousand floaters":
        assert any("rebuilt" in note for note in made.notes)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_random_meshes_become_sound_surfaces(seed: int) -> None:
    rng = np.random.default_rng(seed)
    vertices = rng.standard_normal((int(rng.integers(4, 40)), 3)).astype(np.float32)
    faces = rng.integers(0, len(vertices), (int(rng.integers(1, 60)), 3)).astype(np.int32)
    mesh = mangled(joined(box(), (vertices, faces)) if rng.random() < 0.5 else (vertices, faces), rng)
    try:
        made = solid(*mesh, samples=48)
    except GeneratorFailed:  # all faces gone
        assume(False)
    topology = examine(made.vertices, made.faces)
    assert topology.manifold
    assert topology.volume > 0


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_a_closed_mesh_keeps_its_corners_whatever_was_done_to_its_faces(seed: int) -> None:
    rng = np.random.default_rng(seed)
    vertices, faces = soup(joined(box(size=(1, 2, 3)), box((5, 0, 0))))
    faces = np.concatenate([faces, faces[rng.random(len(faces)) < 0.3]])
    turned = rng.random(len(faces)) < 0.5
    faces[turned] = faces[turned][:, ::-1]
    made = solid(vertices, rng.permutation(faces))
    assert len(made.faces) == 24
    assert examine(made.vertices, made.faces).volume == pytest.approx(7)
    assert {tuple(v) for v in made.vertices.tolist()} == {tuple(v) for v in vertices.tolist()}


def test_an_opening_at_the_base_is_closed_and_the_rest_stays() -> None:
    vertices, faces = box()
    base = (vertices[faces][..., 1] == 0).all(axis=1)
    made = solid(vertices, faces[~base])
    assert len(made.faces) == 12
    assert examine(made.vertices, made.faces).volume == pytest.approx(1)
    assert made.notes == ("1 opening was closed.",)


def test_small_openings_are_closed() -> None:
    vertices, faces = mesh_of(ball(48))
    made = solid(vertices, np.delete(faces, [100, 2000, 3000], axis=0))
    assert examine(made.vertices, made.faces).volume == pytest.approx(examine(vertices, faces).volume, rel=1e-3)
    assert len(made.faces) == len(faces)


def test_an_opening_of_a_tenth_of_its_part_is_closed_and_a_wider_one_stays() -> None:
    vertices, faces = mesh_of(ball(64))
    whole = examine(vertices, faces)
    top = vertices[faces].mean(axis=1)[:, 1]
    for share, closed in ((0.995, True), (0.9, False)):  # of the height
        made = solid(vertices, faces[top < share * top.max()], samples=64)
        topology = examine(made.vertices, made.faces)
        assert topology.manifold
        assert (made.notes == ("1 opening was closed.",)) == closed
        assert (topology.volume > 0.98 * whole.volume) == closed


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_vertices_that_differ_by_rounding_are_one(seed: int) -> None:
    rng = np.random.default_rng(seed)
    vertices, faces = soup(box(tuple(rng.uniform(-1, 0, 3)), tuple(rng.uniform(1, 2, 3))))
    vertices = np.nextafter(vertices, rng.choice([-9, 9], vertices.shape).astype(np.float32), dtype=np.float32)
    made = solid(vertices, faces)
    assert (len(made.vertices), len(made.faces), made.notes) == (8, 12, ())


def test_closed_parts_keep_their_triangles_beside_open_ones() -> None:
    closed = joined(box((3, 0, 0)), mesh_of(torus(24)))
    made = solid(*joined(closed, sheet()), samples=64)
    assert examine(made.vertices, made.faces).manifold
    kept = {tuple(v) for v in closed[0].tolist()}
    assert kept <= {tuple(v) for v in made.vertices.tolist()}
    assert (made.faces.max(axis=1) < len(kept)).sum() == len(closed[1])
    assert len(made.faces) > len(closed[1])
    assert any("Parts of the mesh have 96 edges where they are open" in note for note in made.notes)


def test_what_touches_itself_is_moved_by_no_more_than_a_trifle() -> None:
    made = solid(*NASTY["two boxes that share an edge"])
    assert examine(made.vertices, made.faces).volume == pytest.approx(2, rel=0.01)


@pytest.mark.parametrize(
    ("vertices", "faces", "message"),
    [
        (np.zeros((0, 3)), np.zeros((0, 3)), "empty"),
        (np.eye(3), np.zeros((0, 3)), "empty"),
        (np.full((3, 3), np.nan), [[0, 1, 2]], "3 of the mesh's 3 vertices are NaN"),
        (np.eye(3), [[0, 1, 3]], "vertices 0 to 3, but there are 3"),
        (np.eye(3), [[0, 1, -1]], "vertices -1 to 1"),
        (np.eye(3), [[0, 1, 1]], "no triangle with an area"),
        ([[0, 0, 0], [1, 0, 0], [2, 0, 0]], [[0, 1, 2]], "no triangle with an area"),
        (np.ones((3, 3)), [[0, 1, 2]], "no triangle with an area"),
        (np.eye(2), [[0, 1, 0]], "not vertices and faces"),
    ],
)
def test_what_is_no_mesh_is_refused(vertices: object, faces: object, message: str) -> None:
    with pytest.raises(GeneratorFailed, match=message) as caught:
        solid(np.asarray(vertices, np.float32), np.asarray(faces, np.int32))
    assert caught.value.hint


def test_what_is_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 100)
    with pytest.raises(GeneratorFailed, match="100 of either is the limit"):
        solid(*sheet())
