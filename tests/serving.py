"""A ``spherelinks serve`` for tests: queried over HTTP, inspected from outside, stopped, checked for leftovers."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LIMIT_S = 120


@dataclass(frozen=True)
class Running:
    """A ``spherelinks serve`` of our own."""

    process: subprocess.Popen[bytes]
    port: int
    environment: dict[str, str]
    log: Path

    def ask(self, method: str, path: str, key: str = "", body: Any = None) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        headers = {"X-API-Key": key, "Content-Type": "application/json"}
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            response = connection.getresponse()
            return response.status, dict(response.getheaders()), response.read()
        finally:
            connection.close()

    def is_ready(self) -> bool:
        try:
            return self.ask("GET", "/readyz")[0] == 200
        except (OSError, http.client.HTTPException):
            return False

    def command(self, *arguments: str) -> Any:
        done = subprocess.run(cli(*arguments, "--json"), env=self.environment, stdout=subprocess.PIPE, check=True)
        return json.loads(done.stdout)

    def descendants(self) -> dict[int, str]:
        """Process ids and command lines of all that it started, and what those started."""
        listing = subprocess.run(
            ["ps", "-A", "-ww", "-o", "pid=,ppid=,args="], stdout=subprocess.PIPE, text=True, check=True
        )
        processes = [line.split(None, 2) for line in listing.stdout.splitlines()]
        found: dict[int, str] = {}
        parents = {self.process.pid}
        while parents:
            children = {int(pid): args for pid, parent, args in processes if int(parent) in parents}
            found |= children
            parents = set(children)
        return found

    def said(self) -> str:
        return self.log.read_text()


@dataclass(frozen=True)
class Served:
    """A server that an editor's client speaks to, and a key of its owner's account."""

    address: str
    key: str
    running: Running


@contextmanager
def local_server(settings: Mapping[str, str] | None = None) -> Iterator[Served]:
    """A server with the real pipeline, a home of its own and these settings."""
    home = Path(tempfile.mkdtemp(prefix="spherelinks-test-"))
    home.chmod(0o755)  # as root the database runs as another user, who must get through
    hidden = ("DATABASE_URL", "STORAGE_URL")
    environment = {k: v for k, v in os.environ.items() if k not in hidden}
    environment |= {"SPHERELINKS_HOME": str(home), **(settings or {})}
    port, log = free_port(), home / "log"
    with log.open("wb") as out:
        process = subprocess.Popen(cli("serve", "--port", str(port)), env=environment, stdout=out, stderr=out)
    running = Running(process, port, environment, log)
    try:
        wait_for(running.is_ready, "the server is up", running)
        yield Served(f"http://127.0.0.1:{port}", running.command("keys", "create")["key"], running)
    finally:
        process.terminate()
        process.wait(LIMIT_S)
        shutil.rmtree(home, ignore_errors=True)


def cli(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "spherelinks.cli", *arguments]


def wait_for(condition: Callable[[], Any], what: str, running: Running) -> Any:
    deadline = time.monotonic() + LIMIT_S
    while not (outcome := condition()):
        assert time.monotonic() < deadline, f"{what}: not within {LIMIT_S} s\n{running.said()[-3000:]}"
        time.sleep(0.1)
    return outcome


def living(family: dict[int, str]) -> dict[int, str]:
    """Those that still run; one that has ended and waits for somebody to collect it does not."""
    listing = subprocess.run(["ps", "-A", "-o", "pid=,stat="], stdout=subprocess.PIPE, text=True, check=True)
    states = dict(line.split() for line in listing.stdout.splitlines())
    return {pid: args for pid, args in family.items() if not states.get(str(pid), "Z").startswith("Z")}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def stop(running: Running, number: signal.Signals = signal.SIGTERM) -> None:
    """Stop it and check that it goes cleanly, with all that belongs to it."""
    family = running.descendants()
    assert any("postgres" in args for args in family.values())
    assert len(family) >= 4  # database, server, worker, the worker's child
    running.process.send_signal(number)
    assert running.process.wait(LIMIT_S) == 0, running.said()[-3000:]
    wait_for(lambda: not living(family), f"all gone of {family}", running)
