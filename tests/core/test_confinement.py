"""What a process that handles strangers' pictures can still reach, tried in real processes."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from spherelinks import confinement

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Landlock is Linux's")

TRY = """
import json, os, socket, sys
from pathlib import Path
from spherelinks import confinement
how, hidden, beside, port = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4])
done = confinement.hide([hidden]) if how == "hide" else confinement.seal()
confinement.drop_capabilities()
def able(act):
    try:
        act()
        return True
    except OSError:
        return False
print(json.dumps({
    "done": done,
    "read": able(lambda: (hidden / "secret").read_text()),
    "list": able(lambda: os.listdir(hidden)),
    "write": able(lambda: (hidden / "new").write_text("x")),
    "replace": able(lambda: os.rename(beside / "file", hidden / "secret")),
    "link": able(lambda: (beside / "link").read_text()),
    "parent": able(lambda: Path(f"/proc/{os.getppid()}/environ").read_bytes()),
    "beside": able(lambda: (beside / "file").read_text()),
    "make": able(lambda: (beside / "new").write_text("x")),
    "connect": able(lambda: socket.create_connection(("127.0.0.1", port), 5)),
}))
"""


@pytest.fixture(scope="module", autouse=True)
def _landlock() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from spherelinks import confinement as c; print(c.seal())"],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    if done.stdout.strip() != "True":
        pytest.skip("this kernel has no Landlock")


def tried(how: str, tmp_path: Path) -> dict[str, Any]:
    hidden, beside = tmp_path / "hidden", tmp_path / "beside"
    for folder in (hidden, beside):
        folder.mkdir()
    (hidden / "secret").write_text("secret")
    (beside / "file").write_text("file")
    (beside / "link").symlink_to(hidden / "secret")
    with socket.create_server(("127.0.0.1", 0)) as server:
        command = [sys.executable, "-c", TRY, how, str(hidden), str(beside), str(server.getsockname()[1])]
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_what_is_hidden_is_out_of_reach_and_the_rest_is_not(tmp_path: Path) -> None:
    found = tried("hide", tmp_path)
    assert {name for name, able in found.items() if able} == {"done", "beside", "make", "connect"}


def test_what_is_sealed_reaches_nothing(tmp_path: Path) -> None:
    assert {name for name, able in tried("seal", tmp_path).items() if able} == {"done"}


def test_the_interpreter_itself_is_never_hidden() -> None:
    code = f"from pathlib import Path; from spherelinks import confinement as c; c.hide([Path({sys.prefix!r})]); "
    subprocess.run([sys.executable, "-c", code + "import numpy, wave"], check=True)


def test_secrets_are_where_the_settings_say(tmp_path: Path) -> None:
    environ = {"DATABASE_URL_FILE": "/run/secrets/url", "AWS_SHARED_CREDENTIALS_FILE": "/etc/aws"}
    found = confinement.secret_paths(tmp_path, environ)
    assert {tmp_path, Path("/run/secrets/url"), Path("/etc/aws")} <= set(found)
    assert Path(os.path.expanduser("~/.aws")) in found  # noqa: PTH111


BUSY = """
import re
from spherelinks import confinement
confinement.die_with_parent()
print("busy", flush=True)
re.match("(a+)+$", "a" * 60 + "b")  # for ever, and no other thread of the process runs meanwhile
"""
PARENT = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", sys.argv[1]], stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid, flush=True)
child.wait()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the system sees to it on Linux alone")
def test_a_child_that_lets_no_thread_run_dies_with_its_parent() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT, BUSY], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert is_alive(child)
        parent.kill()
    deadline = time.monotonic() + 60
    while is_alive(child):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def is_alive(pid: int) -> bool:
    """Whether the process runs; one that has ended and waits to be collected does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


on_glibc = pytest.mark.skipif(
    not hasattr(os, "confstr") or "glibc" not in (os.confstr("CS_GNU_LIBC_VERSION") or ""), reason="glibc"
)
RESIDENT = """
from spherelinks import confinement
def resident():
    return int(next(row for row in open("/proc/self/status") if row.startswith("VmRSS")).split()[1]) // 1024
"""


@on_glibc
def test_what_is_free_goes_back_to_the_system() -> None:
    code = """
blocks = [bytes(4000) for _ in range(30_000)]
blocks = blocks[::300]  # what is left lies all over the heap
kept = resident()
confinement.give_memory_back()
print(kept - resident(), sum(map(len, blocks)))
"""
    done = subprocess.run([sys.executable, "-c", RESIDENT + code], capture_output=True, text=True, check=True)
    given_back, left = map(int, done.stdout.split())
    assert given_back > 60
    assert left == 100 * 4000


@on_glibc
def test_kept_memory_stays_until_the_end_even_of_work_that_fails() -> None:
    code = """
def touch():
    return len(bytearray(100 << 20))
before = resident()
touch()
free = resident()
try:
    with confinement.kept_memory():
        touch()
        kept = resident()
        raise LookupError
except LookupError:
    after = resident()
touch()
print(free - before, kept - before, after - before, resident() - before)
"""
    done = subprocess.run([sys.executable, "-c", RESIDENT + code], capture_output=True, text=True, check=True)
    free, kept, after, afterwards = map(int, done.stdout.split())
    assert kept > 90
    assert max(free, after, afterwards) < 30
