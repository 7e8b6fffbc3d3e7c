"""A server on this machine: finding, starting and stopping it, and creating a key. Nothing is ever installed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from .errors import Failure
from .http import Connection

PROGRAM = "spherelinks.exe" if sys.platform == "win32" else "spherelinks"
START_S = 180.0
"""Seconds a first start may take: it makes the database and compiles kernels."""
_STOP_S = 60.0


@dataclass(frozen=True)
class Started:
    """A server that runs; ``key`` is a new one for it, or empty if none was asked for."""

    process: subprocess.Popen[bytes]
    key: str


def find(given: str = "") -> Path:
    """The program: as given, on the PATH, or where pip and pipx install it. Raises Failure."""
    if given:
        path = Path(given).expanduser()
        program = path / PROGRAM if path.is_dir() else path
        if program.is_file():
            return program
        raise Failure("no_program", f"There is no program {program}.")
    places = [os.environ.get("PATH", ""), str(Path.home() / ".local" / "bin")]
    found = shutil.which(PROGRAM, path=os.pathsep.join(places))
    if found:
        return Path(found)
    raise Failure(
        "no_program",
        f"The program {PROGRAM} is not on this machine's PATH.",
        hint="Install SphereLinks (see its README: make serve), or enter the path of the program under Program.",
    )


def start(program: Path, address: str, log: Path, with_key: bool) -> Started:
    """Run ``spherelinks serve`` at an address of this machine until it answers. Raises Failure with what it said."""
    parts = urlsplit(address)
    port = str(parts.port or (443 if parts.scheme == "https" else 80))
    with log.open("wb") as out:
        process = subprocess.Popen(
            [str(program), "serve", "--port", port],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env=_environment(),
            start_new_session=sys.platform != "win32",
        )
    deadline = time.monotonic() + START_S
    connection = Connection(address, "", False)
    while not _ready(connection):
        if process.poll() is not None:
            raise Failure("unreachable", f"The server ended by itself: {_last(log)}", hint=f"Its log is {log}.")
        if time.monotonic() > deadline:
            stop(process)
            raise Failure("unreachable", f"The server is not up after {START_S:.0f} s.", hint=f"Its log is {log}.")
        time.sleep(0.3)
    return Started(process, _new_key(program) if with_key else "")


def stop(process: subprocess.Popen[bytes]) -> None:
    """Stop it and wait until it has."""
    process.terminate()
    try:
        process.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()


def _ready(connection: Connection) -> bool:
    try:
        connection.json("GET", "/readyz")
    except Failure:
        return False
    return True


def _new_key(program: Path) -> str:
    """A key of the local owner's account."""
    done = subprocess.run(
        [str(program), "keys", "create", "--name", "Blender", "--json"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env=_environment(),
        timeout=60,
        check=False,
    )
    try:
        return str(json.loads(done.stdout)["key"])
    except (ValueError, KeyError, TypeError):
        raise Failure("no_key", f"The server runs, but gave no key: {done.stderr.strip()[-300:]}") from None


def _environment() -> dict[str, str]:
    """Ours, without what Blender sets for its own Python."""
    return {name: value for name, value in os.environ.items() if name not in ("PYTHONHOME", "PYTHONPATH")}


def _last(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1][-300:] if lines else "it said nothing."
