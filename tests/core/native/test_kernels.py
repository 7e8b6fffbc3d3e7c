"""Each kernel does to the bit what the numba version did that it was written after, in tests/oracle."""

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
from shapes import ball, mesh_of, torus

import spherelinks
from spherelinks import Options
from spherelinks.texture.unwrap import unwrap

SAMPLES = Path(__file__).parents[3] / "docs" / "samples"
KERNELS = {
    "texture.packing": "_within _boxes _trim _pieces _laid _placed _drawn _spans _strip",
}
"""Of each module of spherelinks, the functions that are kernels."""

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


@pytest.mark.parametrize("function", PAIRS, ids=_name)
def test_a_kernel_does_for_pictures_what_it_did(function: Callable[..., Any], calls: Calls) -> None:
    assert calls[function]
    for arguments in calls[function]:
        assert_same_bits(function, PAIRS[function], arguments)


@st.composite
def meshes(draw: st.DrawFn) -> Triangles:
    """Closed, open, several in one, flattened, noisy, and with faces turned, doubled or gone."""
    bases = [box(), sheet(8), soup(box()), joined(box(), box((0.5, 0.5, 0.5))), mesh_of(torus()), mesh_of(ball())]
    vertices, faces = draw(st.sampled_from(bases))
    scale = np.float32(draw(st.tuples(*[st.sampled_from([1e-3, 0.1, 1.0, 7.0])] * 3)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    noise = rng.normal(0, draw(st.sampled_from([0, 1e-6, 0.05])), vertices.shape)
    vertices = (vertices * scale + noise).astype(np.float32)
    return mangled((vertices, faces), rng) if draw(st.booleans()) else (vertices, faces)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(meshes())
def test_the_kernels_do_for_any_mesh_what_they_did(mesh: Triangles) -> None:
    with recorded(list(PAIRS)) as calls:
        unwrap(*mesh)
    assert calls
    for function, some in calls.items():
        for arguments in some:
            assert_same_bits(function, PAIRS[function], arguments)
