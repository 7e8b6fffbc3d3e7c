"""What an atlas promises, whatever the mesh."""

import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np
import pytest
from shapes import axes, ball, mesh_of, noise, torus

from spherelinks.mesh.components import clean
from spherelinks.mesh.simplify import simplify
from spherelinks.texture.unwrap import GUTTER, MANY, PAGE, Atlas, flatten, unwrap

Mesh = tuple[np.ndarray, np.ndarray]


def _mesh(name: str) -> Mesh:
    if name == "voxel":
        return mesh_of(np.pad(-np.ones((1, 1, 1), np.float32), 1, constant_values=1))
    field = {"ball": ball(40), "torus": torus(48), "noise": noise((12, 12, 12), 3)}[name]
    vertices, faces, _ = clean(*mesh_of(field))
    return simplify(vertices, faces, 1500)


@pytest.fixture(params=["ball", "torus", "noise", "voxel"])
def mesh(request: pytest.FixtureRequest) -> Mesh:
    return _mesh(request.param)


def _cover(atlas: Atlas, size: int) -> np.ndarray:
    """(size, size) how many faces cover each texel's centre; a plain reference, face by face."""
    count = np.zeros((size, size), int)
    for a, b, c in atlas.uv[atlas.faces].astype(float) * size:
        low = np.floor(np.minimum(np.minimum(a, b), c)).astype(int)
        high = np.ceil(np.maximum(np.maximum(a, b), c)).astype(int)
        x, y = np.meshgrid(np.arange(low[0], high[0]) + 0.5, np.arange(low[1], high[1]) + 0.5)
        double = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
        if double == 0:
            continue
        s = ((x - a[0]) * (c[1] - a[1]) - (y - a[1]) * (c[0] - a[0])) / double
        t = ((b[0] - a[0]) * (y - a[1]) - (b[1] - a[1]) * (x - a[0])) / double
        count[low[1] : high[1], low[0] : high[0]] += (s > 1e-5) & (t > 1e-5) & (s + t < 1 - 1e-5)
    return count


def test_keeps_the_mesh(mesh: Mesh) -> None:
    vertices, faces = mesh
    atlas = unwrap(vertices, faces)
    assert (atlas.source[atlas.faces] == faces).all()
    assert len(np.unique(atlas.faces)) == len(atlas.uv) == len(atlas.source)


def test_no_two_faces_share_a_texel(mesh: Mesh) -> None:
    atlas = unwrap(*mesh)
    assert atlas.uv.min() >= 0
    assert atlas.uv.max() <= 1
    for size in (512, 2048):
        assert (_cover(atlas, size) > 1).sum() == 0


def test_charts_keep_their_distance(mesh: Mesh) -> None:
    """No texel centre within half the gutter of two charts: their vertices are at least so far apart."""
    from scipy.spatial import cKDTree

    from spherelinks.mesh.topology import parts

    atlas = unwrap(*mesh)
    chart = np.empty(len(atlas.uv), int)
    chart[atlas.faces] = parts(atlas.faces, len(atlas.uv))[:, None]
    points = atlas.uv * PAGE
    for a, b in cKDTree(points).query_pairs(GUTTER - 1.01):
        assert chart[a] == chart[b]


def _rod() -> np.ndarray:
    x, y, z = axes(64)
    return np.maximum(np.sqrt(x**2 + z**2) - 0.06, np.abs(y) - 0.9).astype(np.float32)


def _plate() -> np.ndarray:
    x, y, z = axes(64)
    return np.maximum(np.maximum(np.abs(x), np.abs(y)) - 0.9, np.abs(z) - 0.06).astype(np.float32)


@pytest.mark.parametrize("field", [ball(64), torus(64), torus(96, 0.75, 0.1), _rod(), _plate()])
def test_texels_are_spread_evenly_and_mostly_used(field: np.ndarray) -> None:
    """Rings, rods and plates too, whose charts have to be cut to fill a square."""
    vertices, faces = simplify(*mesh_of(field), 6000)
    atlas = unwrap(vertices, faces)
    assert _areas(atlas.uv[atlas.faces]).sum() > 0.59
    assert _evenly_spread(atlas, vertices, faces) > 0.95


def test_jagged_meshes_fill_the_page_too() -> None:
    """A rough skin falls into hundreds of charts, whose gutters are narrower."""
    vertices, faces = simplify(*mesh_of(ball(96)), 12_000)
    vertices = vertices * np.random.default_rng(0).uniform(0.973, 1.027, (len(vertices), 1)).astype(np.float32)
    flat = flatten(vertices, faces)
    assert flat.chart.max() >= MANY
    atlas = unwrap(vertices, faces)
    assert _areas(atlas.uv[atlas.faces]).sum() > 0.6
    assert (_cover(atlas, 512) > 1).sum() == 0


def _areas(corners: np.ndarray) -> np.ndarray:
    """Of (F, 3, 2) or (F, 3, 3) triangles."""
    u, v = np.moveaxis(corners[:, 1:] - corners[:, :1], 1, 0).astype(float)
    squared = (u * u).sum(-1) * (v * v).sum(-1) - (u * v).sum(-1) ** 2
    return np.asarray(np.sqrt(np.maximum(squared, 0)) / 2)


def _evenly_spread(atlas: Atlas, vertices: np.ndarray, faces: np.ndarray) -> float:
    """The share of the surface whose texels per length, the root of texels per area, are within 15 % of the mean."""
    real = _areas(vertices[faces])
    density = np.sqrt(_areas(atlas.uv[atlas.faces]) / np.maximum(real, 1e-30))
    density /= np.average(density, weights=real)
    return float(real[np.abs(density - 1) < 0.15].sum() / real.sum())


