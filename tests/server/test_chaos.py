"""Kill -9 of a whole ``spherelinks serve``, part by part: promises hold, and every credit is accounted for."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from chaos import LONGEST_S, havoc, reckon
from serving import Running, stop, wait_for

from spherelinks import postgres
from spherelinks.database import connect

FROZEN_S = 20.0
FULL_S = 6.0

pytestmark = pytest.mark.skipif(os.name != "posix", reason="looks at processes with ps, ends them by signal")


def kill_process(running: Running, words: str) -> bool:
    """Kill a process of the server's whose command line has these words."""
    try:
        os.kill(next(pid for pid, args in running.descendants().items() if words in args), signal.SIGKILL)
    except (ProcessLookupError, StopIteration):
        return False
    return True


def freeze_process(running: Running, words: str) -> bool:
    """Stop a process of the server's for ``FROZEN_S``."""
    try:
        pid = next(pid for pid, args in running.descendants().items() if words in args)
        os.kill(pid, signal.SIGSTOP)
    except (ProcessLookupError, StopIteration):
        return False

    def thaw() -> None:
        with suppress(ProcessLookupError):  # it may have been killed meanwhile
            os.kill(pid, signal.SIGCONT)

    threading.Timer(FROZEN_S, thaw).start()
    return True


def fill_disk(home: Path) -> bool:
    """Take all that is free on the home's own small disk for ``FULL_S``."""
    stuff = home / "stuff"
    if stuff.exists():
        return False
    with suppress(OSError), stuff.open("wb", buffering=0) as file:
        while file.write(bytes(1 << 16)):
            pass
    threading.Timer(FULL_S, lambda: stuff.unlink(missing_ok=True)).start()
    return True


def kill_database(home: Path) -> bool:
    try:
        os.kill(int((home / "postgres/data/postmaster.pid").read_text().split("\n")[0]), signal.SIGKILL)
    except (FileNotFoundError, ProcessLookupError, ValueError):
        return False
    return True


@pytest.fixture
def small_disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Homes made meanwhile lie on a disk of their own, if we may mount one; a server keeps little of it free."""
    if sys.platform != "linux" or os.geteuid() != 0:
        yield
        return
    mounted: list[str] = []
    make = tempfile.mkdtemp

    def make_disk(*arguments: Any, **named: Any) -> str:
        folder = make(*arguments, **named)
        if str(named.get("prefix", "")).startswith("spherelinks-test-") and not mounted:
            options = "size=800m,mode=755"
            if not subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], check=False).returncode:
                mounted.append(folder)
        return folder

    monkeypatch.setattr(tempfile, "mkdtemp", make_disk)
    monkeypatch.setenv("SPHERELINKS_MIN_FREE_MB", "256")
    yield
    for folder in mounted:
        subprocess.run(["umount", "-l", folder], check=False)


@pytest.mark.timeout(LONGEST_S)
def test_after_many_kills_nothing_that_was_promised_is_lost(small_disk: None, running: Running) -> None:
    home = Path(running.environment["SPHERELINKS_HOME"])
    key = running.command("keys", "create")["key"]
    parts = {
        "web": (3, partial(kill_process, running, "child server")),
        "worker": (3, partial(kill_process, running, "child worker")),
        "child": (2, partial(kill_process, running, "jobs.child")),
        "database": (2, partial(kill_database, home)),
        "frozen worker": (1, partial(freeze_process, running, "child worker")),
        "frozen child": (1, partial(freeze_process, running, "jobs.child")),
        "frozen decoder": (1, partial(freeze_process, running, "jobs.decoder")),
    }
    if os.path.ismount(home):
        parts["full disk"] = (2, partial(fill_disk, home))
    struck, jobs = havoc(running.ask, key, 2, parts)
    wait_for(running.is_ready, "ready", running)
    url = postgres.running(home)
    assert url is not None
    engine = connect(url)
    reckon(engine, running.ask, key, struck, jobs, lambda: running.said()[-3000:])
    engine.dispose()
    stop(running)
