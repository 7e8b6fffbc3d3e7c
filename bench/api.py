"""Requests per second and their 99th percentile: the status endpoint, a bare Flask hello-world, and submitting.

    python bench/api.py [--clients 16] [--seconds 4] [--rounds 3] [--before CHECKOUT]

Server and baseline run with the same Granian settings, alternately; the medians of the rounds count. The status is
asked for in three ways: as it is, with no answer kept, and by Flask alone (with a query string); with ``--before`` from
an earlier version's checkout, too. The benchmark has its own embedded database, fully durable; no worker runs. The load
comes from one process with keep-alive connections, each with one request in flight; its share of a core is shown,
because on two cores a busy client takes part of what it measures.
"""

from __future__ import annotations

import asyncio
import base64
import http.client
import json
import math
import multiprocessing
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import arguments
import psycopg
from flask import Flask
from samples import MUG
from sqlalchemy.engine import make_url

from spherelinks import database
from spherelinks.accounts import accounts, keys, ledger
from spherelinks.config import Settings
from spherelinks.storage import open_storage
from spherelinks_server import create_app, web
from spherelinks_server.gateway import Gateway
from spherelinks_server.v1.api import MAX_BODY

START_LIMIT_S = 60


def hello() -> Gateway:
    """The baseline: the cost of Flask on this server before any work."""
    app = Flask("hello")
    app.add_url_rule("/", view_func=lambda: "Hello, World!")
    return Gateway(app, web.THREADS, MAX_BODY)


def unkept() -> Gateway:
    """The server without kept answers: each request reads the database."""
    settings = Settings.from_env()
    app = create_app(
        settings, database.connect(web.database_url(settings)), open_storage(settings), rate_limit=0, address_limit=0
    )
    return Gateway(app, web.THREADS, MAX_BODY + 1)


# --- load -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Outcome:
    """latencies : seconds of each request; busy : share of a core that the client itself took"""

    latencies: list[float]
    seconds: float
    busy: float

    @property
    def rate(self) -> float:
        return len(self.latencies) / self.seconds

    def percentile(self, share: float) -> float:
        """Infinite where nothing was answered."""
        latencies = sorted(self.latencies) or [math.inf]
        return latencies[int(share * (len(latencies) - 1))]


class Client(asyncio.Protocol):
    """One connection that sends the same request again and again; answers must have a Content-Length."""

    def __init__(self, request: bytes, expected: bytes, latencies: list[float], lost: asyncio.Future[None]) -> None:
        self._request, self._expected, self._latencies, self._lost = request, expected, latencies, lost
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._send()

    def _send(self) -> None:
        self._began = time.perf_counter()
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, blank, body = self._received.partition(b"\r\n\r\n")
        if not blank:
            return
        start = head.lower().index(b"content-length:") + len(b"content-length:")
        if len(body) < int(head[start:].split(b"\r\n", 1)[0]):
            return
        self._latencies.append(time.perf_counter() - self._began)
        if not head.startswith(b"HTTP/1.1 " + self._expected) and not self._lost.done():
            self._lost.set_exception(RuntimeError(f"unexpected answer: {self._received[:600]!r}"))
        self._received = b""
        self._send()

    def connection_lost(self, error: Exception | None) -> None:
        if not self._lost.done():
            self._lost.set_exception(error or RuntimeError("the server closed the connection"))


def load(port: int, request: bytes, expected: bytes, clients: int, seconds: float) -> Outcome:
    """Run in a process of its own."""
    latencies: list[float] = []

    async def run() -> None:
        loop = asyncio.get_running_loop()
        lost: asyncio.Future[None] = loop.create_future()
        for _ in range(clients):
            await loop.create_connection(lambda: Client(request, expected, latencies, lost), "127.0.0.1", port)
        await asyncio.wait({lost}, timeout=seconds)
        if lost.done():
            lost.result()
        lost.cancel()

    began, used = time.perf_counter(), time.process_time()
    asyncio.run(run())
    took = time.perf_counter() - began
    return Outcome(latencies, took, (time.process_time() - used) / took)


def request(method: str, path: str, key: str, body: bytes = b"") -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", f"X-API-Key: {key}"]
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + body


# --- servers --------------------------------------------------------------------------------------------------------


@contextmanager
def installation() -> Iterator[tuple[Path, str]]:
    """A home folder of its own, and the URL of an embedded database in it; removed at the end."""
    home = Path(tempfile.mkdtemp(prefix="spherelinks-bench-"))
    home.chmod(0o755)  # as root the database runs as another user, who must get through
    try:
        with database.opened(Settings(home=home)) as url:
            database.migrate(url)
            yield home, url
    finally:
        shutil.rmtree(home)


