"""A foreign PostgreSQL: the system's if there is one, reached only over TCP, run by the test."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from serving import LIMIT_S, free_port

from spherelinks.postgres import NAME, find_binaries


@dataclass(frozen=True)
class Cluster:
    """command : starts its server; url : of its database"""

    command: list[str]
    url: str


def make_cluster(folder: Path, address: str, port: int, clients: str) -> Cluster:
    """A cluster in the folder, whose server will listen on the address for these clients (CIDR).

    Root leaves it to the user that our embedded one runs as, who must be able to reach the folder.
    """
    programs = _programs(folder)
    data, password = folder / "data", secrets.token_hex(16)
    data.mkdir()
    kept = folder / "password"
    kept.write_text(password)
    if as_user := _as_user():
        for path in (data, kept):
            shutil.chown(path, NAME, NAME)
    made = [*as_user, programs / "initdb", "-D", data, "-U", NAME, "-E", "UTF8", "-A", "scram-sha-256"]
    subprocess.run([*made, "--pwfile", kept], check=True, capture_output=True, cwd=folder, env={"LC_ALL": "C"})
    with (data / "pg_hba.conf").open("a") as rules:
        rules.write(f"host all all {clients} scram-sha-256\n")
    options = {"listen_addresses": address, "unix_socket_directories": "", "port": str(port)}
    settings = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
    command = [*as_user, str(programs / "postgres"), "-D", str(data), *settings]
    return Cluster(command, f"postgresql://{NAME}:{password}@{address}:{port}/postgres")


class Server:
    """The server of a cluster, started again when it was killed, as an orchestrator does."""

    def __init__(self, cluster: Cluster, log: Path) -> None:
        self.url = cluster.url
        self._command = cluster.command
        self._log = log
        self._start()

    def kill(self) -> bool:
        self._process.kill()
        self._process.wait()
        self._start()
        return True

    def start_again(self) -> None:
        """If it has ended itself."""
        if self._process.poll() is not None:
            self._start()

    def stop(self) -> None:
        self._process.send_signal(signal.SIGINT)
        self._process.wait(LIMIT_S)

    def _start(self) -> None:
        """Until it answers; it does not start while processes of the killed one still end."""
        deadline = time.monotonic() + LIMIT_S
        while True:
            with self._log.open("ab") as log:
                self._process = subprocess.Popen(self._command, stdout=log, stderr=log, env={"LC_ALL": "C"})
            while self._process.poll() is None:
                try:
                    psycopg.connect(self.url, connect_timeout=5).close()
                    return
                except psycopg.OperationalError:
                    assert time.monotonic() < deadline, self._log.read_text()[-3000:]
                    time.sleep(0.1)
            assert time.monotonic() < deadline, self._log.read_text()[-3000:]
            time.sleep(0.2)


@contextmanager
def serving(folder: Path) -> Iterator[Server]:
    """A server on a free port of this machine."""
    server = Server(make_cluster(folder, "127.0.0.1", free_port(), "127.0.0.1/32"), folder / "postgres.log")
    try:
        yield server
    finally:
        server.stop()


def _programs(folder: Path) -> Path:
    systems = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda program: int(program.parent.parent.name)
    )
    if systems:
        return systems[-1].parent
    programs = find_binaries()
    readable = subprocess.run([*_as_user(), programs / "initdb", "--version"], check=False, capture_output=True)
    if readable.returncode:  # a virtual environment below a home that is closed to others
        programs = shutil.copytree(programs.parent, folder / "program") / "bin"
    return programs


def _as_user() -> list[str]:
    """PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return []
    subprocess.run(["useradd", "--system", "--user-group", "--no-create-home", NAME], check=False, capture_output=True)
    return ["setpriv", f"--reuid={NAME}", f"--regid={NAME}", "--clear-groups"]
