"""Each kernel is bit-identical to the numba version that it was written after, in tests/oracle."""

from __future__ import annotations

import importlib
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from meshes import Triangles, box, joined, mangled, sheet, soup
from recording import Calls, assert_same_bits, recorded
from shapes import axes, ball, checkerboard, mesh_of, torus

import spherelinks
import spherelinks.finishing  # so that all that calls kernels is there to be recorded
import spherelinks.generation.inflate
import spherelinks.generation.lift.generator
import spherelinks.pipeline
from spherelinks import Options
from spherelinks.gltf import meshopt, order
from spherelinks.mesh.components import clean
from spherelinks.mesh.normals import fan_normals, vertex_normals
from spherelinks.mesh.solid import solid
from spherelinks.mesh.surface import extract
from spherelinks.mesh.topology import twins
from spherelinks.shape import Camera, Surface
from spherelinks.texture.bake import bake
from spherelinks.texture.detail import normal_map, occlusion
from spherelinks.texture.tangents import tangents
from spherelinks.texture.unwrap import unwrap

SAMPLES = Path(__file__).parents[3] / "docs" / "samples"
KERNELS = {
    "generation.inflate": "_solve _across",
    "generation.lift.assembly": "_measured _colored",
    "generation.lift.layout": "_relaxed",
    "gltf.meshopt": "_pack_rows _unpack_rows _pack_faces _unpack_faces",
    "gltf.order": "misses _walk",
    "mesh.collapse": "quadrics laid_out free price sweep",
    "mesh.components": "_measure _inside",
    "mesh.creases": "_sharp _round _bent _planes _crossed _cut",
    "mesh.distance": "_measure _flood _sign",
    "mesh.nearest": "_boxes _nearest",
    "mesh.normals": "vertex_normals fan_normals",
    "mesh.solid": "_turned",
    "mesh.surface": "_march",
    "mesh.topology": "_twins fans parts",
    "pixels.depth": "depth_buffer",
    "pixels.padding": "_grow",
    "pixels.visible": "visible",
    "render.light": "shade",
    "texture.bake": "_sampled _seen _paint",
    "texture.blend": "_membrane",
    "texture.carry": "_looked_up",
    "texture.charts": "normals grow",
    "texture.detail": "relief _gather",
    "texture.flattening": "cut lay",
    "texture.packing": "_within _boxes _trim _pieces _laid _placed _drawn _spans _strip",
    "texture.tangents": "tangents",
    "texture.texels": "locate blended",
    "texture.unwrap": "_numbered",
}
"""Of each module of spherelinks, the functions that are kernels."""

OF_MESHES = {
    "gltf.order.misses", "texture.carry._looked_up", "mesh.solid._turned", "mesh.distance._measure",
    "mesh.distance._flood", "mesh.distance._sign", "mesh.components._inside", "mesh.components._measure",
}  # fmt: skip
"""Kernels that no picture needs."""

PAIRS = {
    getattr(importlib.import_module(f"spherelinks.{module}"), name): getattr(
        importlib.import_module(f"oracle.{module.rpartition('.')[2]}"), name
    )
    for module, names in KERNELS.items()
    for name in names.split()
}


def _name(function: Callable[..., Any]) -> str:
    return f"{function.__module__.removeprefix('spherelinks.')}.{function.__name__}"


@pytest.fixture(scope="module")
def calls() -> Calls:
    """What the kernels are called with for two pictures, with and without all options."""
    everything: dict[str, Any] = {
        "textureSize": 512, "targetFaces": 3000, "lods": [0.5], "normalMap": True, "occlusion": True, "delight": True,
        "compression": "meshopt",
    }  # fmt: skip
    found: Calls = defaultdict(list)
    for picture, options in (("mug.jpg", {}), ("mug.jpg", {"generator": "inflate"}), (_other(), everything)):
        with recorded(list(PAIRS)) as some:
            spherelinks.generate(SAMPLES / picture, Options.model_validate(options))
        for function, arguments in some.items():
            found[function] += arguments
    return found


def _other() -> str:
    return next(p.name for p in sorted(SAMPLES.iterdir()) if p.suffix == ".jpg" and p.name != "mug.jpg")


@pytest.mark.parametrize("function", [f for f in PAIRS if _name(f) not in OF_MESHES], ids=_name)
def test_a_kernel_does_for_pictures_what_it_did(function: Callable[..., Any], calls: Calls) -> None:
    assert calls[function]
    for arguments in calls[function]:
        assert_same_bits(function, PAIRS[function], arguments)


