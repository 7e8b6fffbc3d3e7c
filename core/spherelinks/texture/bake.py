"""The base colour: the picture where it shows the surface, the generator's colours elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from spherelinks import threads
from spherelinks.mesh.box import sides
from spherelinks.mesh.nearest import Tree, nearest, tree
from spherelinks.mesh.normals import vertex_normals
from spherelinks.mesh.topology import Faces, Vertices
from spherelinks.native import kernel
from spherelinks.pixels.depth import depth_buffer
from spherelinks.pixels.srgb import encoded, linear
from spherelinks.shape import Camera, Colors, Frame, Shape, Surface, Volume
from spherelinks.texture.blend import carried
from spherelinks.texture.carry import Found, carry, colors, seek
from spherelinks.texture.evening import BOUNDS, EVEN, Light, lights
from spherelinks.texture.projection import project
from spherelinks.texture.texels import blended, locate
from spherelinks.texture.unwrap import Atlas

DEPTH_SIZE = 1024
#: Side of the picture when it is compared with the shape's own colours, px: about their resolution.
SOFT = 128
#: Share of the object's longest side by which a point may lie behind the visible surface and still count as seen.
DEPTH_BIAS = 0.004
#: Pixels of a 512 px frame that are cut off at the matte's border, and over which the picture then fades in. So few
#: because the background was already removed from frames, on the border and beyond it.
ERODED, FEATHERED = 0.5, 1.5

#: Rows that a thread colours at a time: few, as those that show the picture take longer than others.
BAND = 64


_sample = kernel(
    "bake_sampled", "grid: u1[X,Y,Z,3]", "X", "Y", "Z", "places: f8[N,3]", "N", "out: f4[N,3]*"
)  # fmt: skip
_ask_at = kernel("bake_asked_at", "places: f8[N,3]", "N", "asked: u1[X,Y,Z]*", "X", "Y", "Z")
_show = kernel(
    "bake_shown", "texture: u1[T,T,3]*", "covered: b1[T,T]*", "left: u1[T,T]*", "T", "first: int", "end: int",
    "traits: f8[N,10]", "places: f8[N,3]", "uv: f4[N,2]", "N", "faces: i4[F,3] < N", "F", "asked: u1[X,Y,Z]*", "X", "Y",
    "Z", "matrix: f8[4,4]", "picture: u1[H,W,3]", "H", "W", "strength: f4[S,S]", "S", "depth: f4[D,D]", "D",
    "bias: float",
)  # fmt: skip
_see = kernel(
    "bake_seen", "traits: f8[N,10]", "N", "matrix: f8[4,4]", "picture: u1[H,W,3]", "H", "W", "strength: f4[S,S]", "S",
    "depth: f4[D,D]", "D", "bias: float", "shown: f4[N,3]*", "weight: f4[N]*",
)  # fmt: skip
_gather = kernel(
    "bake_gathered", "points: f4[N,3]", "normals: f4[N,3]", "N", "matrix: f8[4,4]", "eye: f8[4]", "picture: u1[H,W,3]",
    "H", "W", "strength: f4[S,S]", "S", "depth: f4[D,D]", "D", "bias: float", "balance: f4[3]", "slope: f4[3]",
    "full: float", "darkest: float", "brightest: float", "color: f4[N,3]*", "weight: f8[N]*", "most: f4[N]*",
)  # fmt: skip
_mix = kernel(
    "bake_mixed", "texture: u1[T,3]*", "texel: i8[N] < T", "N", "grid: u1[X,Y,Z,3]", "X", "Y", "Z", "places: f8[N,3]",
    "offset: f4[N,3]", "shown: f4[N,3]", "trust: f4[N]",
)  # fmt: skip
_paint_rows = kernel(
    "bake_paint", "texture: u1[T,T,3]*", "covered: b1[T,T]*", "T", "first: int", "end: int", "traits: f8[N,10]",
    "places: f8[N,3]", "offset: f4[N,3]", "uv: f4[N,2]", "faces: i4[F,3] < N", "F", "known: u1[K,K,3]", "K",
    "grid: u1[X,Y,Z,3]", "X", "Y", "Z", "matrix: f8[4,4]", "picture: u1[H,W,3]", "H", "W", "strength: f4[S,S]", "S",
    "depth: f4[D,D]", "D", "bias: float", "left: u1[L,L]", "L",
)  # fmt: skip


@dataclass(frozen=True)
class Shot:
    """A picture, and what its camera sees of a surface.

    matrix (4, 4), eye (4,) : of the camera
    picture : (S, S, 3) uint8, sRGB
    strength : (S, S) float32, of :func:`picture_strength`
    depth : (DEPTH_SIZE, DEPTH_SIZE) float32 of the nearest surface; (0, 0) where there is no camera
    bias : how far behind it a point still counts as seen, in the vertices' unit
    area : of the surface in the picture, square pixels, front and back
    light : what the picture's light is evened by
    """

    matrix: NDArray[np.float64]
    eye: NDArray[np.float64]
    picture: NDArray[np.uint8]
    strength: NDArray[np.float32]
    depth: NDArray[np.float32]
    bias: float
    area: float
    light: Light = EVEN


@dataclass(frozen=True)
class Sight:
    """What the shape's cameras see of a surface, and how that differs from the shape's own colours: nothing of it
    depends on where the texture lies.

    front : the shape's own picture; an empty one where there is no camera
    offset : (V, 3) float32, what is added to the shape's own colours at each vertex
    tree : of a shape that is a surface, for its nearest points; None of a volume
    others : the further pictures; where there are some, all are in one light
    """

    front: Shot
    offset: NDArray[np.float32]
    tree: Tree | None
    others: tuple[Shot, ...] = ()


def look(
    vertices: Vertices,
    normals: NDArray[np.float32],
    faces: Faces,
    shape: Shape,
    frame: Frame | None,
    known: Tree | None = None,
    finer: Sight | None = None,
    strength: NDArray[np.float32] | None = None,
) -> Sight:
    """The part of baking that can be done before a mesh is unwrapped; arguments as of :func:`bake`, faces (F, 3).

    frame : None for a shape that is not coloured by a picture
    known : the tree of the shape, if it exists already
    finer : what was returned for a finer surface of the same shape and frame, whose tree and light it keeps
    strength : :func:`picture_strength` of the frame's matte, if it is known already
    """
    offset, camera = np.zeros((len(vertices), 3), np.float32), shape.camera
    if finer:
        known = finer.tree
    if known is None and isinstance(shape, Surface):
        known = tree(shape.vertices, shape.faces)
    if camera is None or frame is None:
        nothing = np.zeros((1, 1), np.float32)
        picture = np.zeros((1, 1, 3), np.uint8)
        none = Shot(np.zeros((4, 4)), np.zeros(4), picture, nothing, nothing[:0, :0], 0.0, 0.0)
        return Sight(none, offset, known)
    if isinstance(shape, Surface):
        assert known is not None
        own: NDArray[Any] = colors(shape, nearest(vertices, known))
    else:
        places = _places(vertices, shape)
        own = _sampled(_grid(shape.color, lambda asked: _ask_at(places, asked)), places)
    bias = DEPTH_BIAS * float(sides(vertices).max())
    if finer:
        strength = finer.front.strength
    front = _shot(camera, frame, vertices, faces, bias, strength)
    others: list[Shot] = []
    if isinstance(shape, Volume) and shape.others:
        further = [_shot(other, frame.others[view], vertices, faces, bias) for view, other in shape.others.items()]
        shots = (front, *further)
        lit = (finer.front, *finer.others) if finer else _evened(shots, vertices, normals)
        front, *others = (replace(shot, light=each.light) for shot, each in zip(shots, lit, strict=True))
    shown, trust = _shown([_soft(each) for each in (front, *others)], vertices, normals)
    offset = carried(vertices, faces, shown - own, trust)
    return Sight(front, offset, known, tuple(others))


def bake(
    vertices: Vertices,
    normals: NDArray[np.float32],
    atlas: Atlas,
    size: int,
    shape: Shape,
    frame: Frame | None,
    sight: Sight | None = None,
    found: Found | None = None,
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Colour every texel that a triangle covers.

    vertices, normals : (V, 3), (N, 3) float32 in the shape's frame and unit, which atlas indexes by `source` and `fan`
    size : the texture's side, px
    sight : the result of :func:`look` for the same surface, shape and frame, if available
    found : of a shape that is a surface, the points that the texels show, if they were sought already

    Returns the (size, size, 3) uint8 sRGB texture and the (size, size) texels that were coloured. Each takes the
    picture's colour, weighted by how squarely the surface faces the camera, by the matte (eroded and feathered, so
    that no background bleeds in) and by whether the camera sees it; the rest comes from the volume's colour grid, or
    from a surface's nearest point, to which the picture's difference is carried over the border (see
    :mod:`spherelinks.texture.blend`). Colours are mixed as sRGB values: the two hardly differ where they meet, and the
    eye sees even steps of sRGB as even. The picture is shrunk in linear light, as the mipmaps of engines are.
    """
    points = vertices[atlas.source]
    uv = atlas.uv * np.float32(size)
    if sight is None:
        faces = atlas.source[atlas.faces]
        sight = look(vertices, vertex_normals(vertices, faces), faces, shape, frame)
    if sight.others:
        assert isinstance(shape, Volume)
        return _baked(vertices, normals, atlas, size, shape, sight)
    front, offset = sight.front, sight.offset[atlas.source]
    texture, covered = np.zeros((size, size, 3), np.uint8), np.zeros((size, size), np.bool_)
    with threads.pool() as pool:
        scaled = pool.submit(lambda: _scaled(front.picture, front.strength, front.area, _area(uv, atlas.faces)))
        traits = _traits(points, normals[atlas.fan], front.matrix, front.eye)
        a, b, c = uv[atlas.faces.T, 1]
        top, bottom = np.minimum(np.minimum(a, b), c), np.maximum(np.maximum(a, b), c)
        bands = [(first, min(first + BAND, size)) for first in range(0, size, BAND)]
        drawn = [
            (first, end, atlas.faces.take(np.flatnonzero((top < end) & (bottom > first)), axis=0))
            for first, end in bands
        ]
        if isinstance(shape, Surface):
            assert sight.tree is not None
            known = carry(found or seek(points, atlas.uv, atlas.faces, size, sight.tree), shape)
            grid, places = np.zeros((1, 1, 1, 3), np.uint8), np.zeros(points.shape)
        else:
            known, places = np.zeros((0, 0, 3), np.uint8), _places(points, shape)
        picture, strength = scaled.result()
        seen = front.matrix, picture, strength, front.depth, front.bias
        left = np.empty((0, 0), np.uint8)
        if isinstance(shape, Volume):
            if isinstance(shape.color, Colors):  # of which what the picture colours by itself needs none
                left = np.empty((size, size), np.uint8)

            def show(asked: NDArray[np.uint8], band: tuple[int, int, Faces]) -> None:
                first, end, faces = band
                _show(texture, covered, left, first, end, traits, places, uv, faces, asked, *seen)

            grid = _grid(shape.color, lambda asked: list(pool.map(partial(show, asked), drawn)))

        def paint(band: tuple[int, int, Faces]) -> None:
            first, end, faces = band
            _paint(texture, covered, first, end, traits, places, offset, uv, faces, known, grid, *seen, left)

        list(pool.map(paint, drawn))
    return texture, covered


