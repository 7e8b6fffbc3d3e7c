"""Every icon is there as SVG and as PNG, and the dashboard shows the same mark as the editors."""

from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
ICONS = ROOT / "contract" / "icons"


def test_every_icon_has_both_formats():
    assert {path.stem for path in ICONS.glob("*.svg")} == {path.stem for path in ICONS.glob("*.png")} != set()


def test_pictures_are_square_with_clear_corners():
    for path in ICONS.glob("*.png"):
        image = Image.open(path)
        assert (image.size, image.mode) == ((64, 64), "RGBA")
        assert image.getpixel((0, 0))[3] == 0
        assert image.getpixel((32, 32))[3] == 255


def test_the_dashboard_shows_the_same_mark():
    shown = ROOT / "server" / "spherelinks_server" / "static" / "mark.svg"
    assert shown.read_bytes() == (ICONS / "mark.svg").read_bytes()
