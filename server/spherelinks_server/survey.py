"""Which generators are installed and whether they load, determined in a separate process.

Loading them takes memory and libraries that the server does not otherwise need, so the process exits with its answer.
"""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from spherelinks.generators import registry

_LIMIT_S = 120
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Finding:
    """A generator's version, or the problem that keeps it from loading.

    heeds : which of the generators' own options it uses
    """

    name: str
    version: str | None
    problem: str | None
    heeds: Sequence[str] = ()


class Survey:
    """Looks on first use, then remembers."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._findings: list[Finding] | None = None

    def findings(self) -> list[Finding]:
        """Every installed generator, by name."""
        with self._lock:
            if self._findings is None:
                self._findings = _look()
            return self._findings


def _look() -> list[Finding]:
    command = [sys.executable, "-c", f"from {__name__} import main; main()"]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=_LIMIT_S, check=True)
        return [Finding(**found) for found in json.loads(done.stdout.splitlines()[-1])]
    except (subprocess.SubprocessError, IndexError, ValueError):
        _log.exception("the generators could not be loaded")
        return [Finding(name, None, "it could not be loaded") for name in registry.available()]


def _examine(name: str) -> Finding:
    try:
        generator = registry.load(name)
        return Finding(name, generator.version, None, getattr(generator, "heeds", ()))
    except Exception as error:
        return Finding(name, None, f"{type(error).__name__}: {error}")


def main() -> None:
    """Print the findings as one line of JSON; runs in the separate process."""
    sys.stdout.write("\n" + json.dumps([asdict(_examine(name)) for name in registry.available()]) + "\n")
