from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st
from meshes import box, joined
from scipy.spatial import cKDTree
from shapes import axes, ball, mesh_of, noise, torus

from spherelinks.mesh.components import clean
from spherelinks.mesh.deviation import deviation
from spherelinks.mesh.simplify import SMALLEST, TOLERANCE, simplify
from spherelinks.mesh.surface import extract
from spherelinks.mesh.topology import examine


@pytest.mark.parametrize("share", [0.5, 0.1, 0.05, 0.01])
def test_hits_the_target_and_keeps_the_shape(share: float) -> None:
    vertices, faces = mesh_of(torus(64))
    target = round(share * len(faces))
    fewer, kept = simplify(vertices, faces, target)
    assert abs(len(kept) - target) <= TOLERANCE * target
    topology = examine(fewer, kept)
    assert topology.manifold
    assert topology.genus == 1
    judge = trimesh.Trimesh(fewer, kept, process=False)
    away = cKDTree(judge.sample(40_000, seed=0)).query(vertices)[0]
    assert away.max() < (0.03 if share >= 0.05 else 0.1)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.5, 0.2, 0.1, 0.05]))
def test_stays_closed_and_manifold_on_any_surface(seed: int, share: float) -> None:
    vertices, faces, _ = clean(*mesh_of(noise((14, 14, 14), seed)))
    fewer, kept = simplify(vertices, faces, round(share * len(faces)))
    topology = examine(fewer, kept)
    assert topology.manifold
    assert topology.volume > 0
    assert len(kept) <= len(faces)
    assert (fewer.min(0) >= vertices.min(0)).all()
    assert (fewer.max(0) <= vertices.max(0)).all()
    judge = trimesh.Trimesh(fewer, kept, process=True)
    assert judge.is_watertight
    assert len(judge.vertices) == len(fewer)


@pytest.mark.parametrize("target", [0, 1, 4, 5, 13])
def test_never_breaks_the_smallest_bodies(target: int) -> None:
    vertices, faces = mesh_of(ball(24))
    fewer, kept = simplify(vertices, faces, target)
    assert examine(fewer, kept).manifold
    assert SMALLEST <= len(kept) <= 40


def test_a_mesh_of_fewer_faces_stays_as_it_is() -> None:
    vertices, faces = mesh_of(ball(8))
    same, also = simplify(vertices, faces, len(faces))
    assert same is vertices
    assert also is faces


def test_threads_do_not_disturb_each_other() -> None:
    meshes = [mesh_of(ball(n)) for n in (20, 28, 36, 44)]
    alone = [simplify(*m, 400) for m in meshes]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda m: simplify(*m, 400), meshes * 3))
    for (va, fa), (vb, fb) in zip(alone * 3, together, strict=True):
        assert np.array_equal(va, vb)
        assert np.array_equal(fa, fb)


def test_size_and_place_do_not_matter() -> None:
    vertices, faces = mesh_of(torus(40))
    here = simplify(vertices, faces, 800)
    far = simplify((vertices * 1024).astype(np.float32), faces, 800)
    assert np.allclose(here[0] * 1024, far[0], atol=1e-2)
    assert np.array_equal(here[1], far[1])


def test_corners_and_edges_of_a_box_stay() -> None:
    """All else on it is flat, so that few faces are enough."""
    x, y, z = axes(40)
    half = 0.63
    vertices, faces = mesh_of(np.maximum(np.maximum(np.abs(x), np.abs(y)), np.abs(z)) - np.float32(half))
    fewer, kept = simplify(vertices, faces, 300)
    assert len(kept) == 300
    corners = half * np.array([(a, b, c) for a in (-1, 1) for b in (-1, 1) for c in (-1, 1)])
    assert (cKDTree(fewer).query(corners)[0] <= cKDTree(vertices).query(corners)[0] + 0.001).all()
    assert deviation(vertices, fewer, kept).largest < 0.1 * 2 / 39


def test_the_box_stays_if_asked() -> None:
    """Even of small parts, which hardly count beside the rest."""
    vertices, faces = joined(mesh_of(torus(64)), *(box(at, (0.02,) * 3) for at in ((1.1, 0, 0), (0, -1.3, 0))))
    fewer, kept = simplify(vertices, faces, 600, keep_box=True)
    assert examine(fewer, kept).manifold
    assert np.allclose(fewer.min(0), vertices.min(0), atol=2e-4)
    assert np.allclose(fewer.max(0), vertices.max(0), atol=2e-4)


def test_flat_parts_do_not_stop_it() -> None:
    """A grid's steps have no slope anywhere: every collapse is as good as any other."""
    field = np.ones((96, 60, 60), np.float32)
    for x in range(6, 90, 12):
        field[x : x + 6, 6:54, 6:54] = -1
    field[6:90, 6:30, 6:54] = -1
    vertices, faces, _ = extract(field, np.zeros(3), 1.0)
    before = examine(vertices, faces)
    for target in (len(faces) // 20, 1000, 200):
        fewer, kept = simplify(vertices, faces, target)
        topology = examine(fewer, kept)
        assert len(kept) == pytest.approx(target, rel=TOLERANCE)
        assert topology.manifold
        assert topology.volume == pytest.approx(before.volume, rel=0.02)
        assert deviation(vertices, fewer, kept).largest < 1