def test_charts_are_not_mirrored(mesh: Mesh) -> None:
    """Seen as a picture, with v downwards, each chart shows the surface as one sees it from outside."""
    atlas = unwrap(*mesh)
    a, b, c = (atlas.uv[atlas.faces[:, k]].astype(float) for k in range(3))
    turn = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    assert (turn < 1e-9).all()


def test_same_mesh_same_atlas(mesh: Mesh) -> None:
    one, two = unwrap(*mesh), unwrap(*mesh)
    assert np.array_equal(one.uv, two.uv)
    assert np.array_equal(one.faces, two.faces)


def _ramp() -> Mesh:
    """A spiral ramp of three turns: it faces up all the way round, yet its turns must not lie on each other."""
    turn = np.linspace(0, 6 * np.pi, 300)
    inner = np.stack([np.cos(turn), turn / 8, np.sin(turn)], axis=1)
    i = np.arange(299)
    faces = np.concatenate([np.stack([i, i + 1, i + 300], 1), np.stack([i + 1, i + 301, i + 300], 1)])
    return np.concatenate([inner, inner * (2, 1, 2)]).astype(np.float32), faces.astype(np.int32)


def _doubled() -> Mesh:
    """Every face twice, the other way round the second time: no edge has one twin."""
    vertices, faces = _mesh("ball")
    return vertices, np.concatenate([faces, faces[:, ::-1]])


def _flattened() -> Mesh:
    """A ball pressed flat, so that half its faces lie in the others and some have no area."""
    vertices, faces = _mesh("ball")
    return vertices * np.float32((1, 0, 1)), faces


def _soup() -> Mesh:
    rng = np.random.default_rng(0)
    return rng.random((200, 3)).astype(np.float32), rng.integers(0, 200, (100, 3)).astype(np.int32)


@pytest.mark.parametrize("odd", [_ramp, _doubled, _flattened, _soup])
def test_no_face_of_a_chart_lies_on_another_or_is_mirrored(odd: Callable[[], Mesh]) -> None:
    vertices, faces = odd()
    flat = flatten(vertices, faces)
    assert np.array_equal(np.unique(flat.chart), np.arange(flat.chart.max() + 1))
    for one in np.unique(flat.chart):
        corners = flat.corners[flat.chart == one]
        u, v = np.moveaxis(corners[:, 1:] - corners[:, :1], 1, 0)
        if len(corners) > 1:
            assert (u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0] < 0).all()
        own = corners.reshape(-1, 2)
        own = (own - own.min(axis=0)) / max(np.ptp(own, axis=0).max(), 1e-30)
        atlas = Atlas(own, np.arange(len(own)).reshape(-1, 3), np.arange(len(own)), np.arange(len(own)))
        assert (_cover(atlas, 200) > 1).sum() == 0


def test_charts_are_few_on_what_unrolls() -> None:
    """A rod has two ends and a side, a box has six sides."""
    x, y, z = axes(48)
    box = np.maximum(np.maximum(np.abs(x) - 0.6, np.abs(y) - 0.4), np.abs(z) - 0.5).astype(np.float32)
    for field, most in ((_rod(), 30), (box, 6)):
        assert flatten(*simplify(*mesh_of(field), 3000)).chart.max() < most


def test_time_grows_with_the_faces_not_their_square() -> None:
    """One chart with thousands of neighbours, and thousands of charts, cost no more a face than a ball."""

    def seconds(vertices: np.ndarray, faces: np.ndarray) -> float:
        start = time.process_time()
        flatten(vertices, faces)
        return (time.process_time() - start) / len(faces)

    rng = np.random.default_rng(0)
    side = 100
    x, y = np.meshgrid(np.arange(side), np.arange(side))
    first = (np.arange(side - 1)[:, None] * side + np.arange(side - 1)).ravel()
    cells = np.stack([first, first + 1, first + side], 1), np.stack([first + 1, first + side + 1, first + side], 1)
    faces = np.concatenate(cells).astype(np.int32)
    smooth = np.stack([x, y, np.zeros_like(x)], -1).reshape(-1, 3).astype(np.float32)
    pegs = smooth + (rng.random((len(smooth), 1)) < 0.1) * np.float32((0, 0, 1.5))
    seconds(smooth, faces)
    assert seconds(pegs, faces) < 20 * seconds(smooth, faces)


@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited on Linux only")
@pytest.mark.parametrize("power", [-100, -40, 40])
def test_the_atlas_is_the_same_at_any_scale(power: int) -> None:
    """A triangle of 1e-30 m took half a minute, and its corners came together."""
    triangle = np.eye(3, dtype=np.float32), np.arange(3, dtype=np.int32)[None]
    for vertices, faces in (triangle, _mesh("torus")):
        usual, other = unwrap(vertices, faces), unwrap(np.ldexp(vertices, power), faces)
        np.testing.assert_array_equal(other.uv, usual.uv)
        np.testing.assert_array_equal(other.faces, usual.faces)


def test_what_has_hardly_any_area_takes_little_memory() -> None:
    """A line of faces, and ribbons a thousand and a million times as long as wide: charts far longer than the page."""
    code = """
import resource, numpy as np
from spherelinks.texture.unwrap import unwrap
resource.setrlimit(resource.RLIMIT_DATA, (1 << 29, 1 << 29))
for length in (1, 1e3, 1e6):
    x, n = np.linspace(0, length, 50), 50
    low = np.stack([x, 0 * x, 0 * x], 1)
    vertices = np.concatenate([low, low + (0, length > 1, 0)]).astype(np.float32)
    faces = [(i, i + 1, n + i) for i in range(n - 1)] + [(i + 1, n + i + 1, n + i) for i in range(n - 1)]
    uv = unwrap(vertices, np.array(faces, np.int32)).uv
    assert ((uv >= 0) & (uv <= 1)).all(), length
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=240)
