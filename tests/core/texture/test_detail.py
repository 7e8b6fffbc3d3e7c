"""Normal maps and occlusion, read as an engine reads them."""

import numpy as np
import pytest
from shapes import axes, ball, mesh_of

from spherelinks.mesh.normals import fan_normals, vertex_normals
from spherelinks.mesh.simplify import simplify
from spherelinks.mesh.topology import twins
from spherelinks.texture.detail import normal_map, occlusion
from spherelinks.texture.tangents import tangents
from spherelinks.texture.texels import blended, locate
from spherelinks.texture.unwrap import Atlas, unwrap

SIZE = 512


def _bumpy(samples: int = 96) -> np.ndarray:
    x, y, z = axes(samples)
    waves = np.sin(14 * x) * np.sin(14 * y) * np.sin(14 * z)
    return (ball(samples) + np.float32(0.03) * waves).astype(np.float32)


def _shaded(texture: np.ndarray, normals: np.ndarray, along: np.ndarray, atlas: Atlas) -> tuple[np.ndarray, ...]:
    """Normals at texels as glTF defines them (N, 3), the interpolated ones, and the texels' faces and weights."""
    texel, face, weights = locate(atlas.uv, atlas.faces, SIZE)
    n, t = (
        values / np.linalg.norm(values, axis=1, keepdims=True)
        for values in (
            blended(normals, atlas.faces, face, weights),
            blended(along[:, :3].copy(), atlas.faces, face, weights),
        )
    )
    b = np.cross(n, t) * along[0, 3]
    x, y, z = (texture.reshape(-1, 3)[texel].astype(float) / 255 * 2 - 1).T[..., None]
    shaded = x * t + y * b + z * n
    return shaded / np.linalg.norm(shaded, axis=1, keepdims=True), n, face, weights


def test_a_simplified_surface_is_shaded_like_the_full_one() -> None:
    full = mesh_of(_bumpy())
    vertices, faces = simplify(*full, 600)
    normals, atlas = vertex_normals(vertices, faces), unwrap(vertices, faces)
    points = vertices[atlas.source]
    along = tangents(points, normals[atlas.source], atlas.uv, atlas.faces)
    texture = normal_map(vertices, normals, along, atlas, SIZE, full)
    with_map, without, face, weights = _shaded(texture, normals[atlas.source], along, atlas)
    # the truth, from the formula: the gradient of the field on the surface under the texel
    place = blended(points, atlas.faces, face, weights).astype(float)
    place *= 0.7 / np.linalg.norm(place, axis=1, keepdims=True)
    s, c = np.sin(14 * place), np.cos(14 * place)
    waves = 0.03 * 14 * np.stack([c[:, k] * s[:, (k + 1) % 3] * s[:, (k + 2) % 3] for k in range(3)], axis=1)
    truth = place / 0.7 + waves
    truth /= np.linalg.norm(truth, axis=1, keepdims=True)
    off = [np.degrees(np.arccos(np.clip((each * truth).sum(1), -1, 1))).mean() for each in (with_map, without)]
    assert off[0] < 0.5 * off[1]


def test_green_is_up_and_red_is_right() -> None:
    """A flat square, seen upright in the texture, whose full surface leans up or to the right."""
    corners = np.array([(-1, -1, 0), (1, -1, 0), (1, 1, 0), (-1, 1, 0)], np.float32)
    faces = np.array([(0, 1, 2), (0, 2, 3)], np.int32)
    uv = np.array([(0, 1), (1, 1), (1, 0), (0, 0)], np.float32)  # v downwards
    atlas = Atlas(uv, faces, np.arange(4, dtype=np.int32), np.arange(4, dtype=np.int32))
    normals = np.tile(np.float32([0, 0, 1]), (4, 1))
    along = tangents(corners, normals, uv, faces)
    assert along == pytest.approx(np.tile([1, 0, 0, 1], (4, 1)))
    for axis, channel in ((0, 0), (1, 1)):
        leaning = corners.copy()
        leaning[:, 2] = -0.5 * corners[:, axis]  # its normal leans towards the axis
        colour = normal_map(corners, normals, along, atlas, 64, (leaning, faces))[32, 32].astype(int)
        assert colour[channel] == pytest.approx(128 + 127 * np.sin(np.arctan(0.5)), abs=1.5)
        assert colour[1 - channel] == pytest.approx(128, abs=1)
        assert colour[2] == pytest.approx(128 + 127 * np.cos(np.arctan(0.5)), abs=1.5)


