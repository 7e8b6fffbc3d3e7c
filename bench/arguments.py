"""The command line of a benchmark."""

from __future__ import annotations

from argparse import ArgumentParser, RawDescriptionHelpFormatter


def parser(description: str | None, *, runs: int = 0, json: bool = False, before: bool = False) -> ArgumentParser:
    """A parser that shows the description as it is, with those options that several benchmarks have.

    runs : the default of --runs, 0 for no such option
    json, before : whether there is --json, --before
    """
    made = ArgumentParser(description=description, formatter_class=RawDescriptionHelpFormatter)
    if runs:
        made.add_argument("--runs", type=int, default=runs, help=f"times that each thing is measured (default {runs})")
    if json:
        made.add_argument("--json", action="store_true", help="print JSON")
    if before:
        made.add_argument("--before", metavar="PYTHON", help="compare with another commit: an interpreter that has it")
    return made
