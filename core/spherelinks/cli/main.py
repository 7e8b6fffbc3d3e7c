"""The parser of all commands, and one command's run."""

from __future__ import annotations

import argparse
import signal
from importlib.metadata import entry_points
from typing import NoReturn

from spherelinks import __version__, extras
from spherelinks.cli import make, operate
from spherelinks.cli.failing import failed

GROUP = "spherelinks.commands"
"""Entry points of other packages' commands: functions that are given the group to add their parsers to."""


def main(argv: list[str] | None = None) -> int:
    """Run one command and return its exit code."""
    arguments = parser().parse_args(argv)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    try:
        if extra := getattr(arguments, "extra", None):
            extras.require(extra)
        code = int(arguments.run(arguments) or 0)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)  # what is done is done: Python's own end must not make 130 of it
        return code
    except (Exception, KeyboardInterrupt) as error:
        interrupted = signal.getsignal(signal.SIGINT) is _interrupted  # C code may have made another error of it
        return failed(KeyboardInterrupt() if interrupted else error, as_json=getattr(arguments, "json", False))


def _interrupt(signum: int, frame: object) -> NoReturn:
    """Raise KeyboardInterrupt once, for the clean-up to run; a second signal does not disturb it."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupted)
    raise KeyboardInterrupt


def _interrupted(signum: int, frame: object) -> None:
    pass


def parser() -> argparse.ArgumentParser:
    """Of every command, those of other installed packages included."""
    parser = argparse.ArgumentParser(
        prog="spherelinks", description="One picture in, one textured, game-ready GLB out."
    )
    parser.add_argument("--version", action="version", version=f"spherelinks {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    make.add(commands)
    for point in sorted(entry_points(group=GROUP)):
        point.load()(commands)
    operate.add(commands)
    return parser
