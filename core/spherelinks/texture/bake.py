"""The base colour: the picture on what it shows, the generator's colours elsewhere."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray

from spherelinks.mesh.nearest import Tree, nearest, tree
from spherelinks.mesh.normals import vertex_normals
from spherelinks.mesh.topology import Faces, Vertices
from spherelinks.pixels.depth import depth_buffer
from spherelinks.pixels.srgb import encoded, linear
from spherelinks.shape import Frame, Shape, Surface
from spherelinks.texture.blend import carried
from spherelinks.texture.carry import carry, colors
from spherelinks.texture.projection import project
from spherelinks.texture.unwrap import Atlas

DEPTH_SIZE = 1024
#: Side of the picture when it is compared with the shape's own colours, px: about the finest that those hold.
SOFT = 128
#: The picture counts from this cosine between normal and view on, and fully a quarter further up.
GRAZING = 0.05
#: Share of the object's longest side by which a point may lie behind the visible surface and still count as seen.
DEPTH_BIAS = 0.004
#: Pixels of a 512 px frame that are cut off at the matte's border, and over which the picture then fades in. So few
#: because frames hold no ground, on the border and beyond it: it was taken out there.
ERODED, FEATHERED = 0.5, 1.5

#: Rows that a thread colours at a time: few, as those that show the picture take longer than others.
BAND = 64


@dataclass(frozen=True)
class Sight:
    """What the shape's camera sees of a surface, and how that differs from the shape's own colours: nothing of it
    depends on where the texture lies.

    matrix (4, 4), eye (4,) : of the camera
    strength : (S, S) float32, of :func:`picture_strength`
    depth : (DEPTH_SIZE, DEPTH_SIZE) float32 of the nearest surface; (0, 0) where there is no camera
    bias : how far behind it a point still counts as seen, in the vertices' unit
    area : of the surface in the picture, square pixels, front and back
    offset : (V, 3) float32, what is added to the shape's own colours at each vertex
    tree : of a shape that is a surface, for its nearest points; None of a volume
    """

    matrix: NDArray[np.float64]
    eye: NDArray[np.float64]
    strength: NDArray[np.float32]
    depth: NDArray[np.float32]
    bias: float
    area: float
    offset: NDArray[np.float32]
    tree: Tree | None


def look(
    vertices: Vertices,
    normals: NDArray[np.float32],
    faces: Faces,
    shape: Shape,
    frame: Frame,
    known: Tree | None = None,
) -> Sight:
    """The part of baking that can be done before a mesh is unwrapped; arguments as of :func:`bake`, faces (F, 3).

    known : the tree of the shape, where it was made before
    """
    offset, camera = np.zeros((len(vertices), 3), np.float32), shape.camera
    if known is None and isinstance(shape, Surface):
        known = tree(shape.vertices, shape.faces)
    if camera is None:
        nothing = np.zeros((1, 1), np.float32)
        return Sight(np.zeros((4, 4)), np.zeros(4), nothing, nothing[:0, :0], 0.0, 0.0, offset, known)
    if isinstance(shape, Surface):
        assert known is not None
        own = colors(shape, nearest(vertices, known))
    else:
        own = _sampled(shape.color, (vertices - shape.origin) / float(shape.spacing))
    strength = picture_strength(frame.matte)
    depth = depth_buffer(project(vertices, camera, DEPTH_SIZE), faces, DEPTH_SIZE)
    matrix, eye = np.ascontiguousarray(camera.world_to_clip, np.float64), np.asarray(camera.eye, np.float64)
    bias = DEPTH_BIAS * float(np.ptp(vertices, axis=0).max())
    soft = np.asarray(cv2.resize(frame.rgb, (SOFT, SOFT), interpolation=cv2.INTER_AREA), np.uint8)
    shown, trust = _seen(_traits(vertices, normals, matrix, eye), matrix, soft, strength, depth, bias)
    offset = carried(vertices, faces, shown - own, trust)
    area = _area(project(vertices, camera, len(frame.rgb)), faces)
    return Sight(matrix, eye, strength, depth, bias, area, offset, known)


def bake(
    vertices: Vertices,
    normals: NDArray[np.float32],
    atlas: Atlas,
    size: int,
    shape: Shape,
    frame: Frame,
    sight: Sight | None = None,
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Colour every texel that a triangle covers.

    vertices, normals : (V, 3), (N, 3) float32 in the shape's frame and unit, which atlas indexes by `source` and `fan`
    size : the texture's side, px
    sight : what :func:`look` made of the same surface, shape and frame, where that was done before

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
    offset = sight.offset[atlas.source]
    traits = _traits(points, normals[atlas.fan], sight.matrix, sight.eye)
    picture, strength = _scaled(frame.rgb, sight, _area(uv, atlas.faces))
    if isinstance(shape, Surface):
        assert sight.tree is not None
        known = carry(points, atlas.uv, atlas.faces, size, shape, sight.tree)
        grid, origin, spacing = np.zeros((1, 1, 1, 3), np.uint8), np.zeros(3), 1.0
    else:
        known = np.zeros((0, 0, 3), np.uint8)
        grid, origin, spacing = shape.color, np.asarray(shape.origin, np.float64), float(shape.spacing)
    places = np.asarray((points - origin) / spacing, np.float64)
    texture, covered = np.zeros((size, size, 3), np.uint8), np.zeros((size, size), np.bool_)
    rows = uv[atlas.faces, 1]
    top, bottom = rows.min(axis=1), rows.max(axis=1)

    def paint(first: int) -> None:
        end = min(first + BAND, size)
        _paint(
            texture, covered, first, end, traits, places, offset, uv, atlas.faces[(top < end) & (bottom > first)],
            known, grid, sight.matrix, picture, strength, sight.depth, sight.bias,
        )  # fmt: skip

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(paint, range(0, size, BAND)))
    return texture, covered


def picture_strength(matte: NDArray[np.float32]) -> NDArray[np.float32]:
    """(S, S) float32 in 0..1, how far each pixel may be trusted to show the object and nothing else.

    0 outside the matte and ERODED px into it, then rising over FEATHERED px; less where the matte is translucent.
    """
    unit = len(matte) / 512
    depth = cv2.distanceTransform((matte >= 0.5).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
    depth = np.minimum(depth, len(matte))  # of a matte without border it is infinite
    ramp = np.clip((depth - ERODED * unit) / (FEATHERED * unit), 0, 1)
    return np.asarray(ramp * np.clip((matte - 0.5) / 0.4, 0, 1), np.float32)


def _scaled(picture: NDArray[np.uint8], sight: Sight, texels: float) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """The picture and its strength for so many texels of surface: where those are coarser than the picture's pixels, it
    is shrunk, so that they average and do not skip."""
    shrink = np.sqrt(sight.area / max(texels, 1e-9) * 2)
    if shrink <= 1.5:
        return np.ascontiguousarray(picture), sight.strength
    small = (max(64, round(len(picture) / shrink)),) * 2
    shrunk = encoded(np.asarray(cv2.resize(linear(picture), small, interpolation=cv2.INTER_AREA), np.float32))
    return shrunk, np.asarray(cv2.resize(sight.strength, small, interpolation=cv2.INTER_AREA), np.float32)


def _area(points: NDArray[np.floating], faces: Faces) -> float:
    """Summed area of the faces' projections on x and y, front and back alike."""
    a, b, c = (points[faces[:, k], :2] for k in range(3))
    p, q = b - a, c - a
    return float(np.abs(p[:, 0] * q[:, 1] - p[:, 1] * q[:, 0]).sum() / 2)


