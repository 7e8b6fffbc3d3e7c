"""Line drawings are told from what is shaded, coloured, or only has lines on it."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

import spherelinks
from spherelinks.picture import drawing


def face(size: int = 400, width: int = 4) -> NDArray[np.uint8]:
    """A face in black lines on white."""
    paper = np.full((size, size, 3), 255, np.uint8)
    unit = size / 400
    ring = tuple(round(value * unit) for value in (200, 220, 90, 130))
    cv2.ellipse(paper, ring[:2], ring[2:], 0, 0, 360, (0, 0, 0), width)
    for x in (170, 230):
        cv2.circle(paper, (round(x * unit), round(160 * unit)), round(12 * unit), (0, 0, 0), width)
    mouth = tuple(round(value * unit) for value in (200, 260, 40, 20))
    cv2.ellipse(paper, mouth[:2], mouth[2:], 0, 0, 180, (0, 0, 0), width)
    return paper


def head(size: int = 400) -> NDArray[np.float32]:
    alpha = np.zeros((size, size), np.float32)
    ring = tuple(round(value * size / 400) for value in (200, 220, 92, 132))
    cv2.ellipse(alpha, ring[:2], ring[2:], 0, 0, 360, 1.0, -1)
    return alpha


@pytest.mark.parametrize("size", [200, 400, 1600])
def test_lines_on_paper_are_a_drawing(size: int) -> None:
    picture = face(size, max(2, size // 100))
    assert drawing.is_drawing(picture, head(size))
    assert drawing.is_drawing(picture, (picture[..., 0] < 128).astype(np.float32))  # cut out along its lines


def test_what_is_shaded_coloured_or_bare_is_none() -> None:
    slope = np.linspace(60, 250, 400).astype(np.uint8)[:, None, None] + np.zeros((400, 400, 3), np.uint8)
    assert not drawing.is_drawing(np.minimum(face(), slope), head())
    colored = face()
    colored[120:260, 110:290] = np.minimum(colored[120:260, 110:290], (200, 60, 60))
    assert not drawing.is_drawing(colored, head())
    assert not drawing.is_drawing(np.full((400, 400, 3), 250, np.uint8), head())
    bold = face(width=40)
    assert not drawing.is_drawing(bold, head())
    assert not drawing.is_drawing(face(), np.zeros((400, 400), np.float32))


def test_the_report_says_so() -> None:
    assert drawing.NOTE in spherelinks.generate(face(), texture_size=512).report.warnings
