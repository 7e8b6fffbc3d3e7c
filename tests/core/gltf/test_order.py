import numpy as np
import pytest
from shapes import mesh_of, rotations, torus

from spherelinks.gltf.order import misses, optimized


def fifo(faces: np.ndarray, cache: int) -> int:
    """`misses`, slow and obvious."""
    held, count = [], 0
    for vertex in faces.ravel().tolist():
        if vertex not in held:
            count += 1
            held = [vertex, *held][:cache]
    return count


@pytest.mark.parametrize("scrambled", [False, True])
def test_the_surface_stays_and_the_cache_misses_fall(scrambled):
    vertices, faces = mesh_of(torus(40))
    if scrambled:
        faces = np.random.default_rng(0).permutation(faces)
    better, kept = optimized(faces, len(vertices))
    assert sorted(kept[better].tolist()) == sorted(faces.tolist())
    assert np.array_equal(np.unique(kept), np.arange(len(vertices)))
    before, after = (misses(f, len(vertices), 16) / len(faces) for f in (faces, better))
    assert after < min(0.8, before)  # no order does better than half a vertex for a face
    first = np.unique(better, return_index=True)[1]
    assert (np.diff(first) > 0).all()  # vertices lie in the order in which they are first asked for


def test_misses_are_counted_as_a_queue_would():
    faces = np.random.default_rng(1).integers(0, 12, (60, 3)).astype(np.int32)
    for cache in (3, 4, 8, 16):
        assert misses(faces, 12, cache) == fifo(faces, cache)


def test_unused_vertices_go_and_odd_faces_do_no_harm():
    faces = np.array([(5, 5, 7), (7, 5, 9), (7, 5, 9), (1, 1, 1)], np.int32)
    better, kept = optimized(faces, 20)
    assert rotations(kept[better]) == rotations(faces)
    assert sorted(kept.tolist()) == [1, 5, 7, 9]
