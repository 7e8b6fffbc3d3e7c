"""Everything on one machine: database, server and worker, each watched and restarted, all stopped together."""

from __future__ import annotations

import http.client
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import timedelta
from types import FrameType
from urllib.parse import urlsplit

from spherelinks import database, local, logs
from spherelinks.accounts import users
from spherelinks.cli.elapsed import elapsed
from spherelinks.config import Settings
from spherelinks.errors import ConfigurationError, DatabaseUnavailable
from spherelinks.locks import FileLock
from spherelinks_server.web import DRAIN_S

_log = logging.getLogger("spherelinks.serve")
_LOOK_S = 0.2
_FIRST_BACKOFF_S = 0.5
_LAST_BACKOFF_S = 30.0
_STEADY_S = 60.0
_HURRY_S = 5.0
LINK_LIFE = timedelta(hours=1)


def main(settings: Settings, port: int, host: str = "127.0.0.1") -> int:
    """Serve until SIGINT or SIGTERM; returns 0 after a clean stop. Prints the address once requests are answered.

    A second signal ends the wait for running requests and jobs.

    Raises ConfigurationError for a port that cannot be had and for a home that is served already, and what the
    database's start raises.
    """
    logs.configure(settings.log_format)
    _check_port(host, port)
    with _signals() as signals, ExitStack() as starting:
        starting.enter_context(elapsed("Starting the database, the server and a worker"))
        _run(settings, host, port, signals, starting)
    return 0


def _run(settings: Settings, host: str, port: int, signals: _Signals, starting: ExitStack) -> None:
    """Keep everything running until the first signal; ``starting`` is closed once requests are answered."""
    with database.opened(settings) as url, _alone(settings):
        database.migrate(url)
        environment = os.environ | {"DATABASE_URL": url, "SPHERELINKS_HOME": str(settings.home)}
        children = [
            Child("server", ["server", host, str(port)], environment, DRAIN_S + 5),
            Child("worker", ["worker"], environment, settings.drain_limit_s + 15),
        ]
        try:
            address, announced = f"http://{_shown(host)}:{port}", False
            with local.announced(settings.home, address):
                while not signals.stop.wait(_LOOK_S):
                    for child in children:
                        child.keep_alive()
                    embedded = url if settings.database_url is None else None
                    announced = announced or _announce(address, embedded, starting)
        finally:
            starting.close()
            with elapsed("Stopping; what runs may finish, unless you press Ctrl-C again"):
                for child in children:
                    child.ask_to_stop()
                for child in children:
                    child.wait(signals.hurry)


class Child:
    """A child process, restarted with growing delays when it exits by itself."""

    def __init__(self, name: str, arguments: Sequence[str], environment: Mapping[str, str], grace_s: float) -> None:
        self._name = name
        # -P: a file in the current folder is no module of ours, whatever its name
        self._command = [sys.executable, "-P", "-m", "spherelinks_server.child", *arguments]
        self._environment = environment
        self._grace_s = grace_s
        self._process: subprocess.Popen[bytes] | None = None
        self._started = 0.0
        self._backoff = _FIRST_BACKOFF_S
        self._start_at = 0.0

    def keep_alive(self) -> None:
        """Check once: start the process if it is not running and its delay is over."""
        now = time.monotonic()
        if self._process is not None:
            code = self._process.poll()
            if code is None:
                return
            if now - self._started > _STEADY_S:
                self._backoff = _FIRST_BACKOFF_S
            _log.error("the %s exited with code %s; it restarts in %.1f s", self._name, code, self._backoff)
            self._sweep()
            self._process = None
            self._start_at = now + self._backoff
            self._backoff = min(2 * self._backoff, _LAST_BACKOFF_S)
        if now >= self._start_at:
            # its own group: Ctrl-C at the terminal reaches only us, and we stop the processes in order
            self._process = subprocess.Popen(
                self._command, env=self._environment, stdin=subprocess.PIPE, start_new_session=True
            )
            self._started = now

    def ask_to_stop(self) -> None:
        """Close its standard input, see :mod:`spherelinks_server.child`."""
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()

    def wait(self, hurry: threading.Event) -> None:
        """Wait for its grace period, or only some seconds after ``hurry``; then kill it and its children."""
        if self._process is None:
            return
        deadline = time.monotonic() + self._grace_s
        hurried = False
        while self._process.poll() is None and time.monotonic() < deadline:
            if hurry.is_set() and not hurried:
                hurried = True
                self._process.terminate()  # a second signal: the worker requeues its job
                deadline = min(deadline, time.monotonic() + _HURRY_S)
            time.sleep(0.05)
        if self._process.poll() is None:
            _log.error("the %s did not stop in time and was killed", self._name)
            self._process.kill()
            self._process.wait()
        self._sweep()

    def _sweep(self) -> None:
        """Kill what it left behind: its process group outlives it."""
        if self._process is not None and os.name == "posix":
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)