def _places(points: Vertices, shape: Volume) -> NDArray[np.float64]:
    """(N, 3) points as coordinates in samples."""
    return np.asarray((points - np.asarray(shape.origin, np.float64)) / float(shape.spacing))


def _grid(color: NDArray[np.uint8] | Colors, ask: Callable[[NDArray[np.uint8]], object]) -> NDArray[np.uint8]:
    """The (X, Y, Z, 3) colours of a volume, with all that `ask` marks in their `asked`."""
    if isinstance(color, Colors):
        ask(color.asked)
        return color.known()
    return np.ascontiguousarray(color)


def picture_strength(matte: NDArray[np.float32]) -> NDArray[np.float32]:
    """(S, S) float32 in 0..1, how reliably each pixel shows only the object.

    0 outside the matte and ERODED px into it, then rising over FEATHERED px; less where the matte is translucent.
    """
    unit = len(matte) / 512
    depth = cv2.distanceTransform((matte >= 0.5).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
    depth = np.minimum(depth, len(matte))  # of a matte without border it is infinite
    ramp = np.clip((depth - ERODED * unit) / (FEATHERED * unit), 0, 1)
    return np.asarray(ramp * np.clip((matte - 0.5) / 0.4, 0, 1), np.float32)


def _baked(
    vertices: Vertices,
    normals: NDArray[np.float32],
    atlas: Atlas,
    size: int,
    shape: Volume,
    sight: Sight,
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """:func:`bake` from several pictures."""
    texels = _area(atlas.uv * np.float32(size), atlas.faces)
    shots = []
    for each in (sight.front, *sight.others):
        picture, strength = _scaled(each.picture, each.strength, each.area, texels)
        shots.append(replace(each, picture=picture, strength=strength))
    texel, face, weights = locate(atlas.uv, atlas.faces, size)
    texture, covered = np.zeros((size * size, 3), np.uint8), np.zeros(size * size, np.bool_)
    covered[texel] = True
    grid = np.ascontiguousarray(shape.color)
    corners = [
        np.ascontiguousarray(values)
        for values in (vertices[atlas.source], normals[atlas.fan], sight.offset[atlas.source])
    ]

    def paint(first: int) -> None:
        part = slice(first, first + BAND * size)
        at, by = face[part], weights[part]
        points, facing, offset = (blended(values, atlas.faces, at, by) for values in corners)
        shown, trust = _shown(shots, points, facing)
        _mix(texture, texel[part], grid, _places(points, shape), offset, shown, trust)

    threads.each(paint, range(0, len(texel), BAND * size))
    return texture.reshape(size, size, 3), covered.reshape(size, size)


def _shown(
    shots: Sequence[Shot], points: Vertices, normals: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(N, 3) float32 colours of pictures at points of the surface, and how far (N,) each may be trusted, 0..1.

    Where several show a point, the one that it faces most squarely counts most: each by the cube of the cosine to its
    viewer.
    """
    if len(shots) == 1:
        return _seen_in(shots[0], points, normals)
    color, most = np.zeros((len(points), 3), np.float32), np.zeros(len(points), np.float32)
    total = np.zeros(len(points))
    for shot in shots:
        _gather(
            points, normals, shot.matrix, shot.eye, shot.picture, shot.strength, shot.depth, shot.bias,
            shot.light.balance, shot.light.slope, shot.light.full, *BOUNDS, color, total, most,
        )  # fmt: skip
    color /= np.maximum(total, 1e-12)[:, None]
    most[total <= 1e-12] = 0
    return color, most


def _seen_in(
    shot: Shot, points: Vertices, normals: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The picture's colours at points of the surface, and how far each may be trusted."""
    traits = _traits(points, normals, shot.matrix, shot.eye)
    return _seen(traits, shot.matrix, shot.picture, shot.strength, shot.depth, shot.bias)


def _evened(shots: Sequence[Shot], vertices: Vertices, normals: NDArray[np.float32]) -> list[Shot]:
    """The pictures in one light."""
    seen = [_seen_in(_soft(shot), vertices, normals) for shot in shots]
    middle = (vertices.min(axis=0) + vertices.max(axis=0)) / 2
    towards = [shot.eye[:3] - shot.eye[3] * middle for shot in shots]
    found = lights([shown for shown, _ in seen], [trust for _, trust in seen], normals, towards)
    return [replace(shot, light=light) for shot, light in zip(shots, found, strict=True)]


def _shot(
    camera: Camera,
    frame: Frame,
    vertices: Vertices,
    faces: Faces,
    bias: float,
    strength: NDArray[np.float32] | None = None,
) -> Shot:
    matrix, eye = np.ascontiguousarray(camera.world_to_clip, np.float64), np.asarray(camera.eye, np.float64)
    depth = depth_buffer(project(vertices, camera, DEPTH_SIZE), faces, DEPTH_SIZE)
    area = _area(project(vertices, camera, len(frame.rgb)), faces)
    if strength is None:
        strength = picture_strength(frame.matte)
    return Shot(matrix, eye, frame.rgb, strength, depth, bias, area)


def _soft(shot: Shot) -> Shot:
    """With a picture about as coarse as the shape's own colours."""
    small = cv2.resize(shot.picture, (SOFT, SOFT), interpolation=cv2.INTER_AREA)
    return replace(shot, picture=np.asarray(small, np.uint8))


def _scaled(
    picture: NDArray[np.uint8], strength: NDArray[np.float32], area: float, texels: float
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """The picture and its strength for that many texels of surface: if those are coarser than the picture's pixels, it
    is shrunk, so that they average rather than skip."""
    shrink = np.sqrt(area / max(texels, 1e-9) * 2)
    if shrink <= 1.5:
        return np.ascontiguousarray(picture), strength
    side = max(64, round(len(picture) / shrink))
    light = np.asarray(cv2.resize(linear(picture), (side, side), interpolation=cv2.INTER_AREA), np.float32)
    shrunk, weaker = np.empty((side, side, 3), np.uint8), np.empty((side, side), np.float32)

    def finish(first: int) -> None:  # the strength beside the colours' powers, which take longest
        if first < 0:
            weaker[:] = cv2.resize(strength, (side, side), interpolation=cv2.INTER_AREA)
        else:
            shrunk[first : first + BAND] = encoded(light[first : first + BAND])

    threads.each(finish, [-1, *range(0, side, BAND)])
    return shrunk, weaker


def _area(points: NDArray[np.floating], faces: Faces) -> float:
    """Summed area of the faces' projections on x and y, front and back alike."""
    a, b, c = (points[faces[:, k], :2] for k in range(3))
    p, q = b - a, c - a
    return float(np.abs(p[:, 0] * q[:, 1] - p[:, 1] * q[:, 0]).sum() / 2)


def _sampled(grid: NDArray[np.uint8], places: NDArray[np.float64]) -> NDArray[np.float32]:
    """(N, 3) float32 of an (X, Y, Z, 3) grid at (N, 3) sample coordinates."""
    out = np.empty((len(places), 3), np.float32)
    _sample(grid, places, out)
    return out


def _seen(
    traits: NDArray[np.float64],
    matrix: NDArray[np.float64],
    picture: NDArray[np.uint8],
    strength: NDArray[np.float32],
    depth: NDArray[np.float32],
    bias: float,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(N, 3) float32 colours of the picture at points of the surface, and how far (N,) each may be trusted, 0..1."""
    shown, weight = np.zeros((len(traits), 3), np.float32), np.zeros(len(traits), np.float32)
    _see(traits, matrix, picture, strength, depth, bias, shown, weight)
    return shown, weight


def _traits(
    points: Vertices, normals: NDArray[np.float32], matrix: NDArray[np.float64], eye: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(N, 10): what the camera has to do with points of the surface and what is linear over a face: the way to the eye,
    x, y, z, w of clip space, the normal."""
    way = eye[:3] - points.astype(np.float64) * eye[3]
    return np.concatenate([way, points @ matrix[:, :3].T + matrix[:, 3], normals], axis=1)


def _paint(
    texture: NDArray[np.uint8],
    covered: NDArray[np.bool_],
    first: int,
    end: int,
    traits: NDArray[np.float64],
    places: NDArray[np.float64],
    offset: NDArray[np.float32],
    uv: NDArray[np.float32],
    faces: Faces,
    known: NDArray[np.uint8],
    grid: NDArray[np.uint8],
    matrix: NDArray[np.float64],
    picture: NDArray[np.uint8],
    strength: NDArray[np.float32],
    depth: NDArray[np.float32],
    bias: float,
    left: NDArray[np.uint8],
) -> None:
    """Colour the rows from `first` up to `end` of a square texture, and mark what is covered; in place.

    places : (W, 3) float64 sample coordinates in the grid
    known : the shape's own colour of each texel, or empty if the grid has it
    left : the texels that are not coloured yet, or empty if none is
    """
    _paint_rows(
        texture, covered, first, end, traits, places, offset, uv, faces, known, grid, matrix, picture, strength, depth,
        bias, left,
    )  # fmt: skip
