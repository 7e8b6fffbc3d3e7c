"""What all editors share, of which the built zip has a copy: in a source tree it is in contract/."""

from __future__ import annotations

from pathlib import Path

HERE = Path(__file__).parent


def _found(name: str) -> Path:
    copy = HERE / Path(name).name
    return copy if copy.exists() else HERE.parent / "contract" / name


STRINGS = _found("strings.csv")
MARK = _found("icons/mark.png")
