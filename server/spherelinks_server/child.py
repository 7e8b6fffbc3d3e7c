"""What ``serve`` starts: ``python -m spherelinks_server.child server HOST PORT``, or ``… worker``.

Exits, as on SIGTERM, when its standard input is closed: by its parent, or by the parent's death. This works on systems
without signals, too.
"""

from __future__ import annotations

import os
import signal
import sys
import threading

from spherelinks import logs, telemetry
from spherelinks.config import Settings


def main(kind: str, *arguments: str) -> None:
    threading.Thread(target=_end_with_stdin, name="end-with-stdin", daemon=True).start()
    if kind == "server":
        from spherelinks_server import web

        host, port = arguments
        web.main(host, int(port))
    else:
        from spherelinks.jobs.worker import run_worker

        settings = Settings.from_env()
        logs.configure(settings.log_format)
        telemetry.report_errors()
        assert settings.database_url is not None
        run_worker(settings, settings.database_url)


def _end_with_stdin() -> None:
    # not through sys.stdin: a forked child would find its lock taken for ever
    while os.read(0, 1):
        pass
    if os.name == "posix":
        os.kill(os.getpid(), signal.SIGTERM)  # reaches the main thread wherever it is waiting
    else:
        signal.raise_signal(signal.SIGTERM)


if __name__ == "__main__":
    main(*sys.argv[1:])
