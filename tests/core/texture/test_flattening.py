"""Flattening: developable charts keep their lengths, and bad ones are detected."""

import numpy as np
import pytest

from spherelinks.mesh.topology import twins
from spherelinks.texture.charts import normals
from spherelinks.texture.flattening import cut, lay

Mesh = tuple[np.ndarray, np.ndarray]


def _sheet(u: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A grid over the parameters, which come back as (U * V,) columns, and its (F, 3) faces."""
    first = (np.arange(len(u) - 1)[:, None] * len(v) + np.arange(len(v) - 1)).ravel()
    a, b, c, d = first, first + len(v), first + len(v) + 1, first + 1
    faces = np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)]).astype(np.int32)
    return np.repeat(u, len(v)), np.tile(v, len(u)), faces


def _cylinder(turn: float) -> Mesh:
    angle, height, faces = _sheet(np.linspace(0, turn, 40), np.linspace(0, 2, 20))
    return np.stack([np.cos(angle), np.sin(angle), height], 1), faces


def _cone(turn: float) -> Mesh:
    angle, far, faces = _sheet(np.linspace(0, turn, 40), np.linspace(2, 1, 20))
    return np.stack([far * np.cos(angle), far * np.sin(angle), 2 * far], 1), faces


def _cap(angle: float) -> Mesh:
    around, away, faces = _sheet(np.linspace(0, 1.5 * np.pi, 60), np.linspace(angle, 0.05, 20))
    return np.stack([np.sin(away) * np.cos(around), np.sin(away) * np.sin(around), np.cos(away)], 1), faces


def _laid(points: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, bool]:
    """(F, 3, 2) corners of the whole mesh as one chart, and whether it came out well."""
    opposite = twins(faces)
    normal, area = normals(points, faces, opposite)
    corners, good = np.empty((len(faces), 3, 2)), np.empty(1, bool)
    chart = cut(opposite, np.zeros(len(faces), np.int64), 1)
    lay(points, faces, normal, area, *chart, corners, good, 0, 1)
    return corners, bool(good[0])


def _lengths(corners: np.ndarray) -> np.ndarray:
    return np.asarray(np.linalg.norm(np.roll(corners, -1, axis=1) - corners, axis=2))


@pytest.mark.parametrize("mesh", [_cylinder(np.pi), _cylinder(4), _cone(2)])
@pytest.mark.parametrize("unit", [1e-5, 1, 1e5])
def test_what_unrolls_keeps_its_lengths(mesh: Mesh, unit: float) -> None:
    points, faces = mesh[0] * unit, mesh[1]
    corners, good = _laid(points, faces)
    assert good
    assert np.abs(_lengths(corners) / _lengths(points[faces]) - 1).max() < 0.04


def test_a_cap_keeps_its_area_nearly_and_a_globe_is_refused() -> None:
    points, faces = _cap(0.8)
    corners, good = _laid(points, faces)
    assert good
    p, q = np.moveaxis(corners[:, 1:] - corners[:, :1], 1, 0)
    a, b = np.moveaxis(points[faces][:, 1:] - points[faces][:, :1], 1, 0)
    ratio = (p[:, 0] * q[:, 1] - p[:, 1] * q[:, 0]) / np.linalg.norm(np.cross(a, b), axis=1)
    assert np.abs(ratio - 1).max() < 0.15
    assert not _laid(*_cap(3.0))[1]


def test_what_would_lie_on_itself_is_refused() -> None:
    """A ramp of two turns, flat enough to keep its lengths; and a tube, pushed into itself."""
    angle, far, faces = _sheet(np.linspace(0, 4 * np.pi, 120), np.linspace(2, 1, 8))
    assert not _laid(np.stack([far * np.cos(angle), far * np.sin(angle), angle / 20], 1), faces)[1]
    points, faces = _cylinder(2 * np.pi)
    assert not _laid(points, np.where(faces >= 39 * 20, faces - 39 * 20, faces).astype(np.int32))[1]


def test_holes_are_no_overlap() -> None:
    x, y, faces = _sheet(np.arange(10.0), np.arange(10.0))
    keep = ~((x[faces] > 2.5).any(1) & (x[faces] < 6.5).any(1) & (y[faces] > 2.5).any(1) & (y[faces] < 6.5).any(1))
    corners, good = _laid(np.stack([x, y, 0 * x], 1), faces[keep])
    assert good
    assert np.abs(_lengths(corners) - _lengths(np.stack([x, y], 1)[faces[keep]])).max() < 1e-6


def test_cut_gives_a_vertex_a_place_for_each_fan_of_each_chart() -> None:
    x, _, faces = _sheet(np.arange(5.0), np.arange(5.0))
    chart = (x[faces].mean(axis=1) > 2).astype(np.int64)
    order, first, place, places, joined = cut(twins(faces), chart, 2)
    assert np.array_equal(np.sort(order), np.arange(len(faces)))
    assert first.tolist() == [0, 16, 32]
    assert places.tolist() == [15, 15]  # 5 x 3 vertices each
    for k in range(2):
        own = faces[order[first[k] : first[k + 1]]].ravel()
        at = place[3 * first[k] : 3 * first[k + 1]]
        assert all(len(np.unique(own[at == each])) == 1 for each in range(places[k]))
        twin = joined[3 * first[k] : 3 * first[k + 1]]
        assert (twin < 0).sum() == 12  # the outline
        inner = np.flatnonzero(twin >= 0)
        assert (twin[twin[inner]] == inner).all()
