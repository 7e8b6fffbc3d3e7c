"""Objects in front of busy backgrounds that no model fits, where the network finds the object."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from spherelinks.errors import NoObject
from spherelinks.picture import background, outline
from spherelinks.picture.decode import Picture, decode
from spherelinks.picture.matte import _interrupted, _recognised, matte
from spherelinks.picture.outline import SIDE, channels, likely, overlap

SAMPLES = Path(__file__).parents[3] / "docs" / "samples"
ROBOT = SAMPLES / "robot.png"


def busy(seed: int) -> tuple[Picture, NDArray[np.bool_]]:
    """The sample robot among boxes and balls a little out of focus, and where it is."""
    rng = np.random.default_rng(seed)
    side = 400
    image = np.full((side, side, 3), rng.uniform(60, 200, 3), np.float32)
    for _ in range(18):
        colour, at = rng.uniform(20, 240, 3).tolist(), rng.integers(0, side, 2).tolist()
        half = rng.integers(15, 70, 2).tolist()
        if rng.random() < 0.5:
            corners = cv2.boxPoints((at, (2 * half[0], 2 * half[1]), rng.uniform(0, 90)))
            cv2.fillPoly(image, [corners.astype(np.int32)], colour)
        else:
            cv2.ellipse(image, at, half, rng.uniform(0, 180), 0, 360, colour, -1)
    image = cv2.GaussianBlur(image, (0, 0), 3)
    robot = Image.open(ROBOT)
    cutout = np.asarray(robot.crop(robot.getbbox()).resize((200, 280)), np.float32)
    cover = np.zeros((side, side, 1), np.float32)
    cover[60:340, 100:300] = cutout[..., 3:] / 255
    image[60:340, 100:300] += (cutout[..., :3] - image[60:340, 100:300]) * cover[60:340, 100:300]
    noisy = np.clip(image + rng.normal(0, 2, image.shape), 0, 255).astype(np.uint8)
    return Picture(noisy, None, "PNG", ""), cover[..., 0] > 0.5


@pytest.mark.parametrize("seed", range(3))
def test_an_object_among_things_is_told_from_them(seed: int) -> None:
    picture, truth = busy(seed)
    lab = cv2.cvtColor(picture.rgb.astype(np.float32) / 255, cv2.COLOR_RGB2Lab)
    assert background.fit(np.asarray(lab, np.float32)).scatter > 4
    expected: list[float] = []
    found = matte(picture, expect=expected.append)
    assert found.shape == truth.shape
    shared = ((found > 0.5) & truth).sum() / ((found > 0.5) | truth).sum()
    assert shared > 0.65
    assert expected == [pytest.approx(shared, abs=0.2)]
    assert (matte(picture) == found).all()


def test_the_likelihood_is_the_objects_and_the_same_every_time() -> None:
    picture, truth = busy(0)
    found = likely(picture.rgb)
    assert found.shape == (SIDE, SIDE)
    assert found.dtype == np.float32
    assert 0 <= found.min() < 0.1 < 0.9 < found.max() <= 1
    small = cv2.resize(truth.astype(np.float32), (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    assert found[small > 0.9].mean() > 0.9
    assert found[small < 0.1].mean() < 0.1
    assert (likely(picture.rgb) == found).all()
    with ThreadPoolExecutor(1) as pool:
        assert (pool.submit(likely, picture.rgb).result() == found).all()


def test_channels_are_colours_as_the_network_was_trained_with() -> None:
    rgb = np.random.default_rng(0).integers(0, 201, (SIDE, SIDE, 3), np.uint8)
    made = channels(rgb)
    assert (made.shape, made.dtype) == ((3, SIDE, SIDE), np.float32)
    colours = made.transpose(1, 2, 0) * (0.229, 0.224, 0.225) + (0.485, 0.456, 0.406)
    np.testing.assert_allclose(colours, rgb / 200, atol=1e-6)  # the brightest is 1
    assert (channels(np.zeros((9, 5, 3), np.uint8)) < 0).all()


def test_what_the_network_finds_is_fine_where_the_picture_is() -> None:
    """A thin rail that hangs on the object is kept, what stands apart and is less than a fiftieth of it is not."""
    seen = np.zeros((SIDE, SIDE), np.float32)
    seen[100:200, 100:200] = 0.98
    seen[150:153, 200:280] = 0.3  # a rail, hardly seen
    seen[150:153, 280:300] = 0.8
    seen[20:26, 20:26] = 0.9
    rgb = np.full((SIDE, SIDE, 3), 200, np.uint8)
    rgb[seen > 0] = (40, 60, 90)
    found = _recognised(rgb, seen, 0.9)
    assert found is not None
    assert found[151, 290] > 0.5
    assert found[:60, :60].max() == 0
    assert _recognised(rgb, seen * 0.9, 0.9) is None
    seen[:, :8] = seen[:, -8:] = seen[:8] = seen[-8:] = 0.98
    assert _recognised(rgb, seen, 0.9) is None  # it is all around


def test_an_object_beyond_doubt_may_reach_three_sides() -> None:
    """Head and shoulders fill most of a portrait, and are cut by its lower edge and by both sides."""
    seen = np.zeros((SIDE, SIDE), np.float32)
    seen[30:180, 60:260] = seen[180:] = 0.99
    rgb = np.where(seen > 0, 90, 220).astype(np.uint8)[..., None].repeat(3, axis=2)
    found = _recognised(rgb, seen, 0.9)
    assert found is not None
    assert found[-1].min() > 0.9
    assert ((found > 0.5) == (seen > 0.5)).mean() > 0.98
    assert _recognised(rgb, seen * 0.92, 0.9) is None  # less sure, it is as likely a landscape
    seen[20:] = 0.99
    assert _recognised(rgb, seen, 0.9) is None  # it leaves no background


def test_a_close_up_may_touch_all_four_sides() -> None:
    rgb = decode((SAMPLES / "armchair.jpg").read_bytes()).rgb
    whole = matte(Picture(rgb, None, "JPEG", "")) > 0.5
    rows, columns = np.flatnonzero(whole.any(axis=1)), np.flatnonzero(whole.any(axis=0))
    inset = [round(0.02 * np.ptp(each)) for each in (rows, columns)]
    close = np.s_[rows[0] + inset[0] : rows[-1] - inset[0], columns[0] + inset[1] : columns[-1] - inset[1]]
    truth = whole[close]
    assert all(side.any() for side in (truth[0], truth[-1], truth[:, 0], truth[:, -1]))
    found = matte(Picture(np.ascontiguousarray(rgb[close]), None, "JPEG", "")) > 0.5
    assert (found & truth).sum() / (found | truth).sum() > 0.95

    seen = np.zeros((SIDE, SIDE), np.float32)
    seen[130:190] = seen[:, 130:190] = 0.99
    cross = np.where(seen > 0, 90, 220).astype(np.uint8)[..., None].repeat(3, axis=2)
    assert _recognised(cross, seen, 0.75) is not None
    assert _recognised(cross, seen * 0.88, 0.75) is None  # less sure, it is as likely what the object stands in


def test_legs_as_dark_as_their_ground_are_kept() -> None:
    """The filter that moves the border onto the picture's edges would lose what is narrow and has none."""
    seen = np.zeros((SIDE, SIDE), np.float32)
    seen[60:160, 80:240] = 0.99
    legs = [slice(at, at + 4) for at in (90, 150, 226)]
    for leg in legs:
        seen[160:240, leg] = 0.9
    rng = np.random.default_rng(0)
    rgb = np.where(seen > 0.95, 60, 150)[..., None] + rng.normal(0, 12, (SIDE, SIDE, 3))
    found = _recognised(np.clip(rgb, 0, 255).astype(np.uint8), seen, 0.75)
    assert found is not None
    assert min(float((found[165:235, leg] > 0.5).mean()) for leg in legs) > 0.9
    assert (found[165:235, 100:145] < 0.5).all()


