"""A server that answers as the exchanges and faults of contract/ say: python -m contract.stand_in prints its address.

``ADDRESS/NAME/v1/…`` answers as faults/NAME.json says; every request that it says nothing of goes well. See README.md.
"""

from __future__ import annotations

import json
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
WELL = {
    "POST /v1/generate": "generate-accepted",
    "GET /v1/status": "status-completed",
    "GET /v1/download": "download-completed",
    "GET /v1/account": "account",
    "DELETE /v1/jobs": "job-cancelled",
}
"""The exchange that answers an operation where nothing else is said."""


class StandIn(ThreadingHTTPServer):
    """At 127.0.0.1, to which localhost is another host.

    seen : folder, method, path and headers of each request
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.seen: list[tuple[str, str, str, dict[str, str]]] = []
        self.counts: Counter[tuple[str, str]] = Counter()
        self.stopping = threading.Event()

    def address(self, name: str) -> str:
        """Of the server that goes wrong in that way; what follows ~ in a name only keeps two runs apart."""
        return f"http://127.0.0.1:{self.server_port}/{name}"

    def handle_error(self, *_: object) -> None:
        """Clients that go away are expected."""


class _Handler(BaseHTTPRequestHandler):
    server: StandIn

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self._answer()

    def do_DELETE(self) -> None:
        self._answer()

    def _answer(self) -> None:
        folder, path = self.path[1:].split("/", 1)
        self.server.seen.append((folder, self.command, path, dict(self.headers)))
        operation = f"{self.command} /{'/'.join(path.partition('?')[0].split('/')[:2])}"
        turn = self.server.counts[folder, operation]
        self.server.counts[folder, operation] += 1
        fault = HERE / "faults" / f"{folder.partition('~')[0]}.json"
        answers = json.loads(fault.read_text("utf-8"))["answers"] if fault.exists() else {}
        said = answers.get(operation) or [{"exchange": WELL.get(operation, "not-found")}]
        with suppress(OSError):
            self._send(said[min(turn, len(said) - 1)])

    def _send(self, said: dict[str, Any]) -> None:
        if "exchange" in said:
            said = json.loads((HERE / "exchanges" / f"{said['exchange']}.json").read_text("utf-8"))["response"]
        body = _body(said)
        cut = said.get("cutBytes", 0)
        self.send_response(said["status"])
        for name, value in said.get("headers", {}).items():
            self.send_header(name, value.replace("{port}", str(self.server.server_port)))
        if not said.get("endless"):
            self.send_header("Content-Length", str(said.get("contentLength", len(body))))
        self.end_headers()
        self.wfile.write(body[: len(body) - cut])
        while said.get("endless") and not self.server.stopping.is_set():
            self.wfile.write(b" " * (1 << 16))

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _body(said: dict[str, Any]) -> bytes:
    if "file" in said:
        data: bytes = (HERE / "files" / said["file"]).read_bytes()
        return data[: len(data) - said.get("shortBytes", 0)]
    if "text" in said:
        return str(said["text"]).encode()
    return json.dumps(said["body"]).encode() if "body" in said else b""


@contextmanager
def stand_in() -> Iterator[StandIn]:
    """One that runs."""
    with StandIn() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.stopping.set()
            server.shutdown()


if __name__ == "__main__":
    with stand_in() as running:
        sys.stdout.write(running.address("") + "\n")
        sys.stdout.flush()
        sys.stdin.read()  # until whoever started it closes this