@njit(cache=True, nogil=True, error_model="numpy")
def _between(image, x, y):  # type: ignore[no-untyped-def]
    """Where (x, y), in pixels with centres at .5, lies in an image, clamped to its border: the pixels to the left and
    right, those above and below, and how far it is from the left one and from the upper one."""
    h, w = image.shape[:2]
    x, y = min(max(x - 0.5, 0.0), w - 1.0), min(max(y - 0.5, 0.0), h - 1.0)
    x0, y0 = int(x), int(y)
    return x0, min(x0 + 1, w - 1), y0, min(y0 + 1, h - 1), x - x0, y - y0


@njit(cache=True, nogil=True, error_model="numpy")
def _level(image, x, y):  # type: ignore[no-untyped-def]
    """An (H, W) image at a place, bilinear."""
    x0, x1, y0, y1, fx, fy = _between(image, x, y)
    above = image[y0, x0] * (1 - fx) + image[y0, x1] * fx
    below = image[y1, x0] * (1 - fx) + image[y1, x1] * fx
    return above * (1 - fy) + below * fy


@njit(cache=True, nogil=True, error_model="numpy")
def _shown(image, x, y):  # type: ignore[no-untyped-def]
    """An (H, W, 3) uint8 image at a place, bilinear, in whole numbers: those are the faster here."""
    x0, x1, y0, y1, fx, fy = _between(image, x, y)
    right, under = int(fx * 256 + 0.5), int(fy * 256 + 0.5)
    a, b, c, d = (256 - right) * (256 - under), right * (256 - under), (256 - right) * under, right * under
    return (
        (a * image[y0, x0, 0] + b * image[y0, x1, 0] + c * image[y1, x0, 0] + d * image[y1, x1, 0]) / 65536,
        (a * image[y0, x0, 1] + b * image[y0, x1, 1] + c * image[y1, x0, 1] + d * image[y1, x1, 1]) / 65536,
        (a * image[y0, x0, 2] + b * image[y0, x1, 2] + c * image[y1, x0, 2] + d * image[y1, x1, 2]) / 65536,
    )