def test_on_a_calm_ground_of_the_objects_colour_the_network_is_believed() -> None:
    robot = Image.open(ROBOT)
    cutout = np.asarray(robot.crop(robot.getbbox()).resize((200, 280)), np.float32)
    image = np.full((400, 400, 3), 60, np.float32) * np.linspace(1.05, 0.9, 400, dtype=np.float32)[:, None, None]
    image[300:] *= 0.93
    image[:70, 330:] = image[:70, 330:] * 0.7 + 30  # what lies at the border leaves doubt
    cover = np.zeros((400, 400, 1), np.float32)
    cover[60:340, 100:300] = cutout[..., 3:] / 255
    image[60:340, 100:300] += (cutout[..., :3] - image[60:340, 100:300]) * cover[60:340, 100:300]
    rgb = np.clip(image + np.random.default_rng(0).normal(0, 2, image.shape), 0, 255).astype(np.uint8)
    lab = cv2.cvtColor(rgb.astype(np.float32) / 255, cv2.COLOR_RGB2Lab)
    assert background.fit(np.asarray(lab, np.float32)).scatter < 4
    truth = cover[..., 0] > 0.5
    found = matte(Picture(rgb, None, "PNG", "")) > 0.5
    assert (found & truth).sum() / (found | truth).sum() > 0.93


