"""One command: its parser, and what it prints."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from typing import Any

from spherelinks.cli.parsing import Parser


def command(
    group: Any,
    name: str,
    run: Callable[[argparse.Namespace], int | None] | None,
    text: str,
    *,
    extra: str | None = None,
    arguments: Callable[[Parser], None] | None = None,
) -> Any:
    """Add a command to the group, executed by ``run``, with the option --json; returns its parser.

    extra : the package extra that it needs, see :mod:`spherelinks.extras`
    arguments : adds its arguments, and ``run`` if that is None, when the command is asked for
    """
    added = group.add_parser(name, help=text, description=text, arguments=arguments)
    added.set_defaults(run=run, extra=extra, parser=added)
    added.add_argument("--json", action="store_true", help="print one JSON object on stdout")
    return added


def show(value: dict[str, Any] | list[dict[str, Any]], *, as_json: bool, line: str) -> None:
    """One JSON value, or one ``line`` (a format string) for each record."""
    if as_json:
        print(json.dumps(value, default=str))
        return
    for record in value if isinstance(value, list) else [value]:
        print(line.format(**record))