def test_a_surface_that_kept_everything_has_a_flat_map() -> None:
    full = vertices, faces = mesh_of(ball(32))
    normals, atlas = vertex_normals(vertices, faces), unwrap(vertices, faces)
    along = tangents(vertices[atlas.source], normals[atlas.source], atlas.uv, atlas.faces)
    texture = normal_map(vertices, normals, along, atlas, 256, full).astype(int)
    assert np.abs(texture - (128, 128, 255)).max() <= 3


def test_tangents_are_units_at_right_angles_and_follow_u() -> None:
    vertices, faces = simplify(*mesh_of(_bumpy(48)), 800)
    normals, atlas = vertex_normals(vertices, faces), unwrap(vertices, faces)
    points, out = vertices[atlas.source], normals[atlas.source]
    along = tangents(points, out, atlas.uv, atlas.faces)
    assert np.linalg.norm(along[:, :3], axis=1) == pytest.approx(np.ones(len(along)), abs=1e-5)
    assert np.abs((along[:, :3] * out).sum(axis=1)).max() < 1e-5
    assert (along[:, 3] == 1).all()
    a, b = atlas.faces[:, 0], atlas.faces[:, 1]
    edge = (points[b] - points[a]).astype(float)
    step = (atlas.uv[b] - atlas.uv[a]).astype(float)
    middle = along[atlas.faces].mean(axis=1)
    bitangent = np.cross(out[atlas.faces].mean(axis=1), middle[:, :3])
    # moving along the surface is moving in the texture: u along the tangent, up against v
    assert np.corrcoef((edge * middle[:, :3]).sum(1), step[:, 0])[0, 1] > 0.95
    assert np.corrcoef((edge * bitangent).sum(1), -step[:, 1])[0, 1] > 0.95


def test_nothing_shades_a_ball_and_a_pit_is_dark() -> None:
    vertices, faces = simplify(*mesh_of(ball(48)), 3000)
    normals, atlas = vertex_normals(vertices, faces), unwrap(vertices, faces)
    assert occlusion(vertices, normals, faces, atlas, 128).min() > 240

    x, y, z = axes(64)
    block = np.maximum(np.maximum(np.abs(x), np.abs(z)), np.abs(y)) - 0.7
    pit = np.maximum(np.sqrt(x**2 + z**2) - 0.3, -0.3 - y)  # from the top down to y = -0.3
    vertices, faces = simplify(*mesh_of(np.maximum(block, -pit).astype(np.float32)), 4000)
    fans, normals = fan_normals(vertices, faces, twins(faces))
    atlas = unwrap(vertices, faces, fans)
    light = occlusion(vertices, normals, faces, atlas, 256)
    texel, face, weights = locate(atlas.uv, atlas.faces, 256)
    place = blended(vertices[atlas.source], atlas.faces, face, weights)
    radius = np.hypot(place[:, 0], place[:, 2])
    seen = light.ravel()[texel] / 255
    floor = (radius < 0.1) & (np.abs(place[:, 1] + 0.3) < 0.02)
    # the floor's middle sees the sky through a disc of radius 0.3, 1 above it: 0.3² / (0.3² + 1²) of the cosine's light
    assert seen[floor].mean() == pytest.approx(0.09 / 1.09, abs=0.04)
    assert seen[(place[:, 1] > 0.69) & (radius > 0.4)].min() > 0.98
    assert seen[place[:, 1] < -0.69].min() > 0.98
