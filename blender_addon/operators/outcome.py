"""Reporting an operator's outcome."""

from __future__ import annotations

from typing import Literal

import bpy

from ..client.errors import Failure
from ..text import words

Outcome = set[Literal["RUNNING_MODAL", "CANCELLED", "FINISHED", "PASS_THROUGH", "INTERFACE"]]


def refuse(operator: bpy.types.Operator, error: Failure | OSError) -> Outcome:
    """Report what went wrong and what to do about it; for a script this becomes a RuntimeError."""
    if isinstance(error, Failure):
        text = f"{error.message} {words(error.hint) if error.hint else ''}".rstrip()
    else:
        text = f"{error.filename or ''}: {error.strerror or error}"
    operator.report({"ERROR"}, text)
    return {"CANCELLED"}
