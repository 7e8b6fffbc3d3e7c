"""The parser: a usage error is an error like any other, in one line, with the nearest right word."""

from __future__ import annotations

import argparse
import difflib
import re
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from spherelinks.errors import InvalidRequest


class Parser(argparse.ArgumentParser):
    """Raises InvalidRequest instead of printing its usage and leaving; so do the parsers of its commands.

    arguments : adds the parser's arguments when it is first used, for a command whose arguments take long to import
    """

    def __init__(self, *positional: Any, arguments: Callable[[Parser], None] | None = None, **named: Any) -> None:
        super().__init__(*positional, **named)
        self._arguments = arguments

    def parse_known_args(  # type: ignore[override]  # of two overloads
        self, args: Sequence[str] | None = None, namespace: Any = None
    ) -> Any:
        add, self._arguments = self._arguments, None
        if add:
            add(self)
        return super().parse_known_args(args, namespace)

    def error(self, message: str) -> NoReturn:
        hint = f"See: {self.prog} --help"
        text = message.removeprefix("argument ")
        if option := re.match(r"argument (-\S+): invalid choice: ('.*') \(choose from (.*)\)", message):
            text, hint = f"{option[1]} is {option[2]}", f"Give one of {option[3].replace(chr(39), '')}."
        elif number := re.match(r"argument (-\S+): invalid (int|float) value: ('.*')", message):
            text = f"{number[1]} is {number[3]}, which is no {'whole ' * (number[2] == 'int')}number"
        elif choice := re.match(r"argument \S+: invalid choice: '(.*)' \(choose from (.*)\)", message):
            text = f"there is no command '{choice[1]}'"
            hint = _nearest(choice[1], re.findall(r"'([^']*)'", choice[2])) or hint
        elif missing := re.match(r"the following arguments are required: (.*)", message):
            commands = missing[1].strip("{}").replace(",", ", ")
            text = f"give one of {commands}" if missing[1].startswith("{") else f"{missing[1]} missing"
        raise InvalidRequest(f"{_after(self.prog.partition(' ')[2])}{text}.", hint=hint)

    def parse_args(  # type: ignore[override]  # of two overloads
        self, args: Sequence[str] | None = None, namespace: Any = None
    ) -> Any:
        parsed, unknown = self.parse_known_args(args, namespace)
        if not unknown:
            return parsed
        parser: Parser = getattr(parsed, "parser", self)
        flags = [flag for action in parser._actions for flag in action.option_strings]
        wrong = next((word for word in unknown if word.startswith("-")), unknown[0]).partition("=")[0]
        raise InvalidRequest(
            f"{_after(parser.prog.partition(' ')[2])}{wrong} is not known.",
            hint=_nearest(wrong, flags) or f"See: {parser.prog} --help",
        )


def _after(command: str) -> str:
    return f"{command}: " if command else ""


def _nearest(word: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(word, known, n=1)
    return f"Did you mean {near[0]}?" if near else ""