@st.composite
def meshes(draw: st.DrawFn) -> Triangles:
    """Closed, open, several in one, flattened, noisy, and with faces turned, doubled or gone."""
    bases = [box(), sheet(8), soup(box()), joined(box(), box((0.5, 0.5, 0.5)))]
    bases += [mesh_of(torus(24)), mesh_of(ball(18))]  # enough for all kernels; pictures have larger ones
    vertices, faces = draw(st.sampled_from(bases))
    scale = np.float32(draw(st.tuples(*[st.sampled_from([1e-3, 0.1, 1.0, 7.0])] * 3)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    noise = rng.normal(0, draw(st.sampled_from([0, 1e-6, 0.05])), vertices.shape)
    vertices = (vertices * scale + noise).astype(np.float32)
    return mangled((vertices, faces), rng) if draw(st.booleans()) else (vertices, faces)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(meshes(), st.integers(0, 2**32))
def test_the_kernels_do_for_any_mesh_what_they_did(mesh: Triangles, seed: int) -> None:
    vertices, faces = mesh
    rng = np.random.default_rng(seed)
    uv = rng.normal(0, 2, (len(vertices), 2)).astype(np.float32)
    image = rng.integers(0, 256, (*rng.integers(1, 40, 2), 3), np.uint8)
    camera = Camera(np.diag((1.5, 1.5, -1.0, 1.0)), np.array((0.0, 0.0, 1.0, 0.0)))
    surface = Surface(vertices, faces, uv=uv, textures=(image,), camera=camera)
    normals = vertex_normals(vertices, faces)
    with recorded(list(PAIRS)) as calls:
        solid(vertices, faces, samples=24)
        fan_normals(vertices, faces, twins(faces))
        atlas = unwrap(vertices, faces)
        bake(vertices, normals, atlas, 96, surface, checkerboard(64))
        along = tangents(vertices[atlas.source], normals[atlas.fan], atlas.uv, atlas.faces)
        normal_map(vertices, normals, along, atlas, 64, mesh)
        occlusion(vertices, normals, faces, atlas, 32)
        order.misses(faces, len(vertices), order.CACHE)
        again, _ = order.optimized(faces, len(vertices))
        assert len(meshopt.decode_faces(meshopt.encode_faces(again), len(again))) == len(again)
        rows = rng.choice([rng.integers(0, 256), rng.integers(0, 4)], (len(vertices), 4 * rng.integers(1, 9)))
        rows = rows.astype(np.uint8)
        assert (meshopt.decode_rows(meshopt.encode_rows(rows), *rows.shape) == rows).all()
    assert len(calls) > 30
    for function, some in calls.items():
        for arguments in some:
            assert_same_bits(function, PAIRS[function], arguments)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(-0.8, 0.5), min_size=3, max_size=3), st.sampled_from([ball, torus]))
def test_a_part_lies_inside_another_where_it_did(corner: list[float], body: Callable[[], Any]) -> None:
    """A box within a body's bounding box: inside the body, outside, or in the hole of the ring."""
    with recorded(list(PAIRS)) as calls:
        clean(*joined(mesh_of(body()), box((corner[0], corner[1] / 4, corner[2]), (0.2, 0.1, 0.2))))
    for function, some in calls.items():
        for arguments in some:
            assert_same_bits(function, PAIRS[function], arguments)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([24, 70]), st.sampled_from([1, -1]))
def test_the_surface_kernels_do_for_thin_bodies_what_they_did(seed: int, samples: int, sign: int) -> None:
    """Wedges between planes at acute angles, and cavities like them: ambiguous faces of both kinds."""
    rng = np.random.default_rng(seed)
    x, y, z = axes(samples)
    field = np.full((samples,) * 3, np.float32(-0.6))
    for a, b, c in rng.normal(size=(7, 3)):
        field = np.maximum(field, ((a * x + b * y + c * z) / np.hypot(np.hypot(a, b), c) - 0.3).astype(np.float32))
    with recorded(list(PAIRS)) as calls:
        extract(np.pad(sign * field, 1, constant_values=1), np.zeros(3), 1.0)
    for function, some in calls.items():
        for arguments in some:
            assert_same_bits(function, PAIRS[function], arguments)
