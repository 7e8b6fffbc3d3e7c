from dataclasses import replace

import numpy as np
import pytest
from shapes import ORTHOGRAPHIC, axes, ball, checkerboard, mesh_of, volume_of

from spherelinks import threads
from spherelinks.mesh.normals import vertex_normals
from spherelinks.pixels.depth import depth_buffer
from spherelinks.pixels.srgb import encoded, linear
from spherelinks.shape import Camera, Colors, Frame, Volume
from spherelinks.texture import bake as baking
from spherelinks.texture.bake import Shot, bake, look, picture_strength
from spherelinks.texture.evening import Light
from spherelinks.texture.projection import project
from spherelinks.texture.unwrap import Atlas, unwrap

RED = Frame(np.full((128, 128, 3), (255, 0, 0), np.uint8), np.ones((128, 128), np.float32))
BLUE = (0, 0, 255)
SIZE = 512


def _texel_points(values: np.ndarray, atlas: Atlas, size: int) -> np.ndarray:
    """(size, size, 3) a vertex attribute at each texel's centre, NaN where there is none; a plain reference."""
    out = np.full((size, size, 3), np.nan)
    for corners, uv in zip(values[atlas.source[atlas.faces]].astype(float), atlas.uv[atlas.faces] * size, strict=True):
        a, p, q = uv[0].astype(float), uv[1].astype(float) - uv[0], uv[2].astype(float) - uv[0]
        low, high = np.floor(uv.min(0)).astype(int), np.ceil(uv.max(0)).astype(int)
        x, y = np.meshgrid(np.arange(low[0], high[0]) + 0.5 - a[0], np.arange(low[1], high[1]) + 0.5 - a[1])
        double = (p[0] * q[1] - p[1] * q[0]) or np.nan
        s, t = (x * q[1] - y * q[0]) / double, (p[0] * y - p[1] * x) / double
        hit = (s >= 0) & (t >= 0) & (s + t <= 1)
        place = np.stack([1 - s - t, s, t], axis=-1)[hit]
        out[low[1] : high[1], low[0] : high[0]][hit] = place @ corners
    return out


@pytest.fixture(scope="module")
def sphere() -> tuple[np.ndarray, np.ndarray, Atlas]:
    vertices, faces = mesh_of(ball(20))
    return vertices, vertex_normals(vertices, faces), unwrap(vertices, faces)


def test_the_picture_is_in_front_and_the_volume_behind(sphere: tuple[np.ndarray, np.ndarray, Atlas]) -> None:
    vertices, normals, atlas = sphere
    texture, covered = bake(vertices, normals, atlas, SIZE, volume_of(ball(20), BLUE), RED)
    facing = _texel_points(normals, atlas, SIZE)[..., 2]
    assert (texture[covered & (facing > 0.6)] == (255, 0, 0)).all()
    assert np.abs(texture[covered & (facing < -0.6)].astype(int) - BLUE).max() < 8
    assert (covered | np.isnan(facing)).all()


def test_colours_land_where_the_camera_sees_them(sphere: tuple[np.ndarray, np.ndarray, Atlas]) -> None:
    """Each texel against the picture at the place that its point projects to."""
    vertices, normals, atlas = sphere
    frame = checkerboard(512)
    texture, _ = bake(vertices, normals, atlas, SIZE, volume_of(ball(20)), frame)
    points, facing = _texel_points(vertices, atlas, SIZE), _texel_points(normals, atlas, SIZE)
    front = facing[..., 2] > 0.7
    column = ((points[front][:, 0] + 1) / 2 * 512).astype(int)
    row = ((1 - points[front][:, 1]) / 2 * 512).astype(int)
    error = texture[front].astype(float) - frame.rgb[row, column]
    assert -10 * np.log10((error**2).mean() / 255**2) > 25


def _photographed(light: float) -> tuple[Volume, Frame]:
    """A ball with two halves of paint, left and right, from in front, behind and the right, the latter two dimmed."""
    front = np.full((128, 128, 3), (180, 60, 60), np.uint8)
    front[:, 64:] = (60, 60, 180)
    turn = {
        "back": np.diag((-1.0, 1, -1, 1)),
        "right": np.array([(0, 0, -1.0, 0), (0, 1, 0, 0), (1, 0, 0, 0), (0, 0, 0, 1)]),
    }
    pictures = {"back": front[:, ::-1], "right": np.full_like(front, (60, 60, 180))}
    dimmed = {view: encoded(linear(picture) * light) for view, picture in pictures.items()}
    whole = np.ones((128, 128), np.float32)
    others = {
        view: Camera(ORTHOGRAPHIC.world_to_clip @ m, np.linalg.inv(m) @ ORTHOGRAPHIC.eye) for view, m in turn.items()
    }
    volume = replace(volume_of(ball(20), (0, 255, 0)), others=others)
    return volume, Frame(front, whole, {view: Frame(picture, whole) for view, picture in dimmed.items()})


