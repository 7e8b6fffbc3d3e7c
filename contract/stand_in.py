"""A server that answers as the exchanges, faults and scenarios of contract/ say, for the tests of every client.

    python -m contract.stand_in [NAME] [--port N]

prints the address of that fault, scenario or exchange; without NAME the address of all, where ``ADDRESS/NAME/v1/…``
answers as the file NAME says. Requests that the file does not mention succeed. See README.md.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import ssl
import stat
import sys
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).parent
CERTIFICATE = HERE / "files" / "certificate.pem"
"""The self-signed certificate for HTTPS, which a client's test has to trust. Its key is no secret."""
WELL = {
    "POST /v1/generate": "generate-accepted",
    "GET /v1/status": "status-completed",
    "GET /v1/download": "download-completed",
    "GET /v1/account": "account",
    "DELETE /v1/jobs": "job-cancelled",
}
"""The exchange that answers an operation by default."""
PAUSE_S = 0.05
"""Seconds between the bytes of an answer that trickles."""
SLOWLY = 1 << 17
"""Bytes of a request that are read per pause if it is read slowly."""
KEPT = 1 << 16
"""Bytes of a request's body that are remembered."""


class Seen(NamedTuple):
    """A request: the fault or scenario it came to, and its parts."""

    folder: str
    method: str
    path: str
    headers: dict[str, str]
    body: str
    """Empty if it is longer than KEPT."""

    def asks(self, operation: str) -> bool:
        """Whether it is a request for an operation such as ``GET /v1/status``."""
        return _operation(self.method, f"/{self.path}") == operation


class StandIn:
    """A server on three ports of 127.0.0.1 (to clients, localhost is another host): HTTP, HTTP again, and HTTPS.

    seen : every request, in order
    """

    def __init__(self, port: int = 0) -> None:
        self.seen: list[Seen] = []
        self.stopping = threading.Event()
        self._counts: Counter[tuple[str, str]] = Counter()
        self._acts: Counter[str] = Counter()
        self._turned = threading.Condition()
        self._listeners = [_Listener(self, each) for each in (port, 0, 0)]
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(CERTIFICATE, CERTIFICATE.with_suffix(".key"))
        secure = self._listeners[2]
        secure.socket = tls.wrap_socket(secure.socket, server_side=True, do_handshake_on_connect=False)
        self.port, self.other_port, self.tls_port = (each.server_port for each in self._listeners)
        for each in self._listeners:
            threading.Thread(target=each.serve_forever, args=(0.05,), daemon=True).start()

    def address(self, name: str = "") -> str:
        """The address that behaves as the file of that name says; a suffix after ~ only keeps two runs apart."""
        if _told(name).get("tls"):
            return f"https://127.0.0.1:{self.tls_port}/{name}"
        return f"http://127.0.0.1:{self.port}/{name}".rstrip("/")

    def turn(self, name: str, act: int) -> None:
        """Begin an act of a scenario, counted from 0; requests that were held are answered now."""
        with self._turned:
            self._acts[name] = act
            self._turned.notify_all()

    def answer(self, name: str, operation: str) -> dict[str, Any]:
        """The answer to the next request for an operation; if it is held, waits for the next act."""
        with self._turned:
            act = self._acts[name]
            told = _told(name)
            answers = told["acts"][act].get("answers", {}) if "acts" in told else told.get("answers", {})
            said = answers.get(operation) or [_well(operation)]
            turn = self._counts[f"{name}/{act}", operation]
            self._counts[f"{name}/{act}", operation] += 1
            chosen: dict[str, Any] = said[min(turn, len(said) - 1)]
            while chosen.get("held") and self._acts[name] == act and not self.stopping.is_set():
                self._turned.wait(0.1)
        if "exchange" in chosen:
            exchange = json.loads((HERE / "exchanges" / f"{chosen['exchange']}.json").read_text("utf-8"))
            chosen = exchange["response"] | chosen
        return chosen

    def filled(self, value: str) -> str:
        """A header's value with the ports filled in."""
        ports = {"port": self.port, "otherPort": self.other_port, "tlsPort": self.tls_port}
        for name, port in ports.items():
            value = value.replace(f"{{{name}}}", str(port))
        return value

    def close(self) -> None:
        self.stopping.set()
        for each in self._listeners:
            each.shutdown()
            each.server_close()


class _Listener(ThreadingHTTPServer):
    # by default 5: with more, Linux answers with SYN cookies, and resets a large request whose first packet the full
    # queue has dropped
    request_queue_size = 128
    daemon_threads = True
    block_on_close = False

    def __init__(self, stand_in: StandIn, port: int) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.stand_in = stand_in
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)  # what is not read yet waits at the client

    def handle_error(self, *_: object) -> None:
        """Clients that go away are expected."""


