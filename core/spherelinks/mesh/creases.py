"""Restores sharp edges and corners of a surface whose triangles cut across them.

Marching cubes has no vertex on an edge of the shape: it bevels it. On either side of the bevel are smooth faces, whose
planes, extended, meet at the edge (Attene et al. 2005, "Sharpen & Bend: Recovering Curved Sharp Edges in Triangle
Meshes Produced by Feature-Insensitive Sampling"). Here each vertex of the bevel takes the plane that it is nearest to;
mesh edges between vertices of two planes are cut where these meet, triangles of three planes also at their corner. All
lengths are in samples of the grid.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spherelinks.mesh.topology import Faces, Vertices, parts, twins
from spherelinks.native import kernel

#: Faces required along an edge of the shape, some five per sample; fewer are noise.
_LEAST = 40
_seek_sharp = kernel("creases_sharp", "points: f4[V,3]", "V", "faces: i4[F,3] < V", "F", "sharp: b1[V]*")
_gather_round = kernel(
    "creases_round", "points: f4[V,3]", "V", "faces: i4[F,3] < V", "F", "sharp: b1[V]", "band: i4[F]*",
    "near: i4[F,3]*", "used: i4[V]*", "whole: b1[V]*", "found: i8[2]*",
)  # fmt: skip
_seek_bent = kernel(
    "creases_bent", "points: f8[V,3]", "V", "faces: i4[F,3] < V", "F", "around: b1[V]*", "normal: f8[V,3]*"
)  # fmt: skip
_hand_on = kernel(
    "creases_planes", "points: f8[V,3]", "V", "faces: i4[F,3] < V", "F", "whole: b1[V]", "zone: b1[V]",
    "normal: f8[V,3]", "plane: f8[V,7]*", "fits: b1[V]*",
)  # fmt: skip
_seek_crossed = kernel(
    "creases_crossed -> int", "faces: i4[F,3] < V", "F", "plane: f8[V,7]", "known: b1[V]", "V", "hot: i4[F]*"
)  # fmt: skip
_cut_faces = kernel(
    "creases_cut", "points: f8[V,3]", "V", "faces: i4[F,3] < V", "F", "opposite: i8[3F] < 3F | -1", "plane: f8[V,7]",
    "known: b1[V]*", "moved: f8[V,3]*", "added: f8[3F,3]*", "first: i8[F,3]*", "of: i8[F]*", "rest: i8[5F,3]*",
    "found: i8[3]*",
)  # fmt: skip


def sharpened(points: Vertices, faces: Faces) -> tuple[Vertices, Faces]:
    """The surface with its bevelled edges restored.

    points : (V, 3) float32, in samples of the grid that they come from, none below 0
    faces : (F, 3) int32, a closed manifold, counter-clockwise seen from outside

    The result is of the same kind: edges of the mesh are cut and nothing else. Its first V vertices are those of the
    input, some of them moved by up to _OFF; the others lie up to _CORNER off the input. Where no two smooth sides meet,
    the input itself is returned: on smooth surfaces, in noise, and on the steps of an occupancy. No piece of a face
    turns away from its side's plane: where one would, the bevel stays. That is tested face by face: a spike thinner
    than a sample beside an edge may come to poke through it. A fillet of less than 1.5 samples becomes an edge.
    """
    sharp = _sharp(points, faces)
    if not sharp.any():
        return points, faces
    band, near, used, whole = _round(points, faces, sharp)
    places = points[used].astype(np.float64)
    plane, known = _planes(places, near, whole, *_bent(places, near))
    hot = _crossed(near, plane, known)
    if len(hot) == 0:
        return points, faces
    group = parts(near[hot], len(used))
    hot = hot[np.bincount(group)[group] >= _LEAST]
    moved, added, first, rest, of = _cut(places, near[hot], twins(near[hot]), plane, known)
    if len(added) == 0:
        return points, faces
    out = np.concatenate([points, added.astype(np.float32)])
    out[used] = moved
    number = np.concatenate([used, np.arange(len(points), len(out), dtype=np.int32)])
    cut = np.concatenate([faces, number[rest]])
    cut[band[hot[of]]] = number[first]
    return out, cut


def _sharp(points: Vertices, faces: Faces) -> NDArray[np.bool_]:
    """(V,) whether two faces of a vertex, one listed after the other, lean away from each other."""
    sharp = np.zeros(len(points), np.bool_)
    _seek_sharp(points, faces, sharp)
    return sharp


def _round(
    points: Vertices, faces: Faces, sharp: NDArray[np.bool_]
) -> tuple[NDArray[np.int32], Faces, NDArray[np.int32], NDArray[np.bool_]]:
    """Numbers of the (n,) faces near sharp vertices; (n, 3) these faces with their vertices numbered anew; what number
    each of the (m,) vertices had; and whether all faces of the vertex are among them."""
    band, near = np.empty(len(faces), np.int32), np.empty((len(faces), 3), np.int32)
    used, whole, found = np.empty(len(points), np.int32), np.empty(len(points), np.bool_), np.empty(2, np.int64)
    _gather_round(points, faces, sharp, band, near, used, whole, found)
    n_band, n_used = found
    return band[:n_band].copy(), near[:n_band].copy(), used[:n_used].copy(), whole[:n_used].copy()


def _bent(points: NDArray[np.float64], faces: Faces) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """(n,) whether a face of a vertex, or of a neighbour, leans away from its normal, and (n, 3) these normals."""
    around, normal = np.zeros(len(points), np.bool_), np.zeros((len(points), 3))
    _seek_bent(points, faces, around, normal)
    return around, normal


def _planes(
    points: NDArray[np.float64],
    faces: Faces,
    whole: NDArray[np.bool_],
    zone: NDArray[np.bool_],
    normal: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """(n, 7) the plane of each vertex: its unit normal, its distance from the origin, a point of it; and (n,) whether
    the vertex lies in the zone, belongs to that plane and has all its faces here.

    Vertices outside of the zone have the plane of the faces round them. From there planes are handed on, ring by ring:
    a vertex takes the one of its neighbours' that it is nearest to, evened out with those that are much the same, and
    changes it only for one of another side.
    """
    plane, fits = np.empty((len(points), 7)), np.empty(len(points), np.bool_)
    _hand_on(points, faces, whole, zone, normal, plane, fits)
    return plane, fits


def _crossed(faces: Faces, plane: NDArray[np.float64], known: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Numbers of the faces that have a vertex with an edge from one side of an edge of the shape to the other."""
    hot = np.empty(len(faces), np.int32)
    return hot[: _seek_crossed(faces, plane, known, hot)].copy()


def _cut(
    points: NDArray[np.float64],
    faces: Faces,
    opposite: NDArray[np.int64],
    plane: NDArray[np.float64],
    known: NDArray[np.bool_],
) -> tuple[
    NDArray[np.float64], NDArray[np.float64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]
]:  # fmt: skip
    """(n, 3) places of the vertices and (m, 3) of added ones, numbered after them; (c, 3) the first piece of each face
    that is cut, the other pieces of all of them, and (c,) the numbers of these faces.

    What cannot be cut soundly is taken out of `known`, and all is done again without it, until nothing is left to take.
    A vertex taken out stays on the bevel and no longer has a plane: its piece of a face has to face as the whole did.
    """
    count = len(faces)
    moved, added, found = np.empty_like(points), np.empty((3 * count, 3)), np.empty(3, np.int64)
    first, of, rest = np.empty((count, 3), np.int64), np.empty(count, np.int64), np.empty((5 * count, 3), np.int64)
    _cut_faces(points, faces, opposite, plane, known, moved, added, first, of, rest, found)
    n_added, n_of, n_rest = found
    return moved, added[:n_added].copy(), first[:n_of].copy(), rest[:n_rest].copy(), of[:n_of].copy()