def test_a_border_that_is_not_all_background_is_told() -> None:
    lab = np.full((200, 256, 3), (80, 0, 0), np.float32)
    lab[60:140, 90:180] = (40, 20, 20)
    assert not _interrupted(*background.fit(lab).compare(lab))
    fade = np.clip((np.arange(256) - 150) / 80, 0, 1)[None, :] * np.clip((np.arange(200) - 60) / 80, 0, 1)[:, None]
    shaded = lab - np.dstack([20 * fade, 0 * fade, 0 * fade]).astype(np.float32)
    assert not _interrupted(*background.fit(shaded).compare(shaded))
    lab[170:, 100:160] = (76, 10, -3)  # a sleeve as pale as the wall
    assert _interrupted(*background.fit(lab).compare(lab))


def test_where_there_is_doubt_the_mirrored_picture_is_looked_at_too() -> None:
    rng = np.random.default_rng(0)
    doubtful = cv2.resize(rng.integers(0, 256, (8, 8, 3), np.uint8), (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    found = likely(doubtful)
    assert overlap(found > 0.5, found) < 0.9
    assert (likely(np.ascontiguousarray(doubtful[:, ::-1]))[:, ::-1] == found).all()


def test_of_two_looks_that_see_different_things_the_surer_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A leopard in a tree is seen by one look only: the mean would see nothing."""
    rgb = np.zeros((9, 9, 3), np.uint8)
    rgb[:, 0] = 255  # tells the picture from its mirror image
    seen = np.full((SIDE, SIDE), 0.01, np.float32)
    seen[100:160, 60:130] = 0.85
    other = np.full((SIDE, SIDE), 0.02, np.float32)
    alike = np.full((SIDE, SIDE), 0.01, np.float32)
    alike[104:160, 60:130] = 0.8

    def looks(first: NDArray[np.float32], mirrored: NDArray[np.float32]) -> None:
        monkeypatch.setattr(outline, "glanced", lambda rgb: first if rgb[0, 0, 0] else mirrored[:, ::-1])

    looks(seen, other)
    assert (likely(rgb) == seen).all()
    looks(other, seen)
    assert (likely(rgb) == seen).all()
    looks(seen, alike)
    assert (likely(rgb) == (seen + alike) / 2).all()


def test_what_hardly_differs_from_its_ground_is_found_if_the_network_is_sure(monkeypatch: pytest.MonkeyPatch) -> None:
    ground = np.random.default_rng(0).normal(120, 4, (SIDE, SIDE, 3)).clip(0, 255).astype(np.uint8)
    picture = Picture(ground, None, "PNG", "")
    with pytest.raises(NoObject):
        matte(picture)
    seen = np.zeros((SIDE, SIDE), np.float32)
    seen[90:230, 80:220] = 0.97
    monkeypatch.setattr(outline, "glanced", lambda rgb: seen)
    found = matte(picture) > 0.5
    assert (found & (seen > 0.5)).sum() / (found | (seen > 0.5)).sum() > 0.9
    monkeypatch.setattr(outline, "glanced", lambda rgb: seen * np.float32(0.95))
    with pytest.raises(NoObject):
        matte(picture)


def test_the_overlap_to_be_expected_is_the_likelihoods() -> None:
    inside = np.zeros((10, 10), np.bool_)
    inside[2:6, 2:6] = True
    assert overlap(inside, inside.astype(np.float32)) == 1
    assert overlap(inside, np.full((10, 10), 0.5, np.float32)) == pytest.approx(8 / (16 + 42))
    assert overlap(~inside & False, inside.astype(np.float32)) == 0
