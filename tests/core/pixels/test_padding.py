import numpy as np
from scipy.ndimage import distance_transform_edt

from spherelinks.pixels.padding import RIM, fill


def _charts(size: int = 256) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    covered = np.zeros((size, size), bool)
    covered[20:90, 30:100] = covered[150:230, 120:240] = True
    texture = np.zeros((size, size, 3), np.uint8)
    texture[20:90, 30:100] = (200, 30, 60)
    texture[150:230, 120:240] = (10, 180, 90)
    texture[~covered] = rng.integers(0, 255, ((~covered).sum(), 3))
    return texture, covered


def test_charts_stay_and_grow_by_their_own_colour() -> None:
    texture, covered = _charts()
    filled = fill(texture, covered)
    assert (filled[covered] == texture[covered]).all()
    distance, (row, column) = distance_transform_edt(~covered, return_indices=True)
    rim = distance <= RIM
    assert (filled[rim] == texture[row, column][rim]).all()


def test_every_mipmap_of_a_chart_stays_clean() -> None:
    """Averages over blocks that touch a chart never leave the range of the charts' own colours."""
    texture, covered = _charts()
    filled = fill(texture, covered).astype(int)
    assert (filled.min(axis=(0, 1)) >= (9, 29, 59)).all()
    assert (filled.max(axis=(0, 1)) <= (201, 181, 91)).all()


def test_bands_of_rows_show_no_border() -> None:
    """A texture of several bands is filled as its transpose is, in which other texels lie on the bands' borders."""
    rng = np.random.default_rng(1)
    texture = rng.integers(0, 255, (700, 700, 3)).astype(np.uint8)
    covered = np.kron(rng.random((50, 50)) < 0.3, np.ones((14, 14), bool))
    rim = distance_transform_edt(~covered) <= RIM
    turned = fill(texture.swapaxes(0, 1).copy(), covered.T.copy()).swapaxes(0, 1)
    assert (fill(texture, covered)[rim] == turned[rim]).all()


def test_what_was_given_is_not_changed() -> None:
    texture, covered = _charts()
    before = texture.copy(), covered.copy()
    fill(texture, covered)
    assert (texture == before[0]).all()
    assert (covered == before[1]).all()


def test_all_and_nothing_covered() -> None:
    texture, covered = _charts(64)
    assert (fill(texture, np.ones_like(covered)) == texture).all()
    assert fill(texture, np.zeros_like(covered)).shape == texture.shape


def test_an_oblong_picture() -> None:
    texture, covered = _charts()
    filled = fill(np.ascontiguousarray(texture[:, :150]), np.ascontiguousarray(covered[:, :150]))
    assert (filled[20:90, 30:100] == (200, 30, 60)).all()
