"""Removes the picture's lighting from its colours."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from spherelinks.mesh.topology import Faces, Vertices
from spherelinks.pixels.srgb import encoded, linear
from spherelinks.pixels.visible import visible
from spherelinks.shape import Camera
from spherelinks.texture.projection import project

#: Side at which normals and light are looked at, px.
SIDE = 256
#: Shading is taken to lie within these multiples of its mean; further out it is shadow or gloss, and stays.
BOUNDS = (0.4, 2.0)
#: Hues are told apart by so many steps of red and of green of the whole.
_HUES = 8
_ROUNDS = 6
_LUMINANCE = np.array([0.2126, 0.7152, 0.0722], np.float32)


def delit(
    rgb: NDArray[np.uint8],
    vertices: Vertices,
    normals: NDArray[np.float32],
    faces: Faces,
    camera: Camera,
    matte: NDArray[np.float32],
) -> NDArray[np.uint8]:
    """The (S, S, 3) uint8 sRGB picture as if lit evenly from all directions.

    vertices, normals : (V, 3) float32, faces (F, 3) int32: the surface that the camera saw; matte : (S, S) float32

    On curved matt bodies, light is a second-degree polynomial in the normal, whatever the lamps (Ramamoorthi &
    Hanrahan 2001). Its nine coefficients are fitted to the luminance, with an unknown brightness for each hue, so that
    paint is not taken for light; outliers count little. The picture is divided by it, in linear light, within BOUNDS;
    its mean brightness, cast shadows and gloss stay.
    """
    facing, inside = _facing(vertices, normals, faces, camera)
    inside &= np.asarray(cv2.resize(matte, (SIDE, SIDE), interpolation=cv2.INTER_AREA)) > 0.9
    if inside.sum() < 100:
        return rgb
    light = linear(rgb)
    small = np.asarray(cv2.resize(light, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.float32)
    basis = _basis(facing[inside].astype(np.float64))
    shading = basis @ _fitted(basis, small[inside].astype(np.float64))
    gain = np.zeros((SIDE, SIDE), np.float32)
    gain[inside] = 1 / np.clip(shading / shading.mean(), *BOUNDS)
    known = inside.astype(np.float32)
    # out of the surface its border's gain goes on
    near, wide = (
        cv2.GaussianBlur(gain, (0, 0), sigma) / np.maximum(cv2.GaussianBlur(known, (0, 0), sigma), 1e-4)
        for sigma in (1.0, 8.0)
    )
    reached = cv2.GaussianBlur(known, (0, 0), 1.0) > 0.05
    gain = np.where(reached, near, np.where(wide > 0, wide, 1)).astype(np.float32)
    gain = np.asarray(cv2.resize(gain, rgb.shape[1::-1], interpolation=cv2.INTER_LINEAR), np.float32)
    return encoded(light * gain[..., None])


def _facing(
    vertices: Vertices, normals: NDArray[np.float32], faces: Faces, camera: Camera
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """(SIDE, SIDE, 3) unit normals that the camera sees, and where it sees any."""
    points = project(vertices, camera, SIDE)
    points[:, 2] = points[:, 2].max() + 1 - points[:, 2]
    ids = visible(points, faces, SIDE)
    inside = ids >= 0
    rows, columns = np.nonzero(inside)
    corners = faces[ids[inside]]
    a, b, c = (points[corners[:, k], :2] for k in range(3))
    at = np.stack([columns, rows], axis=1) + 0.5
    p, q, r = b - a, c - a, at - a
    double = p[:, 0] * q[:, 1] - p[:, 1] * q[:, 0]
    v = (r[:, 0] * q[:, 1] - r[:, 1] * q[:, 0]) / double
    w = (p[:, 0] * r[:, 1] - p[:, 1] * r[:, 0]) / double
    normal = np.einsum("nk,nkd->nd", np.stack([1 - v - w, v, w], axis=1), normals[corners])
    facing = np.zeros((SIDE, SIDE, 3), np.float32)
    facing[inside] = normal / np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-9)
    return facing, inside


def _basis(n: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N, 9) spherical harmonics up to order 2 of (N, 3) unit normals, but for their factors."""
    x, y, z = n.T
    return np.stack([np.ones_like(x), x, y, z, x * y, y * z, x * z, 3 * z * z - 1, x * x - y * y], axis=1)


def _fitted(basis: NDArray[np.float64], light: NDArray[np.float64]) -> NDArray[np.floating]:
    """(9,) coefficients of the light on (N, 9) normals that show (N, 3) colours."""
    luminance = np.maximum(light @ _LUMINANCE, 1e-4)
    share = light / np.maximum(light.sum(axis=1, keepdims=True), 1e-4)
    hue = (share[:, 0] * _HUES).astype(int) * (_HUES + 1) + (share[:, 1] * _HUES).astype(int)
    hue = np.unique(hue, return_inverse=True)[1]
    shading, weight = np.ones(len(basis)), np.ones(len(basis))
    coefficients: NDArray[np.floating] = np.eye(9)[0]
    ridge = np.diag([0.0] + [0.01] * 3 + [0.03] * 5) * len(basis)
    for _ in range(_ROUNDS):
        paint = np.bincount(hue, weight * luminance) / np.maximum(np.bincount(hue, weight * shading), 1e-9)
        seen = luminance / np.maximum(paint[hue], 1e-6)
        weighted = basis * weight[:, None]
        coefficients = np.linalg.solve(weighted.T @ basis + ridge, weighted.T @ seen)
        shading = np.maximum(basis @ coefficients, 0.05)
        residual = seen / shading - 1
        weight = 1 / (1 + (residual / 0.3) ** 2)
    return coefficients
