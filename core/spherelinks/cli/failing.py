"""Errors on the command line: a message or JSON, and an exit code."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from spherelinks import errors

EXIT_CODES: tuple[tuple[int, type[BaseException], str], ...] = (
    (7, errors.MeshUnreadable, "a file cannot be read or written"),
    (2, errors.InvalidRequest, "usage error: an unknown or invalid option, key or account"),
    (3, errors.PictureError, "the picture cannot be read, or is too large"),
    (4, errors.NoObject, "nothing in the picture can be separated from its background"),
    (5, errors.GenerationError, "the generation failed"),
    (6, errors.ServiceError, "the settings, the database or the storage do not work"),
    (7, OSError, "a file cannot be read or written"),
    (1, Exception, "an unexpected error: please report it"),
    (130, KeyboardInterrupt, "interrupted"),
)
"""Exit codes by error, first match; 0 is success."""


def failed(error: BaseException, *, as_json: bool, of: Path | None = None) -> int:
    """Report the error, as JSON on stdout or as a line on stderr, and return its exit code.

    of : the one of several inputs that it is of, which the line names
    """
    body = described(error)
    if as_json:
        print(json.dumps({"error": body}))
    else:
        named = of is None or body["message"].startswith(f"{of}:")
        whose = "" if named else f"{of}: "
        print(f"spherelinks: {whose}{body['message']} {body['hint']}".rstrip(), file=sys.stderr)
    return exit_code(error)


def exit_code(error: BaseException) -> int:
    return next(code for code, kind, _ in EXIT_CODES if isinstance(error, kind))


def described(error: BaseException) -> dict[str, str]:
    """The error as JSON: its code, message and hint. Raises the error itself if it is unexpected and one debugs."""
    if isinstance(error, errors.SphereLinksError):
        return {"code": error.code, "message": error.message, "hint": error.hint}
    if isinstance(error, KeyboardInterrupt):
        return {"code": "interrupted", "message": "Interrupted.", "hint": ""}
    if isinstance(error, OSError):
        text = str(error) if error.filename is None else f"{error.filename}: {error.strerror}"
        hint = "Check the path and its permissions."
        if isinstance(error, IsADirectoryError):
            hint = "Give a file's path, or those of several, as pictures/*.png does."
        return {"code": "file_error", "message": f"{text}.", "hint": hint}
    if os.environ.get("SPHERELINKS_DEBUG"):
        raise error
    return {"code": "internal_error", "message": f"{type(error).__name__}: {error}", "hint": "Please report this."}