@pytest.mark.parametrize("light", [1.0, 0.5])
def test_each_side_shows_its_own_picture_and_they_meet_in_the_same_light(
    sphere: tuple[np.ndarray, np.ndarray, Atlas], light: float
) -> None:
    vertices, normals, atlas = sphere
    texture, covered = bake(vertices, normals, atlas, SIZE, *_photographed(light))
    points, facing = _texel_points(vertices, atlas, SIZE), _texel_points(normals, atlas, SIZE)
    assert (covered | np.isnan(facing[..., 0])).all()
    # what a camera sees squarely, except at the edge between the paints
    squarely = covered & (np.maximum(np.abs(facing[..., 2]), facing[..., 0]) > 0.5) & (np.abs(points[..., 0]) > 0.05)
    wanted = np.where(points[..., :1] < 0, (180, 60, 60), (60, 60, 180))
    assert np.abs(texture.astype(int) - wanted)[squarely].max() < (8 if light == 1 else 16)


@pytest.mark.parametrize("light", [1.0, 0.5])
def test_front_and_back_alone_show_each_its_own_picture(
    sphere: tuple[np.ndarray, np.ndarray, Atlas], light: float
) -> None:
    """Nothing that is guessed, and no light told from the rim between them, changes what is seen squarely."""
    vertices, normals, atlas = sphere
    shape, frame = _photographed(light)
    shape, frame = (
        replace(shape, others={"back": shape.others["back"]}),
        replace(frame, others={"back": frame.others["back"]}),
    )
    texture, covered = bake(vertices, normals, atlas, SIZE, shape, frame)
    points, facing = _texel_points(vertices, atlas, SIZE), _texel_points(normals, atlas, SIZE)
    squarely = covered & (np.abs(facing[..., 2]) > 0.5) & (np.abs(points[..., 0]) > 0.05)
    paint = np.where(points[..., :1] < 0, (180, 60, 60), (60, 60, 180)).astype(np.uint8)
    wanted = np.where(facing[..., 2:] > 0, paint, encoded(linear(paint) * light))
    assert np.abs(texture.astype(int) - wanted)[squarely].max() < 8


def test_coarser_surfaces_are_in_the_light_of_the_finest(sphere: tuple[np.ndarray, np.ndarray, Atlas]) -> None:
    shape, frame = _photographed(0.5)
    looked = []
    for grid in (20, 9):
        vertices, faces = mesh_of(ball(grid))
        finer = looked[0] if looked else None
        looked.append(look(vertices, vertex_normals(vertices, faces), faces, shape, frame, finer=finer))
    finest, coarse = ([shot.light for shot in (sight.front, *sight.others)] for sight in looked)
    assert coarse == finest
    assert np.abs(finest[1].balance - 1).min() > 0.1


def _shots(rng: np.random.Generator) -> list[Shot]:
    """Three pictures, of other sizes, in other lights, that know other parts of what they show."""
    shots = []
    for side in (40, 64, 9):
        turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
        matrix = np.block([[turn / 1.2, np.zeros((3, 1))], [0.2 * turn[2], 1]])
        eye = np.append(rng.normal(size=3) * 3, 1.0)
        picture = rng.integers(0, 256, (side, side, 3), np.uint8)
        strength = np.clip(rng.normal(0.5, 0.5, (side, side)), 0, 1).astype(np.float32)
        depth = rng.normal(0.3, 0.5, (32, 32)).astype(np.float32)
        light = Light(*(rng.normal(m, 0.2, 3).astype(np.float32) for m in (1, 0)), float(rng.normal(0, 0.2)))
        shots.append(Shot(matrix, eye, picture, strength, depth, 0.01, 100.0, light))
    return shots


