"""The parser of all commands, and running one."""

from __future__ import annotations

import signal
import sys
from importlib.metadata import entry_points
from typing import NoReturn

from spherelinks import __version__, extras
from spherelinks.cli import make, operate
from spherelinks.cli.failing import failed
from spherelinks.cli.parsing import Parser
from spherelinks.errors import InvalidRequest

GROUP = "spherelinks.commands"
"""Entry points of commands in other packages: functions that add their parsers to the group they are given."""


def main(argv: list[str] | None = None) -> int:
    """Run one command and return its exit code."""
    as_json = "--json" in (sys.argv[1:] if argv is None else argv)
    try:
        arguments = parser().parse_args(argv)
    except InvalidRequest as error:
        return failed(error, as_json=as_json)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    try:
        if extra := getattr(arguments, "extra", None):
            extras.require(extra)
        code = int(arguments.run(arguments) or 0)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)  # so that Python's own shutdown cannot make it 130
        return code
    except (Exception, KeyboardInterrupt) as error:
        interrupted = signal.getsignal(signal.SIGINT) is _interrupted  # C code may have turned it into another error
        return failed(KeyboardInterrupt() if interrupted else error, as_json=as_json)


def _interrupt(signum: int, frame: object) -> NoReturn:
    """Raise KeyboardInterrupt once, so that clean-up runs; further signals do not disturb it."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupted)
    raise KeyboardInterrupt


def _interrupted(signum: int, frame: object) -> None:
    pass


def parser() -> Parser:
    """The parser of every command, including those of other installed packages."""
    parser = Parser(prog="spherelinks", description="One picture in, one textured, game-ready GLB out.")
    parser.add_argument("--version", action="version", version=f"spherelinks {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    make.add(commands)
    for point in sorted(entry_points(group=GROUP)):
        point.load()(commands)
    operate.add(commands)
    return parser
