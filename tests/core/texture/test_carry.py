import numpy as np
import pytest
from meshes import box
from shapes import ball, checkerboard, mesh_of

from spherelinks.errors import GeneratorFailed
from spherelinks.mesh.nearest import nearest, tree
from spherelinks.mesh.normals import vertex_normals
from spherelinks.shape import Surface
from spherelinks.texture.bake import bake
from spherelinks.texture.carry import PLAIN, colors
from spherelinks.texture.unwrap import unwrap

FACES = np.array([[0, 1, 2], [0, 2, 3]], np.int32)
SQUARE = np.array([(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0)], np.float32)
PLACES = np.random.default_rng(0).uniform(0.05, 0.95, (200, 3)).astype(np.float32) * np.float32((1, 1, 0.1))


def _seen(surface: Surface) -> np.ndarray:
    return colors(surface, nearest(PLACES, tree(surface.vertices, surface.faces))).astype(int)


def test_no_colour_is_light_grey() -> None:
    assert (_seen(Surface(SQUARE, FACES)) == PLAIN).all()


def test_vertex_colours_blend() -> None:
    color = np.array([(0, 0, 0), (200, 0, 0), (200, 100, 0), (0, 100, 0)], np.uint8)
    expected = np.stack([200 * PLACES[:, 0], 100 * PLACES[:, 1], 0 * PLACES[:, 0]], axis=1)
    assert np.abs(_seen(Surface(SQUARE, FACES, color)) - expected).max() <= 1


def test_the_texture_is_looked_up_where_the_point_lies_and_repeats() -> None:
    ramp = np.zeros((64, 128, 3), np.uint8)
    ramp[..., 0] = np.arange(128)
    ramp[..., 1] = np.arange(64)[:, None]
    uv = SQUARE[:, :2] * np.float32((1, -1)) + np.float32((3, 6))  # v runs down
    found = _seen(Surface(SQUARE, FACES, uv=uv, textures=(ramp,)))
    inner = (np.abs(PLACES[:, :2] - 0.5) < 0.44).all(axis=1)
    expected = np.stack([128 * PLACES[:, 0] - 0.5, 64 * (1 - PLACES[:, 1]) - 0.5], axis=1)
    assert np.abs(found[inner, :2] - expected[inner]).max() <= 1


def test_each_face_has_its_texture_and_vertex_colours_tint_it() -> None:
    white, blue = np.full((4, 4, 3), 255, np.uint8), np.full((4, 4, 3), (0, 0, 255), np.uint8)
    surface = Surface(
        SQUARE, FACES, np.full((4, 3), 128, np.uint8), SQUARE[:, :2], (white, blue), np.array([0, 1], np.int32)
    )
    found = _seen(surface)
    lower = PLACES[:, 1] < PLACES[:, 0]
    assert np.abs(found[lower] - 128).max() <= 1
    assert np.abs(found[~lower] - (0, 0, 128)).max() <= 1


def test_the_bake_takes_the_nearest_colours() -> None:
    vertices, faces = mesh_of(ball(40))
    paint = ((vertices + 1) * 127).astype(np.uint8)
    atlas = unwrap(vertices, faces)
    surface = Surface(vertices, faces, paint)
    texture, covered = bake(vertices, vertex_normals(vertices, faces), atlas, 256, surface, checkerboard(64))
    at = (atlas.uv * 256).astype(int).clip(0, 255)
    seen = texture[at[:, 1], at[:, 0]].astype(int)
    on = covered[at[:, 1], at[:, 0]]
    assert on.mean() > 0.5
    assert np.abs(seen - paint[atlas.source])[on].max() < 16


@pytest.mark.parametrize(
    ("field", "values"),
    [("color", np.zeros((3, 3), np.uint8)), ("uv", np.zeros((8, 3))), ("texture_of", np.zeros(3, np.int32))],
)
def test_rows_that_do_not_fit_are_refused(field: str, values: np.ndarray) -> None:
    with pytest.raises(GeneratorFailed, match=field):
        Surface(*box(), **{field: values})
