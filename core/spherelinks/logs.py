"""Logging, for every process of a server or a worker.

Each line names its request or job, whichever part of the program wrote it: wrap the work in :func:`about`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

FORMATS = ("text", "json")

_subject: ContextVar[dict[str, str]] = ContextVar("subject", default={})  # noqa: B039 - never changed in place


def configure(style: str = "text") -> None:
    """Log to standard error from INFO on, without the libraries' routine messages.

    style : "text", a readable line; "json", one object per line with time, level, logger, message and subject
    """
    handler = logging.StreamHandler()
    handler.addFilter(_add_subject)
    if style == "json":
        from pythonjsonlogger.json import JsonFormatter  # the command line without a server has no need of it

        handler.setFormatter(
            JsonFormatter(
                "%(asctime)s %(levelname)s %(name)s %(message)s",
                rename_fields={"asctime": "time", "levelname": "level", "name": "logger"},
                datefmt="%Y-%m-%dT%H:%M:%S%z",
            )
        )
    else:
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s%(subject)s"))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    for chatty in ("alembic", "procrastinate", "httpx", "httpcore"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def set_subject(**subject: str) -> None:
    """From here on, this thread's log lines are about this, and nothing else."""
    _subject.set(subject)


@contextmanager
def about(**subject: str) -> Iterator[None]:
    """Context manager: this thread's log lines are about this, such as ``job_id="job_…"``."""
    token = _subject.set(_subject.get() | subject)
    try:
        yield
    finally:
        _subject.reset(token)


def _add_subject(record: logging.LogRecord) -> bool:
    subject = _subject.get()
    record.__dict__.update(subject)
    record.subject = f" [{' '.join(f'{k}={v}' for k, v in subject.items())}]" if subject else ""
    return True