@contextmanager
def serving(command: list[str], environment: dict[str, str], probe: str) -> Iterator[int]:
    """A server in processes of its own, on a free port, which ends its command line."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    process = subprocess.Popen([sys.executable, *command, str(port)], env=environment)
    try:
        deadline = time.monotonic() + START_LIMIT_S
        while not answers(port, probe):
            if process.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"{command} did not start")
            time.sleep(0.1)
        yield port
    finally:
        process.terminate()
        process.wait()


def answers(port: int, path: str) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def submit(port: int, key: str, body: bytes) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("POST", "/v1/generate", body, {"X-API-Key": key, "Content-Type": "application/json"})
    job: str = json.load(connection.getresponse())["jobId"]
    connection.close()
    return job


def main() -> None:
    parser = arguments.parser(__doc__)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=4.0, help="length of each round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--before", type=Path, metavar="CHECKOUT", help="an earlier version, its library built")
    a = parser.parse_args()

    with installation() as (home, url):
        measure(home, url, a.clients, a.seconds, a.rounds, a.before)


def account(url: str) -> str:
    """The key of a new account."""
    engine = database.connect(url)
    with database.transaction(engine) as session:
        account = accounts.create(session, "bench")
        ledger.grant(session, account.id, 1_000_000, "bench")
        _, key = keys.create(session, account.id, "bench")
    engine.dispose()
    return key


def measure(home: Path, url: str, clients: int, seconds: float, rounds: int, checkout: Path | None) -> None:
    key = account(url)
    body = json.dumps({"imageBase64": base64.b64encode(MUG.read_bytes()).decode()}).encode()
    environment = os.environ | {"DATABASE_URL": url, "SPHERELINKS_HOME": str(home), "SPHERELINKS_RATE_LIMIT": "0"}
    environment["SPHERELINKS_ADDRESS_RATE_LIMIT"] = "0"

    web_command = ["-m", "spherelinks.cli", "web", "--host", "127.0.0.1", "--port"]
    with ExitStack() as stack:
        plain = stack.enter_context(serving([__file__, "hello", "127.0.0.1"], environment, "/"))
        bare = stack.enter_context(serving([__file__, "unkept", "127.0.0.1"], environment, "/readyz"))
        ours = stack.enter_context(serving(web_command, environment, "/readyz"))
        pool = stack.enter_context(multiprocessing.get_context("spawn").Pool(1))
        job = submit(ours, key, body)
        status = request("GET", f"/v1/status/{job}", key)
        targets = {
            "hello-world": (plain, request("GET", "/", key), b"200"),
            "status": (ours, status, b"200"),
            "status, none kept": (bare, status, b"200"),
            "status, by Flask": (ours, request("GET", f"/v1/status/{job}?wait=0", key), b"200"),
            "submit": (ours, request("POST", "/v1/generate", key, body), b"202"),
        }
        if checkout is not None:
            own = make_url(url).set(database="before").render_as_string(hide_password=False)
            with psycopg.connect(url, autocommit=True) as admin:
                admin.execute("CREATE DATABASE before")
            older = os.pathsep.join(str(checkout / part) for part in ("core", "server"))
            theirs = environment | {"PYTHONPATH": older, "DATABASE_URL": own}
            before = stack.enter_context(serving(web_command, theirs, "/readyz"))  # which migrates it
            known = account(own)
            job = submit(before, known, body)
            targets["status, before"] = (before, request("GET", f"/v1/status/{job}", known), b"200")
        results: dict[str, list[Outcome]] = {name: [] for name in targets}
        asking = [name for name in targets if name != "submit"]
        for name in asking:
            pool.apply(load, (*targets[name], clients, 1.0))  # connections, caches, prepared statements
        turns = asking * rounds + ["submit"] * rounds  # a longer queue would slow the status
        for name in turns:
            results[name].append(pool.apply(load, (*targets[name], clients, seconds)))

    print(f"{clients} clients, {rounds} rounds of {seconds:g} s, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    print(f"{'':<18} {'req/s':>8} {'p50 ms':>8} {'p99 ms':>8} {'client, cores':>14}")
    for name, outcomes in results.items():
        middle = {
            "rate": statistics.median(o.rate for o in outcomes),
            "p50": 1000 * statistics.median(o.percentile(0.5) for o in outcomes),
            "p99": 1000 * statistics.median(o.percentile(0.99) for o in outcomes),
            "busy": statistics.median(o.busy for o in outcomes),
        }
        print(f"{name:<18} {middle['rate']:8.0f} {middle['p50']:8.1f} {middle['p99']:8.1f} {middle['busy']:14.2f}")
    for name in asking[1:]:
        ratio = statistics.median(
            asked.rate / plain.rate for asked, plain in zip(results[name], results["hello-world"], strict=True)
        )
        print(f"{name} / hello-world: {ratio:.2f}")
    print(f"submitted: {MUG.name}, {len(body)} bytes of JSON")


if __name__ == "__main__":
    if sys.argv[1:2] in (["hello"], ["unkept"]):
        web.server(f"api:{sys.argv[1]}", sys.argv[2], int(sys.argv[3])).serve()
    else:
        main()
