"""Confidence: reasons from the picture, the generator and the mesh, each with what would help."""

import numpy as np
import pytest
from meshes import box

from spherelinks import confidence, finish, generate
from spherelinks.report import Reason

REASON = Reason(code="odd", level="medium", message="It is odd.", hint="Try another.")


@pytest.fixture(scope="module")
def array():
    """An RGBA picture of an egg."""
    y, x = np.mgrid[-1:1:160j, -1:1:140j]
    rgba = np.full((160, 140, 4), 150, np.uint8)
    rgba[..., 3] = 255 * ((x / 0.6) ** 2 + (y / 0.85) ** 2 < 1)
    return rgba


def test_the_lowest_reason_counts() -> None:
    low = REASON.model_copy(update={"level": "low"})
    for reasons, level in (([], "high"), ([REASON], "medium"), ([REASON, low, REASON], "low")):
        assert confidence.judged(reasons).model_dump() == {
            "level": level,
            "reasons": [reason.model_dump() for reason in reasons],
        }


@pytest.mark.parametrize(
    ("overlap", "level"), [(1.0, None), (0.9, None), (0.89, "medium"), (0.75, "medium"), (0.7, "low")]
)
def test_an_uncertain_cut_out_is_a_reason(overlap: float, level: str | None) -> None:
    reasons = [*confidence.of_picture(cut=False, overlap=overlap)]
    assert [(reason.code, reason.level) for reason in reasons] == ([("matte_unsure", level)] if level else [])
    assert all("mask" in reason.hint for reason in reasons)


def test_parts_and_holes_are_counted() -> None:
    report = finish(box(), texture_size=512).report
    assert not [*confidence.of_body(report)]
    for update, code, level, said in (
        ({"parts": 2}, "many_parts", "medium", "2 separate parts"),
        ({"parts": 9}, "many_parts", "low", "9 separate parts"),
        ({"genus": 6}, "many_handles", "medium", "6 holes"),
        ({"genus": 21}, "many_handles", "low", "21 holes"),
    ):
        (reason,) = confidence.of_body(report.model_copy(update=update))
        assert (reason.code, reason.level) == (code, level)
        assert said in reason.message
        assert reason.hint


def test_the_report_of_a_picture_says_why(array) -> None:
    report = generate(array[:, 50:], texture_size=512).report
    codes = [reason.code for reason in report.confidence.reasons]
    assert "cut_off" in codes
    assert report.confidence.level in ("medium", "low")
    assert {reason.message for reason in report.confidence.reasons} <= set(report.warnings)
    assert len(set(report.warnings)) == len(report.warnings)
    assert report["confidence"]["reasons"][0].keys() == {"code", "level", "message", "hint"}


def test_a_generator_says_what_speaks_against_its_shape(array) -> None:
    told = generate(array, texture_size=512, generator="inflate").report.confidence
    assert (told.level, [reason.code for reason in told.reasons]) == ("low", ["outline_only"])


def test_nothing_is_guessed_of_a_mesh() -> None:
    report = finish(box(), texture_size=512).report
    assert report.confidence is None
    assert "confidence" not in report
