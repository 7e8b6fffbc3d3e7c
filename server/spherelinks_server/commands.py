"""The server's commands, found by the command line through the entry point group ``spherelinks.commands``."""

from __future__ import annotations

import argparse
from typing import Any


def add(commands: Any) -> None:
    """Add ``serve`` and ``web``, without importing the server: --help must not wait for it."""
    serve = commands.add_parser("serve", help="Run the server, a worker and the database together.")
    serve.set_defaults(run=_serve, extra="server")
    serve.add_argument("--port", type=int, default=8000, help="default: %(default)s")
    serve.add_argument(
        "--host", default="127.0.0.1", help="address to listen on; defaults to %(default)s, this machine only"
    )

    web = commands.add_parser("web", help="Run only the server, with your own database; see docs/scale-out.md.")
    web.set_defaults(run=_web, extra="server")
    web.add_argument("--port", type=int, default=8000, help="default: %(default)s")
    web.add_argument("--host", default="0.0.0.0", help="address to listen on; defaults to %(default)s, all interfaces")


def _serve(arguments: argparse.Namespace) -> int:
    from spherelinks.config import Settings
    from spherelinks_server import serve

    return serve.main(Settings.from_env(), port=arguments.port, host=arguments.host)


def _web(arguments: argparse.Namespace) -> None:
    from spherelinks.config import Settings
    from spherelinks.database import migrate
    from spherelinks_server import web

    migrate(web.database_url(Settings.from_env()))
    web.main(arguments.host, arguments.port)
