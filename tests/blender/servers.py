"""Servers that a client must survive: each folder of the address is another way to go wrong."""

from __future__ import annotations

import json
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

JOB = "job_01kbkq5x8efk8a4v1y4mhrq2zd"
REFUSED = {
    401: ("invalid_api_key", "The API key was revoked."),
    402: ("insufficient_credits", "The account has no credit left."),
    422: ("picture_unreadable", "The picture is damaged."),
    429: ("rate_limited", "Too many requests."),
}


class Handler(BaseHTTPRequestHandler):
    """``/401/v1/…`` answers 401, and so on; a folder that is not known here is a server where all goes well."""

    server: BadServer

    def do_GET(self) -> None:
        self.answer(None)

    def do_POST(self) -> None:
        self.answer(self.rfile.read(int(self.headers["Content-Length"])))

    def do_DELETE(self) -> None:
        self.answer(None)

    def answer(self, body: bytes | None) -> None:
        mode, path = self.path[1:].split("/", 1)
        self.server.seen.append((mode, self.command, path, dict(self.headers)))
        ways = {
            "html": lambda: self.send(500, b"<html>It broke.</html>", "text/html"),
            "notjson": lambda: self.send(200, b"hello", "text/plain"),
            "endless": self.endless,
            "huge": lambda: self.send(200, b"{", length=2 << 30),
            "posted-on": lambda: self.redirect("http://127.0.0.2:9/"),
        }
        if mode.isdecimal():
            code, message = REFUSED[int(mode)]
            self.json({"error": {"code": code, "message": message, "hint": ""}}, int(mode))
        elif mode in ways:
            with suppress(OSError):
                ways[mode]()
        else:
            self.well(mode, path)

    def well(self, mode: str, path: str) -> None:
        if path == "v1/generate":
            self.json({"jobId": JOB, "status": "PROCESSING", "message": ""}, 202)
        elif path.startswith("v1/status"):
            failing = mode in ("failing", "failing-anew")
            done = not failing and mode != "never"
            status = "FAILED" if failing else "COMPLETED" if done else "PROCESSING"
            why = {
                "code": "no_object" if mode == "failing" else "a_code_of_next_year",
                "message": "Nothing stands out.",
                "hint": "Choose another.",
            }
            self.json({"status": status, "progress": 100 if done else 50, "stage": "x", "error": why})
        elif path.startswith("v1/download"):
            if mode == "redirected":
                self.redirect(f"http://localhost:{self.server.server_port}/elsewhere/v1/download/{JOB}")
            elif mode == "half":
                self.send(200, glb()[:-8])
            elif mode == "broken-off":
                self.send(200, glb()[:-8], length=len(glb()))
            else:
                self.send(200, glb())
        else:
            self.json({"error": {"code": "not_found", "message": "Not here.", "hint": ""}}, 404)

    def endless(self) -> None:
        self.send_response(200)
        self.end_headers()
        while not self.server.stopping.is_set():
            self.wfile.write(b" " * (1 << 16))

    def redirect(self, target: str) -> None:
        self.send_response(302)
        self.send_header("Location", target)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def json(self, body: object, status: int = 200) -> None:
        self.send(status, json.dumps(body).encode(), "application/json")

    def send(self, status: int, body: bytes, kind: str = "model/gltf-binary", length: int | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


class BadServer(ThreadingHTTPServer):
    """At 127.0.0.1, to which localhost is another host.

    seen : mode, method, path and headers of each request
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.seen: list[tuple[str, str, str, dict[str, str]]] = []
        self.stopping = threading.Event()

    def address(self, mode: str) -> str:
        return f"http://127.0.0.1:{self.server_port}/{mode}"

    def handle_error(self, *_: object) -> None:
        pass


@contextmanager
def bad_server() -> Iterator[BadServer]:
    with BadServer() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.stopping.set()
            server.shutdown()


def glb() -> bytes:
    """The smallest binary glTF: no mesh, but sound."""
    chunk = json.dumps({"asset": {"version": "2.0", "extras": {"seed": 7}}}).encode()
    chunk += b" " * (-len(chunk) % 4)
    return struct.pack("<4sIIII", b"glTF", 2, 20 + len(chunk), len(chunk), 0x4E4F534A) + chunk