@njit(cache=True, nogil=True, error_model="numpy")
def _known(grid, x, y, z):  # type: ignore[no-untyped-def]
    """An (X, Y, Z, 3) uint8 grid at sample coordinates, trilinear, clamped to its border; in whole numbers, too."""
    nx, ny, nz = grid.shape[:3]
    x, y, z = min(max(x, 0.0), nx - 1.0), min(max(y, 0.0), ny - 1.0), min(max(z, 0.0), nz - 1.0)
    x0, y0, z0 = int(x), int(y), int(z)
    x1, y1, z1 = min(x0 + 1, nx - 1), min(y0 + 1, ny - 1), min(z0 + 1, nz - 1)
    fx, fy, fz = int((x - x0) * 256 + 0.5), int((y - y0) * 256 + 0.5), int((z - z0) * 256 + 0.5)
    r = g = b = 0
    for i, wx in ((x0, 256 - fx), (x1, fx)):
        for j, wy in ((y0, 256 - fy), (y1, fy)):
            near, far = wx * wy * (256 - fz), wx * wy * fz
            r += near * grid[i, j, z0, 0] + far * grid[i, j, z1, 0]
            g += near * grid[i, j, z0, 1] + far * grid[i, j, z1, 1]
            b += near * grid[i, j, z0, 2] + far * grid[i, j, z1, 2]
    return r / 2**24, g / 2**24, b / 2**24


@njit(cache=True, nogil=True)
def _sampled(grid, places):  # type: ignore[no-untyped-def]
    """(N, 3) float32 of an (X, Y, Z, 3) grid at (N, 3) sample coordinates."""
    out = np.empty((len(places), 3), np.float32)
    for i in range(len(places)):
        out[i, 0], out[i, 1], out[i, 2] = _known(grid, places[i, 0], places[i, 1], places[i, 2])
    return out


@njit(cache=True, nogil=True)
def _seen(traits, matrix, picture, strength, depth, bias):  # type: ignore[no-untyped-def]
    """(N, 3) float32 colours of the picture at points of the surface, and how far (N,) each may be trusted, 0..1."""
    shown, weight = np.zeros((len(traits), 3), np.float32), np.zeros(len(traits), np.float32)
    for i in range(len(traits)):
        weight[i], x, y = _trust(traits[i], matrix, strength, depth, bias)
        if weight[i] > 0:
            shown[i, 0], shown[i, 1], shown[i, 2] = _shown(picture, x * picture.shape[1], y * picture.shape[0])
    return shown, weight


