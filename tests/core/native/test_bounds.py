"""Whatever a file contains, kernels that take its indices and streams stay within their arrays.

A read or write outside them may go unnoticed here; test_memory.py runs these tests with a library that stops at one.
"""

from __future__ import annotations

from contextlib import suppress

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from meshes import NASTY, Triangles

from spherelinks.errors import GeneratorFailed
from spherelinks.gltf import meshopt, order
from spherelinks.mesh import collapse, components, nearest, topology
from spherelinks.mesh.normals import fan_normals, vertex_normals
from spherelinks.mesh.solid import solid
from spherelinks.pixels.depth import depth_buffer
from spherelinks.pixels.visible import visible
from spherelinks.texture import texels
from spherelinks.texture.tangents import tangents
from spherelinks.texture.unwrap import unwrap


@st.composite
def hostile(draw: st.DrawFn) -> Triangles:
    """Any indices over any finite positions: faces without area, doubled, one-edged; heaps of them at one vertex."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    many = draw(st.sampled_from([1, 2, 3, 7, 40]))
    count = draw(st.sampled_from([1, 2, 3, 20, 300]))
    vertices = rng.normal(0, 1, (many, 3)) * draw(st.sampled_from([0, 1e-30, 1.0, 1e15]))
    grid = draw(st.booleans())  # many in one place or on one line
    vertices = np.round(vertices) if grid else vertices
    return vertices.astype(np.float32), rng.integers(0, many, (count, 3), np.int32)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(hostile() | st.sampled_from(list(NASTY.values())))
def test_any_triangles(mesh: Triangles) -> None:
    vertices, faces = mesh[0], np.ascontiguousarray(mesh[1])
    opposite = topology.twins(faces)
    topology.examine(vertices, faces)
    label, count = topology.fans(opposite)
    assert len(label) == 3 * len(faces)
    assert count <= 3 * len(faces)
    assert len(topology.parts(faces, len(vertices))) == len(faces)
    again, kept = order.optimized(faces, len(vertices))
    assert sorted(map(sorted, kept[again].tolist())) == sorted(map(sorted, faces.tolist()))
    assert order.misses(again, len(kept), order.CACHE) <= 3 * len(faces)
    vertex_normals(vertices, faces)
    fan_normals(vertices, faces, opposite)
    collapse.laid_out(faces, opposite)
    collapse.quadrics(vertices.astype(np.float64), faces)
    flat = np.random.default_rng(len(faces)).normal(0.5, 1, (len(vertices), 3))
    visible(flat * 32, faces, 32)
    depth_buffer(flat * 32, faces, 32)
    texels.locate(flat[:, :2].astype(np.float32), faces, 32)
    unit = np.zeros_like(vertices) + np.float32([0, 1, 0])
    tangents(vertices, unit, flat[:, :2].astype(np.float32), faces)
    over = nearest.tree(vertices, faces)
    nearest.nearest(vertices, over)
    nearest.sought(vertices, over)
    components.clean(vertices, faces)
    components._near(vertices, faces, flat[:5] - 0.5, flat[:5])
    with suppress(GeneratorFailed):  # no triangle has an area
        closed = solid(vertices, faces, samples=16)
        assert (topology.twins(closed.faces) >= 0).all()
        atlas = unwrap(closed.vertices, closed.faces)
        assert atlas.faces.max() < len(atlas.uv)


def _changed(seed: int) -> bytes:
    rng = np.random.default_rng(seed)
    if seed % 2:
        whole = meshopt.encode_rows(rng.integers(0, rng.choice([3, 256]), (rng.integers(1, 300), 8)).astype(np.uint8))
    else:
        whole = meshopt.encode_faces(rng.integers(0, 60, (rng.integers(1, 200), 3), np.int32))
    data = np.frombuffer(whole, np.uint8).copy()
    data[rng.integers(1, len(data), rng.integers(0, 4))] = rng.integers(0, 256)
    if seed % 4 == 1:
        data[0] = 0xA1  # the other version, which is then anything
    return data.tobytes()[: rng.integers(1, len(data) + 1)]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.binary(max_size=400) | st.integers(0, 2**32).map(_changed), st.integers(1, 300))
def test_any_stream(stream: bytes, count: int) -> None:
    """Attribute and triangle streams of a GLB: random bytes, and real ones that were cut, changed or are too long."""
    with suppress(ValueError, IndexError):
        assert meshopt.decode_rows(stream, count, 4 * (1 + count % 8)).shape == (count, 4 * (1 + count % 8))
    with suppress(ValueError, IndexError):
        assert meshopt.decode_faces(stream, count).shape == (count, 3)
    with suppress(ValueError, IndexError):
        assert meshopt.decode_indices(b"\xd1" + stream, count).shape == (count,)
