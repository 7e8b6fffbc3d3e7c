"""The base colour: the picture on what it shows, the generator's colours elsewhere."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray

from spherelinks.generators.base import Frame, Shape, Surface
from spherelinks.mesh.nearest import nearest
from spherelinks.mesh.topology import Faces, Vertices
from spherelinks.texture.blend import carried
from spherelinks.texture.carry import carry, colors
from spherelinks.texture.light import encoded, linear
from spherelinks.texture.projection import project
from spherelinks.texture.raster import depth_buffer
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
    """

    matrix: NDArray[np.float64]
    eye: NDArray[np.float64]
    strength: NDArray[np.float32]
    depth: NDArray[np.float32]
    bias: float
    area: float
    offset: NDArray[np.float32]


def look(vertices: Vertices, normals: NDArray[np.float32], faces: Faces, shape: Shape, frame: Frame) -> Sight:
    """The part of baking that can be done before a mesh is unwrapped; arguments as of :func:`bake`, faces (F, 3)."""
    offset, camera = np.zeros((len(vertices), 3), np.float32), shape.camera
    if camera is None:
        nothing = np.zeros((1, 1), np.float32)
        return Sight(np.zeros((4, 4)), np.zeros(4), nothing, nothing[:0, :0], 0.0, 0.0, offset)
    if isinstance(shape, Surface):
        own = colors(shape, nearest(vertices, shape.tree))
    else:
        own = _sampled(shape.color, (vertices - shape.origin) / float(shape.spacing))
    strength = picture_strength(frame.matte)
    depth = depth_buffer(project(vertices, camera, DEPTH_SIZE), faces, DEPTH_SIZE)
    matrix, eye = np.ascontiguousarray(camera.world_to_clip, np.float64), np.asarray(camera.eye, np.float64)
    bias = DEPTH_BIAS * float(np.ptp(vertices, axis=0).max())
    soft = np.asarray(cv2.resize(frame.rgb, (SOFT, SOFT), interpolation=cv2.INTER_AREA), np.uint8)
    shown, trust = _seen(vertices, normals, matrix, eye, soft, strength[..., None], depth, bias)
    offset = carried(vertices, faces, shown - own, trust)
    area = _area(project(vertices, camera, len(frame.rgb)), faces)
    return Sight(matrix, eye, strength, depth, bias, area, offset)


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

    vertices, normals : (V, 3) float32 in the shape's frame and unit; atlas indexes them by `source`
    size : the texture's side, px
    sight : what :func:`look` made of the same surface, shape and frame, where that was done before

    Returns the (size, size, 3) uint8 sRGB texture and the (size, size) texels that were coloured. Each takes the
    picture's colour, weighted by how squarely the surface faces the camera, by the matte (eroded and feathered, so
    that no background bleeds in) and by whether the camera sees it; the rest comes from the volume's colour grid, or
    from a surface's nearest point, to which the picture's difference is carried over the border (see
    :mod:`spherelinks.texture.blend`). Colours are mixed as sRGB values: the two hardly differ where they meet, and the
    eye sees even steps of sRGB as even. The picture is shrunk in linear light, as the mipmaps of engines are.
    """
    points, facing = vertices[atlas.source], normals[atlas.source]
    uv = atlas.uv * np.float32(size)
    sight = sight or look(vertices, normals, atlas.source[atlas.faces], shape, frame)
    offset = sight.offset[atlas.source]
    picture, strength = _scaled(frame.rgb, sight, _area(uv, atlas.faces))
    if isinstance(shape, Surface):
        known = carry(points, atlas.uv, atlas.faces, size, shape)
        grid, origin, spacing = np.zeros((1, 1, 1, 3), np.uint8), np.zeros(3), 1.0
    else:
        known = np.zeros((0, 0, 3), np.uint8)
        grid, origin, spacing = shape.color, np.asarray(shape.origin, np.float64), float(shape.spacing)
    texture, covered = np.zeros((size, size, 3), np.uint8), np.zeros((size, size), np.bool_)

    def paint(first: int) -> None:
        _paint(
            texture, covered, first, min(first + BAND, size), points, facing, offset, uv, atlas.faces,
            known, grid, origin, spacing, sight.matrix, sight.eye, picture, strength, sight.depth, sight.bias,
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


@njit(cache=True, nogil=True)
def _bilinear(image, x, y, out):  # type: ignore[no-untyped-def]
    """An (H, W, C) image at pixel coordinates (centres at .5), clamped to its border, into out[C]."""
    h, w = image.shape[:2]
    x = min(max(x - 0.5, 0.0), w - 1.0)
    y = min(max(y - 0.5, 0.0), h - 1.0)
    x0, y0 = int(x), int(y)
    x1, y1 = min(x0 + 1, w - 1), min(y0 + 1, h - 1)
    fx, fy = x - x0, y - y0
    for k in range(image.shape[2]):
        above = image[y0, x0, k] * (1 - fx) + image[y0, x1, k] * fx
        below = image[y1, x0, k] * (1 - fx) + image[y1, x1, k] * fx
        out[k] = above * (1 - fy) + below * fy


@njit(cache=True, nogil=True)
def _trilinear(grid, x, y, z, out):  # type: ignore[no-untyped-def]
    """An (X, Y, Z, 3) grid at sample coordinates, clamped to its border, into out[3]."""
    nx, ny, nz = grid.shape[:3]
    x = min(max(x, 0.0), nx - 1.0)
    y = min(max(y, 0.0), ny - 1.0)
    z = min(max(z, 0.0), nz - 1.0)
    x0, y0, z0 = int(x), int(y), int(z)
    x1, y1, z1 = min(x0 + 1, nx - 1), min(y0 + 1, ny - 1), min(z0 + 1, nz - 1)
    fx, fy, fz = x - x0, y - y0, z - z0
    for k in range(3):
        near = (grid[x0, y0, z0, k] * (1 - fz) + grid[x0, y0, z1, k] * fz) * (1 - fy) + (
            grid[x0, y1, z0, k] * (1 - fz) + grid[x0, y1, z1, k] * fz
        ) * fy
        far = (grid[x1, y0, z0, k] * (1 - fz) + grid[x1, y0, z1, k] * fz) * (1 - fy) + (
            grid[x1, y1, z0, k] * (1 - fz) + grid[x1, y1, z1, k] * fz
        ) * fy
        out[k] = near * (1 - fx) + far * fx


@njit(cache=True, nogil=True)
def _sampled(grid, places):  # type: ignore[no-untyped-def]
    """(N, 3) float32 of an (X, Y, Z, 3) grid at (N, 3) sample coordinates."""
    out, value = np.empty((len(places), 3), np.float32), np.empty(3)
    for i in range(len(places)):
        _trilinear(grid, places[i, 0], places[i, 1], places[i, 2], value)
        out[i] = value
    return out


@njit(cache=True, nogil=True)
def _seen(points, normals, matrix, eye, picture, strength, depth, bias):  # type: ignore[no-untyped-def]
    """(N, 3) float32 colours of the picture at points of the surface, and how far (N,) each may be trusted, 0..1."""
    shown, weight = np.zeros((len(points), 3), np.float32), np.zeros(len(points), np.float32)
    at, value, scratch = np.empty(2), np.empty(3), np.empty(1)
    for i in range(len(points)):
        weight[i] = _trust(points[i], normals[i], matrix, eye, strength, depth, bias, at, scratch)
        if weight[i] > 0:
            _bilinear(picture, at[0] * picture.shape[1], at[1] * picture.shape[0], value)
            shown[i] = value
    return shown, weight


@njit(cache=True, nogil=True)
def _row(matrix, row, x, y, z):  # type: ignore[no-untyped-def]
    return matrix[row, 0] * x + matrix[row, 1] * y + matrix[row, 2] * z + matrix[row, 3]


@njit(cache=True, nogil=True)
def _trust(p, n, matrix, eye, strength, depth, bias, at, trust):  # type: ignore[no-untyped-def]
    """Weight of the picture's colour at a surface point; into at[2] where it is in the picture. trust[1] is scratch."""
    vx, vy, vz = eye[0] - p[0] * eye[3], eye[1] - p[1] * eye[3], eye[2] - p[2] * eye[3]
    length = np.sqrt(vx * vx + vy * vy + vz * vz) + 1e-30
    vx, vy, vz = vx / length, vy / length, vz / length
    cosine = min(n[0] * vx + n[1] * vy + n[2] * vz, 1.0)
    w = _row(matrix, 3, p[0], p[1], p[2])
    if cosine <= GRAZING or not abs(w) > 1e-12:
        return 0.0
    at[0] = (_row(matrix, 0, p[0], p[1], p[2]) / w + 1) / 2
    at[1] = (1 - _row(matrix, 1, p[0], p[1], p[2]) / w) / 2
    if not (0 <= at[0] < 1 and 0 <= at[1] < 1):
        return 0.0
    size = len(strength)
    _bilinear(strength, at[0] * size, at[1] * size, trust)
    weight = min((cosine - GRAZING) * 4, 1.0) * trust[0]
    if weight <= 0:
        return 0.0
    # the point, brought forward by the tolerance, more where the surface is steep across a depth pixel
    nearer = bias * (1 + np.sqrt(1 - cosine**2) / cosine)
    px, py, pz = p[0] + vx * nearer, p[1] + vy * nearer, p[2] + vz * nearer
    z = _row(matrix, 2, px, py, pz) / _row(matrix, 3, px, py, pz)
    column, line = int(at[0] * len(depth)), int(at[1] * len(depth))
    in_view = 0
    for j in range(line - 1, line + 2):
        for i in range(column - 1, column + 2):
            if z <= depth[min(max(j, 0), len(depth) - 1), min(max(i, 0), len(depth) - 1)]:
                in_view += 1
    return weight * (in_view / 9) ** 2


