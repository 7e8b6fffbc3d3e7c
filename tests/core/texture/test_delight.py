import numpy as np
import pytest
from shapes import ORTHOGRAPHIC, ball, mesh_of

from spherelinks.mesh.normals import vertex_normals
from spherelinks.pixels.srgb import encoded, linear
from spherelinks.texture.delight import delit

SIZE = 384


@pytest.fixture(scope="module")
def body() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    vertices, faces = mesh_of(ball(48))
    return vertices, vertex_normals(vertices, faces), faces


def _seen() -> tuple[np.ndarray, np.ndarray]:
    """Normals of the ball in the picture, (S, S, 3), and where it is."""
    y, x = 1 - (np.mgrid[:SIZE, :SIZE] + 0.5) / SIZE * 2
    x = -x
    inside = np.hypot(x, y) < 0.66
    z = np.sqrt(np.maximum(0.49 - x**2 - y**2, 0))
    return np.stack([x, y, z], axis=-1) / 0.7, inside


def _paint(kind: str, normals: np.ndarray) -> np.ndarray:
    """(S, S, 3) albedo, linear."""
    albedo = np.empty((SIZE, SIZE, 3))
    albedo[:] = (0.5, 0.4, 0.3)
    if kind == "checks":
        albedo[np.sin(9 * normals[..., 0]) * np.sin(9 * normals[..., 1]) > 0] = (0.1, 0.25, 0.5)
    if kind == "cap":  # paint that goes with the normal, as the light does
        albedo[normals[..., 1] > 0.3] = (0.6, 0.08, 0.06)
    return albedo


@pytest.mark.parametrize("kind", ["plain", "checks", "cap"])
@pytest.mark.parametrize("lamp", [(0.5, 0.7, 0.5), (-0.8, 0.2, 0.55)])
def test_the_light_of_a_known_ball_is_taken_out(
    body: tuple[np.ndarray, np.ndarray, np.ndarray], kind: str, lamp: tuple[float, float, float]
) -> None:
    normals, inside = _seen()
    albedo = _paint(kind, normals)
    light = 0.25 + 0.9 * np.maximum(normals @ (np.array(lamp) / np.linalg.norm(lamp)), 0)
    rgb = encoded(albedo * light[..., None])
    vertices, out, faces = body
    flat = delit(rgb, vertices, out, faces, ORTHOGRAPHIC, inside.astype(np.float32))

    def error(picture: np.ndarray) -> float:
        """Root mean square against the albedo, at the brightness that fits best: a picture does not tell its lamp's."""
        seen, true = linear(picture)[inside].astype(float), albedo[inside]
        gain = (seen * true).sum() / (seen * seen).sum()
        return float(np.sqrt(((gain * seen - true) ** 2).mean()))

    assert error(flat) < 0.5 * error(rgb)


def test_an_evenly_lit_picture_stays(body: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    normals, inside = _seen()
    rgb = encoded(_paint("checks", normals))
    vertices, out, faces = body
    flat = delit(rgb, vertices, out, faces, ORTHOGRAPHIC, inside.astype(np.float32))
    assert np.abs(flat.astype(int) - rgb)[inside].mean() < 4


def test_a_matte_that_shows_nothing_changes_nothing(body: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    rgb = encoded(_paint("plain", _seen()[0]))
    vertices, out, faces = body
    assert (delit(rgb, vertices, out, faces, ORTHOGRAPHIC, np.zeros((SIZE, SIZE), np.float32)) == rgb).all()
