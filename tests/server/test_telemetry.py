"""Errors and traces arrive at the operator's collectors, and carry no secret."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


class Collector:
    """What was posted, by path."""

    def __init__(self) -> None:
        self.posts: list[tuple[str, bytes]] = []
        posts = self.posts

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                posts.append((self.path, body))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def body(self, path: str) -> bytes:
        return b"".join(body for posted, body in self.posts if posted.startswith(path))


@pytest.fixture
def collector() -> Iterator[Collector]:
    collector = Collector()
    yield collector
    collector.server.shutdown()
    collector.server.server_close()


def run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], env=os.environ | environment, capture_output=True, text=True, timeout=120
    )


FAULT = """
from flask import Flask
from spherelinks import telemetry
from spherelinks_server import tracing
from spherelinks_server import errors

telemetry.report_errors()
app = Flask("faulty")
errors.register(app)

@app.post("/fault")
def fault():
    secret_variable = "in-a-variable"
    raise ValueError("it broke")

tracing.trace(app)
answer = app.test_client().post("/fault", data="in-the-body", headers={"X-API-Key": "in-the-key"})
assert answer.status_code == 500
"""


def test_an_error_is_reported_without_secrets(collector: Collector) -> None:
    done = run(FAULT, SENTRY_DSN=f"http://public@127.0.0.1:{collector.port}/1")
    assert done.returncode == 0, done.stderr
    sent = collector.body("/api/1/envelope")
    assert b"it broke" in sent
    assert b"ValueError" in sent
    assert b"POST /fault failed" in sent
    for secret in (b"in-a-variable", b"in-the-body", b"in-the-key"):
        assert secret not in sent


def test_a_request_leaves_a_span(collector: Collector) -> None:
    done = run(FAULT, OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{collector.port}")
    assert done.returncode == 0, done.stderr
    sent = collector.body("/v1/traces")
    assert b"/fault" in sent
    assert b"spherelinks" in sent
    assert b"in-the-key" not in sent


def test_without_settings_nothing_is_loaded() -> None:
    done = run(
        FAULT + "\nimport sys; assert not {'sentry_sdk', 'opentelemetry.sdk'} & sys.modules.keys()",
        SENTRY_DSN="",
        OTEL_EXPORTER_OTLP_ENDPOINT="",
    )
    assert done.returncode == 0, done.stderr


def test_a_missing_package_is_named_with_its_remedy() -> None:
    code = "import sys; sys.modules['sentry_sdk'] = None; from spherelinks import telemetry; telemetry.report_errors()"
    done = run(code, SENTRY_DSN="http://public@127.0.0.1:9/1")
    assert "SENTRY_DSN is set" in done.stderr