class _Signals:
    """stop : the first SIGINT or SIGTERM came; hurry : the second"""

    def __init__(self) -> None:
        self.stop = threading.Event()
        self.hurry = threading.Event()

    def handle(self, signum: int, frame: FrameType | None) -> None:
        (self.hurry if self.stop.is_set() else self.stop).set()


@contextmanager
def _signals() -> Iterator[_Signals]:
    """From here on signals only set events, so that a start completes before it is undone."""
    signals = _Signals()
    before = {number: signal.signal(number, signals.handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield signals
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    """Keep others from serving the same embedded database. Raises ConfigurationError where another one does."""
    lock = FileLock(settings.home / "serve.lock")
    if settings.database_url is None and not lock.acquire():
        raise ConfigurationError(
            f"SPHERELINKS_HOME is '{settings.home}', which another 'spherelinks serve' is serving.",
            hint="Use that one, stop it first, or choose another SPHERELINKS_HOME.",
        )
    try:
        yield
    finally:
        lock.release()


def _check_port(host: str, port: int) -> None:
    """Raises ConfigurationError if nobody can listen there; the server itself would fail again and again."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family) as probe:
            if os.name == "posix":  # on Windows this would share a port that is in use
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except (OSError, OverflowError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise ConfigurationError(
            f"{host} port {port} is not available: {reason}.",
            hint="Stop the process that uses it, or choose another port with --port.",
        ) from error


def _shown(host: str) -> str:
    """What one opens to reach a server that listens on this host."""
    return {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)


def _announce(address: str, embedded: str | None, starting: ExitStack) -> bool:
    """Close ``starting``, print the address and return True once the server answers.

    embedded : URL of the embedded database, if it is used: then whoever sees this output is the owner and gets a
        one-time sign-in link
    """
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=2)
    try:
        connection.request("GET", "/healthz")
        connection.getresponse().read()
        token = _owners_token(embedded) if embedded else None
        link = f"Your one-time sign-in link: {address}/welcome/{token}\n" if token else ""
    except (OSError, http.client.HTTPException, DatabaseUnavailable):
        return False
    finally:
        connection.close()
    starting.close()
    sys.stdout.write(f"SphereLinks is at {address}  (API documentation: {address}/v1/docs)\n{link}")
    sys.stdout.flush()
    return True


def _owners_token(url: str) -> str | None:
    """A one-time token that signs in the local owner within ``LINK_LIFE``; None once there is a password to do so.

    Whoever can read the output, or a log that keeps it, could use it: so earlier ones end. Raises DatabaseUnavailable.
    """
    engine = database.connect(url)
    try:
        with database.transaction(engine) as session:
            owner = users.local_owner(session)
            if owner.password_hash is not None:
                return None
            users.void_links(session, owner)
            return users.link(session, owner, LINK_LIFE)
    finally:
        engine.dispose()
