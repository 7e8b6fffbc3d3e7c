"""The files of contract/ that a client's tests have not played: python -m contract.coverage < LIST

LIST has one played file per line, by its path in contract/. Prints the rest, and exits with 1 if there is any.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
KEPT_BACK = (".py", ".pyc", ".md", ".key")
"""Suffixes of files that are not for clients."""


def files(folder: str = "") -> list[str]:
    """The data of the contract, or of one of its folders, by path."""
    paths = (path for path in (HERE / folder).rglob("*") if path.is_file() and path.suffix not in KEPT_BACK)
    return sorted(path.relative_to(HERE).as_posix() for path in paths)


def unplayed(played: Iterable[str]) -> list[str]:
    """The files that are missing from `played`; one format of each icon is enough.

    Raises ValueError for a name that is not a file of the contract.
    """
    known, given = set(files()), set(played)
    if unknown := sorted(given - known):
        raise ValueError(f"contract/ has no {', '.join(unknown)}: give paths in contract/, such as {min(known)}.")
    icons = {name.rpartition(".")[0] for name in given if name.startswith("icons/")}
    return sorted(name for name in known - given if name.rpartition(".")[0] not in icons)


class Contract:
    """The contract for a client's tests; remembers which files they have read."""

    def __init__(self) -> None:
        self.played: set[str] = set()

    def path(self, name: str) -> Path:
        """The path of a file, for a test that plays it."""
        self.played.add(name)
        return HERE / name

    def json(self, name: str) -> Any:
        """The content of a file."""
        return json.loads(self.path(name).read_text("utf-8"))

    def unplayed(self) -> list[str]:
        """The files that nothing has read so far."""
        return unplayed(self.played)


def main() -> None:
    """Check the list on standard input."""
    left = unplayed(line.strip() for line in sys.stdin if line.strip())
    for name in left:
        sys.stdout.write(f"contract/{name} is not played.\n")
    sys.exit(1 if left else 0)


if __name__ == "__main__":
    main()
