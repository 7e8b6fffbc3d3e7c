"""Pictures of an asset: the thumbnail and the turntable."""

from __future__ import annotations

import io
from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from spherelinks import threads
from spherelinks.gltf.pack import Mesh
from spherelinks.gltf.read import Model
from spherelinks.pixels.srgb import encoded, linear
from spherelinks.pixels.visible import visible
from spherelinks.render.camera import View, look
from spherelinks.render.light import ENCODED, KEY, LINEAR, shade
from spherelinks.render.shadow import contact_shadow

THUMBNAIL_SIZE = 512
TURNTABLE_SIZE, FRAMES, FRAME_MS = 384, 36, 90
#: Rows that a thread shades at a time.
BAND = 64


def thumbnail(model: Model, size: int = THUMBNAIL_SIZE) -> bytes:
    """A PNG, size x size px with transparent background, of an asset in three-quarter front view."""
    return portrait(model.mesh, size)


def portrait(mesh: Mesh, size: int = THUMBNAIL_SIZE) -> bytes:
    """The thumbnail of a mesh in memory: a PNG as from :func:`thumbnail`."""
    (view,) = look(mesh.positions)
    return _png(render(mesh, view, size))


def turntable(model: Model, size: int = TURNTABLE_SIZE, frames: int = FRAMES) -> bytes:
    """An animated WebP, size x size px with transparent background, of an asset turning once, looped.

    It begins with the thumbnail's view.
    """
    first, *others = map(Image.fromarray, turned(model.mesh, size, frames))
    buffer = io.BytesIO()
    first.save(
        buffer,
        "WEBP",
        save_all=True,
        append_images=others,
        duration=FRAME_MS,
        loop=0,
        quality=80,
        alpha_quality=80,
        method=2,
    )
    return buffer.getvalue()


def turned(mesh: Mesh, size: int, frames: int) -> Iterator[NDArray[np.uint8]]:
    """Yield the (size, size, 4) uint8 sRGB pictures of a mesh turning once; the first is the thumbnail's view."""
    for view in look(mesh.positions, [frame / frames for frame in range(frames)]):
        yield render(mesh, view, size)


def render(mesh: Mesh, view: View, size: int) -> NDArray[np.uint8]:
    """(size, size, 4) uint8 sRGB with straight alpha: the mesh in soft light above its shadow, anti-aliased."""
    points = view.project(mesh.positions, 2 * size)
    normals = mesh.normals @ view.axes.T
    tangents = np.empty((0, 4))
    if mesh.tangents is not None:
        tangents = np.column_stack([mesh.tangents[:, :3] @ view.axes.T, mesh.tangents[:, 3]])
    up = np.ascontiguousarray(view.axes[:, 1])
    image = np.zeros((size, size, 4), np.uint8)
    with threads.pool() as pool:
        ground = pool.submit(contact_shadow, mesh.positions, mesh.faces, view, size)
        fitted = pool.submit(_fitted, mesh, points)
        ids = visible(points, mesh.faces, 2 * size)
        shadow, (texture, relief) = ground.result(), fitted.result()

        def band(first: int) -> None:
            shade(
                image, first, min(first + BAND, size), ids, points, mesh.faces, mesh.uv, normals, tangents, up, KEY,
                texture, relief, shadow, LINEAR, ENCODED,
            )  # fmt: skip

        list(pool.map(band, range(0, size, BAND)))
    return image


def _fitted(mesh: Mesh, points: NDArray[np.float64]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """The texture, with its occlusion as the fourth channel, and the normal map, both of one size.

    That is the texture's, halved while its texels are much smaller than the pixels, so that none is skipped.

    points : (V, 3), x and y in half pixels
    """
    p, q, r = (points[mesh.faces[:, k], :2] for k in range(3))
    pixels = np.clip(_cross(r - p, q - p), 0, None).sum() / 8
    u, v, w = (mesh.uv[mesh.faces[:, k]] for k in range(3))
    side = len(mesh.texture)
    # half of a closed surface faces the viewer, and foreshortened: by half again, on a ball
    texels = np.abs(_cross(w - u, v - u)).sum() / 8 * side**2
    while texels > 2 * pixels and side > 64:
        side, texels = side // 2, texels / 4
    texture = np.asarray(cv2.cvtColor(_resized(_glowing(mesh), side), cv2.COLOR_RGB2RGBA), np.uint8)
    if mesh.occlusion is not None:
        texture[..., 3] = _resized(mesh.occlusion, side)
    relief = np.empty((0, 0, 3), np.uint8) if mesh.normal_map is None else _resized(mesh.normal_map, side)
    return texture, relief


def _glowing(mesh: Mesh) -> NDArray[np.uint8]:
    """The base colour with the light that it emits, as if that were reflected."""
    paint = mesh.paint
    if not any(paint.emission):
        return mesh.texture
    light = np.array(paint.emission, np.float32)
    if paint.emissive is not None:
        size = mesh.texture.shape[1::-1]
        image = np.asarray(cv2.resize(paint.emissive, size, interpolation=cv2.INTER_AREA), np.uint8)
        light = light * linear(image)
    return encoded(linear(mesh.texture) + light)


def _resized(image: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    if image.shape[:2] == (side, side):
        return image
    filtering = cv2.INTER_AREA if len(image) > side else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, (side, side), interpolation=filtering), np.uint8)


def _cross(a: NDArray[np.floating], b: NDArray[np.floating]) -> NDArray[np.floating]:
    return np.asarray(a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0])


def _png(image: NDArray[np.uint8]) -> bytes:
    # runs of equal bytes are what a cut-out picture has most of, and they are found fastest
    flags = [cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE]
    return bytes(cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGBA2BGRA), flags)[1])
