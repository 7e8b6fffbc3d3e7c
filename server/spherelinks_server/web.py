"""The HTTP process: Granian with one worker, whose threads share the database pool and the rate limits.

Runs under :mod:`spherelinks_server.serve`, or alone with your own database::

    DATABASE_URL=postgresql://… spherelinks web --port 8000
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import threading

from granian.constants import HTTPModes, Interfaces
from granian.log import LogLevels
from granian.server.mp import MPServer

from spherelinks import logs, telemetry
from spherelinks.config import Settings
from spherelinks.database import connect
from spherelinks.errors import ConfigurationError
from spherelinks.storage import open_storage
from spherelinks_server import limits, tracing
from spherelinks_server.app import create_app
from spherelinks_server.fastpath import FastPath
from spherelinks_server.gateway import Gateway
from spherelinks_server.services import EXTENSION
from spherelinks_server.v1.api import MAX_BODY
from spherelinks_server.waiting import WAITERS, WORKED_ON

THREADS = WORKED_ON + WAITERS
SWITCH_S = 0.001
"""How long a thread that computes keeps the others waiting, seconds: with Python's five milliseconds, each of the few
round trips to the database that a request makes costs that much more as soon as anybody computes."""
DRAIN_S = 25
"""Seconds that running requests get to finish when the server stops: more than fetching a picture may take."""


def main(host: str, port: int) -> None:
    """Serve until SIGTERM or SIGINT, on a migrated database."""
    server(f"{__name__}:application", host, port).serve()


def server(target: str, host: str, port: int) -> MPServer:
    """Granian, set up for a factory of :class:`Gateway`; the benchmark runs its baseline on the same."""
    return MPServer(
        target,
        address=host,
        port=port,
        interface=Interfaces.RSGI,
        factory=True,
        # one process: the rate limit is kept in its memory
        workers=1,
        http=HTTPModes.http1,
        respawn_failed_workers=True,
        workers_kill_timeout=DRAIN_S,
        log_level=LogLevels.error,
    )


def application() -> Gateway:
    """The application of this process, from its environment. Raises ConfigurationError."""
    settings = Settings.from_env()
    logs.configure(settings.log_format)
    reported = telemetry.report_errors()
    _end_with_parent()
    sys.setswitchinterval(SWITCH_S)
    engine, storage = connect(database_url(settings)), open_storage(settings)
    app = create_app(settings, engine, storage, rate_limit=limits.per_minute(), address_limit=limits.of_address())
    traced = tracing.trace(app)
    fast: FastPath = app.extensions[EXTENSION].fast
    fast.closed = traced  # spans are made by the application
    ready = None if reported or traced else fast.ready  # Sentry counts what comes to the application
    return Gateway(app, THREADS, MAX_BODY + 1, settings.trusted_proxies, ready)


def database_url(settings: Settings) -> str:
    """URL of the operator's own database. Raises ConfigurationError if it is not set."""
    if settings.database_url is None:
        raise ConfigurationError(
            "DATABASE_URL is not set.", hint="Set it, or run 'spherelinks serve', which comes with a database."
        )
    return settings.database_url


def _end_with_parent() -> None:
    """Exit with the parent: Granian's worker outlives a killed parent, and would keep the port."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, name="end-with-parent", daemon=True).start()
