"""Kill -9 of a whole ``spherelinks serve``, part by part: promises hold, and every credit is accounted for."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest
from chaos import FROZEN_S, LONGEST_S, fill_disk, havoc, reckon, small_disk  # noqa: F401 - a fixture
from serving import Running, stop, wait_for

from spherelinks import postgres
from spherelinks.database import connect

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


def kill_database(home: Path) -> bool:
    try:
        os.kill(int((home / "postgres/data/postmaster.pid").read_text().split("\n")[0]), signal.SIGKILL)
    except (FileNotFoundError, ProcessLookupError, ValueError):
        return False
    return True


@pytest.mark.timeout(LONGEST_S)
def test_after_many_kills_nothing_that_was_promised_is_lost(
    small_disk: None,  # noqa: F811
    running: Running,
) -> None:
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
