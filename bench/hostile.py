"""Forty clients behave while one attacker at a time does not: what the others notice.

    python bench/hostile.py [--clients 40] [--seconds 20] [--only half-sent,bombs]

One web process on an embedded database, both of the bench's own. The clients belong to ten accounts, each with a
network address of its own; each submits a small picture, asks three times how far it is, and waits a moment. First
nobody attacks; then each attack has the same time twice. The second time is the control: as many attacks a second as
the server took, but sent to a bare server that reads them and answers 404. So the control shows what making and
receiving the attack costs on this machine, whoever answers it.

Of the clients' submits and status requests the 99th percentiles are shown, their ratio to those of the calm round of
the same run, and the control's ratio beside it; of the web process and its children the cores that they took and the
largest memory; from the storage what its files grew by.

Clients, attacker, deliveries, both servers and the database are processes of their own. The attacker's has priority 10
(nice): elsewhere it has a machine of its own. All else has priority 0, but for what the server lowers itself.
"""

from __future__ import annotations

import asyncio
import base64
import http.client
import io
import json
import multiprocessing
import os
import random
import socket
import statistics
import struct
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from ipaddress import ip_network
from pathlib import Path

import arguments
import numpy as np
import psutil
from api import installation, serving
from PIL import Image

from spherelinks import database
from spherelinks.accounts import accounts, keys, ledger
from spherelinks.accounts.worlds import World
from spherelinks.config import Settings
from spherelinks.jobs import courier, engine, queue, webhooks
from spherelinks.picture.fetch import Guard
from spherelinks.storage import open_storage
from spherelinks_server import create_app, web
from spherelinks_server.gateway import Gateway
from spherelinks_server.services import EXTENSION
from spherelinks_server.v1.api import MAX_BODY

ACCOUNTS = 10
PAUSE_S = (1.0, 3.0)
ATTACKERS = 16
"""Threads of an attack."""
ATTACKER = "127.0.0.2"
BEHAVED = "127.0.1.{}"
"""The network address of an account."""
ATTACKER_NICENESS = 10


def application() -> Gateway:
    """The server as it is, but for addresses of this machine, which it may fetch from."""
    settings = Settings.from_env()
    assert settings.database_url is not None
    sys.setswitchinterval(web.SWITCH_S)
    engine = database.connect(settings.database_url)
    app = create_app(
        settings,
        engine,
        open_storage(settings),
        guard=guard(int(os.environ["HANGING_PORT"])),
    )
    return Gateway(app, web.THREADS, MAX_BODY + 1, 0, app.extensions[EXTENSION].fast.ready)


def guard(port: int) -> Guard:
    return Guard(ports=frozenset({port}), trusted=(ip_network("127.0.0.1/32"),))


# --- the behaved ----------------------------------------------------------------------------------------------------


@dataclass
class Round:
    """What the clients of one round met. Seconds by request; answers by status."""

    submits: list[float] = field(default_factory=list)
    statuses: list[float] = field(default_factory=list)
    refused: int = 0
    attacks: float = 0.0
    """A second."""
    cores: float = 0.0
    """Taken by the web process and its children."""
    memory_mb: float = 0.0
    disk_mb: float = 0.0


class Client(threading.Thread):
    def __init__(self, port: int, key: str, source: str, ended: threading.Event, met: Round) -> None:
        super().__init__(daemon=True)
        self._port, self._key, self._source, self._ended, self._met = port, key, source, ended, met

    def run(self) -> None:
        time.sleep(random.uniform(0, PAUSE_S[1]))
        while not self._ended.is_set():
            body = {"imageBase64": picture(), "options": {"seed": random.randrange(2**32)}}
            answer = self._timed(self._met.submits, "POST", "/v1/generate", body)
            for _ in range(3):
                if answer is not None:
                    self._timed(self._met.statuses, "GET", f"/v1/status/{answer['jobId']}")
            self._ended.wait(random.uniform(*PAUSE_S))

    def _timed(self, times: list[float], method: str, path: str, body: object = None) -> dict[str, str] | None:
        began = time.perf_counter()
        try:
            status, answer = ask(self._port, method, path, self._key, body, self._source)
        except (OSError, http.client.HTTPException):
            status, answer = 0, b""
        times.append(time.perf_counter() - began)
        if status not in (200, 202):
            self._met.refused += 1
            return None
        told: dict[str, str] = json.loads(answer)
        return told