def _traits(
    points: Vertices, normals: NDArray[np.float32], matrix: NDArray[np.float64], eye: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(N, 10): what the camera has to do with points of the surface and what is linear over a face: the way to the eye,
    x, y, z, w of clip space, the normal."""
    way = eye[:3] - points.astype(np.float64) * eye[3]
    return np.concatenate([way, points @ matrix[:, :3].T + matrix[:, 3], normals], axis=1)


@njit(cache=True, nogil=True, error_model="numpy")
def _trust(trait, matrix, strength, depth, bias):  # type: ignore[no-untyped-def]
    """Weight of the picture's colour at a surface point, given its traits, and where in the picture, 0..1, that is."""
    vx, vy, vz, w = trait[0], trait[1], trait[2], trait[6]
    towards = trait[7] * vx + trait[8] * vy + trait[9] * vz
    if towards <= 0 or not abs(w) > 1e-12:
        return 0.0, 0.0, 0.0
    length = np.sqrt(vx * vx + vy * vy + vz * vz) + 1e-30
    normal = np.sqrt(trait[7] * trait[7] + trait[8] * trait[8] + trait[9] * trait[9])
    cosine = min(towards / (length * normal), 1.0)
    if cosine <= GRAZING:
        return 0.0, 0.0, 0.0
    x, y = (trait[3] / w + 1) / 2, (1 - trait[4] / w) / 2
    if not (0 <= x < 1 and 0 <= y < 1):
        return 0.0, 0.0, 0.0
    size = len(strength)
    weight = min((cosine - GRAZING) * 4, 1.0) * _level(strength, x * size, y * size)
    if weight <= 0:
        return 0.0, 0.0, 0.0
    # the point, brought forward by the tolerance, more where the surface is steep across a depth pixel
    nearer = bias * (1 + np.sqrt(1 - cosine * cosine) / cosine) / length
    z = trait[5] + nearer * (matrix[2, 0] * vx + matrix[2, 1] * vy + matrix[2, 2] * vz)
    z /= w + nearer * (matrix[3, 0] * vx + matrix[3, 1] * vy + matrix[3, 2] * vz)
    column, line, last = int(x * len(depth)), int(y * len(depth)), len(depth) - 1
    left, right = max(column - 1, 0), min(column + 1, last)
    in_view = 0
    for j in (max(line - 1, 0), line, min(line + 1, last)):
        in_view += (z <= depth[j, left]) + (z <= depth[j, column]) + (z <= depth[j, right])
    return weight * (in_view / 9) ** 2, x, y


@njit(cache=True, nogil=True, error_model="numpy")
def _paint(  # type: ignore[no-untyped-def]
    texture, covered, first, end, traits, places, offset, uv, faces,
    known, grid, matrix, picture, strength, depth, bias,
):  # fmt: skip
    """Colour the rows from `first` up to `end` of a square texture, and mark what is covered; in place.

    places : (W, 3) float64 sample coordinates in the grid
    """
    size = len(texture)
    # of a face: its traits, places and offset where its first corner is, and how they change along x and along y
    corner, across, along, here = np.empty((3, 16)), np.empty(16), np.empty(16), np.empty(16)
    for f in range(len(faces)):
        i, j, k = faces[f]
        ax, ay = float(uv[i, 0]), float(uv[i, 1])
        bx, by = uv[j, 0] - ax, uv[j, 1] - ay
        cx, cy = uv[k, 0] - ax, uv[k, 1] - ay
        double = bx * cy - by * cx
        if not abs(double) > 1e-12:
            continue
        top = max(first, int(np.ceil(ay + min(0.0, by, cy) - 0.5)))
        bottom = min(end - 1, int(np.floor(ay + max(0.0, by, cy) - 0.5)))
        if top > bottom:
            continue
        turned = False  # whether some of the face may look at the viewer
        for n in range(3):
            v = faces[f, n]
            corner[n, :10], corner[n, 10:13], corner[n, 13:] = traits[v], places[v], offset[v]
            turned |= corner[n, 0] * corner[n, 7] + corner[n, 1] * corner[n, 8] + corner[n, 2] * corner[n, 9] > 0
        turned &= len(depth) > 0
        for d in range(16):
            b, c = corner[1, d] - corner[0, d], corner[2, d] - corner[0, d]
            across[d], along[d] = (b * cy - c * by) / double, (c * bx - b * cx) / double
        for y in range(top, bottom + 1):
            py = y + 0.5 - ay
            # weights of the second and third corner are linear along the row: b0 + db * px, c0 + dc * px
            b0, db, c0, dc = -py * cx / double, cy / double, bx * py / double, -by / double
            low, high = -ax, size - ax
            for start, step in ((b0, db), (c0, dc), (1 - b0 - c0, -db - dc)):
                if step > 0:
                    low = max(low, (-1e-6 - start) / step)
                elif step < 0:
                    high = min(high, (-1e-6 - start) / step)
                elif start < -1e-6:
                    high = -np.inf
            for x in range(max(0, int(np.ceil(low + ax - 0.5))), int(min(size - 1.0, np.floor(high + ax - 0.5))) + 1):
                px = x + 0.5 - ax
                for d in range(16):
                    here[d] = corner[0, d] + along[d] * py + across[d] * px
                weight, r, g, b = 0.0, 0.0, 0.0, 0.0
                if turned:
                    weight, u, v = _trust(here, matrix, strength, depth, bias)
                    if weight > 0:
                        r, g, b = _shown(picture, u * len(picture), v * len(picture))
                if weight < 1:
                    if len(known):
                        own = (float(known[y, x, 0]), float(known[y, x, 1]), float(known[y, x, 2]))
                    else:
                        own = _known(grid, here[10], here[11], here[12])
                    r = weight * r + (1 - weight) * min(max(own[0] + here[13], 0.0), 255.0)
                    g = weight * g + (1 - weight) * min(max(own[1] + here[14], 0.0), 255.0)
                    b = weight * b + (1 - weight) * min(max(own[2] + here[15], 0.0), 255.0)
                texture[y, x, 0], texture[y, x, 1], texture[y, x, 2] = (
                    np.uint8(r + 0.5),
                    np.uint8(g + 0.5),
                    np.uint8(b + 0.5),
                )
                covered[y, x] = True
