import numpy as np
from shapes import ball, mesh_of, volume_of

from spherelinks.mesh.normals import vertex_normals
from spherelinks.shape import Frame
from spherelinks.texture.bake import bake
from spherelinks.texture.blend import FADES, carried
from spherelinks.texture.unwrap import unwrap


def test_a_difference_is_carried_over_the_border_and_fades() -> None:
    vertices, faces = mesh_of(ball(48))
    trust = (vertices[:, 2] > 0).astype(np.float32)
    difference = np.where(trust[:, None] > 0, (30, -20, 10), 0).astype(np.float32)
    over = carried(vertices, faces, difference, trust)
    assert (over[trust > 0] == (30, -20, 10)).all()
    beyond = trust == 0
    share = over[beyond] / np.float32((30, -20, 10))
    behind = 0.7 * np.arcsin(-vertices[beyond, 2] / 0.7)  # along the surface
    fade = FADES * 1.4
    assert (share[behind < fade / 4] > 0.6).all()
    assert np.abs(share[:, 0] - np.exp(-behind / fade)).max() < 0.2
    assert np.allclose(share, share[:, :1], atol=1e-4)


def test_a_picture_of_the_shape_s_own_colour_changes_nothing() -> None:
    field = ball(32)
    vertices, faces = mesh_of(field)
    frame = Frame(np.full((128, 128, 3), (90, 140, 200), np.uint8), np.ones((128, 128), np.float32))
    texture, covered = bake(
        vertices, vertex_normals(vertices, faces), unwrap(vertices, faces), 512, volume_of(field), frame
    )
    assert (texture[covered] == (90, 140, 200)).all()


def test_no_step_shows_where_the_picture_ends() -> None:
    """A picture 40 levels brighter than the shape's own colour: neighbours on the surface differ by little."""
    field = ball(64)
    vertices, faces = mesh_of(field)
    normals = vertex_normals(vertices, faces)
    frame = Frame(np.full((128, 128, 3), (130, 140, 200), np.uint8), np.ones((128, 128), np.float32))
    atlas = unwrap(vertices, faces)
    texture, _ = bake(vertices, normals, atlas, 1024, volume_of(field), frame)
    x, y = np.clip((atlas.uv * 1024).astype(int), 0, 1023).T
    red = texture[y, x, 0].astype(int)
    assert red.max() == 130
    assert red.min() < 95
    ends = red[atlas.faces]
    known = (ends > 0).all(axis=1)  # a vertex on a chart's border may lie beside its texels
    assert np.ptp(ends[known], axis=1).max() < 12
