from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapes import ball, mesh_of

from spherelinks.errors import InvalidRequest
from spherelinks.formats.asset import read
from spherelinks.gltf.check import check
from spherelinks.gltf.pack import Mesh, pack
from spherelinks.mesh.normals import vertex_normals
from spherelinks.render.images import thumbnail

VERTICES, FACES = mesh_of(ball(10))
MESH = Mesh(
    VERTICES,
    vertex_normals(VERTICES, FACES),
    np.abs(VERTICES[:, :2]),
    FACES,
    np.full((16, 16, 3), 90, np.uint8),
)
FILES = [pack(MESH, name="ball", software="", extras={}, compression=kind) for kind in ("none", "quantized", "meshopt")]


@settings(max_examples=150, deadline=None)
@given(
    file=st.sampled_from(FILES),
    changes=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=8),
    cut=st.floats(0.9, 1.1),
)
def test_a_damaged_file_is_refused_or_shown_and_nothing_worse(file, changes, cut):
    damaged = bytearray(file[: int(len(file) * cut)])
    for place, value in changes:
        damaged[int(place * len(damaged))] = value
    check(bytes(damaged))
    with suppress(InvalidRequest):
        thumbnail(read(bytes(damaged)), 16)


@pytest.mark.parametrize("rows", ["normals", "uv"])
def test_numbers_that_cannot_be_drawn_are_refused(rows):
    values = getattr(MESH, rows).copy()
    values[0] = np.inf
    file = pack(Mesh(**{**vars(MESH), rows: values}), name="ball", software="", extras={})
    with pytest.raises(InvalidRequest):
        read(file)


def test_what_is_read_is_what_was_packed():
    model = read(FILES[0])
    assert (model.name, model.images["baseColor"].media_type, model.mesh.paint.metallic) == ("ball", "image/jpeg", 0)
    assert 0.5 < model.mesh.paint.roughness <= 1
    assert len(model.mesh.faces) == len(FACES)
