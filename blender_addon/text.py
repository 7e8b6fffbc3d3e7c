"""Words for people: translated, and wrapped where a panel is narrow."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from typing import Literal

import bpy

from .client.errors import Failure

Icon = Literal["ERROR", "INFO", "CHECKMARK"]


def words(text: str) -> str:
    """A sentence of ours in the user's language."""
    translate: Callable[[str], str] = bpy.app.translations.pgettext_iface
    return translate(text)


def tip(layout: bpy.types.UILayout, failure: Failure, width: int = 0) -> None:
    """What went wrong and what to do about it; `width` in px wraps it."""
    column = layout.column(align=True)
    column.alert = True
    paragraph(column, failure.message, width, "ERROR")
    column.alert = False
    if failure.hint:
        paragraph(column, words(failure.hint), width, "INFO")


def paragraph(layout: bpy.types.UILayout, text: str, width: int, icon: Icon) -> None:
    """Text in as many lines as it takes; one where `width` is 0."""
    scale = bpy.context.preferences.system.ui_scale
    letters = max(int(width / (7 * scale)) - 5, 16) if width else 10_000
    for number, line in enumerate(textwrap.wrap(text, letters)):
        layout.label(text=line, icon=icon if number == 0 else "BLANK1", translate=False)
