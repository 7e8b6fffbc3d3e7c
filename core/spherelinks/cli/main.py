"""The parser of all commands, and running one."""

from __future__ import annotations

import argparse
import signal
import sys
from functools import partial
from importlib.metadata import entry_points
from typing import Any, NoReturn

from spherelinks import extras
from spherelinks.cli import operate
from spherelinks.cli.command import command
from spherelinks.cli.failing import failed
from spherelinks.cli.parsing import Parser
from spherelinks.errors import InvalidRequest

GROUP = "spherelinks.commands"
"""Entry points of commands in other packages: functions that add their parsers to the group they are given."""

MAKING = {
    "generate": "Turn each picture into one GLB.",
    "finish": "Turn any mesh into one closed, textured, game-ready GLB.",
    "convert": "Convert an asset to another format: a picture, USDZ, OBJ, PLY or STL.",
}
"""The commands that make files. Their arguments come from the options' model, which only they wait for."""


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
    parser.add_argument("--version", action=_Version, nargs=0, help="show program's version number and exit")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, text in MAKING.items():
        command(commands, name, None, text, arguments=partial(_add_making, name))
    for point in sorted(entry_points(group=GROUP)):
        point.load()(commands)
    operate.add(commands)
    return parser


def _add_making(name: str, parser: Parser) -> None:
    from spherelinks.cli import make

    make.ARGUMENTS[name](parser)


class _Version(argparse.Action):
    """Prints the version, which is looked up in the package's metadata only then."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> NoReturn:
        from spherelinks import __version__

        print(f"spherelinks {__version__}")
        parser.exit()
