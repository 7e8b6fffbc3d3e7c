"""The matte: real alpha unchanged, rendered shapes found on many backgrounds, and nothing found where nothing is."""

from __future__ import annotations

import threading

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from spherelinks.errors import NoObject
from spherelinks.picture.decode import Picture
from spherelinks.picture.matte import matte

SIDE = 400
Y, X = np.mgrid[0:SIDE, 0:SIDE] / SIDE
Colours = NDArray[np.float64]
Mask = NDArray[np.bool_]


def picture(colours: Colours, alpha: NDArray[np.uint8] | None = None, noise: float = 2.0) -> Picture:
    grain = np.random.default_rng(1).normal(0, noise, colours.shape) if noise else 0.0
    return Picture(np.clip(colours + grain, 0, 255).astype(np.uint8), alpha, "PNG", "")


def flat(*colour: float) -> Colours:
    return np.broadcast_to(np.array(colour, np.float64), (SIDE, SIDE, 3)).copy()


def fabric() -> Colours:
    rng = np.random.default_rng(2)
    weave = cv2.GaussianBlur(rng.normal(size=(SIDE, SIDE, 1)), (0, 0), sigmaX=8, sigmaY=0.7)[..., None]
    return flat(120, 130, 160) + 60 * weave / weave.std() * 0.2


GROUNDS: dict[str, Colours] = {
    "white": flat(252, 252, 252),
    "black": flat(6, 6, 8),
    "green": flat(40, 180, 70),
    "grey gradient": flat(210, 210, 210) - 90 * Y[..., None],
    "colour gradient": np.dstack([220 - 120 * X, 180 - 60 * Y, 120 + 100 * X * Y]),
    "vignette": flat(190, 180, 170) * (1 - 0.6 * ((X - 0.5) ** 2 + (Y - 0.5) ** 2))[..., None],
    "fabric": fabric(),
}


def shapes() -> dict[str, Mask]:
    """Outlines; some thin, some with holes, some in parts."""
    ring = np.hypot(X - 0.5, Y - 0.5)
    return {
        "ball": np.hypot(X - 0.45, Y - 0.55) < 0.25,
        "ring": (ring < 0.32) & (ring > 0.18),
        "mug": ((abs(X - 0.42) < 0.17) & (abs(Y - 0.5) < 0.22))
        | ((np.hypot(X - 0.6, Y - 0.5) < 0.15) & (np.hypot(X - 0.6, Y - 0.5) > 0.08)),
        "table": ((abs(Y - 0.35) < 0.04) & (abs(X - 0.5) < 0.35))
        | ((abs(abs(X - 0.5) - 0.28) < 0.03) & (Y > 0.35) & (Y < 0.8)),
        "small": np.hypot(X - 0.3, Y - 0.6) < 0.06,
        "pair": (np.hypot(X - 0.3, Y - 0.5) < 0.12) | (np.hypot(X - 0.7, Y - 0.5) < 0.12),
    }


def painted(ground: Colours, shape: Mask) -> Colours:
    """The shape shaded orange to brown, with an antialiased edge, and a soft shadow to its lower right."""
    soft = cv2.GaussianBlur(shape.astype(np.float64), (0, 0), 0.6)[..., None]
    shade = cv2.GaussianBlur(np.roll(shape, (12, 14), (0, 1)).astype(np.float64), (0, 0), 10)[..., None]
    light = (1.1 - 0.5 * Y)[..., None]
    return ground * (1 - 0.35 * shade) * (1 - soft) + np.array([225, 120, 50]) * light * soft


def overlap(found: NDArray[np.float32], truth: Mask) -> float:
    return float(((found > 0.5) & truth).sum() / ((found > 0.5) | truth).sum())


@pytest.mark.parametrize("shape", shapes())
@pytest.mark.parametrize("ground", GROUNDS)
def test_shapes_are_found_on_every_ground(ground: str, shape: str) -> None:
    truth = shapes()[shape]
    found = matte(picture(painted(GROUNDS[ground], truth)))
    assert found.dtype == np.float32
    assert found.shape == truth.shape
    assert found.min() >= 0
    assert found.max() <= 1
    assert overlap(found, truth) >= 0.9


