"""Both ways to an atlas, uvunwrap's and the box projection, keep the same promises."""

import numpy as np
import pytest
from shapes import ball, mesh_of, noise, torus

from spherelinks.mesh.components import clean
from spherelinks.mesh.simplify import simplify
from spherelinks.texture import unwrap as unwrapping
from spherelinks.texture.boxes import project
from spherelinks.texture.unwrap import GUTTER, PAGE, Atlas, unwrap

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


@pytest.fixture(params=["uvunwrap", "boxes"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "boxes":
        monkeypatch.setattr(unwrapping, "MOST_FACES", 0)
    return request.param


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


def test_keeps_the_mesh(mesh: Mesh, way: str) -> None:
    vertices, faces = mesh
    atlas = unwrap(vertices, faces)
    assert atlas.fallback == (way == "boxes")
    assert (atlas.source[atlas.faces] == faces).all()
    assert len(np.unique(atlas.faces)) == len(atlas.uv) == len(atlas.source)


def test_no_two_faces_share_a_texel(mesh: Mesh, way: str) -> None:
    atlas = unwrap(*mesh)
    assert atlas.uv.min() >= 0
    assert atlas.uv.max() <= 1
    for size in (512, 2048):
        assert (_cover(atlas, size) > 1).sum() == 0


def test_charts_keep_their_distance(mesh: Mesh, way: str) -> None:
    """No texel centre within half the gutter of two charts: their vertices are at least so far apart."""
    from scipy.spatial import cKDTree

    from spherelinks.mesh.topology import parts

    atlas = unwrap(*mesh)
    chart = np.empty(len(atlas.uv), int)
    chart[atlas.faces] = parts(atlas.faces, len(atlas.uv))[:, None]
    points = atlas.uv * PAGE
    for a, b in cKDTree(points).query_pairs(GUTTER - 1.01):
        assert chart[a] == chart[b]


def test_texels_are_spread_evenly_and_mostly_used() -> None:
    vertices, faces = _mesh("torus")
    atlas = unwrap(vertices, faces)
    assert (_cover(atlas, 1024) > 0).mean() > 0.45
    flat, solid = atlas.uv[atlas.faces].astype(float), vertices[faces].astype(float)
    u, v = flat[:, 1] - flat[:, 0], flat[:, 2] - flat[:, 0]
    laid = np.abs(u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0])
    real = np.linalg.norm(np.cross(solid[:, 1] - solid[:, 0], solid[:, 2] - solid[:, 0]), axis=1)
    density = np.sqrt(laid / real)
    density /= np.average(density, weights=real)
    inner = np.quantile(density, (0.05, 0.95))
    assert inner[0] > 0.85
    assert inner[1] < 1.15


def test_charts_are_not_mirrored(mesh: Mesh, way: str) -> None:
    """Seen as a picture, with v downwards, each chart shows the surface as one sees it from outside."""
    atlas = unwrap(*mesh)
    a, b, c = (atlas.uv[atlas.faces[:, k]].astype(float) for k in range(3))
    turn = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    assert (turn < 1e-9).all()


def test_same_mesh_same_atlas(mesh: Mesh, way: str) -> None:
    one, two = unwrap(*mesh), unwrap(*mesh)
    assert np.array_equal(one.uv, two.uv)
    assert np.array_equal(one.faces, two.faces)


def test_boxes_split_what_would_cover_itself() -> None:
    """A spiral ramp faces up all the way round, yet its turns must not lie on each other."""
    turn = np.linspace(0, 6 * np.pi, 300)
    inner = np.stack([np.cos(turn), turn / 8, np.sin(turn)], axis=1)
    vertices = np.concatenate([inner, inner * (2, 1, 2)]).astype(np.float32)
    i = np.arange(299)
    faces = np.concatenate([np.stack([i, i + 300, i + 1], 1), np.stack([i + 1, i + 300, i + 301], 1)]).astype(np.int32)
    uv, placed, source = project(vertices, faces[:, ::-1].copy(), 1024, 4)
    assert (_cover(Atlas(uv, placed, source), 1024) > 1).sum() == 0
