import numpy as np
import pytest

pytest.importorskip("embreex", reason="training needs embreex: training/requirements.txt")

from spherelinks.mesh.topology import examine
from training import packages


@pytest.mark.parametrize("seed", range(12))
def test_packages_are_closed_printed_and_normalised(seed: int) -> None:
    surface = packages.surface(np.random.default_rng(seed))
    vertices, index = np.unique(surface.corners.reshape(-1, 3), axis=0, return_inverse=True)
    assert examine(vertices, index.reshape(-1, 3).astype(np.int32)).closed
    assert np.ptp(vertices, axis=0).max() == pytest.approx(1, abs=1e-5)
    assert 0 <= surface.uv.min() <= surface.uv.max() <= 1
    assert surface.texture.min() >= 0
    assert surface.texture.max() < len(surface.textures)
    assert all(0 <= image.min() <= image.max() <= 1 for image in surface.textures)


def test_faces_look_outwards() -> None:
    for seed in range(12):
        a, b, c = np.moveaxis(packages.surface(np.random.default_rng(seed)).corners, 1, 0)
        assert np.einsum("fc,fc->", a, np.cross(b, c)) > 0, seed  # six times the volume


def test_packages_are_the_seeds_and_differ() -> None:
    a, b, c = (packages.surface(np.random.default_rng(seed)).corners for seed in (1, 1, 2))
    assert a.tobytes() == b.tobytes()
    assert a.tobytes() != c.tobytes()
