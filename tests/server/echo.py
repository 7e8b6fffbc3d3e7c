"""A small application behind the real gateway, with shorter limits, run in a process by the gateway's tests."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator

from flask import Flask, Response, request
from werkzeug.middleware.proxy_fix import ProxyFix

from spherelinks_server import errors, gateway, web

BUSY_S = 0.05
"""Seconds of processor time that a busy request takes."""
GRACE_S = 1.0
"""Seconds until a body that does not come is given up."""


def application() -> gateway.Gateway:
    gateway.GRACE_S, gateway.OF_ADDRESS, gateway.MEMORY = GRACE_S, 4, 4_000_000
    app = Flask("echo")
    released = threading.Event()
    app.config["MAX_CONTENT_LENGTH"] = 1_000_001
    errors.register(app)

    @app.route("/<path:path>", methods=["GET", "POST"])
    def echo(path: str) -> Response:
        seen = {
            "path": path,
            "query": request.args,
            "method": request.method,
            "address": request.remote_addr,
            "headers": [request.headers.get("X-Twice"), request.cookies],
            "length": len(request.get_data()),
        }
        return app.json.response(seen)

    @app.post("/unread")
    def unread() -> tuple[str, int]:
        return "not read", 401

    @app.get("/busy")
    def busy() -> str:
        until = time.thread_time() + BUSY_S
        while time.thread_time() < until:
            pass
        return "done"

    @app.get("/held")
    def held() -> str:
        released.wait(60)
        return "held"

    @app.get("/release")
    def release() -> str:
        released.set()
        return "released"

    @app.get("/large")
    def large() -> bytes:
        return bytes(3_000_000)

    @app.get("/stream")
    def stream() -> Response:
        def parts() -> Iterator[bytes]:
            try:
                for number in range(100):
                    yield f"{number}\n".encode()
                    time.sleep(0.05)
            finally:
                sys.stdout.write("stream closed\n")
                sys.stdout.flush()

        return Response(parts(), mimetype="text/plain")

    proxies = int(os.environ.get("ECHO_PROXIES", "0"))
    if proxies:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=proxies, x_proto=0)  # type: ignore[method-assign]
    return gateway.Gateway(app, 8, 1_000_001, proxies)


if __name__ == "__main__":
    web.server("echo:application", "127.0.0.1", int(sys.argv[1])).serve()