def behave(port: int, secrets: list[str], clients: int, seconds: float) -> Round:
    """Clients of these keys' accounts. Run in a process of its own."""
    met, ended = Round(), threading.Event()
    for number in range(clients):
        account = number % len(secrets)
        Client(port, secrets[account], BEHAVED.format(account + 1), ended, met).start()
    time.sleep(seconds)
    ended.set()
    time.sleep(2)  # answers under way count, too
    return met


def ask(port: int, method: str, path: str, key: str, body: object = None, source: str = "") -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60, source_address=(source, 0))
    try:
        data = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        connection.request(method, path, data, {"X-API-Key": key, "Content-Type": "application/json"})
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def picture() -> str:
    """A small one, unlike all others."""
    pixels = np.full((96, 96, 3), 255, np.uint8)
    pixels[20:70, 20:70] = [random.randrange(256) for _ in range(3)]
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


# --- the attackers --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Target:
    """What is attacked, from a network address of the attackers' own (all of 127.0.0.0/8 is this machine on Linux).

    port : of the server
    key, sandbox : of an account with credits; poor : of one without
    hanging : a port that takes connections and never answers
    """

    port: int
    key: str
    sandbox: str
    poor: str
    hanging: int


def half_sent(target: Target) -> None:
    """Requests whose body never comes."""
    with socket.create_connection(("127.0.0.1", target.port), 5, (ATTACKER, 0)) as connection:
        path = random.choice(["/sign-in", "/stripe/webhook", "/v1/generate"])
        head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n"
        connection.sendall(head.encode())
        connection.settimeout(20)
        connection.recv(100)


@cache
def _names() -> bytes:
    return b'{"imageUrl": "http://x", "options": {%s}}' % b",".join(b'"n%d":1' % n for n in range(1_000_000))


def names(target: Target) -> None:
    """Twelve megabytes of unknown options."""
    ask(target.port, "POST", "/v1/generate", target.key, _names(), source=ATTACKER)


def slow_urls(target: Target) -> None:
    """Pictures at an address that takes connections and never answers."""
    ask(
        target.port,
        "POST",
        "/v1/generate",
        target.key,
        {"imageUrl": f"http://127.0.0.1:{target.hanging}/x.png"},
        source=ATTACKER,
    )
    time.sleep(0.2)


def slow_hooks(target: Target) -> None:
    """Webhooks to an address that never answers; a process of its own delivers them, as a worker would."""
    ask(target.port, "POST", "/v1/generate", target.sandbox, {"imageBase64": picture()}, source=ATTACKER)
    time.sleep(0.5)


def refused(target: Target) -> None:
    """Pictures of ten megabytes from an account without credits, and from a sandbox key."""
    ask(target.port, "POST", "/v1/generate", random.choice([target.poor, target.sandbox]), _padded(), source=ATTACKER)


def bombs(target: Target) -> None:
    """Decompression bombs: a third of a megabyte that unpacks to 40 million pixels of 64 bits."""
    ask(target.port, "POST", "/v1/generate", target.key, {"imageBase64": _bomb()}, source=ATTACKER)


def sign_ins(target: Target) -> None:
    """Wrong passwords."""
    connection = http.client.HTTPConnection("127.0.0.1", target.port, timeout=60, source_address=(ATTACKER, 0))
    connection.request("GET", "/sign-in", headers={"Accept": "text/html"})
    response = connection.getresponse()
    cookie, page = (response.getheader("Set-Cookie") or "").split(";")[0], response.read().decode()
    token = page.partition('name="csrf" value="')[2][:64]
    form = f"csrf={token}&email=a{random.random()}%40example.com&password=wrong-password"
    headers = {"Cookie": cookie, "Content-Type": "application/x-www-form-urlencoded"}
    connection.request("POST", "/sign-in", form, headers)
    connection.getresponse().read()
    connection.close()


def methods(target: Target) -> None:
    """Unknown HTTP methods."""
    ask(target.port, f"M{random.randrange(10**9)}", "/v1/account", target.key, source=ATTACKER)