class _Handler(BaseHTTPRequestHandler):
    server: _Listener

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_PUT(self) -> None:
        self._answer()

    def do_DELETE(self) -> None:
        self._answer()

    def _answer(self) -> None:
        stand_in = self.server.stand_in
        folder, _, path = self.path[1:].partition("/")
        with suppress(OSError):
            match path.split("/"):
                case ["_seen"]:
                    seen = [each._asdict() for each in stand_in.seen if each.folder == folder]
                    self._send({"status": HTTPStatus.OK, "body": seen})
                case ["_act", act]:
                    stand_in.turn(folder, int(act))
                    self._send({"status": HTTPStatus.NO_CONTENT})
                case _:
                    length = int(self.headers.get("Content-Length") or 0)
                    body = self.rfile.read(length).decode() if length <= KEPT else ""
                    stand_in.seen.append(Seen(folder, self.command, path, dict(self.headers), body))
                    said = stand_in.answer(folder, _operation(self.command, self.path[len(folder) + 1 :]))
                    self._read(0 if body else length, slowly="readsSlowly" in said)
                    self._send(said)

    def _read(self, length: int, slowly: bool) -> None:
        """Read a request's body and drop it; if slowly, only its first half, since the client buffers the rest."""
        left = length
        while left > 0 and (got := self.rfile.read(min(left, SLOWLY))):
            left -= len(got)
            if slowly and left > length / 2:
                self.server.stand_in.stopping.wait(PAUSE_S)

    def _send(self, said: dict[str, Any]) -> None:
        if said.get("down"):
            return
        stopping, body = self.server.stand_in.stopping, _body(said)
        self.send_response(said["status"])
        for name, value in said.get("headers", {}).items():
            self.send_header(name, self.server.stand_in.filled(value))
        if not (said.get("endless") or said.get("trickles") == "body"):
            self.send_header("Content-Length", str(said.get("contentLength", len(body))))
        if said.get("trickles") == "headers":
            self._trickle(b"X-Slow: ")
        self.end_headers()
        if said.get("trickles") == "body":
            self._trickle(b"")
        self.wfile.write(body[: len(body) - said.get("cutBytes", 0)])
        while said.get("endless") and not stopping.is_set():
            self.wfile.write(b" " * (1 << 16))

    def _trickle(self, begun: bytes) -> None:
        """Send a space again and again, which has no meaning where it is sent, and never finish."""
        self.flush_headers()
        self.wfile.write(begun)
        while not self.server.stand_in.stopping.wait(PAUSE_S):
            self.wfile.write(b" ")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _told(name: str) -> dict[str, Any]:
    """The fault or scenario of that name, or one made from an exchange; empty for any other name: all succeeds."""
    stem = name.partition("~")[0]
    for folder in ("faults", "scenarios", "exchanges"):
        path = HERE / folder / f"{stem}.json"
        if stem and path.exists():
            told: dict[str, Any] = json.loads(path.read_text("utf-8"))
            if folder == "exchanges":
                request = told["request"]
                return {"answers": {_operation(request["method"], request["path"]): [{"exchange": stem}]}}
            return told
    return {}


def _well(operation: str) -> dict[str, Any]:
    """The default answer to an operation."""
    if operation == "GET /v1/generators":
        offered = json.loads((HERE / "generators.json").read_text("utf-8"))
        return {"status": HTTPStatus.OK, "headers": {"Content-Type": "application/json"}, "body": offered}
    return {"exchange": WELL.get(operation, "not-found")}


def _operation(method: str, path: str) -> str:
    """A request's method and the first two parts of its path."""
    return f"{method} {'/'.join(path.partition('?')[0].split('/')[:3])}"


def _body(said: dict[str, Any]) -> bytes:
    if "file" in said:
        data: bytes = (HERE / "files" / said["file"]).read_bytes()
        return data[: len(data) - said.get("shortBytes", 0)]
    if "text" in said:
        return str(said["text"]).encode()
    return json.dumps(said["body"]).encode() if "body" in said else b""


@contextmanager
def stand_in(port: int = 0) -> Iterator[StandIn]:
    """A running stand-in, closed at the end."""
    running = StandIn(port)
    try:
        yield running
    finally:
        running.close()


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a stand-in until its standard input, if that is a pipe, is closed, or until it is killed."""
    parser = argparse.ArgumentParser(prog="python -m contract.stand_in", description=__doc__.partition("\n")[0])
    parser.add_argument(
        "name", nargs="?", default="", help="a fault, a scenario or an exchange; by default all, each at its name"
    )
    parser.add_argument("--port", type=int, default=0, help="port to listen on; by default any that is free")
    given = parser.parse_args(arguments)
    if given.name and not _told(given.name):
        parser.error(f"there is no fault, scenario or exchange '{given.name}' in {HERE}")
    with stand_in(given.port) as running, suppress(KeyboardInterrupt):
        sys.stdout.write(running.address(given.name) + "\n")
        sys.stdout.flush()
        if stat.S_ISFIFO(os.fstat(0).st_mode):
            sys.stdin.read()
        else:
            threading.Event().wait()


if __name__ == "__main__":
    main()
