"""A test server that is slow, or redirects clients."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar


class Peer(ThreadingHTTPServer):
    """At 127.0.0.1; ``seen``: method, path, headers and length of the body of each request."""

    daemon_threads = True

    def __init__(self, handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self.seen: list[tuple[str, str, dict[str, str], int]] = []
        self.stopping = threading.Event()

    def address(self, name: str) -> str:
        return f"http://127.0.0.1:{self.server_port}/{name}"

    def handle_error(self, *_: object) -> None:
        """Clients that go away are expected."""


@contextmanager
def running(handler: type[BaseHTTPRequestHandler]) -> Iterator[Peer]:
    with Peer(handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield server
        finally:
            server.stopping.set()
            server.shutdown()


class Handler(BaseHTTPRequestHandler):
    server: Peer

    def do_GET(self) -> None:
        self._take()

    def do_POST(self) -> None:
        self._take()

    def do_DELETE(self) -> None:
        self._take()

    def do_PUT(self) -> None:
        self._take()

    def _take(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.seen.append((self.command, self.path, dict(self.headers), len(body)))
        name, _, path = self.path[1:].partition("/")
        with suppress(OSError):
            self.answer(name, "/" + path, body)

    def answer(self, name: str, path: str, body: bytes) -> None:
        raise NotImplementedError

    def send(self, status: int, body: bytes, headers: dict[str, str], length: int | None = None) -> None:
        self.send_response(status)
        for header, value in headers.items():
            self.send_header(header, value)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Slow(Handler):
    """``/trickle``: a byte every 0.1 s, without end; ``/silent``: nothing; ``/stalls``: half an answer; ``/around/N``:
    redirects N times; ``/nowhere``: redirects to a file; others take a job and say how much came."""

    def answer(self, name: str, path: str, body: bytes) -> None:
        wait = self.server.stopping.wait
        if name == "trickle":
            self.send(200, b"{", {}, 1 << 20)
            while not wait(0.1):
                self.wfile.write(b" ")
        elif name == "silent":
            wait(60)
        elif name == "stalls":
            self.send(200, b'{"a":', {}, 1000)
            wait(60)
        elif name == "around":
            left = int(path.rsplit("/", 1)[1])
            if left:
                self.send(302, b"", {"Location": f"/around/{left - 1}"})
            else:
                self.send(200, b'{"arrived": true}', {})
        elif name == "nowhere":
            self.send(302, b"", {"Location": "file:///etc/hostname"})
        else:
            self.send(200, json.dumps({"jobId": "job_1", "got": len(body)}).encode(), {})


class Charging(Handler):
    """A server that makes every job in three questions, and takes a credit for each Idempotency-Key."""

    asset = b""
    keys: ClassVar[dict[str, str]] = {}
    asked: ClassVar[Counter[str]] = Counter()

    def answer(self, name: str, path: str, body: bytes) -> None:
        if path == "/v1/generate":
            key = self.headers["Idempotency-Key"]
            job = self.keys.setdefault(key, f"job_{len(self.keys)}")
            self.json({"jobId": job, "status": "PROCESSING"}, 202)
        elif path.startswith("/v1/status/"):
            job = path.rpartition("/")[2].partition("?")[0]
            self.asked[job] += 1
            done = self.asked[job] > 2
            self.json(
                {"status": "COMPLETED" if done else "PROCESSING", "progress": 100 if done else 40, "stage": "matte"}
            )
        elif path.startswith("/v1/download/"):
            self.send(200, self.asset, {"Content-Type": "model/gltf-binary"})
        elif path == "/charged":
            self.json({"charged": len(self.keys)})
        else:
            self.json({"error": {"code": "not_found", "message": "Not here.", "hint": ""}}, 404)

    def json(self, body: object, status: int = 200) -> None:
        self.send(status, json.dumps(body).encode(), {"Content-Type": "application/json"})
