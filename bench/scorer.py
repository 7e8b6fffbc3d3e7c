"""The renderer and the scorer in ../shared/bench, which is not part of this repository."""

from __future__ import annotations

import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "shared" / "bench"


def available() -> bool:
    """Make its modules (render, run, scene, score) importable; if it is not there, say so and return False."""
    if not FOLDER.is_dir():
        print(f"skipped: the shared renderer and scorer are not in {FOLDER}", file=sys.stderr)
        return False
    sys.path.insert(0, str(FOLDER))
    return True
