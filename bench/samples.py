"""The pictures that benchmarks start from."""

from __future__ import annotations

from pathlib import Path

SAMPLES = Path(__file__).resolve().parents[1] / "docs" / "samples"
MUG = SAMPLES / "mug.jpg"
SIDES = SAMPLES / "sides"


def pictures(folder: Path = SAMPLES) -> list[Path]:
    """The pictures in a folder, by name."""
    return sorted(path for path in folder.iterdir() if path.suffix in {".jpg", ".png", ".webp"})