@cache
def _bomb(width: int = 8000, height: int = 5000) -> str:
    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    packed, body = zlib.compressobj(9), b""
    for x, y, dx, dy in (
        (0, 0, 8, 8),
        (4, 0, 8, 8),
        (0, 4, 4, 8),
        (2, 0, 4, 4),
        (0, 2, 2, 4),
        (1, 0, 2, 2),
        (0, 1, 1, 2),
    ):
        row = bytes(1 + 8 * ((width - x + dx - 1) // dx))
        for _ in range((height - y + dy - 1) // dy):
            body += packed.compress(row)
    header = struct.pack(">IIBBBBB", width, height, 16, 6, 0, 0, 1)
    parts = (chunk(b"IHDR", header), chunk(b"IDAT", body + packed.flush()), chunk(b"IEND", b""))
    return base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"".join(parts)).decode()


@cache
def _padded() -> bytes:
    picture_and_nothing = base64.b64decode(picture()) + bytes(9 << 20)
    return json.dumps({"imageBase64": base64.b64encode(picture_and_nothing).decode()}).encode()


ATTACKS: dict[str, tuple[Callable[[Target], None], int]] = {
    "half-sent": (half_sent, 64),
    "names": (names, 4),
    "slow-urls": (slow_urls, ATTACKERS),
    "slow-hooks": (slow_hooks, 4),
    "refused": (refused, 4),
    "bombs": (bombs, 8),
    "sign-ins": (sign_ins, 110),
    "methods": (methods, ATTACKERS),
}
"""By name: what each thread does again and again, and how many threads do it."""


def attack(name: str, target: Target, seconds: float, rate: float | None) -> float:
    """Attack for that long; attacks begun a second. Run in a process of its own.

    rate : no more than so many a second
    """
    act, threads = ATTACKS[name]
    begun, first = 0, time.monotonic()
    lock = threading.Lock()

    def again() -> None:
        nonlocal begun
        while time.monotonic() < first + seconds:
            with lock:
                due = first + begun / rate if rate else 0.0
                begun += 1
            time.sleep(max(due - time.monotonic(), 0.0))
            with suppress(OSError, http.client.HTTPException):
                act(target)

    for _ in range(threads):
        threading.Thread(target=again, daemon=True).start()
    time.sleep(seconds)
    return begun / seconds


# --- the bare server ------------------------------------------------------------------------------------------------


async def bare(port: int) -> None:
    """Reads each request whole, and answers 404."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            _, named, rest = head.lower().partition(b"content-length:")
            left = int(rest.split(b"\r\n", 1)[0]) if named else 0
            while left > 0 and (piece := await reader.read(1 << 18)):
                left -= len(piece)
            status = b"200 OK" if head.startswith(b"GET /readyz ") else b"404 Not Found"
            writer.write(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", port, backlog=512) as server:
        await server.serve_forever()


# --- rounds ---------------------------------------------------------------------------------------------------------


class Stage:
    """What all rounds share: the server, its storage, the clients' keys, and processes for clients and attacker."""

    def __init__(self, port: int, secrets: list[str], clients: int, home: Path) -> None:
        self._port, self._secrets, self._clients = port, secrets, clients
        self._storage = home / "storage"
        self._web = psutil.Process(process(f"server {port}"))
        spawn = multiprocessing.get_context("spawn")
        self._behaved = spawn.Pool(1)
        self._attacker = spawn.Pool(1, os.nice, (ATTACKER_NICENESS,))

    def round(self, seconds: float, name: str = "", target: Target | None = None, rate: float | None = None) -> Round:
        before, used = size(self._storage), self._used()
        attacking = None
        if target is not None:
            attacking = self._attacker.apply_async(attack, (name, target, seconds + 2, rate))
            time.sleep(2)
        begun = time.monotonic()
        behaving = self._behaved.apply_async(behave, (self._port, self._secrets, self._clients, seconds))
        largest = 0.0
        while not behaving.ready():
            largest = max(largest, self._memory_mb())
            behaving.wait(0.5)
        met = behaving.get()
        met.attacks = attacking.get() if attacking is not None else 0.0
        met.memory_mb = largest
        met.cores = (self._used() - used) / (time.monotonic() - begun)
        time.sleep(2)
        met.disk_mb = (size(self._storage) - before) / 1e6
        return met

    def _family(self) -> Iterator[psutil.Process]:
        yield self._web
        yield from self._web.children(recursive=True)

    def _memory_mb(self) -> float:
        return sum(each.memory_info().rss for each in self._family()) / (1 << 20)

    def _used(self) -> float:
        """Seconds of processor time so far."""
        return sum(each.cpu_times().user + each.cpu_times().system for each in self._family())


def process(words: str) -> int:
    """The first process whose command line has these words."""
    return next(each.pid for each in psutil.process_iter(["cmdline"]) if words in " ".join(each.info["cmdline"] or []))


def size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


@contextmanager
def hanging() -> Iterator[int]:
    """The port of a server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0), backlog=512) as server:
        taken: list[socket.socket] = []

        def accept() -> None:
            with suppress(OSError):
                while True:
                    taken.append(server.accept()[0])

        threading.Thread(target=accept, daemon=True).start()
        yield server.getsockname()[1]
        for connection in taken:
            connection.close()


def percentile(times: list[float], share: float = 0.99) -> float:
    times = sorted(times) or [float("nan")]
    return times[int(share * (len(times) - 1))]


def main() -> None:
    parser = arguments.parser(__doc__)
    parser.add_argument("--clients", type=int, default=40)
    parser.add_argument("--seconds", type=float, default=20.0, help="length of each round")
    parser.add_argument("--only", default=",".join(ATTACKS), help="attacks, separated by commas")
    a = parser.parse_args()
    with installation() as (home, url), hanging() as dead:
        measure(home, url, dead, a.clients, a.seconds, a.only.split(","))


def measure(home: Path, url: str, dead: int, clients: int, seconds: float, attacks: list[str]) -> None:
    engine = database.connect(url)
    with database.transaction(engine) as session:
        secrets = []
        for number in range(ACCOUNTS):
            account = accounts.create(session, f"behaved {number}")
            ledger.grant(session, account.id, 1_000_000, "bench")
            secrets.append(keys.create(session, account.id, "bench")[1])
        attacker, poor = accounts.create(session, "attacker"), accounts.create(session, "poor")
        ledger.grant(session, attacker.id, 1_000_000, "bench")
        webhooks.create(session, World(attacker.id, True), f"http://127.0.0.1:{dead}/hook", guard=guard(dead))
        for number in range(ledger.balance(session, poor.id).available):
            session.execute(
                database.text("INSERT INTO jobs (id, account_id, queue_id, options) VALUES (:id, :a, 0, '{}')"),
                {"id": database.new_id("job"), "a": poor.id},
            )
            ledger.hold(session, poor.id, session.scalar(database.text("SELECT max(id) FROM jobs")) or str(number))
        target_keys = [
            keys.create(session, attacker.id, "live")[1],
            keys.create(session, attacker.id, "sandbox", sandbox=True)[1],
            keys.create(session, poor.id, "poor")[1],
        ]
    engine.dispose()
    environment = os.environ | {"DATABASE_URL": url, "SPHERELINKS_HOME": str(home), "HANGING_PORT": str(dead)}
    delivering = multiprocessing.get_context("spawn").Process(target=deliver, args=(url, home, dead), daemon=True)
    delivering.start()
    with (
        serving([__file__, "server"], environment, "/readyz") as port,
        serving([__file__, "bare"], environment, "/readyz") as bare_port,
    ):
        stage = Stage(port, secrets, clients, home)
        stage.round(10.0)  # processes, caches, prepared statements
        rounds = {"nobody": (stage.round(seconds), Round())}
        for name in attacks:
            met = stage.round(seconds, name, Target(port, *target_keys, dead))
            control = stage.round(seconds, name, Target(bare_port, *target_keys, dead), met.attacks)
            rounds[name] = met, control
    delivering.kill()
    show(rounds, clients, seconds)


def deliver(url: str, home: Path, dead: int) -> None:
    """Make deliveries, as a worker would. Run in a process of its own."""
    stop = threading.Event()
    connector = engine.Connector(stop)
    app = courier.application(connector, database.connect(url), open_storage(Settings(home=home)), guard(dead))
    engine.run(url, connector, [engine.worker(app, [queue.DELIVERIES], courier.PLACES)], stop)


def show(rounds: dict[str, tuple[Round, Round]], clients: int, seconds: float) -> None:
    print(f"{clients} clients, {seconds:g} s a round, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    columns = ("submit p50", "p99 ms", "ratio", "control", "status p50", "p99 ms", "ratio", "control")
    print(" " * 11, *(f"{column:>10}" for column in (*columns, "refused", "attacks/s", "web cores", "MB", "disk MB")))
    calm, _ = rounds["nobody"]
    for name, (met, control) in rounds.items():
        figures: list[float] = []
        for times, beside, usual in (
            (met.submits, control.submits, calm.submits),
            (met.statuses, control.statuses, calm.statuses),
        ):
            figures += [1000 * statistics.median(times or [0]), 1000 * percentile(times)]
            figures += [each / percentile(usual) for each in (percentile(times), percentile(beside))]
        figures += [met.refused, met.attacks, met.cores, met.memory_mb, met.disk_mb]
        print(f"{name:<11}", *(f"{figure:10.1f}" for figure in figures))


if __name__ == "__main__":
    if sys.argv[1:2] == ["server"]:
        web.server(f"{Path(__file__).stem}:application", "127.0.0.1", int(sys.argv[2])).serve()
    elif sys.argv[1:2] == ["bare"]:
        asyncio.run(bare(int(sys.argv[2])))
    else:
        main()
