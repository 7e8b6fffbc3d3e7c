import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from shapes import ball, mesh_of

from spherelinks.errors import InvalidRequest
from spherelinks.formats.asset import read
from spherelinks.gltf.pack import Mesh, pack
from spherelinks.mesh.normals import vertex_normals
from spherelinks.render.camera import MARGIN, look
from spherelinks.render.images import portrait, render, thumbnail

SIZE = 128
SHAPES = {
    "ball": (1, 1, 1),
    "pole": (0.05, 1, 0.05),
    "plank": (1, 0.03, 0.2),
    "deep": (0.1, 0.1, 1),
    "grain": (1e-3,) * 3,
}


def mesh(scale=(1, 1, 1), color=(200, 60, 30)) -> Mesh:
    """A ball, stretched and standing on the ground, of one colour on its front (+Z) and grey behind."""
    vertices, faces = mesh_of(ball(24))
    vertices = np.asarray(vertices * scale - (0, (vertices * scale)[:, 1].min(), 0), np.float32)
    texture = np.full((64, 64, 3), 128, np.uint8)
    texture[:, 32:] = color
    # u follows z: the right half of the texture is the front
    uv = np.stack([(vertices[:, 2] / scale[2] + 1) / 2, np.full(len(vertices), 0.5)], axis=1).astype(np.float32)
    return Mesh(vertices, vertex_normals(vertices, faces), uv, faces, texture)


def opened(png: bytes) -> np.ndarray:
    image = Image.open(io.BytesIO(png))
    assert (image.format, image.mode) == ("PNG", "RGBA")
    return np.asarray(image)


def body(image: np.ndarray) -> np.ndarray:
    """The pixels that the object covers: what is lit, unlike its shadow."""
    return (image[..., 3] > 250) & (image[..., :3].max(axis=-1) > 20)


@pytest.mark.parametrize("name", SHAPES)
def test_the_object_fills_the_picture_and_stays_within(name):
    image = render(mesh(SHAPES[name]), look(mesh(SHAPES[name]).positions)[0], SIZE)
    rows, columns = np.nonzero(body(image))
    edges = np.array([rows.min(), SIZE - 1 - rows.max(), columns.min(), SIZE - 1 - columns.max()])
    assert edges.min() >= MARGIN * SIZE - 1
    assert max(np.ptp(rows), np.ptp(columns)) >= (1 - 2 * MARGIN) * SIZE - 8


def test_the_front_is_shown_in_its_colour_and_the_ground_is_clear():
    image = opened(portrait(mesh(), SIZE))
    assert image.shape == (SIZE, SIZE, 4)
    assert (image[[0, 0, -1, -1], [0, -1, 0, -1], 3] < 8).all()
    red, green, blue = image[body(image)][:, :3].mean(axis=0)
    assert red > green + 50 > blue
    middle = image[SIZE // 2, SIZE // 2]
    assert middle[3] == 255
    assert np.abs(middle[:3].astype(int) - (200, 60, 30)).max() < 60


def test_light_comes_from_above_and_a_shadow_lies_below():
    image = render(mesh(color=(128, 128, 128)), look(mesh().positions)[0], SIZE)
    lit = body(image)
    level = image[..., :3].mean(axis=-1)
    half = SIZE // 2
    assert level[:half][lit[:half]].mean() > level[half:][lit[half:]].mean() + 15
    shade = (image[..., 3] > 8) & ~lit
    assert shade[half:].sum() > 20 * max(1, shade[: half // 2].sum()) / 10
    assert image[shade][:, 3].max() < 255


def test_the_silhouette_is_smooth():
    image = render(mesh(), look(mesh().positions)[0], SIZE)
    assert ((image[: SIZE // 3, :, 3] > 20) & (image[: SIZE // 3, :, 3] < 235)).sum() > SIZE / 4


def test_a_turn_shows_the_back_from_the_same_distance():
    front, back = look(mesh().positions, (0.0, 0.5))
    assert np.isclose(np.linalg.norm(front.eye - (0, 0.7, 0)), np.linalg.norm(back.eye - (0, 0.7, 0)), rtol=0.02)
    image = render(mesh(), back, SIZE)
    color = image[body(image)][:, :3].mean(axis=0)
    assert np.ptp(color) < 40


def test_a_normal_map_bends_the_light_and_occlusion_keeps_it_off():
    plain = mesh(color=(128, 128, 128))
    (view,) = look(plain.positions)
    along = np.cross((0, 1, 0), plain.normals) + 1e-9
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    tangents = np.column_stack([along, np.ones(len(along))]).astype(np.float32)

    def seen(**details):
        return render(replace(plain, **details), view, SIZE).astype(float)

    def relief(x, y, z):
        return {"tangents": tangents, "normal_map": np.full((32, 32, 3), (x, y, z), np.uint8)}

    before = seen()
    lit = body(before)
    assert np.abs(seen(**relief(128, 128, 255)) - before).max() < 4
    # the light comes from the upper left: what is bent upwards, or to the left, gets more of it
    for bent, more in (
        ((128, 200, 230), True),
        ((128, 55, 230), False),
        ((55, 128, 230), True),
        ((200, 128, 230), False),
    ):
        change = (seen(**relief(*bent)) - before)[lit][:, :3].mean()
        assert (change > 2) if more else (change < -2)
    shaded = seen(occlusion=np.zeros((32, 32), np.uint8))[lit]
    assert shaded[:, :3].mean() < before[lit][:, :3].mean() - 30


def test_any_of_our_files_is_shown_as_the_mesh_it_was_packed_from():
    packed = pack(mesh(), name="ball", software="test", extras={}, lods=[mesh((0.1, 1, 0.1))])
    one, other = opened(thumbnail(read(packed), SIZE)).astype(int), opened(portrait(mesh(), SIZE)).astype(int)
    assert np.abs(one - other).mean() < 1
    assert thumbnail(read(packed), SIZE) == thumbnail(read(packed), SIZE)


@pytest.mark.parametrize("broken", [b"", b"glTF", bytes(40), b"glTF\2\0\0\0\x14\0\0\0" + bytes(8)])
def test_other_files_are_refused(broken):
    with pytest.raises(InvalidRequest, match="not a GLB of ours"):
        thumbnail(read(broken))
