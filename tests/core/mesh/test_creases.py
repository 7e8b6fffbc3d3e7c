"""Edges of fields: solids with known edges, randomly rotated; smooth and rough fields without any."""

from collections.abc import Callable

import numpy as np
import pytest
import trimesh
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from scipy.spatial.transform import Rotation
from shapes import axes, ball, mesh_of, noise, torus

from spherelinks.mesh import surface
from spherelinks.mesh.creases import sharpened
from spherelinks.mesh.nearest import nearest, tree
from spherelinks.mesh.simplify import simplify
from spherelinks.mesh.topology import examine

SAMPLES = 56
SPACING = 2 / (SAMPLES - 1)
Points = NDArray[np.float64]


def bevelled(field: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """The surface as marching cubes leaves it, in samples."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(surface, "sharpened", lambda points, faces: (points, faces))
        return surface.extract(field, np.zeros(3), 1.0)[:2]


def grid() -> Points:
    return np.stack(np.broadcast_arrays(*axes(SAMPLES)), axis=-1).astype(np.float64)


def prism(sides: int, radius: float, half: float, turn: Rotation) -> tuple[NDArray[np.float32], Points, Points, float]:
    """A right prism: its field, points on its edges, its corners, and its volume."""
    angle = 2 * np.pi * np.arange(sides) / sides
    across = np.stack([np.cos(angle), np.sin(angle)])
    at = turn.inv().apply(grid().reshape(-1, 3))
    field = np.maximum((at[:, :2] @ across).max(axis=1) - radius, np.abs(at[:, 2]) - half).reshape((SAMPLES,) * 3)
    outer, middle = radius / np.cos(np.pi / sides), angle + np.pi / sides
    ring = np.stack([outer * np.cos(middle), outer * np.sin(middle)], axis=1)
    corners = np.concatenate([np.column_stack([ring, np.full(sides, z)]) for z in (-half, half)])
    following = np.roll(np.arange(sides), -1)
    pairs = [(i, i + sides) for i in range(sides)] + [
        (i + up, following[i] + up) for i in range(sides) for up in (0, sides)
    ]
    share = np.linspace(0, 1, 60)[:, None]
    edges = np.concatenate([corners[a] + share * (corners[b] - corners[a]) for a, b in pairs])
    volume = sides * radius**2 * np.tan(np.pi / sides) * 2 * half
    return field.astype(np.float32), turn.apply(edges), turn.apply(corners), volume


def cylinder(radius: float, half: float, turn: Rotation) -> tuple[NDArray[np.float32], Points, float]:
    """Its field, points on its two rims, and its volume."""
    at = turn.inv().apply(grid().reshape(-1, 3))
    field = np.maximum(np.hypot(at[:, 0], at[:, 1]) - radius, np.abs(at[:, 2]) - half).reshape((SAMPLES,) * 3)
    angle = np.linspace(0, 2 * np.pi, 400)
    rims = [np.stack([radius * np.cos(angle), radius * np.sin(angle), np.full(400, z)], axis=1) for z in (-half, half)]
    return field.astype(np.float32), turn.apply(np.concatenate(rims)), 2 * half * np.pi * radius**2


def away(points: Points, vertices: NDArray[np.float32], faces: NDArray[np.int32]) -> Points:
    """How far points lie from a surface, in samples."""
    return nearest(points.astype(np.float32), tree(vertices, faces)).distance / SPACING


turns = st.integers(0, 2**31 - 1).map(lambda seed: Rotation.random(random_state=seed))


#: Of a triangular prism along whose edges single samples lie inside, joined to the rest only across faces of the grid.
THIN = Rotation.from_matrix(
    [
        [0.94183271, 0.27957662, -0.18651557],
        [0.17490171, 0.06616204, 0.98236041],
        [0.28698526, -0.95784106, 0.01341514],
    ]
)


@settings(max_examples=20, deadline=None)
@given(st.integers(3, 6), st.floats(0.35, 0.55), st.floats(0.3, 0.6), turns)
@example(3, 0.359375, 0.5, THIN)
# one face that cannot be cut is no reason to leave the whole edge as it was
@example(3, 0.35, 0.3, Rotation.random(random_state=164))
@example(3, 0.49989216524641156, 0.3252014303330324, Rotation.random(random_state=360737462))
@example(3, 0.38168359770595556, 0.3598729005466207, Rotation.random(random_state=1250624117))
@example(3, 0.5128237047144966, 0.3652464170035381, Rotation.random(random_state=1033939065))
def test_edges_of_prisms_are_where_their_sides_meet(sides: int, radius: float, half: float, turn: Rotation) -> None:
    radius *= 0.8 if sides == 3 else 1
    field, edges, _, volume = prism(sides, radius, half, turn)
    vertices, faces = mesh_of(field)
    topology = examine(vertices, faces)
    assert topology.manifold
    assert topology.genus == 0
    assert topology.volume == pytest.approx(volume, rel=0.01)
    blunt, before = bevelled(field)
    off = away(edges, vertices, faces)
    assert off.mean() < 0.1
    assert off.mean() < away(edges, blunt * np.float32(SPACING) - 1, before).mean() / 3


@settings(max_examples=15, deadline=None)
@given(st.floats(0.35, 0.6), st.floats(0.3, 0.6), turns)
def test_rims_of_cylinders_are_sharp(radius: float, half: float, turn: Rotation) -> None:
    field, rims, volume = cylinder(radius, half, turn)
    vertices, faces = mesh_of(field)
    topology = examine(vertices, faces)
    assert topology.manifold
    assert topology.volume == pytest.approx(volume, rel=0.01)
    assert away(rims, vertices, faces).mean() < 0.1


def test_prisms_close_to_a_thin_one_are_of_one_piece_without_handles() -> None:
    """Both as marching cubes leaves them and with their edges restored."""
    rng = np.random.default_rng(0)
    for _ in range(40):
        turn = THIN * Rotation.from_rotvec(rng.uniform(-0.01, 0.01, 3))
        radius, half = rng.uniform((0.2775, 0.49), (0.2975, 0.51))
        points, faces = bevelled(prism(3, radius, half, turn)[0])
        before, after = examine(points, faces), examine(*sharpened(points, faces))
        assert (before.manifold, before.genus, before.parts) == (True, 0, 1)
        assert (after.manifold, after.genus, after.parts) == (True, 0, 1)


def test_a_cavity_like_a_thin_prism_has_no_handles_either() -> None:
    """Its edges are concave: there the outside corners are joined."""
    field = np.pad(-prism(3, 0.2875, 0.5, THIN)[0], 1, constant_values=1)
    topology = examine(*bevelled(field))
    assert (topology.manifold, topology.genus, topology.parts) == (True, 0, 2)


def test_boxes_have_their_corners() -> None:
    for seed in range(6):
        field, _, corners, _ = prism(4, 0.45, 0.5, Rotation.random(random_state=seed))
        assert np.median(away(corners, *mesh_of(field))) < 0.05


@pytest.mark.parametrize(
    "field",
    [ball(48, 0.7), ball(48, 0.12), torus(), torus(48, 0.6, 0.1), np.tanh(ball(48) * 9), ball(48).clip(-0.1, 0.1)],
    ids=["ball", "pebble", "torus", "thin torus", "soft occupancy", "truncated"],
)
def test_smooth_surfaces_stay_as_they_are(field: NDArray[np.float32]) -> None:
    points, faces = bevelled(field)
    same, also = sharpened(points, faces)
    assert same is points
    assert also is faces


@pytest.mark.parametrize("blur", [0.0, 0.5, 1.0, 2.0])
def test_steps_of_an_occupancy_are_no_edges(blur: float) -> None:
    points, faces = bevelled(gaussian_filter(np.where(ball(SAMPLES) < 0, np.float32(-1), np.float32(1)), blur))
    assert sharpened(points, faces)[1] is faces


def test_a_turned_box_of_voxels_stays_as_it_is() -> None:
    field = prism(4, 0.45, 0.5, Rotation.from_euler("xyz", (23, 37, 11), degrees=True))[0]
    points, faces = bevelled(np.where(field < 0, np.float32(-1), np.float32(1)))
    assert sharpened(points, faces)[1] is faces


def test_a_wide_fillet_is_kept() -> None:
    """Of 2.5 samples."""
    turn = Rotation.from_euler("xyz", (23, 37, 11), degrees=True)
    radius = 2.5 * SPACING
    out = np.abs(turn.inv().apply(grid().reshape(-1, 3))) - (0.5 - radius)
    field = np.linalg.norm(np.maximum(out, 0), axis=1) + np.minimum(out.max(axis=1), 0) - radius
    points, faces = bevelled(field.reshape((SAMPLES,) * 3).astype(np.float32))
    assert sharpened(points, faces)[1] is faces


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0, 3), st.integers(8, 32))
def test_any_surface_stays_a_manifold_of_its_kind(seed: int, sigma: float, samples: int) -> None:
    field = gaussian_filter(np.pad(noise((samples,) * 3, seed), 1, constant_values=1), sigma)
    field[samples // 2, samples // 2, samples // 2] = -1
    points, faces = bevelled(field)
    before, after = examine(points, faces), examine(*sharpened(points, faces))
    assert after.manifold
    assert (after.genus, after.parts) == (before.genus, before.parts)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.floats(0.25, 0.5), st.floats(0.2, 0.5), turns), min_size=2, max_size=3), st.booleans())
def test_bodies_cut_out_of_bodies_stay_manifold(bodies: list[tuple[float, float, Rotation]], hollow: bool) -> None:
    """Edges that cross each other, convex and concave, at any angle; no vertex lies on another, and old vertices move
    by less than a sample."""
    combine: Callable[..., NDArray[np.float32]] = (lambda a, b: np.maximum(a, -b)) if hollow else np.minimum
    field = prism(4, *bodies[0])[0]
    for each in bodies[1:]:
        field = combine(field, prism(5, *each)[0])
    if not (field < 0).any():
        return
    points, faces = bevelled(field)
    new, more = sharpened(points, faces)
    before, after = examine(points, faces), examine(new, more)
    assert after.manifold
    assert (after.genus, after.parts) == (before.genus, before.parts)
    assert np.linalg.norm(new[: len(points)] - points, axis=1).max() < 0.8
    assert len(trimesh.Trimesh(new, more, process=True).vertices) == len(new)


def test_simplification_keeps_the_edges() -> None:
    turn = Rotation.from_euler("xyz", (23, 37, 11), degrees=True)
    field, edges, _, volume = prism(4, 0.45, 0.5, turn)
    vertices, faces = mesh_of(field)
    for target in (2000, 200):
        fewer, kept = simplify(vertices, faces, target)
        assert len(kept) == pytest.approx(target, abs=2)
        assert away(edges, fewer, kept).mean() < 0.1
        assert examine(fewer, kept).volume == pytest.approx(volume, rel=0.01)