def test_an_object_cut_by_the_border_is_found_up_to_it() -> None:
    truth = np.hypot(X - 0.5, Y - 1.0) < 0.35
    found = matte(picture(painted(GROUNDS["white"], truth)))
    assert overlap(found, truth) >= 0.9
    assert found[-1, SIDE // 2] > 0.5


def test_a_wide_or_large_picture_works_as_well() -> None:
    tall = painted(GROUNDS["grey gradient"], shapes()["mug"])
    wide = np.concatenate([flat(210, 210, 210)[:, :200] - 90 * Y[:, :200, None], tall], axis=1)
    truth = np.concatenate([np.zeros((SIDE, 200), bool), shapes()["mug"]], axis=1)
    assert overlap(matte(picture(wide)), truth) >= 0.9
    large = cv2.resize(tall, (2048, 2048), interpolation=cv2.INTER_CUBIC)
    big_truth = cv2.resize(shapes()["mug"].astype(np.uint8), (2048, 2048), interpolation=cv2.INTER_LINEAR) > 0
    assert overlap(matte(picture(large)), big_truth) >= 0.9


def test_the_same_picture_gives_the_same_matte_on_every_thread() -> None:
    subject = picture(painted(GROUNDS["fabric"], shapes()["table"]))
    cv2.setRNGSeed(12345)
    results = [matte(subject), matte(subject)]
    for _ in range(2):
        thread = threading.Thread(target=lambda: results.append(matte(subject)))
        thread.start()
        thread.join()
    assert len(results) == 4
    assert all((result == results[0]).all() for result in results)


NOTHING: dict[str, Colours] = {
    "grey": flat(128, 128, 128),
    "black": flat(0, 0, 0),
    "white": flat(255, 255, 255),
    "gradient": np.dstack([255 * X, 255 * Y, 255 * X * Y]),
    "noise": np.random.default_rng(3).uniform(0, 255, (SIDE, SIDE, 3)),
    "checkers": flat(255, 255, 255) * (((10 * X).astype(int) + (10 * Y).astype(int)) % 2)[..., None],
    "stripes": flat(200, 60, 60) * ((20 * X).astype(int) % 2)[..., None],
    "fabric": fabric(),
    "horizon": np.where((Y < 0.5)[..., None], flat(120, 170, 230), flat(80, 140, 60)),
    "an object beyond all edges": np.where(
        (np.hypot(X - 0.5, Y - 0.5) < 0.62)[..., None], flat(90, 60, 200), flat(230, 230, 230)
    ),
    "a speck": np.where((np.hypot(X - 0.5, Y - 0.5) < 0.008)[..., None], flat(20, 20, 20), flat(230, 230, 230)),
}


@pytest.mark.parametrize("noise", [0.0, 3.0])
@pytest.mark.parametrize("name", NOTHING)
def test_a_picture_of_nothing_is_refused_with_what_to_do(name: str, noise: float) -> None:
    with pytest.raises(NoObject) as caught:
        matte(picture(NOTHING[name], noise=noise))
    assert "one object" in caught.value.hint


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 500), (15, 15), (500, 8)])
def test_a_few_opaque_pixels_are_no_object(height: int, width: int) -> None:
    with pytest.raises(NoObject, match=f"{width} × {height}"):
        matte(Picture(np.full((height, width, 3), 90, np.uint8), None, "PNG", ""))


