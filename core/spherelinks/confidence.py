"""How likely a model is what its picture shows: reasons to doubt it that can be told without knowing the object.

The thresholds are measured: docs/report.md says on what, and what the models of each level scored.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from spherelinks.report import Confidence, Lowered, Reason, Report
from spherelinks.shape import View

#: Overlaps of a matte with the object below which it is doubted, and doubted much.
OVERLAP = (0.9, 0.75)
#: Separate bodies, and handles, above which a model is doubted, and doubted much.
PARTS = (1, 4)
HANDLES = (5, 20)


def judged(reasons: Sequence[Reason]) -> Confidence:
    """The confidence that these reasons leave."""
    levels = {reason.level for reason in reasons}
    return Confidence(level="low" if "low" in levels else "medium" if levels else "high", reasons=[*reasons])


def of_picture(*, cut: bool, overlap: float, view: View = "front") -> Iterator[Reason]:
    """Reasons that lie in what of the picture was taken for the object.

    cut : whether the picture's border cuts the object
    overlap : of the matte with the object, as is to be expected, 0..1
    view : the side that it shows; the message begins with any but the front
    """
    of_which = "" if view == "front" else f"{view}: "
    if cut:
        yield Reason(
            code="cut_off",
            level="medium",
            message=f"{of_which}The object touches the picture's border: the part outside the picture cannot be "
            "modelled.",
            hint="Use a picture that shows all of it, with some background on every side.",
        )
    if level := _level(-overlap, tuple(-each for each in OVERLAP)):
        yield Reason(
            code="matte_unsure",
            level=level,
            message=f"{of_which}It is not certain what in the picture is the object.",
            hint=("Look at the cut-out, and give a mask, or use" if view == "front" else "Use")
            + " a picture with a plain or transparent background.",
        )


def of_body(report: Report) -> Iterator[Reason]:
    """Reasons that lie in the finished mesh."""
    if level := _level(report.parts, PARTS):
        yield Reason(
            code="many_parts",
            level=level,
            message=f"The model is in {report.parts} separate parts.",
            hint="If the object is in one piece, use a picture of it alone, larger or sharper, on a plain background.",
        )
    if level := _level(report.genus, HANDLES):
        yield Reason(
            code="many_handles",
            level=level,
            message=f"The surface has {report.genus} holes through it, more than most objects have.",
            hint="If the object has fewer, use a sharper picture, or a mask without holes.",
        )


def of_fallback(message: str) -> Reason:
    """The reason that the requested generator failed, and another was used."""
    return Reason(
        code="generator_failed",
        level="low",
        message=message,
        hint="Use a picture in which the object is larger and its outline clean.",
    )


def _level(value: float, limits: Sequence[float]) -> Lowered | None:
    """None up to the first limit, low above the second."""
    first, second = limits
    return "low" if value > second else "medium" if value > first else None
