"""Several pictures of a known box, seen by a network that errs in depth."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from guesses import box_seen

from spherelinks.errors import PictureMismatch
from spherelinks.generation.lift import fusion
from spherelinks.generation.lift.assembly import Guess, assemble
from spherelinks.generation.lift.fusion import fused
from spherelinks.mesh.surface import extract
from spherelinks.shape import Frame, Volume
from spherelinks.texture.projection import project

HALF = (0.5, 0.35, 0.25)
COLORS = {"front": (200, 40, 40), "back": (40, 200, 40), "left": (40, 40, 200), "right": (200, 200, 40)}


def _seen(view: str, elevation: float = 18, half: tuple[float, float, float] = HALF) -> tuple[Guess, Frame]:
    width, height, depth = half
    if view in ("left", "right"):
        width, depth = depth, width
    guess, frame = box_seen((width, height, depth), elevation)
    return guess, replace(frame, rgb=np.full_like(frame.rgb, COLORS[view]))


def _red(view: str, half: tuple[float, float, float] = HALF, light: float = 1) -> tuple[Guess, Frame]:
    """In the front's colour."""
    guess, frame = _seen(view, half=half)
    return guess, replace(frame, rgb=(np.full_like(frame.rgb, COLORS["front"]) * light).astype(np.uint8))


def _fused(*views: str, **changed: tuple[Guess, Frame]) -> Volume:
    given = {view: _seen(view) for view in views} | changed
    return fused(
        {view: guess for view, (guess, _) in given.items()}, {view: frame for view, (_, frame) in given.items()}
    )


def _mesh(volume: Volume) -> tuple[np.ndarray, np.ndarray]:
    vertices, faces, cut = extract(volume.field, volume.origin, volume.spacing)
    assert not cut
    return vertices, faces


def _smaller(frame: Frame, share: float) -> Frame:
    """The same object taken from further away, and not in the middle."""
    side = len(frame.matte)
    move = np.array([[share, 0, side * 0.2], [0, share, side * 0.1]])
    return replace(frame, matte=cv2.warpAffine(frame.matte, move, (side, side)))


def test_the_sides_tell_how_deep_the_body_is() -> None:
    guess, frame = _seen("front")
    flat = replace(guess, front=guess.front * 0.5, thickness=guess.thickness * 0.5, elevation=guess.elevation - 2)
    alone, _ = _mesh(assemble(flat, frame))
    right = _seen("right")
    together, _ = _mesh(_fused(front=(flat, frame), right=(right[0], _smaller(right[1], 0.7)), left=_seen("left")))
    wanted = 2 * np.array(HALF)
    errors = [np.abs(np.ptp(vertices, axis=0) / wanted - 1)[2] for vertices in (alone, together)]
    assert errors[0] > 0.2
    assert errors[1] < 0.5 * errors[0]


def test_from_behind_the_body_stays_as_the_front_has_it() -> None:
    volume = _fused("front", "back")
    assert volume.field.tobytes() == assemble(*_seen("front")).field.tobytes()
    alone, _ = _mesh(assemble(*_seen("front")))
    together, _ = _mesh(volume)
    np.testing.assert_allclose(np.ptp(together, axis=0), np.ptp(alone, axis=0), atol=0.05)


def test_every_camera_sees_the_body_within_its_picture_and_its_colour_on_it() -> None:
    volume = _fused("front", "back", "left", "right")
    vertices, _ = _mesh(volume)
    towards = {"back": (0, 0, -1), "left": (-1, 0, 0), "right": (1, 0, 0)}
    assert volume.others.keys() == towards.keys()
    places = np.rint((vertices - volume.origin) / volume.spacing).astype(int)
    for view, direction in towards.items():
        camera, frame = volume.others[view], _seen(view)[1]
        assert camera.eye[:3] @ direction > 0.8 * np.linalg.norm(camera.eye[:3])
        pixels = project(vertices, camera, 512)[:, :2]
        near = cv2.dilate(frame.matte, np.ones((31, 31), np.uint8))  # half a pixel of the network's maps is 4 of these
        assert near[tuple(np.clip(pixels.astype(int), 0, 511).T[::-1])].min() > 0
        missed = frame.matte > 0.5
        # of twice as many pixels as the network's maps have
        shown = cv2.morphologyEx(
            np.histogram2d(pixels[:, 1], pixels[:, 0], 128, ((0, 512), (0, 512)))[0], cv2.MORPH_CLOSE, np.ones((9, 9))
        )
        missed &= cv2.resize(shown, missed.shape, interpolation=cv2.INTER_NEAREST) == 0
        assert missed.sum() < 0.04 * frame.matte.sum()
        corner = vertices @ direction
        face = (corner > corner.max() - 0.05) & (
            np.abs(np.delete(vertices, np.argmax(np.abs(direction)), 1)) < 0.15
        ).all(1)
        assert face.any()
        shown = volume.color[tuple(places[face].T)].astype(int)
        assert np.quantile(np.abs(shown - COLORS[view]), 0.95) < 30


def test_a_picture_of_something_else_is_named_or_refused() -> None:
    assert not _fused("front", "right", back=_red("back")).doubts
    doubted = _fused("front", back=_red("back", half=(0.2, 0.6, 0.2)))
    assert [(reason.code, reason.message[:5]) for reason in doubted.doubts] == [("view_unsure", "back:")]
    with pytest.raises(PictureMismatch, match="back") as refused:
        _fused("front", back=_seen("back", half=(0.1, 0.6, 0.1)))
    assert refused.value.field == "back"
    with pytest.raises(PictureMismatch, match="back"):  # which a camera that looks along the plate would explain
        _fused(front=_seen("front", half=(0.5, 0.5, 0.05)), back=_seen("back", half=(0.06, 0.5, 0.06)))


def test_a_back_of_other_colours_at_its_outline_is_named() -> None:
    """Front and back meet there, in much the same colours, though in other light."""
    told = _fused("front", "back").doubts
    assert [(reason.code, reason.level, reason.message[:5]) for reason in told] == [("view_unsure", "medium", "back:")]
    assert not _fused("front", back=_red("back", light=0.7)).doubts
    guess, frame = _red("back")
    printed = frame.rgb.copy()
    side = len(printed)
    printed[side // 2 - side // 16 : side // 2 + side // 16, side // 2 - side // 16 : side // 2 + side // 16] = 255
    assert not _fused("front", back=(guess, replace(frame, rgb=printed))).doubts


def test_a_picture_from_the_side_is_used_whatever_depths_the_front_suggests() -> None:
    guess, frame = _seen("front")
    flat = replace(guess, front=guess.front * 0.1, thickness=guess.thickness * 0.1), frame
    told = _fused(front=flat, right=_seen("right"), back=flat)
    assert ("view_unsure", "right:") in {(reason.code, reason.message[:6]) for reason in told.doubts}
    vertices, _ = _mesh(told)
    np.testing.assert_allclose(np.ptp(vertices, axis=0)[2], 2 * HALF[2], rtol=0.2)


def test_a_body_that_lost_much_gives_way_to_the_fronts_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fusion, "LEAST", 9)  # so that any body has too little
    volume = _fused("front", "right")
    assert [(reason.code, reason.level) for reason in volume.doubts] == [("view_unsure", "medium")]
    vertices, _ = _mesh(volume)
    np.testing.assert_allclose(np.ptp(vertices, axis=0), 2 * np.array(HALF), rtol=0.2)