@njit(cache=True, nogil=True)
def _paint(  # type: ignore[no-untyped-def]
    texture, covered, first, end, points, normals, offset, uv, faces, known, color, origin, spacing,
    matrix, eye, picture, strength, depth, bias,
):  # fmt: skip
    """Colour the rows from `first` up to `end` of a square texture, and mark what is covered; in place."""
    size = len(texture)
    layered = strength.reshape(strength.shape[0], strength.shape[1], 1)
    p, n, at, trust = np.empty(3), np.empty(3), np.empty(2), np.empty(1)
    base, shown = np.zeros(3), np.zeros(3)
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
        if len(depth):
            for v in (i, j, k):
                towards = 0.0
                for d in range(3):
                    towards += normals[v, d] * (eye[d] - points[v, d] * eye[3])
                turned = turned or towards > 0
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
                b, c = b0 + db * px, c0 + dc * px
                for d in range(3):
                    p[d] = points[i, d] + b * (points[j, d] - points[i, d]) + c * (points[k, d] - points[i, d])
                weight = 0.0
                if turned:
                    length = 0.0
                    for d in range(3):
                        n[d] = normals[i, d] + b * (normals[j, d] - normals[i, d]) + c * (normals[k, d] - normals[i, d])
                        length += n[d] * n[d]
                    if length > 0:
                        length = np.sqrt(length)
                        for d in range(3):
                            n[d] /= length
                        weight = _trust(p, n, matrix, eye, layered, depth, bias, at, trust)
                if weight < 1:
                    if len(known):
                        for d in range(3):
                            base[d] = known[y, x, d]
                    else:
                        _trilinear(
                            color,
                            (p[0] - origin[0]) / spacing,
                            (p[1] - origin[1]) / spacing,
                            (p[2] - origin[2]) / spacing,
                            base,
                        )
                    for d in range(3):
                        carry = offset[i, d] + b * (offset[j, d] - offset[i, d]) + c * (offset[k, d] - offset[i, d])
                        base[d] = min(max(base[d] + carry, 0.0), 255.0)
                if weight > 0:
                    _bilinear(picture, at[0] * len(picture), at[1] * len(picture), shown)
                for d in range(3):
                    texture[y, x, d] = np.uint8((1 - weight) * base[d] + weight * shown[d] + 0.5)
                covered[y, x] = True