def _gathered(shots: list[Shot], points: np.ndarray, normals: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What pictures show of points, each weighted by its trust and the cosine to the viewer; a plain reference."""
    colors, trusts, weights = [], [], []
    for shot in shots:
        color, trust = baking._seen_in(shot, points, normals)
        way = shot.eye[:3] - points
        cosine = (way * normals).sum(1) / np.linalg.norm(way, axis=1) / np.linalg.norm(normals, axis=1)
        colors.append(shot.light.evened(color, normals).astype(float))
        trusts.append(trust)
        weights.append(trust * np.maximum(cosine, 0) ** 3)
    seen = np.sum(weights, 0) > 1e-12
    mixed = np.zeros((len(points), 3))
    mixed[seen] = np.average(colors, axis=0, weights=np.repeat(np.stack(weights)[..., None], 3, 2) + 1e-30)[seen]
    return mixed, np.where(seen, np.max(trusts, 0), 0)


def test_pictures_count_by_trust_and_by_the_cube_of_the_cosine() -> None:
    rng = np.random.default_rng(3)
    points, normals = (rng.normal(0, 0.5, (4000, 3)).astype(np.float32) for _ in range(2))
    shots = _shots(rng)
    color, trust = baking._shown(shots, points, normals)
    wanted, most = _gathered(shots, points, normals)
    np.testing.assert_allclose(color, wanted, atol=0.01)
    np.testing.assert_array_equal(trust, most.astype(np.float32))
    assert (np.sum([baking._seen_in(shot, points, normals)[1] > 0 for shot in shots], 0) > 1).sum() > 50


def test_several_pictures_are_mixed_with_the_volume_s_colours(
    sphere: tuple[np.ndarray, np.ndarray, Atlas], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each texel against the plain references, whatever the number of threads."""
    vertices, normals, atlas = sphere
    rng = np.random.default_rng(8)
    volume = volume_of(ball(20))
    volume.color[:] = rng.integers(0, 256, volume.color.shape)
    front, *others = _shots(rng)
    offset = rng.normal(0, 40, (len(vertices), 3)).astype(np.float32)
    sight = baking.Sight(front, offset, None, tuple(others))
    texture, covered = bake(vertices, normals, atlas, 160, volume, None, sight)
    other = 1 if threads.count() > 1 else 3
    monkeypatch.setattr(threads, "count", lambda: other)
    assert np.array_equal(bake(vertices, normals, atlas, 160, volume, None, sight)[0], texture)
    points, facing, added = (_texel_points(each, atlas, 160)[covered] for each in (vertices, normals, offset))
    known = ~np.isnan(points[:, 0])
    points, facing, added = points[known], facing[known], added[known]
    texels = baking._area(atlas.uv * np.float32(160), atlas.faces)
    shots = []
    for each in (front, *others):
        picture, strength = baking._scaled(each.picture, each.strength, each.area, texels)
        shots.append(replace(each, picture=picture, strength=strength))
    shown, trust = _gathered(shots, points.astype(np.float32), facing.astype(np.float32))
    own = np.clip(baking._sampled(volume.color, baking._places(points, volume)) + added, 0, 255)
    wanted = own + trust[:, None] * (shown - own)
    # a texel on the border of two depth pixels may be on the other side
    assert np.quantile(np.abs(texture[covered][known] - wanted), 0.995) < 0.51
    assert not texture[~covered].any()


def test_without_a_camera_only_the_volume_counts(sphere: tuple[np.ndarray, np.ndarray, Atlas]) -> None:
    vertices, normals, atlas = sphere
    texture, covered = bake(vertices, normals, atlas, SIZE, volume_of(ball(20), BLUE, camera=None), RED)
    assert (texture[covered] == BLUE).all()


def test_what_stands_behind_something_is_not_painted_with_it() -> None:
    x, y, z = axes(40)
    disc = lambda at: np.maximum(np.abs(z - np.float32(at)) - 0.1, np.maximum(np.abs(x), np.abs(y)) - 0.6)  # noqa: E731
    field = np.minimum(disc(0.6), disc(-0.6)).astype(np.float32)
    vertices, faces = mesh_of(field)
    normals, atlas = vertex_normals(vertices, faces), unwrap(vertices, faces)
    texture, covered = bake(vertices, normals, atlas, SIZE, volume_of(field, BLUE), RED)
    points, facing = _texel_points(vertices, atlas, SIZE), _texel_points(normals, atlas, SIZE)
    inner = covered & (np.abs(points[..., :2]) < 0.5).all(axis=-1) & (facing[..., 2] > 0.9)
    assert (texture[inner & (points[..., 2] > 0)] == (255, 0, 0)).all()
    assert (texture[inner & (points[..., 2] < 0)] == BLUE).all()


def test_a_perspective_camera_sees_the_near_side(sphere: tuple[np.ndarray, np.ndarray, Atlas]) -> None:
    vertices, normals, atlas = sphere
    near, far, distance, zoom = 1.0, 5.0, 3.0, 2.5
    matrix = np.array(
        [
            (zoom, 0, 0, 0),
            (0, zoom, 0, 0),
            (
                0,
                0,
                -(far + near) / (far - near),
                distance * (far + near) / (far - near) - 2 * far * near / (far - near),
            ),
            (0, 0, -1, distance),
        ]
    )
    camera = Camera(matrix, np.array((0, 0, distance, 1.0)))
    texture, covered = bake(vertices, normals, atlas, SIZE, volume_of(ball(20), BLUE, camera), RED)
    points, facing = _texel_points(vertices, atlas, SIZE), _texel_points(normals, atlas, SIZE)
    towards = np.array((0, 0, distance)) - points
    cosine = (towards * facing).sum(-1) / np.linalg.norm(towards, axis=-1) / np.linalg.norm(facing, axis=-1)
    assert (texture[covered & (cosine > 0.6)] == (255, 0, 0)).all()
    assert np.abs(texture[covered & (cosine < -0.6)].astype(int) - BLUE).max() < 8


def test_the_volume_s_colours_are_interpolated(sphere: tuple[np.ndarray, np.ndarray, Atlas]) -> None:
    vertices, normals, atlas = sphere
    volume = volume_of(ball(20), camera=None)
    volume.color[..., 0] = np.linspace(0, 255, 20).round()[:, None, None]
    texture, covered = bake(vertices, normals, atlas, SIZE, volume, RED)
    points = _texel_points(vertices, atlas, SIZE)
    both = covered & ~np.isnan(points[..., 0])
    assert np.abs(texture[both][:, 0] - (points[both][:, 0] + 1) / 2 * 255).max() < 1.5


def test_the_matte_s_border_is_not_trusted() -> None:
    matte = np.zeros((512, 512), np.float32)
    matte[100:400, 100:400] = 1
    strength = picture_strength(matte)
    assert (strength[matte == 0] == 0).all()
    assert strength[250, 100] < 0.5
    assert strength[250, 250] == 1
    assert (np.diff(strength[250, 100:250]) >= 0).all()


def test_a_matte_without_border_is_trusted_all_over() -> None:
    assert (picture_strength(np.ones((64, 64), np.float32)) == 1).all()


def test_depth_of_two_sheets_is_the_nearer_one() -> None:
    corners = np.array([(-1, -1), (9, -1), (9, 9), (-1, 9)], float)
    points = np.concatenate([np.column_stack([corners, np.full(4, z)]) for z in (0.5, 0.25)])
    faces = np.array([(0, 1, 2), (0, 2, 3), (4, 5, 6)], np.int32)
    depth = depth_buffer(points, faces, 8)
    above = np.arange(8)[None] + 0.5 > np.arange(8)[:, None] + 0.5
    assert (depth[above] == 0.25).all()
    assert (depth[above.T] == 0.5).all()
    assert np.isinf(depth_buffer(points + 100, faces, 8)).all()


def test_projection_follows_the_camera_s_contract() -> None:
    where = project(np.array([(0, 0, 0), (-1, 1, 0), (0, 0, 1)], float), ORTHOGRAPHIC, 100)
    assert where[:2, :2].tolist() == [[50, 50], [0, 0]]
    assert where[2, 2] < where[0, 2], "depth grows away from the viewer"


@pytest.mark.parametrize("camera", [None, ORTHOGRAPHIC])
@pytest.mark.parametrize("flattened", [1.0, 1e-3])
def test_colours_are_worked_out_only_where_the_texture_shows_them(camera: Camera | None, flattened: float) -> None:
    vertices, faces = mesh_of(ball(24))
    vertices = vertices * np.float32([1, 1, flattened])  # slivers, on the texture too
    rng = np.random.default_rng(5)
    truth = rng.integers(0, 256, (24, 24, 24, 3), np.uint8)

    def work_out(asked: np.ndarray, color: np.ndarray) -> None:
        color[asked == 0] = 255 - truth[asked == 0]
        color[asked == 1] = truth[asked == 1]
        asked[asked == 1] = 2

    colors = Colors((24, 24, 24), work_out)
    given = ball(24), np.full(3, -1.0), 2 / 23
    atlas, normals, frame = unwrap(vertices, faces), vertex_normals(vertices, faces), checkerboard(64)
    for size in (128, 200):  # the second time more is asked for
        lazy, covered = bake(vertices, normals, atlas, size, Volume(*given, colors, camera), frame)
        whole, _ = bake(vertices, normals, atlas, size, Volume(*given, truth, camera), frame)
        assert np.array_equal(lazy, whole)
        assert covered.mean() > 0.3
        assert 0 < (colors.asked == 2).sum() < colors.asked.size / 2
    assert np.array_equal(np.asarray(colors), truth)
