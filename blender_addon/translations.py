"""What the add-on says, in other languages. English, the key, is what the code says."""

from __future__ import annotations

import csv
from collections.abc import Iterator

from .shared import STRINGS

LANGUAGES = {"de": "de_DE", "fr": "fr_FR", "es": "es", "ja": "ja_JP", "zh_CN": "zh_HANS"}
"""Blender's names for the languages, by the column."""


def rows() -> Iterator[dict[str, str]]:
    """The texts that Blender may show: those that name no editor, or it."""
    with STRINGS.open(encoding="utf-8", newline="") as file:
        yield from (row for row in csv.DictReader(file) if not row["_editors"] or "blender" in row["_editors"].split())


def translations() -> dict[str, dict[tuple[str, str], str]]:
    """By language, context and English text, as Blender registers them."""
    texts = list(rows())
    return {
        language: {(context, row["en"]): row[column] for row in texts for context in ("*", "Operator")}
        for column, language in LANGUAGES.items()
    }