@pytest.mark.parametrize("side", [16, 17, 40])
def test_small_pictures_are_judged_like_others(side: int) -> None:
    rgb = np.full((side, side, 3), 240, np.uint8)
    rgb[side // 4 : -side // 4, side // 4 : -side // 4] = (30, 60, 200)
    assert overlap(matte(Picture(rgb, None, "PNG", "")), rgb[..., 0] < 100) >= 0.8
    with pytest.raises(NoObject):
        matte(Picture(np.full((side, side, 3), 240, np.uint8), None, "PNG", ""))


def test_real_alpha_is_taken_as_it_is() -> None:
    alpha = (255 * cv2.GaussianBlur(shapes()["mug"].astype(np.float64), (0, 0), 2)).astype(np.uint8)
    found = matte(picture(NOTHING["noise"], alpha))
    np.testing.assert_allclose(found, alpha / 255, atol=1e-6)
    sprite = np.zeros((8, 8), np.uint8)
    sprite[2:6, 3:5] = 255
    assert (matte(Picture(np.zeros((8, 8, 3), np.uint8), sprite, "PNG", "")) == sprite / 255).all()


@pytest.mark.parametrize("alpha", [np.full((SIDE, SIDE), 254), np.where(np.hypot(X - 0.5, Y - 0.5) < 0.69, 255, 0)])
def test_alpha_that_cuts_nothing_out_is_looked_through(alpha: NDArray[np.int64]) -> None:
    truth = shapes()["ball"]
    found = matte(picture(painted(GROUNDS["white"], truth), alpha.astype(np.uint8)))
    assert overlap(found, truth) >= 0.9


def test_a_transparent_picture_is_refused() -> None:
    with pytest.raises(NoObject, match="transparent"):
        matte(picture(GROUNDS["white"], np.zeros((SIDE, SIDE), np.uint8)))
    speck = np.zeros((SIDE, SIDE), np.uint8)
    speck[5, 5] = 255
    with pytest.raises(NoObject, match="specks"):
        matte(picture(GROUNDS["white"], speck))


BALL = np.hypot(X - 0.5, Y - 0.5) < 0.3


def said(subject: Picture) -> tuple[NDArray[np.float32], list[str]]:
    notes: list[str] = []
    return matte(subject, notes.append), notes


@pytest.mark.parametrize("kind", ["bars", "frame", "rounded"])
def test_a_photo_in_transparent_padding_is_no_cut_out(kind: str) -> None:
    alpha = np.full((SIDE, SIDE), 255, np.uint8)
    if kind == "bars":
        alpha[:, : SIDE // 10] = alpha[:, -SIDE // 10 :] = 0
    elif kind == "frame":
        alpha[: SIDE // 12] = alpha[-SIDE // 12 :] = 0
        alpha[:, : SIDE // 12] = alpha[:, -SIDE // 12 :] = 0
    else:
        out = np.hypot(np.maximum(np.abs(X - 0.5) - 0.35, 0), np.maximum(np.abs(Y - 0.5) - 0.35, 0)) > 0.15
        alpha[out] = 0
    found, notes = said(picture(painted(GROUNDS["white"], BALL), alpha))
    assert overlap(found, BALL) >= 0.9
    assert "padding" in notes[0]


def test_a_cut_out_that_is_a_rectangle_stays_one() -> None:
    alpha = np.zeros((SIDE, SIDE), np.uint8)
    alpha[SIDE // 4 : -SIDE // 8, SIDE // 3 : -SIDE // 3] = 255
    found, notes = said(picture(painted(GROUNDS["white"], BALL), alpha))
    assert (found == alpha / 255).all()
    assert notes == []
    # and so does one that reaches its picture's border and shows no object before a ground
    alpha[:, SIDE // 3 : -SIDE // 3] = 255
    found, notes = said(picture(flat(90, 120, 60), alpha))
    assert (found == alpha / 255).all()
    assert notes == []


def test_a_photo_in_a_plain_frame_is_matted_within() -> None:
    inside = painted(flat(150, 155, 160), BALL)
    edge = SIDE // 12
    framed = np.pad(inside, ((edge, edge), (edge, edge), (0, 0)), constant_values=255)
    found, notes = said(picture(framed))
    assert overlap(found, np.pad(BALL, edge)) >= 0.9
    assert "frame" in notes[0]


def test_glass_is_made_of_its_relative_alpha() -> None:
    found, notes = said(picture(painted(GROUNDS["white"], BALL), (110 * BALL).astype(np.uint8)))
    assert overlap(found, BALL) >= 0.99
    assert "43 %" in notes[0]


def test_what_an_opaque_rim_encloses_is_solid_if_it_is_glass_and_open_if_it_is_air() -> None:
    rim = BALL & (np.hypot(X - 0.5, Y - 0.5) > 0.27)
    glass = np.where(rim, 255, 90 * BALL).astype(np.uint8)
    found, notes = said(picture(painted(GROUNDS["white"], BALL), glass))
    assert overlap(found, BALL) >= 0.99
    assert "rim" in notes[0]
    found, notes = said(picture(painted(GROUNDS["white"], BALL), np.where(rim, 255, 0).astype(np.uint8)))
    assert overlap(found, rim) >= 0.99
    assert notes == []


def test_a_soft_shadow_in_alpha_is_left_out_and_dark_glass_is_not() -> None:
    shade = 150 * np.exp(-(((X - 0.6) / 0.2) ** 2) - ((Y - 0.8) / 0.03) ** 2)
    alpha = np.where(BALL, 255, shade).astype(np.uint8)
    rgb = np.where(BALL[..., None], painted(GROUNDS["white"], BALL), 5.0)
    found, notes = said(picture(rgb, alpha))
    assert overlap(found, BALL) >= 0.99
    assert "shadow" in notes[0]
    pane = (np.abs(X - 0.5) < 0.2) & (np.abs(Y - 0.88) < 0.09) & ~BALL
    alpha = np.where(BALL, 255, 140 * pane).astype(np.uint8)
    found, notes = said(picture(rgb, alpha))
    assert overlap(found, BALL | pane) >= 0.95
    assert notes == []


@pytest.mark.parametrize("level", [250, 245, 236, 225])
def test_a_pale_object_on_white_is_found_if_its_edge_is_sharp(level: int) -> None:
    rgb = np.where(BALL[..., None], flat(level, level, level - 1), 255.0)
    found, _ = said(picture(rgb, noise=0.0))
    assert overlap(found, BALL) >= 0.95
