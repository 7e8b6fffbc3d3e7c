"""Several web processes and workers on one PostgreSQL and one bucket, all of which fail at random."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import boto3
import external
import pytest
from chaos import FROZEN_S, FULL_S, LONGEST_S, fill_disk, havoc, reckon, small_disk  # noqa: F401 - a fixture
from long import long_only
from serving import LIMIT_S, cli, free_port

from spherelinks import database
from spherelinks.accounts import accounts, keys
from spherelinks.database import connect, transaction

pytestmark = pytest.mark.skipif(os.name != "posix", reason="ends processes by signal")


class Link:
    """A TCP relay to a storage server, which can be cut: connections break, new ones are refused."""

    def __init__(self, port: int) -> None:
        self._target = port
        self.port = free_port()
        self._listener: socket.socket | None = None
        self._open: set[socket.socket] = set()
        self.mend()

    def mend(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def cut(self) -> None:
        assert self._listener is not None
        for end in (self._listener, *self._open):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        self._open.clear()

    def flap(self) -> bool:
        self.cut()
        time.sleep(random.uniform(0.5, 2))
        self.mend()
        return True

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                near, _ = listener.accept()
                far = socket.create_connection(("127.0.0.1", self._target))
            except OSError:
                return
            self._open |= {near, far}
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    @staticmethod
    def _pump(source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(1 << 16):
                sink.sendall(data)
        except OSError:
            pass
        for end in (source, sink):
            end.close()


@dataclass
class Fleet:
    """Web processes and workers; one that was killed is started again, as an orchestrator does."""

    environment: dict[str, str]
    log: Path
    webs: dict[int, subprocess.Popen[bytes]] = field(default_factory=dict)
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as output:
            return subprocess.Popen(
                cli(*arguments), env=self.environment, stdout=output, stderr=output, start_new_session=True
            )

    def start_web(self, port: int) -> None:
        self.webs[port] = self.start("web", "--host", "127.0.0.1", "--port", str(port))

    def kill_web(self) -> bool:
        port = random.choice(list(self.webs))
        kill(self.webs[port])
        self.start_web(port)
        return True

    def kill_worker(self) -> bool:
        index = random.randrange(len(self.workers))
        kill(self.workers[index])
        self.workers[index] = self.start("worker")
        return True

    def freeze_worker(self) -> bool:
        return freeze(random.choice(self.workers))

    def freeze_web(self) -> bool:
        return freeze(random.choice([*self.webs.values()]))

    def ask(self, method: str, path: str, key: str = "", body: Any = None) -> tuple[int, dict[str, str], bytes]:
        """Of the first that answers, as a load balancer does."""
        ports = random.sample(list(self.webs), len(self.webs))
        for port in ports:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            headers = {"X-API-Key": key, "Content-Type": "application/json"}
            try:
                connection.connect()
            except OSError:
                continue
            try:
                connection.request(method, path, None if body is None else json.dumps(body), headers)
                response = connection.getresponse()
                return response.status, dict(response.getheaders()), response.read()
            finally:
                connection.close()
        raise ConnectionRefusedError

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + LIMIT_S
        for port in self.webs:
            while not self._is_ready(port):
                assert time.monotonic() < deadline, self.said()
                time.sleep(0.1)

    def _is_ready(self, port: int) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def said(self) -> str:
        return self.log.read_text()[-3000:]

    def stop(self) -> None:
        for process in (*self.webs.values(), *self.workers):
            process.terminate()
        for process in (*self.webs.values(), *self.workers):
            assert process.wait(60) in (0, -signal.SIGTERM), self.said()

    def kill(self) -> None:
        """What still runs, where the test has failed."""
        for process in (*self.webs.values(), *self.workers):
            if process.poll() is None:
                kill(process)


def kill(process: subprocess.Popen[bytes]) -> None:
    """With all it has started, as a container or a machine goes."""
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def freeze(process: subprocess.Popen[bytes]) -> bool:
    """Stop it with all that it has started for ``FROZEN_S``, as a machine hangs."""

    def send(number: int) -> None:
        with contextlib.suppress(ProcessLookupError):  # it may have been killed meanwhile
            os.killpg(process.pid, number)

    send(signal.SIGSTOP)
    threading.Timer(FROZEN_S, send, [signal.SIGCONT]).start()
    return True


@pytest.fixture
def bucket() -> Iterator[tuple[Link, dict[str, str]]]:
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        access = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "us-east-1"}
        client = boto3.client(
            "s3",
            endpoint_url=f"http://127.0.0.1:{port}",
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )
        deadline = time.monotonic() + LIMIT_S
        while True:
            try:
                client.create_bucket(Bucket="shared")
                break
            except Exception:
                assert time.monotonic() < deadline
                time.sleep(0.2)
        link = Link(port)
        access |= {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{link.port}", "AWS_ALLOW_HTTP": "true"}
        yield link, access | {"STORAGE_URL": "s3://shared/one"}
    finally:
        server.kill()
        server.wait()


@pytest.fixture
def home() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="spherelinks-test-"))
    folder.chmod(0o755)  # as root the database runs as another user, who must get through
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def fill_databases_disk(home: Path, server: external.Server) -> bool:
    """PostgreSQL may end itself over that, and is started again, as an orchestrator does."""
    filled = fill_disk(home)
    time.sleep(FULL_S + 1)
    server.start_again()
    return filled


@long_only  # CI has the same done to spherelinks serve by tests/server/test_chaos.py
@pytest.mark.timeout(LONGEST_S)
def test_a_fleet_whose_every_part_fails_keeps_its_promises(
    small_disk: None,  # noqa: F811
    bucket: tuple[Link, dict[str, str]],
    home: Path,
) -> None:
    link, access = bucket
    with external.serving(home) as server:
        database.migrate(server.url)
        engine = connect(server.url)
        with transaction(engine) as session:
            _, key = keys.create(session, accounts.local_owner(session).id, "chaos")
        environment = os.environ | access | {"DATABASE_URL": server.url, "SPHERELINKS_HOME": str(home)}
        fleet = Fleet(environment, home / "fleet.log")
        try:
            for _ in range(2):
                fleet.start_web(free_port())
                fleet.workers.append(fleet.start("worker"))
            fleet.wait_until_ready()
            parts = {
                "web": (3, fleet.kill_web),
                "worker": (3, fleet.kill_worker),
                "storage": (2, link.flap),
                "database": (1, server.kill),
                "frozen worker": (1, fleet.freeze_worker),
                "frozen web": (1, fleet.freeze_web),
            }
            if os.path.ismount(home):
                parts["full disk"] = (1, partial(fill_databases_disk, home, server))
            struck, jobs = havoc(fleet.ask, key, 3, parts)
            fleet.wait_until_ready()
            reckon(engine, fleet.ask, key, struck, jobs, fleet.said)
            fleet.stop()
        finally:
            fleet.kill()
            engine.dispose()
